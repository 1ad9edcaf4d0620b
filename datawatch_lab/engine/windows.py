"""Times and steps in a user's words become the buckets of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datawatch_lab.core.durations import format_duration, parse_duration, parse_time
from datawatch_lab.core.errors import InputError
from datawatch_lab.metrics.buckets import MAX_POINTS
from datawatch_lab.metrics.calendar import CalendarStep, day_start, edges_over, read_step, runs
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

DEFAULT_RANGE = timedelta(hours=1)
GOOD_POINTS = 240
"""Buckets of a range that nobody said a step for, at most."""
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_STEPS = tuple(
    timedelta(seconds=each)
    for each in (1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)
)


@dataclass(frozen=True)
class Window:
    """A range and its buckets.

    Attributes:
        start, end: UTC.
        step: width of a bucket; None for one value, or for buckets of unequal width.
        origin: where buckets of a step are aligned.
        calendar: the step in days or months, when it is one.
        edges: of buckets of unequal width; else empty.
    """

    start: datetime
    end: datetime
    step: timedelta | None = None
    origin: datetime = EPOCH
    calendar: CalendarStep | None = None
    edges: tuple[datetime, ...] = ()

    @property
    def stepped(self) -> bool:
        """Whether points are wanted rather than one value."""
        return self.step is not None or bool(self.edges)

    @property
    def words(self) -> str | None:
        """The step as a duration (``1mo`` for months); None without one."""
        if self.calendar is not None:
            return str(self.calendar)
        return None if self.step is None else format_duration(self.step)


def window_over(edges: Sequence[datetime]) -> Window:
    """The window of consecutive buckets, by their edges."""
    widths = [width for _, _, width in runs(edges)]
    if len(widths) == 1:
        return Window(edges[0], edges[-1], step=widths[0], origin=edges[0])
    return Window(edges[0], edges[-1], edges=tuple(edges))


def range_of(
    engine: Engine, start: str | datetime | None, end: str | datetime | None, table: str
) -> tuple[datetime, datetime]:
    """The range that is meant; without a start, one that suits the data of the table.

    Raises:
        TimeError: a time cannot be read.
    """
    zone, now = engine.settings.timezone, engine.clock.now()
    until = None if end is None else parse_time(end, now, zone)
    if start is not None:
        return parse_time(start, now, zone), until or now
    first, last = span_of(engine, table)
    if last is None or first is None or is_current(engine, table, now):
        return (until or now) - DEFAULT_RANGE, until or now
    newest = last + timedelta(microseconds=1)
    return min(first, (until or newest) - _SECOND), until or newest


def is_current(engine: Engine, table: str, now: datetime) -> bool:
    """Whether a table (or any, for '') has data of now."""
    last = span_of(engine, table)[1]
    return last is not None and now - last < DEFAULT_RANGE


def span_of(engine: Engine, table: str) -> tuple[datetime | None, datetime | None]:
    """Oldest and newest event time of a table, of all for ''."""
    if not table:
        return engine.span()
    counts = engine.table_counts(engine.table(table))
    return counts.first_ts, counts.last_ts


def window_of(
    engine: Engine,
    start: datetime,
    end: datetime,
    step: str | None,
    finest: timedelta,
    most: int = GOOD_POINTS,
) -> Window:
    """The buckets of a range.

    Args:
        engine: of the workspace, whose zone days go by.
        start: UTC.
        end: UTC.
        step: as the user wrote it; None for one that suits the range.
        finest: the narrowest step that there is data for.
        most: buckets, when no step is given.

    Raises:
        InputError: the step is no whole number of seconds, or too short for the range.
    """
    calendar = None if step is None else read_step(step)
    if calendar is None:
        width = _suiting(start, end, finest, most) if step is None else _read(step)
        if width % _DAY:
            return Window(start, end, step=width)
        calendar = CalendarStep(width // _DAY, "day")
    return _calendar_window(start, end, calendar, ZoneInfo(engine.settings.timezone))


def _calendar_window(
    start: datetime, end: datetime, calendar: CalendarStep, zone: ZoneInfo
) -> Window:
    if zone.key == "UTC" and calendar.unit == "day":
        origin = day_start(calendar.floor(EPOCH.date()), zone)
        return Window(start, end, calendar.count * _DAY, origin, calendar)
    if end <= start:
        raise InputError(
            f"the range ends ({end.isoformat()}) before it starts ({start.isoformat()}).",
            hint="Give a 'to' after 'from'.",
        )
    if (end - start) // _DAY > MAX_POINTS:
        raise InputError(
            f"the range has {(end - start) // _DAY:,} days; the limit is {MAX_POINTS:,} steps.",
            hint="Take a shorter range.",
        )
    edges = edges_over(calendar, start, end, zone)
    return Window(edges[0], edges[-1], calendar=calendar, edges=edges)


def _read(step: str) -> timedelta:
    width = parse_duration(step)
    if width < _SECOND or width % _SECOND:
        raise InputError(
            f"step {step!r} is not a whole number of seconds.", hint="The finest step is 1s."
        )
    return width


def _suiting(start: datetime, end: datetime, finest: timedelta, most: int) -> timedelta:
    fitting = (each for each in _STEPS if each >= finest and (end - start) / each <= most)
    return next(fitting, _STEPS[-1])
