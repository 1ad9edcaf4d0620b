"""Metrics: the list, one, its value over a range, its points."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine import Engine, queries
from datawatch_lab.service.answers import MetricAnswer, QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation


class MetricsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which metrics.

    Attributes:
        table: only those of this table.
        search: only names and descriptions with this text in them, whatever the case.
    """

    table: str | None = None
    search: str | None = None


@operation("GET", f"{API}/metrics")
def list_metrics(engine: Engine, ask: MetricsAsk) -> list[MetricAnswer]:
    """The metrics that can be queried, by table."""
    if ask.table is not None:
        engine.table(ask.table)
    text = (ask.search or "").lower()
    return [
        _metric(engine, each)
        for each in engine.metrics().values()
        if ask.table in (None, each.table) and text in f"{each.name} {each.description}".lower()
    ]


class MetricAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which metric."""

    name: str


@operation("GET", f"{API}/metrics/{{name}}")
def get_metric(engine: Engine, ask: MetricAsk) -> MetricAnswer:
    """One metric: what it means, its unit, labels and aggregations."""
    return _metric(engine, engine.metric(ask.name))


def _metric(engine: Engine, metric: MetricDef) -> MetricAnswer:
    return MetricAnswer(
        name=metric.name,
        table=metric.table,
        field=metric.field,
        kind=metric.kind,
        unit=metric.unit,
        labels=list(metric.labels),
        auto=metric.auto,
        description=metric.description,
        aggregation=metric.aggregation.value,
        aggregations=[each.value for each in engine.measures.aggregations(metric)],
    )


class QueryAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """A question about a metric.

    Attributes:
        name: of the metric.
        start, end: ``from`` and ``to``: ISO 8601 or relative (-1h, now, today). Without ``from``,
            the last hour, or the range that the data has when that is history.
        aggregation: avg, sum, count, min, max, p50, p90, p95, p99, rate, distinct, last; without
            one, what the metric's name says.
        group_by: a label; one series per value.
        filters: ``label=value`` pairs, comma separated.
    """

    name: str
    start: str | None = None
    end: str | None = None
    aggregation: str | None = None
    group_by: str | None = None
    filters: str | None = None


class RangeAsk(QueryAsk, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """A question about a metric over time.

    Attributes:
        step: width of a bucket, such as 1s, 1m, 5m, 1h, 1d; without one, what suits the range.
    """

    step: str | None = None


@operation("GET", f"{API}/metrics/{{name}}/query")
def query(engine: Engine, ask: QueryAsk) -> QueryAnswer:
    """The value of a metric over a range: one point per series."""
    return _answer(engine, ask, None, stepped=False)


@operation("GET", f"{API}/metrics/{{name}}/range")
def range_query(engine: Engine, ask: RangeAsk) -> QueryAnswer:
    """The points of a metric over a range, one per step and series; the open bucket included."""
    return _answer(engine, ask, ask.step, stepped=True)


def _answer(engine: Engine, ask: QueryAsk, step: str | None, *, stepped: bool) -> QueryAnswer:
    result = queries.run(
        engine,
        queries.QueryRequest(
            metric=ask.name,
            start=ask.start,
            end=ask.end,
            aggregation=ask.aggregation,
            group_by=tuple(filter(None, (ask.group_by or "").split(","))),
            filters=read_filters(ask.filters),
            step=step,
            stepped=stepped,
        ),
    )
    return QueryAnswer(
        metric=ask.name,
        aggregation=result.aggregation.value,
        start=iso(result.start) or "",
        end=iso(result.end) or "",
        step=result.step,
        series=[
            SeriesAnswer(dict(each.labels), [(iso(at) or "", value) for at, value in each.points])
            for each in result.series
        ],
        unit=result.unit,
        version=result.version,
        open=iso(result.open),
    )


def read_filters(text: str | None) -> tuple[tuple[str, str], ...]:
    """``status=paid,country=DE`` as pairs.

    >>> read_filters("status=paid")
    (('status', 'paid'),)
    """
    pairs = []
    for part in filter(None, (text or "").split(",")):
        label, found, value = part.partition("=")
        if not found or not label.strip():
            raise InputError(f"filter {part!r} is not of the form label=value.")
        pairs.append((label.strip(), value.strip()))
    return tuple(pairs)
