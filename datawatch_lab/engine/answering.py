"""The values of a metric over a window: a stored one is read, a formula is worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.core.values import Aggregation, Coverage, Formula, MeasureKind, MetricDef
from datawatch_lab.engine.own_metrics.alerts import values as alerts_fired
from datawatch_lab.engine.own_metrics.anomalies import values as anomalies_active
from datawatch_lab.engine.own_metrics.quality import values
from datawatch_lab.engine.presence import Presence
from datawatch_lab.engine.windows import Window, is_current, span_of
from datawatch_lab.metrics.downsample import downsample
from datawatch_lab.metrics.finalise import ResultSeries, finalise, is_counted
from datawatch_lab.metrics.formulas import Reference, compile_formula
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.metrics.query import Plan, plan
from datawatch_lab.metrics.unequal import finalise_edges

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Labels = tuple[tuple[str, str], ...]
Row = NDArray[np.float64]

FORMULA = "formula"
"""What stands for the aggregation of a formula."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a metric beside its window.

    Attributes:
        aggregation: None for the metric's own.
        group_by: labels.
        filters: (label, value) pairs.
        now: the moment of asking.
        backend: name of the back end that is asked; '' for the workspace itself.
    """

    now: datetime
    aggregation: Aggregation | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    backend: str = ""


@dataclass(frozen=True)
class Answered:
    """Values over a window.

    Attributes:
        start, end: the range, widened to whole buckets.
        times: start of each bucket.
        ends: end of each bucket.
        rows: values by labels, one per bucket; NaN is no value.
        aggregation: its name, or ``formula``.
    """

    start: datetime
    end: datetime
    times: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    rows: Mapping[Labels, Row]
    aggregation: str

    @property
    def series(self) -> tuple[ResultSeries, ...]:
        """The answer as series of points, in order of their labels."""
        return self.series_of(None)

    def series_of(self, most: int | None) -> tuple[ResultSeries, ...]:
        """The same with so many points a series at most, those that draw the same line."""
        return tuple(
            ResultSeries(dict(labels), self._points(self.rows[labels], most))
            for labels in sorted(self.rows, key=sorted)
        )

    def _points(self, row: Row, most: int | None) -> tuple[tuple[datetime, float | None], ...]:
        if most is None or len(row) <= most:
            return points(self.times, row)
        kept = downsample(np.where(np.isfinite(row), row, np.nan), most)
        return points([self.times[place] for place in kept.tolist()], row[kept])


def points(times: Sequence[datetime], row: Row) -> tuple[tuple[datetime, float | None], ...]:
    """Values with their times; None for no value."""
    known = np.isfinite(row).tolist()
    return tuple(
        (at, value if there else None)
        for at, value, there in zip(times, row.tolist(), known, strict=True)
    )


def answer(engine: Engine, metric: MetricDef, window: Window, wanted: Wanted) -> Answered:
    """The values of a metric.

    Raises:
        InputError: the labels, the aggregation, the range or the step cannot be had; says what can.
    """
    if isinstance(metric.definition, Formula):
        return _Formulas(engine, window, wanted).answer(metric.definition, wanted.aggregation)
    return _stored(engine, metric, window, wanted)


def _scored(engine: Engine, metric: MetricDef, window: Window, wanted: Wanted) -> Answered:
    """Scores of quality, from what its rules counted; alerts, from their history."""
    if wanted.aggregation not in (None, metric.aggregation):
        raise InputError(f"{metric.name}: its only aggregation is {metric.aggregation}.")
    if metric.measure is MeasureKind.ALERTS:
        found = alerts_fired(engine, window, wanted.group_by, wanted.filters)
    elif metric.measure is MeasureKind.ANOMALIES:
        found = anomalies_active(engine, window, wanted.group_by, wanted.filters)
    else:
        found = values(engine.quality, metric, window, wanted.group_by, wanted.filters)
    edges = found.edges
    name = metric.aggregation.value
    return Answered(edges[0], edges[-1], edges[:-1], edges[1:], found.rows, name)


def _stored(engine: Engine, metric: MetricDef, window: Window, wanted: Wanted) -> Answered:
    if metric.measure in (MeasureKind.QUALITY, MeasureKind.ALERTS, MeasureKind.ANOMALIES):
        if wanted.backend:
            raise InputError(
                f"{metric.name}: it is made of what the workspace knows, and not of states.",
                hint="Ask without a back end.",
            )
        return _scored(engine, metric, window, wanted)
    kept = engine.kept(span_of(engine, metric.table)[1])
    asked = plan(
        metric,
        engine.tables(),
        engine.measures.all,
        engine.measures.book.of,
        start=window.start,
        end=window.end,
        now=wanted.now,
        step=window.step,
        aggregation=wanted.aggregation,
        group_by=wanted.group_by,
        filters=wanted.filters,
        origin=window.origin,
        edges=window.edges,
        kept=kept,
    )
    states, base = read(engine, asked, wanted.backend)
    present = _present(engine, asked, metric, wanted.now, kept)
    if asked.edges:
        values = finalise_edges(asked, states, base, present)
        times = asked.edges
    else:
        values = finalise(asked, states, base, present).values
        width = asked.step or asked.end - asked.start
        times = tuple(asked.start + width * place for place in range(asked.buckets + 1))
    return Answered(
        start=asked.start,
        end=asked.end,
        times=times[:-1],
        ends=times[1:],
        rows={tuple(labels.items()): row for labels, row in zip(asked.groups, values, strict=True)},
        aggregation=asked.aggregation.value,
    )


def read(
    engine: Engine, asked: Plan, backend: str = ""
) -> tuple[MeasureStates, MeasureStates | None]:
    """The states that a plan wants, and those before its range if it wants them.

    Of a back end only the states of the range are asked: what was before is the workspace's.
    """
    if backend:
        states = engine.backends.read(backend, asked)
    else:
        states = engine.store.read_measures(asked.read)
    return states, None if asked.base is None else engine.store.read_measures(asked.base)


def _present(
    engine: Engine, asked: Plan, metric: MetricDef, now: datetime, kept: Kept
) -> tuple[datetime, datetime] | None:
    """First and last moment that there is data for; up to now while the data is of today.

    A custom metric that does not cover the past knows nothing of it; its sums, like those of a
    field, are unknown where there are no rows.
    """
    if not is_counted(asked):
        return None
    coverage = coverage_of(engine, metric)
    if coverage is not None and asked.aggregation is Aggregation.SUM:
        return None
    if not asked.presence:
        return None
    span = _span(engine, asked, metric.table, now, kept)
    if span is None:
        return None
    first, last = span
    if coverage is not None and not coverage.complete and coverage.since is not None:
        first = max(first, coverage.since)
    return first, last


def _span(
    engine: Engine, asked: Plan, table: str, now: datetime, kept: Kept
) -> tuple[datetime, datetime] | None:
    presence = engine.beside(Presence)
    tables = [engine.table(table).id] if table else None
    if not is_current(engine, table, now):
        return presence.span(asked.presence, kept, tables)
    first = presence.first(asked.presence, kept, tables)
    return None if first is None else (first, now)


def coverage_of(engine: Engine, metric: MetricDef) -> Coverage | None:
    """How much of the past a custom metric covers; None for any other."""
    if metric.measure is not MeasureKind.CUSTOM:
        return None
    measure = engine.measures.custom.measure(metric.name)
    return None if measure is None else measure.coverage


@dataclass
class _Formulas:
    """Works formulas out over one window; what several of them name is asked for once."""

    engine: Engine
    window: Window
    wanted: Wanted
    known: dict[Reference, Answered] = field(default_factory=dict)

    def answer(self, formula: Formula, aggregation: Aggregation | None) -> Answered:
        if aggregation is not None:
            raise InputError(
                f"{formula.name}: a formula has no aggregation of its own.",
                hint="Write it into the formula, such as p95(orders_amount_sum).",
            )
        metrics = self.engine.metrics()
        compiled = compile_formula(formula.expression, metrics, self.engine.measures.aggregations)
        parts = {each: self._part(metrics[each.metric], each) for each in compiled.references}
        first = next(iter(parts.values()))
        keys = sorted({labels for part in parts.values() for labels in part.rows if labels})
        nothing = np.full(len(first.times), np.nan)
        rows = {}
        for labels in keys or [()]:
            values = {each: _row(part, labels, nothing) for each, part in parts.items()}
            rows[labels] = np.broadcast_to(compiled.run(values), nothing.shape)
        return Answered(first.start, first.end, first.times, first.ends, rows, FORMULA)

    def _part(self, metric: MetricDef, reference: Reference) -> Answered:
        if reference not in self.known:
            if isinstance(metric.definition, Formula):
                found = self.answer(metric.definition, None)
            else:
                wanted = Wanted(
                    self.wanted.now,
                    reference.aggregation,
                    self.wanted.group_by,
                    self.wanted.filters,
                    self.wanted.backend,
                )
                found = _stored(self.engine, metric, self.window, wanted)
            self.known[reference] = found
        return self.known[reference]


def _row(part: Answered, labels: Labels, nothing: Row) -> Row:
    """The values for a set of labels; a part without labels is the same for all."""
    found = part.rows.get(labels)
    if found is None:
        found = part.rows.get(())
    return nothing if found is None else found
