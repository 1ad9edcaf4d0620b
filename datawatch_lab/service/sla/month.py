"""A month by the clock of a workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from datawatch_lab.core.errors import InputError

_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_NAMES = ("this", "last")


@dataclass(frozen=True)
class Month:
    """A month of a time zone.

    Attributes:
        name: such as 2026-03.
        start, end: of it, UTC; the end is the first moment that is not part of it.
        days: start of each of its days, UTC.
    """

    name: str
    start: datetime
    end: datetime
    days: tuple[datetime, ...]


def month_of(text: str, newest: datetime, zone: str) -> Month:
    """The month that is meant.

    Args:
        text: ``2026-03``, ``this`` (or nothing) or ``last``.
        newest: up to when there is data: ``this`` is the month that it is in.
        zone: of the workspace.

    Raises:
        InputError: it is none of these.

    >>> month_of("2026-03", datetime(2026, 5, 1, tzinfo=UTC), "Europe/Berlin").end.isoformat()
    '2026-03-31T22:00:00+00:00'
    """
    tz = ZoneInfo(zone)
    year, month = newest.astimezone(tz).year, newest.astimezone(tz).month
    said = text.strip().lower()
    named = _MONTH.fullmatch(said)
    if named is not None:
        year, month = int(named[1]), int(named[2])
    elif said and said not in _NAMES:
        raise InputError(f"month is {text!r}; it is such as 2026-03, 'this' or 'last'.")
    if not (1 <= month <= 12 and 1970 < year < 9_999):
        raise InputError(f"month is {text!r}; there is no such month.")
    if said == "last":
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    after = (year + 1, 1) if month == 12 else (year, month + 1)
    first, end = datetime(year, month, 1), datetime(*after, 1)  # noqa: DTZ001 — of the wall clock
    days = tuple(_utc(first + timedelta(days=day), tz) for day in range((end - first).days))
    return Month(f"{year:04}-{month:02}", days[0], _utc(end, tz), days)


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def plain(moment: datetime) -> np.datetime64:
    """A moment as numpy has it, UTC."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
