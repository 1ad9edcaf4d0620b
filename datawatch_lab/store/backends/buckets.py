"""Buckets of time, aligned to 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def down(moment: datetime, width: timedelta) -> datetime:
    """The start of the bucket that a moment is in.

    >>> down(datetime(2026, 3, 1, 7, 59, tzinfo=UTC), HOUR).hour
    7
    """
    return moment - (moment - EPOCH) % width


def up(moment: datetime, width: timedelta) -> datetime:
    """The first start of a bucket that is not before a moment.

    >>> up(datetime(2026, 3, 1, 7, 1, tzinfo=UTC), HOUR).hour
    8
    """
    return moment + (EPOCH - moment) % width
