"""How often somebody may ask: by user or token, by address for strangers and for signing in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import BusyError
from datawatch_lab.core.who import Who

if TYPE_CHECKING:
    from limits.strategies import RateLimiter

_FREE = ("owner", "open", "local")
"""The owner on this machine is not counted: the tools, and the pages that they open."""

_NAME_TIMES = 6


class RateError(BusyError):
    """Too often; ``details['retry_after']`` says when to try again, in seconds."""

    code = "rate_limited"


@dataclass(frozen=True)
class Limits:
    """Limits such as ``6000/minute``; several with ``;``, '' for none. They are kept in memory.

    Attributes:
        requests: of one user, one token, one link or one webhook.
        strangers: refused requests from one address of elsewhere.
        logins: attempts to sign in from one address; for one name from anywhere, six times as many,
            so that guessing is slow and a stranger cannot keep a user out easily.
    """

    requests: str = "6000/minute"
    strangers: str = "120/minute"
    logins: str = "10/minute"

    def take(self, who: Who) -> None:
        """Count a request.

        Raises:
            RateError: there were too many.
        """
        if who.via not in _FREE:
            self._count(self.requests, "who", f"{who.name} {who.via}")

    def stranger(self, address: str) -> None:
        """Count a request that was refused.

        Raises:
            RateError: there were too many.
        """
        self._count(self.strangers, "stranger", address)

    def login(self, address: str, name: str) -> None:
        """Count an attempt to sign in.

        Raises:
            RateError: there were too many.
        """
        self._count(self.logins, "login from", address)
        self._count(self.logins, "login as", name.strip().lower()[:64], times=_NAME_TIMES)

    def _count(self, text: str, kind: str, key: str, times: int = 1) -> None:
        if not text:
            return
        from limits import parse_many

        for found in parse_many(text):
            each = type(found)(found.amount * times, found.multiples)
            if not self._limiter.hit(each, kind, key):
                reset = self._limiter.get_window_stats(each, kind, key).reset_time
                raise RateError(
                    f"more than {each.amount} in {each.get_expiry()} s; that is too often.",
                    hint="Try again when Retry-After has passed.",
                    details={"retry_after": max(1.0, reset - time.time()), "limit": text},
                )

    @cached_property
    def _limiter(self) -> RateLimiter:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        return SlidingWindowCounterRateLimiter(MemoryStorage())
