"""Questions about a metric become reads of stored states; see `finalise` for the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.storage import MeasureRead
from datawatch_lab.core.values import (
    Aggregation,
    CustomMetric,
    Formula,
    MeasureDef,
    MeasureKind,
    MetricDef,
    SeriesDef,
    TableInfo,
)
from datawatch_lab.metrics.buckets import Buckets, buckets_of
from datawatch_lab.metrics.custom import aggregations_of
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.metrics.spans import BEGINNING, EPOCH, cover

A = Aggregation

EVERYTHING = Kept()
"""Nothing was dropped yet."""

RUNNING = (MeasureKind.ROWS, MeasureKind.STATE)
"""Kinds whose value is a running total over all time."""

QUANTILES = {A.P50: 0.5, A.P90: 0.9, A.P95: 0.95, A.P99: 0.99}

_SUMMED = frozenset({"n", "sum", "exact"})
_READ = {
    A.COUNT: frozenset({"n"}),
    A.RATE: frozenset({"n"}),
    A.SUM: _SUMMED,
    A.AVG: _SUMMED,
    A.DISTINCT: frozenset({"n"}),
    A.MIN: frozenset({"n", "min"}),
    A.MAX: frozenset({"n", "max"}),
    A.LAST: frozenset({"n", "last"}),
    **dict.fromkeys(QUANTILES, frozenset({"n", "min", "max"})),
}
"""Columns of the states that an aggregation is made of."""

_SPREAD = (A.AVG, A.COUNT, A.MIN, A.MAX, A.P50, A.P90, A.P95, A.P99, A.RATE, A.LAST)
_POSSIBLE: Mapping[MeasureKind, tuple[Aggregation, ...]] = {
    MeasureKind.CHANGES: (A.SUM, A.COUNT, A.RATE),
    MeasureKind.VALUE: (A.SUM, *_SPREAD, A.DISTINCT),
    MeasureKind.DISTINCT: (A.DISTINCT, A.COUNT, A.RATE),
    MeasureKind.NEWEST: (A.LAST, A.COUNT, A.RATE),
    MeasureKind.NULLS: (A.AVG, A.SUM, A.COUNT),
    MeasureKind.LAG: _SPREAD,
    MeasureKind.ROWS: (A.LAST, A.SUM, A.COUNT, A.RATE),
    MeasureKind.STATE: (A.LAST, A.SUM, A.COUNT, A.RATE),
    MeasureKind.TRANSITION: (A.SUM, A.COUNT, A.RATE),
    MeasureKind.NET: (A.SUM, A.AVG, A.COUNT, A.RATE),
    MeasureKind.QUALITY: (A.AVG,),
    MeasureKind.ALERTS: (A.SUM,),
    MeasureKind.ANOMALIES: (A.MAX,),
}


def aggregations(metric: MetricDef) -> tuple[Aggregation, ...]:
    """The aggregations that make sense for a metric, its own first; none for a formula.

    For current-state metrics ``last`` is the rows now, ``sum`` the change of that number, ``count``
    and ``rate`` the rows that came or went.
    """
    if isinstance(metric.definition, Formula):
        return ()
    if isinstance(metric.definition, CustomMetric):
        possible = aggregations_of(metric.definition)
    else:
        possible = _POSSIBLE[metric.measure]
    return (metric.aggregation, *(each for each in possible if each != metric.aggregation))


@dataclass(frozen=True)
class Plan:
    """What to read, and all that `finalise` needs to make values of it.

    Attributes:
        metric, aggregation: what is asked.
        groups: labels of each group, by group number.
        start, end: the range, widened to whole steps (or seconds).
        step: width of a bucket; None for one value over the range.
        origin: where buckets are aligned.
        now: the moment of asking.
        read: states of the range.
        base: states of everything before ``start``, for running values; else None.
        presence: series whose span says over which time the table has data.
        edges: starts of buckets of unequal width, and the end of the last; then ``step`` is None.
    """

    metric: MetricDef
    aggregation: Aggregation
    groups: tuple[Mapping[str, str], ...]
    start: datetime
    end: datetime
    step: timedelta | None
    origin: datetime
    now: datetime
    read: MeasureRead
    base: MeasureRead | None
    presence: tuple[int, ...]
    edges: tuple[datetime, ...] = ()

    @property
    def buckets(self) -> int:
        """Buckets of a series; 1 without a step."""
        if self.edges:
            return len(self.edges) - 1
        return 1 if self.step is None else (self.end - self.start) // self.step


def plan(  # noqa: PLR0913 — the parts of a question, by keyword
    metric: MetricDef,
    tables: Iterable[TableInfo],
    measures: Sequence[MeasureDef],
    series_of: Callable[[int], Sequence[SeriesDef]],
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    step: timedelta | None = None,
    aggregation: Aggregation | None = None,
    group_by: Sequence[str] = (),
    filters: Iterable[tuple[str, str]] = (),
    origin: datetime = EPOCH,
    edges: Sequence[datetime] = (),
    kept: Kept = EVERYTHING,
) -> Plan:
    """Lay out the reads for a question.

    Args:
        metric: what is asked about.
        tables: tables of the workspace.
        measures: measures of the workspace.
        series_of: the series of a measure by its id, e.g. `SeriesBook.of`.
        start: the range begins here, UTC.
        end: the range ends before this, UTC.
        now: the moment of asking; the age of the open bucket is taken at it.
        step: width of a bucket, whole seconds; None for one value over the exact range.
        aggregation: None for the metric's own.
        group_by: labels; one series per combination of values. A state metric without any is
            grouped by its own field.
        filters: (label, value) pairs; several values of one label mean any of them.
        origin: buckets begin here plus whole steps.
        edges: starts of buckets of unequal width, and the end of the last, in place of a step; they
            are the range. See `metrics.calendar.finalise_edges` for the way back.
        kept: what is there to be read. Edges of a range before a level are widened to the next
            coarser one, steps that can no longer be had are refused.

    Raises:
        InputError: the aggregation, the labels, the range or the step cannot be had; says what can.
    """
    chosen = _aggregation(metric, aggregation)
    labels, wanted = _labels(metric, group_by, filters)
    sketch = _is_of_sketch(chosen)
    buckets = buckets_of(start, end, step, origin, edges, kept, sketch=sketch)
    if chosen is A.DISTINCT and metric.measure is MeasureKind.VALUE and (labels or wanted):
        raise InputError(
            f"{metric.name}: distinct values are counted in total, not by label.",
            hint="Leave out the labels, or take another aggregation.",
        )
    mine = _measures(metric, tuple(tables), measures)
    groups, members = _groups(metric, mine, series_of, labels, wanted)
    return Plan(
        metric=metric,
        aggregation=chosen,
        groups=groups,
        start=buckets.start,
        end=buckets.end,
        step=buckets.step,
        origin=origin,
        now=now,
        read=_read(metric, chosen, members, buckets, kept),
        base=_base(metric, chosen, members, buckets.start),
        presence=_presence(mine, measures, series_of),
        edges=buckets.edges,
    )


def _read(
    metric: MetricDef,
    aggregation: Aggregation,
    members: Mapping[int, int],
    buckets: Buckets,
    kept: Kept,
) -> MeasureRead:
    """The read of the states of a range.

    Raises:
        InputError: quantiles that are final by now would have to be merged.
    """
    sketch = _is_of_sketch(aggregation)
    finalised = buckets.are_final(kept, sketch=sketch)
    if finalised and len(set(members.values())) < len(members):
        raise InputError(
            f"{metric.name}: before {kept.sketches:%Y-%m-%dT%H:%M:%SZ} the quantiles of minutes "
            "are final, and those of several series cannot be merged.",
            hint="Ask for one series a group, for steps of whole hours, or a later 'from'.",
        )
    return MeasureRead(
        groups=members,
        spans=buckets.spans,
        step=buckets.step,
        origin=buckets.origin,
        edges=buckets.edges,
        bins=aggregation in QUANTILES,
        registers=aggregation is A.DISTINCT,
        finalised=finalised,
        columns=_columns(metric, aggregation),
    )


def _is_of_sketch(aggregation: Aggregation) -> bool:
    return aggregation in QUANTILES or aggregation is A.DISTINCT


def _base(
    metric: MetricDef, aggregation: Aggregation, members: Mapping[int, int], start: datetime
) -> MeasureRead | None:
    """The read of everything before a range, for values that run from the beginning of time."""
    if metric.measure not in (*RUNNING, MeasureKind.NEWEST) or aggregation is not A.LAST:
        return None
    columns = _columns(metric, aggregation)
    return MeasureRead(members, cover(BEGINNING, start), columns=columns)


def _columns(metric: MetricDef, aggregation: Aggregation) -> frozenset[str]:
    """The columns of states that `finalise` makes its values of."""
    if aggregation is A.LAST and metric.measure in RUNNING:
        return _SUMMED
    if aggregation is A.LAST and metric.measure is MeasureKind.NEWEST:
        return _READ[A.MAX]
    return _READ[aggregation]


def _aggregation(metric: MetricDef, asked: Aggregation | None) -> Aggregation:
    if asked is None:
        return metric.aggregation
    possible = aggregations(metric)
    if asked in possible:
        return asked
    names = ", ".join(each.value for each in possible)
    raise InputError(
        f"{metric.name}: aggregation {asked.value!r} has no meaning for it; possible: {names}.",
        details={"metric": metric.name, "possible": [each.value for each in possible]},
    )


def _labels(
    metric: MetricDef, group_by: Sequence[str], filters: Iterable[tuple[str, str]]
) -> tuple[tuple[str, ...], dict[str, set[str]]]:
    """Labels to group by, and the values allowed of each filtered label."""
    wanted: dict[str, set[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, set()).add(value)
    for name in (*group_by, *wanted):
        if name not in metric.labels:
            raise not_found("label", name, metric.labels, where=metric.name)
    labels = tuple(dict.fromkeys(group_by))
    if metric.measure is MeasureKind.STATE and not labels:
        labels = metric.labels
    fields = [name for name in dict.fromkeys((*labels, *wanted)) if name not in _own(metric)]
    if len(fields) > 1 and metric.measure is not MeasureKind.CUSTOM:
        raise InputError(
            f"{metric.name}: automatic metrics are split by one label at a time; "
            f"asked for {' and '.join(repr(name) for name in fields)}.",
            hint=f"Use one of {', '.join(fields)}, or define a custom metric with both labels.",
        )
    return labels, wanted


def _own(metric: MetricDef) -> tuple[str, ...]:
    """Labels that every series of the metric carries, so that they go with any other."""
    if metric.measure is MeasureKind.TRANSITION:
        return metric.labels
    if metric.measure is not MeasureKind.CHANGES:
        return ()
    return ("op", "table") if not metric.table else ("op",)


def _measures(
    metric: MetricDef, tables: Sequence[TableInfo], measures: Iterable[MeasureDef]
) -> dict[int, str]:
    """Ids of the measures that a metric reads, and the workspace name of the table of each."""
    names = {each.id: each.name for each in tables if metric.table in ("", each.name)}
    about = metric.name if metric.measure is MeasureKind.CUSTOM else metric.field
    return {
        each.id: names[each.table_id]
        for each in measures
        if each.table_id in names and (each.kind, each.field) == (metric.measure, about)
    }


def _groups(
    metric: MetricDef,
    measures: Mapping[int, str],
    series_of: Callable[[int], Sequence[SeriesDef]],
    labels: tuple[str, ...],
    wanted: Mapping[str, set[str]],
) -> tuple[tuple[Mapping[str, str], ...], dict[int, int]]:
    """Labels of each group, and the group of each series that belongs to one."""
    own = _own(metric)
    needed = {name for name in (*labels, *wanted) if name not in own}
    if needed and metric.measure is MeasureKind.CUSTOM:
        needed = set(metric.labels)  # its series carry all labels, or none
    numbers: dict[tuple[str, ...], int] = {} if labels else {(): 0}
    members: dict[int, int] = {}
    for measure_id, table in sorted(measures.items()):
        for series in series_of(measure_id):
            found = dict(series.labels)
            if {name for name in found if name not in own} != needed:
                continue
            if not metric.table:
                found["table"] = table
            if metric.op and found.get("op") != metric.op:
                continue
            if any(found.get(name) not in values for name, values in wanted.items()):
                continue
            key = tuple(found.get(name, "") for name in labels)
            members[series.id] = numbers.setdefault(key, len(numbers))
    groups = tuple(dict(zip(labels, key, strict=True)) for key in numbers)
    return groups, members


def _presence(
    mine: Mapping[int, str],
    measures: Sequence[MeasureDef],
    series_of: Callable[[int], Sequence[SeriesDef]],
) -> tuple[int, ...]:
    """The totals by operation of the tables that the measures belong to."""
    tables = {each.table_id for each in measures if each.id in mine}
    return tuple(
        series.id
        for each in measures
        if each.table_id in tables and each.kind is MeasureKind.CHANGES
        for series in series_of(each.id)
        if len(series.labels) == 1
    )
