"""An answer beside the same question about an earlier time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.answering import Answered, Labels, Row, points
from datawatch_lab.engine.windows import Window, window_over
from datawatch_lab.metrics.calendar import Bucket, is_day_start, moved_edges, same_clock

PREVIOUS = "previous_period"
SAME_HOUR = {"same_hour_yesterday": 1, "same_hour_last_week": 7}
"""Comparisons by wall clock, and how many days they go back."""

COMPARISONS = (PREVIOUS, *SAME_HOUR)
"""What an answer can be compared with."""


@dataclass(frozen=True)
class ComparedSeries:
    """A series beside its earlier self.

    Attributes:
        labels: of the series.
        points: (start of the bucket now, value then).
        difference: value now minus value then, by bucket; None where either is not known.
        ratio: value now divided by value then; None where either is not known, or then was 0.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float | None], ...]
    difference: tuple[float | None, ...]
    ratio: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """An answer about an earlier time, bucket by bucket.

    Attributes:
        to: what was compared with.
        start, end: the earlier range, first moment to last; None when no bucket has a counterpart.
        times: start of each bucket's counterpart; None where the clock left it out.
        series: those that there are now or were then.
    """

    to: str
    start: datetime | None
    end: datetime | None
    times: tuple[datetime | None, ...]
    series: tuple[ComparedSeries, ...]


def compare(
    to: str, window: Window, now: Answered, zone: ZoneInfo, ask: Callable[[Window], Answered]
) -> Comparison:
    """Put an answer beside an earlier one.

    Args:
        to: one of `COMPARISONS`.
        window: of the answer.
        now: the answer.
        zone: whose clock ``same_hour_…`` and days go by.
        ask: answers the same question about another window.

    Raises:
        InputError: there is no such comparison; names those that there are. Or it is with what was
            before the year 1.
    """
    then = _counterparts_of(to, window, now, zone)
    rows: dict[Labels, Row] = {}
    for places, edges in _stretches(then):
        earlier = ask(window_over(edges) if window.stepped else Window(edges[0], edges[-1]))
        for labels, row in earlier.rows.items():
            kept = rows.setdefault(labels, np.full(len(now.times), np.nan))
            kept[places] = row
    known = [each for each in then if each is not None]
    return Comparison(
        to=to,
        start=min((start for start, _ in known), default=None),
        end=max((end for _, end in known), default=None),
        times=tuple(None if each is None else each[0] for each in then),
        series=tuple(
            _series(labels, now, rows) for labels in sorted({*now.rows, *rows}, key=sorted)
        ),
    )


def _counterparts_of(to: str, window: Window, now: Answered, zone: ZoneInfo) -> list[Bucket | None]:
    try:
        return counterparts(to, window, now, zone)
    except InputError:
        raise
    except (OverflowError, ValueError):
        raise InputError(
            f"there is no {to} of {now.start.isoformat()}: years begin with 1.",
            hint="Take a range that is nearer to now.",
        ) from None


def counterparts(to: str, window: Window, now: Answered, zone: ZoneInfo) -> list[Bucket | None]:
    """The earlier bucket that each bucket of an answer is compared with; None where there is none.

    The previous period of whole days is as many days, of anything else as many seconds.
    """
    buckets = list(zip(now.times, now.ends, strict=True))
    if to in SAME_HOUR:
        return [same_clock(each, SAME_HOUR[to], zone) for each in buckets]
    if to != PREVIOUS:
        raise InputError(
            f"no comparison {to!r}. Comparisons: {', '.join(COMPARISONS)}.",
            details={"possible": list(COMPARISONS)},
        )
    if window.calendar is not None:
        edges = (*now.times, now.end)
        moved = moved_edges(window.calendar, edges, -len(buckets), zone)
        return [each if each[0] < each[1] else None for each in pairwise(moved)]
    if not window.stepped and is_day_start(now.start, zone) and is_day_start(now.end, zone):
        days = (now.end.astimezone(zone).date() - now.start.astimezone(zone).date()).days
        return [same_clock(each, days, zone) for each in buckets]
    length = now.end - now.start
    return [(start - length, end - length) for start, end in buckets]


def _stretches(
    then: Sequence[Bucket | None],
) -> Iterator[tuple[list[int], list[datetime]]]:
    """Consecutive earlier buckets: their places in the answer, and their edges."""
    places: list[int] = []
    edges: list[datetime] = []
    for place, bucket in enumerate(then):
        if bucket is None:
            continue
        if edges and edges[-1] != bucket[0]:
            yield places, edges
            places, edges = [], []
        edges += bucket[1:] if edges else bucket
        places.append(place)
    if places:
        yield places, edges


def _series(labels: Labels, now: Answered, then: Mapping[Labels, Row]) -> ComparedSeries:
    nothing = np.full(len(now.times), np.nan)
    new, old = now.rows.get(labels, nothing), then.get(labels, nothing)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(old != 0, new / old, np.nan)
    return ComparedSeries(dict(labels), points(now.times, old), _values(new - old), _values(ratio))


def _values(row: Row) -> tuple[float | None, ...]:
    return tuple(value if np.isfinite(value) else None for value in row.tolist())
