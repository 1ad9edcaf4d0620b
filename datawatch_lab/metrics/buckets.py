"""The buckets that a question asks for: of one width, of edges, or a single one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import Span
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.metrics.spans import ceil_to, cover, floor_to, level_of_edges, level_of_step

MAX_POINTS = 50_000
"""Buckets a series may have in one answer."""


@dataclass(frozen=True)
class Buckets:
    """Buckets that can be had.

    Attributes:
        start, end: the range, widened to whole steps (or seconds).
        step: width of a bucket; None for edges, and for one value over the range.
        origin: where buckets are aligned.
        edges: starts of buckets of unequal width, and the end of the last; empty for none.
    """

    start: datetime
    end: datetime
    step: timedelta | None
    origin: datetime
    edges: tuple[datetime, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Which level each part of the range is read from."""
        if self.edges:
            return (Span(level_of_edges(self.edges), self.start, self.end),)
        if self.step is None:
            return cover(self.start, self.end)
        return (Span(level_of_step(self.step, self.origin), self.start, self.end),)

    def are_final(self, kept: Kept, *, sketch: bool) -> bool:
        """Whether their quantiles and distinct counts are read as they were finalised."""
        if self.step is None:
            return False
        return kept.needs_finalised(
            level_of_step(self.step, self.origin), self.start, sketch=sketch
        )


def buckets_of(
    start: datetime,
    end: datetime,
    step: timedelta | None,
    origin: datetime,
    edges: Sequence[datetime],
    kept: Kept,
    *,
    sketch: bool,
) -> Buckets:
    """The buckets of a question; ``edges``, where there are some, are the range.

    Raises:
        InputError: the range is empty, or has too many steps, or such steps can no longer be had.
    """
    if edges:
        return _edged(edges, origin, kept, sketch=sketch)
    if end <= start:
        raise InputError(
            f"the range ends ({end.isoformat()}) before it starts ({start.isoformat()}).",
            hint="Give a 'to' after 'from'.",
        )
    if step is None:
        first, last = (kept.finest(each, sketch=sketch) for each in (start, end))
        return Buckets(floor_to(start, first), ceil_to(end, last), None, origin)
    level = level_of_step(step, origin)
    points = (end - start) // step
    if points > MAX_POINTS:
        raise InputError(
            f"the range has {points:,} steps of {step}; the limit is {MAX_POINTS:,}.",
            hint="Take a longer step or a shorter range.",
        )
    start, end = floor_to(start, step, origin), ceil_to(end, step, origin)
    kept.check(level, step, start, sketch=sketch)
    return Buckets(start, end, step, origin)


def _edged(edges: Sequence[datetime], origin: datetime, kept: Kept, *, sketch: bool) -> Buckets:
    if len(edges) - 1 > MAX_POINTS:
        raise InputError(
            f"the range has {len(edges) - 1:,} steps; the limit is {MAX_POINTS:,}.",
            hint="Take a longer step or a shorter range.",
        )
    narrowest = min(after - before for before, after in pairwise(edges))
    kept.check(level_of_edges(edges), narrowest, edges[0], sketch=sketch)
    return Buckets(edges[0], edges[-1], None, origin, tuple(edges))
