"""Whether an answer that was given before still holds: what it was made of, and what has changed.

An answer is made of states of some tables over some time, and of a few things besides: the moment
of asking where the range goes on, how far the data of its tables reaches, what retention has left,
and what the metrics are. Each of these is either part of the question, or compared before an answer
is given again; so an answer from the cache is the one that would be made anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef
from datawatch_lab.engine.answering import Wanted
from datawatch_lab.engine.cache import Basis, Lifetime
from datawatch_lab.engine.windows import Window, is_current, span_of
from datawatch_lab.metrics.formulas import compile_formula
from datawatch_lab.metrics.query import RUNNING
from datawatch_lab.metrics.spans import BEGINNING, ceil_to, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, eq=False)
class _Same:
    """Equal only where it is about the very same object."""

    thing: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


@dataclass(frozen=True)
class Question:
    """A question with its words read.

    Attributes:
        metric: what is asked about.
        window: its buckets.
        wanted: all else.
        compare: the comparison, if one is wanted.
        points: how many points are wanted at most; None for all.
    """

    metric: MetricDef
    window: Window
    wanted: Wanted
    compare: str | None = None
    points: int | None = None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The range, widened to whole steps, or seconds where there are none."""
        window, width = self.window, self.window.step or _SECOND
        return (
            floor_to(window.start, width, window.origin),
            ceil_to(window.end, width, window.origin),
        )

    @property
    def lifetime(self) -> Lifetime:
        """How long its answer is kept."""
        if self.wanted.now < self.span[1]:
            return "live"
        return "dashboards" if self.window.stepped else "aggregates"

    @property
    def key(self) -> Hashable:
        """What makes two questions one."""
        window, wanted = self.window, self.wanted
        return (
            self.metric.name,
            *(wanted.aggregation, wanted.group_by, wanted.filters),
            *(self.span, window.step, window.origin, window.edges, window.words),
            *(self.compare, self.points),
        )


def basis_of(engine: Engine, question: Question, version: int, start: datetime) -> Basis | None:
    """What the answer to a question rests on; None when it changes with the moment of asking.

    Args:
        engine: of the workspace.
        question: that was asked.
        version: data version before it was answered.
        start: the earliest moment that was looked at, for the question or its comparison.
    """
    first, end = question.span
    ongoing = question.wanted.now < end
    parts = tuple(_parts(engine, question.metric, question.wanted.aggregation))
    rates = any(aggregation is Aggregation.RATE for _, aggregation in parts)
    if ongoing and rates and not question.window.stepped:
        return None  # a rate goes by the time up to now
    apart = (MeasureKind.QUALITY, MeasureKind.ALERTS, MeasureKind.ANOMALIES)
    if any(metric.measure in apart for metric, _ in parts):
        return None  # they follow their rules, which no data version tells of
    newest = [metric.measure for metric, aggregation in parts if aggregation is Aggregation.LAST]
    ages = MeasureKind.NEWEST in newest
    if ongoing and ages:
        return None
    if any(measure in (*RUNNING, MeasureKind.NEWEST) for measure in newest):
        first = BEGINNING
    names = sorted({metric.table for metric, _ in parts})
    tables = None if "" in names else frozenset(engine.table(name).id for name in names)
    first = min(first, start)
    besides = _besides(engine, question, names, first)
    return Basis(version, tables, first, end, besides)


def still_holds(engine: Engine, question: Question, basis: Basis) -> bool:
    """Whether an answer that rests on this would be made the same now."""
    touched = engine.touched
    if touched.version < engine.version:  # a commit that is not noted yet
        return False
    if not touched.holds(basis.version, basis.tables, basis.start, basis.end):
        return False
    names = [""]
    if basis.tables is not None:
        names = sorted(each.name for each in engine.tables() if each.id in basis.tables)
    return _besides(engine, question, names, basis.start) == basis.besides


def _parts(
    engine: Engine, metric: MetricDef, aggregation: Aggregation | None
) -> Iterator[tuple[MetricDef, Aggregation]]:
    """The stored metrics that an answer is made of, each with the aggregation that is asked for."""
    if not isinstance(metric.definition, Formula):
        yield metric, aggregation or metric.aggregation
        return
    metrics = engine.metrics()
    compiled = compile_formula(metric.definition.expression, metrics, engine.measures.aggregations)
    for each in compiled.references:
        yield from _parts(engine, metrics[each.metric], each.aggregation)


def _besides(
    engine: Engine, question: Question, names: list[str], start: datetime
) -> tuple[Hashable, ...]:
    """What an answer depends on beside the states of its tables.

    The bucket that is open says which ones are still to come; the reach of the data, which empty
    ones count 0; what is kept, whether it may be asked at all.
    """
    now, window = question.wanted.now, question.window
    end = question.span[1]
    is_open = now < end
    opened = floor_to(now, window.step, window.origin) if is_open and window.step else None
    if is_open and window.edges:
        opened = max((each for each in window.edges if each <= now), default=None)
    reach = []
    for name in names:
        first, last = span_of(engine, name)
        kept = engine.kept(last)
        cutoffs = (*kept.since.values(), kept.sketches)
        current = is_current(engine, name, now) if last is None or last < end else None
        moments = (first, last, *cutoffs)  # only where they are within the range do they matter
        within = (None if each is None else min(max(each, start), end) for each in moments)
        reach.append((current, *within))
    return engine.touched.generation, _Same(engine.metrics()), opened, tuple(reach)
