"""Retry with back-off: when a delivery that failed is tried again, and when it is given up."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from datawatch_lab.core.alerting import Delivery

_FIRST, _MOST = timedelta(seconds=5), timedelta(minutes=5)


def pause(attempts: int, key: str, asked: float | None = None) -> timedelta:
    """How long to wait after so many attempts: doubled from 5 s to 5 minutes, spread by the key.

    Args:
        attempts: made so far, from 1.
        key: of the delivery; the same one waits the same in every run.
        asked: seconds that the receiver asked for (Retry-After); None for nothing.
    """
    if asked is not None:
        return timedelta(seconds=min(max(asked, 1.0), 3_600.0))
    spread = 1 + 0.25 * (zlib.crc32(f"{key}:{attempts}".encode()) % 1_000) / 1_000
    doubled: timedelta = _FIRST * 2 ** min(attempts - 1, 10)
    return min(doubled, _MOST) * spread


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether it is time for the next attempt; a clock that was set back does not matter."""
    return delivery.due <= now or delivery.due - now > timedelta(hours=1, minutes=15)


def is_given_up(delivery: Delivery, now: datetime, after: timedelta) -> bool:
    """Whether it was tried for long enough."""
    return now - delivery.created >= after
