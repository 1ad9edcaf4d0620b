"""Waiting for a state, never for a time: one limit, which only what never happens reaches."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds; a busy machine takes many times what a quiet one does."""
PATIENCE_MS = 60_000
"""The same for browsers."""


def eventually(
    holds: Callable[[], object],
    what: str | Callable[[], object] = "it did not happen in time",
    seconds: float = PATIENCE,
) -> None:
    """Wait until something holds; fail when it never does.

    Args:
        holds: asked again and again.
        what: the words of the failure, or what makes them once it has failed.
        seconds: the limit.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.01)
