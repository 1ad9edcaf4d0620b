"""Requests that are being carried out, so that a server that ends can wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from datawatch_lab.api.envelope import HttpError

_RETRY_SECONDS = 5


class Running:
    """Counts requests; any thread may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._ending = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a request while a block runs.

        Raises:
            HttpError: 503: the server is about to end.
        """
        with self._changed:
            if self._ending:
                raise HttpError(
                    503,
                    "the server is about to end.",
                    hint="Send it again in a moment.",
                    details={"retry_after": _RETRY_SECONDS},
                    headers={"Retry-After": str(_RETRY_SECONDS), "Connection": "close"},
                )
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def drain(self, seconds: float) -> int:
        """Take no more requests and wait for those that run.

        Args:
            seconds: to wait at most.

        Returns:
            How many still run.
        """
        with self._changed:
            self._ending = True
            self._changed.wait_for(lambda: not self._count, timeout=seconds)
            return self._count


def drain(urls: Sequence[tuple[str, Any, dict[str, Any]]], seconds: float) -> int:
    """Let the requests of a server's URL patterns end, and take no more.

    Args:
        urls: of `routes.patterns`.
        seconds: to wait at most.

    Returns:
        How many still run.
    """
    found = {id(each.running): each.running for _, _, how in urls if (each := how.get("shared"))}
    deadline = time.monotonic() + seconds
    return sum(each.drain(max(0.0, deadline - time.monotonic())) for each in found.values())
