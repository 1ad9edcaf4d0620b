"""Days, weeks and months by the wall clock of a zone, and the same clock time on another day.

A day begins at the first moment of its date: days have 23, 24 or 25 hours where clocks change, and
23.5 or 24.5 on Lord Howe. Weeks begin on Monday. All moments are UTC; only the zone knows of
clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from datawatch_lab.core.errors import InputError

_STEP = re.compile(r"\s*(\d+)\s*(d|w|mo|q|y)\s*", re.IGNORECASE)
_DAY = timedelta(days=1)
_FIRST_MONDAY = date(1, 1, 1).toordinal()  # it was one

Edges = tuple[datetime, ...]
"""Starts of consecutive buckets, and the end of the last; UTC, ascending."""

Bucket = tuple[datetime, datetime]
"""Start and end of a bucket; UTC."""


@dataclass(frozen=True)
class CalendarStep:
    """A number of days or of months; buckets begin on multiples of it.

    Days count from Monday, 1 January of the year 1, so that seven of them are a week from Monday;
    months from January, so that three of them are a quarter.
    """

    count: int
    unit: str  # day | month

    def __str__(self) -> str:
        return f"{self.count}{'d' if self.unit == 'day' else 'mo'}"

    def floor(self, day: date) -> date:
        """The first day of the bucket that holds a day."""
        if self.unit == "day":
            number = day.toordinal() - _FIRST_MONDAY
            return date.fromordinal(number // self.count * self.count + _FIRST_MONDAY)
        return self._month((day.year * 12 + day.month - 1) // self.count * self.count)

    def after(self, first: date, buckets: int = 1) -> date:
        """The first day of a later bucket (an earlier one for negative numbers)."""
        if self.unit == "day":
            return first + self.count * buckets * _DAY
        return self._month(first.year * 12 + first.month - 1 + self.count * buckets)

    @staticmethod
    def _month(number: int) -> date:
        return date(number // 12, number % 12 + 1, 1)


def read_step(text: str) -> CalendarStep | None:
    """The calendar step that a text means; None for one that is not of whole days.

    >>> [str(read_step(each)) for each in ("1d", "1w", "1mo", "1q", "1y", "6h")]
    ['1d', '7d', '1mo', '3mo', '12mo', 'None']
    """
    found = _STEP.fullmatch(text)
    if found is None or not int(found[1]):
        return None
    count = int(found[1])
    factor, unit = {
        "d": (1, "day"),
        "w": (7, "day"),
        "mo": (1, "month"),
        "q": (3, "month"),
        "y": (12, "month"),
    }[found[2].lower()]
    return CalendarStep(count * factor, unit)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a date, UTC."""
    return _moment(datetime.combine(day, time()), zone)


def edges_over(step: CalendarStep, start: datetime, end: datetime, zone: ZoneInfo) -> Edges:
    """Edges of the buckets that hold every moment from ``start`` to before ``end``.

    A date that a zone left out (Samoa went to the other side of the date line) has no bucket.

    Raises:
        InputError: a bucket would not lie within the years 1 to 9999.
    """
    try:
        return _edges_over(step, start, end, zone)
    except (OverflowError, ValueError):
        raise InputError(
            f"there are no whole buckets of {step} in {zone.key} from {start.isoformat()} to "
            f"{end.isoformat()}: years go from 1 to 9999.",
            hint="Take a range that is nearer to now.",
        ) from None


def _edges_over(step: CalendarStep, start: datetime, end: datetime, zone: ZoneInfo) -> Edges:
    first = step.floor(start.astimezone(zone).date())
    edges = [day_start(first, zone)]
    while edges[-1] < end:
        first = step.after(first)
        begins = day_start(first, zone)
        if begins > edges[-1]:
            edges.append(begins)
    return tuple(edges)


def moved_edges(step: CalendarStep, edges: Edges, buckets: int, zone: ZoneInfo) -> Edges:
    """The edges of buckets so many earlier (negative) or later."""
    days = (each.astimezone(zone).date() for each in edges)
    return tuple(day_start(step.after(day, buckets), zone) for day in days)


def same_clock(bucket: Bucket, days: int, zone: ZoneInfo) -> Bucket | None:
    """The bucket of the same wall-clock time so many days before; None where there is none.

    - Whole days become whole days, however long they are.
    - Everything else keeps its length. A time that the clock shows twice means its first showing.
    - A time that the clock leaves out has no counterpart; a bucket that is left out in part begins
      after the gap and is shorter by it.
    """
    start, end = bucket
    local = start.astimezone(zone)
    if is_day_start(start, zone) and is_day_start(end, zone):
        back = end.astimezone(zone).date() - days * _DAY
        first = day_start(local.date() - days * _DAY, zone)
        last = day_start(back, zone)
        return (first, last) if first < last else None
    wall = local.replace(tzinfo=None) - days * _DAY
    moment = _moment(wall, zone)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    length = end - start - max(shown - wall, timedelta())
    return (moment, moment + length) if length > timedelta() else None


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the clock shows a time, or jumps over it; UTC."""
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == wall:
        return before
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _jump(min(before, after), max(before, after), zone)


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two at which the offset changes, to the second."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
        same = middle.astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return high


def is_day_start(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether a moment is the first of its date."""
    return day_start(moment.astimezone(zone).date(), zone) == moment


def runs(edges: Sequence[datetime]) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Consecutive buckets of equal width: start, end and width of each run, in order."""
    first = 0
    for place in range(1, len(edges)):
        width = edges[first + 1] - edges[first]
        if place + 1 == len(edges) or edges[place + 1] - edges[place] != width:
            yield edges[first], edges[place], width
            first = place
