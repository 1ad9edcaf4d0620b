"""How long to wait before the next try: exponential, with full jitter, never before Retry-After.

Full jitter spreads the clients of a server that comes back (AWS Architecture Blog, "Exponential
Backoff And Jitter", 2015).
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 30.0


class Backoff:
    """Waits of one client.

    Args:
        first, longest: bounds of the wait after the first failure and after many, seconds.
        chance: where the jitter comes from.
    """

    def __init__(
        self,
        first: float = FIRST_SECONDS,
        longest: float = LONGEST_SECONDS,
        chance: random.Random | None = None,
    ) -> None:
        self.first = first
        self.longest = longest
        self.failures = 0
        self._chance = chance or random.Random()  # noqa: S311 — it keeps no secret

    def failed(self, asked: float | None = None) -> float:
        """Count a failure and give the seconds to wait.

        Args:
            asked: what the server asked for with Retry-After; the wait is that or a little more.
        """
        bound = min(self.longest, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        if asked is not None:
            return asked + self._chance.uniform(0.0, min(bound, 0.25 * asked))
        return self._chance.uniform(0.1 * bound, bound)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0


def read_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3); None when it says nothing.

    >>> read_retry_after("3"), read_retry_after("soon"), read_retry_after(None)
    (3.0, None, None)
    >>> read_retry_after("Thu, 01 Jan 2026 00:00:09 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    9.0
    """
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
