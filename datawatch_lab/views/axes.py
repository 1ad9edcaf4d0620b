"""Ticks of axes: round values, few enough that labels never collide, worded by `format`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from datawatch_lab.views import format as words

_MOST_TIMES = 6
_TIME_STEPS = tuple(
    timedelta(seconds=each)
    for each in (
        *(60, 120, 180, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200),
        *(86_400, 172_800, 345_600, 604_800, 1_209_600),
    )
)
_SECONDS_STEPS = (1e-4, 1e-3, 1e-2, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Ticks:
    """Places of ticks and their labels, ascending; ``end`` is where the axis ends."""

    labels: Mapping[float, str]
    end: float

    @property
    def places(self) -> list[float]:
        """Where they are."""
        return list(self.labels)


def amounts(top: float, say: Callable[[float], str], *, most: int = 5) -> Ticks:
    """Ticks from 0 to a round value at or above ``top``.

    >>> amounts(17.0, words.compact).places
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    if not math.isfinite(top) or top <= 0:
        top = 1.0
    raw = top / (most - 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * nice for nice in (1, 2, 2.5, 5, 10) if size * nice >= raw * 0.999)
    return _from_zero(step, top, say)


def durations(top: float, *, most: int = 5) -> Ticks:
    """Ticks of seconds at round clock values.

    >>> [words.plain(label) for label in durations(95.0).labels.values()]
    ['0', '30 s', '1 min', '1 min 30 s', '2 min']
    """
    if not math.isfinite(top) or top <= 0:
        top = 1.0
    raw = top / (most - 1)
    if raw < 1 or raw > _SECONDS_STEPS[-1]:
        unit = 1.0 if raw < 1 else 3_600.0
        scaled = amounts(top / unit, words.number, most=most)
        return _from_zero(scaled.places[1] * unit, top, words.duration)
    step = next(each for each in _SECONDS_STEPS if each >= raw)
    return _from_zero(step, top, words.duration)


def _from_zero(step: float, top: float, say: Callable[[float], str]) -> Ticks:
    last = math.ceil(top / step - 1e-9)
    places = [round(place * step, 10) for place in range(last + 1)]
    return Ticks({each: say(each) if each else "0" for each in places}, places[-1])


def times(start: datetime, end: datetime) -> Ticks:
    r"""Ticks of a time axis, ms since 1970 UTC; the date is below the first and each midnight.

    Labels, and which moments are round, go by the clocks of the zone that ``start`` is told in.

    >>> noon = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    >>> list(times(noon, noon + timedelta(hours=1)).labels.values())
    ['12:00\n1 Jan', '12:15', '12:30', '12:45', '13:00']
    """
    step = next((each for each in _TIME_STEPS if (end - start) / each <= _MOST_TIMES - 1), None)
    found = _months(start, end) if step is None else _even(start, end, step)
    labels: dict[float, str] = {}
    for at in found:
        labels[at.timestamp() * 1e3] = _time_label(at, step, first=not labels)
    return Ticks(labels, end.timestamp() * 1e3)


def _even(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    """Moments at whole multiples of a step since 1970, as clocks show it."""
    zone, width = start.tzinfo, step.total_seconds()
    wall = start.replace(tzinfo=UTC).timestamp()
    at = math.floor(wall / width) * width
    while True:
        shown = datetime.fromtimestamp(at, UTC).replace(tzinfo=zone)
        if shown.timestamp() > end.timestamp():
            return
        # A time that clocks leave out is none.
        is_shown = datetime.fromtimestamp(shown.timestamp(), zone) == shown
        if shown.timestamp() >= start.timestamp() and is_shown:
            yield shown
        at += width


def _months(start: datetime, end: datetime) -> Iterator[datetime]:
    """First days of months, as many apart as are few enough."""
    first, last = _month(start), _month(end)
    step = next(
        (each for each in _MONTH_STEPS if (last - first) / each < _MOST_TIMES - 1), _MONTH_STEPS[-1]
    )
    for month in range(-(-first // step) * step, last + 1, step):
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=start.tzinfo)
        if at >= start:
            yield at


def _month(at: datetime) -> int:
    return at.year * 12 + at.month - 1


def _time_label(at: datetime, step: timedelta | None, *, first: bool) -> str:
    day = f"{at.day} {at:%b}"
    if step is None:
        return f"{at:%b}\n{at:%Y}" if first or at.month == 1 else f"{at:%b}"
    if step >= _DAY:
        return f"{day}\n{at:%Y}" if first else day
    midnight = at.hour == 0 and at.minute == 0
    return f"{at:%H:%M}\n{day}" if first or midnight else f"{at:%H:%M}"
