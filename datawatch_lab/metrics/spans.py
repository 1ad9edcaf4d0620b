"""Which roll-up levels a stretch of time is read from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import Span
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)

_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_COARSE_FIRST: tuple[LevelName, ...] = ("1d", "1h", "5m", "1m", "1s")


def floor_to(moment: datetime, step: timedelta, origin: datetime = EPOCH) -> datetime:
    """The start of the bucket that holds a moment; buckets begin at ``origin`` plus whole steps.

    The first moment there is, for a bucket that begins before it.
    """
    try:
        return origin + (moment - origin) // step * step
    except OverflowError:
        return BEGINNING


def ceil_to(moment: datetime, step: timedelta, origin: datetime = EPOCH) -> datetime:
    """The first bucket start at or after a moment; the last moment there is, where none is."""
    try:
        return origin - (origin - moment) // step * step
    except OverflowError:
        return _LAST_MOMENT


def level_of_step(step: timedelta, origin: datetime = EPOCH) -> LevelName:
    """The coarsest level whose buckets tile the steps.

    Raises:
        InputError: the step is no whole number of seconds, or not positive.
    """
    if step < _SECOND or step % _SECOND or (origin - EPOCH) % _SECOND:
        raise InputError(
            f"step {step} is not a whole number of seconds.",
            hint="Steps go from 1s upwards, e.g. 10s, 1m, 5m, 1h, 1d.",
        )
    return next(
        level
        for level in _COARSE_FIRST
        if not step % _width(level) and not (origin - EPOCH) % _width(level)
    )


def level_of_edges(edges: Sequence[datetime]) -> LevelName:
    """The coarsest level whose buckets tile buckets of any width, by their edges.

    Zones are off UTC by whole minutes since long before there was data; of older ones the edges are
    taken by the minute.
    """
    return next(
        level
        for level in _COARSE_FIRST
        if level == "1m" or not any((each - EPOCH) % _width(level) for each in edges)
    )


def cover(start: datetime, end: datetime) -> tuple[Span, ...]:
    """Disjoint spans, in order, whose union is [start, end) widened to whole seconds.

    Coarse levels fill the inside, finer ones the edges. Empty when ``end`` is not after ``start``.
    """
    start, end = floor_to(start, _SECOND), ceil_to(end, _SECOND)
    return tuple(_cover(start, end, _COARSE_FIRST)) if start < end else ()


def _cover(start: datetime, end: datetime, levels: tuple[LevelName, ...]) -> list[Span]:
    if start >= end:
        return []
    level, finer = levels[0], levels[1:]
    if not finer:
        return [Span(level, start, end)]
    inner, outer = ceil_to(start, _width(level)), floor_to(end, _width(level))
    if inner >= outer:
        return _cover(start, end, finer)
    return [*_cover(start, inner, finer), Span(level, inner, outer), *_cover(outer, end, finer)]


def _width(level: LevelName) -> timedelta:
    return timedelta(seconds=LEVEL_SECONDS[level])
