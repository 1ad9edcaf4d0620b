"""Metrics: the list, one, its value over a range, its points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import pyarrow as pa
from msgspec import UNSET, UnsetType

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Coverage, CustomMetric, Formula, MetricDef
from datawatch_lab.engine import Engine, queries
from datawatch_lab.engine.comparing import Comparison
from datawatch_lab.service.access.masking import check_filters, hidden_labels, masked_labels
from datawatch_lab.service.answers import MetricAnswer, QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Tabular, operation
from datawatch_lab.service.tables import series_answer, series_table


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


class BackfillAnswer(msgspec.Struct, frozen=True):
    """How much of the past a custom metric covers.

    Attributes:
        complete: every change of the log is in it.
        wanted: it is being filled from the log; else it counts from its definition on.
        share: of the log that has been read for it, in [0, 1].
        since: newest event of the table when it was defined, ISO 8601; until it is complete, times
            before that are not known or not all there. None for a table that had none.
    """

    complete: bool
    wanted: bool
    share: float
    since: str | None


class DefinitionAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user defined: a custom metric over the changes of a table, or a formula."""

    table: str = ""
    expression: str = ""
    filter: str = ""
    on: str = ""
    group_by: list[str] = []
    formula: str = ""


class MetricDetail(MetricAnswer, frozen=True):
    """A metric, with its definition and coverage where a user made it."""

    definition: DefinitionAnswer | None = None
    backfill: BackfillAnswer | None = None


@operation("GET", f"{API}/metrics/{{name}}")
def get_metric(engine: Engine, ask: MetricAsk) -> MetricDetail:
    """One metric: what it means, its unit, labels and aggregations."""
    return detail(engine, engine.metric(ask.name))


def detail(engine: Engine, metric: MetricDef) -> MetricDetail:
    """A metric with all that is known of it."""
    plain = msgspec.structs.asdict(_metric(engine, metric))
    measure = engine.measures.custom.measure(metric.name)
    return MetricDetail(
        **plain,
        definition=_definition(metric),
        backfill=_backfill(measure.coverage) if measure and measure.coverage else None,
    )


def _definition(metric: MetricDef) -> DefinitionAnswer | None:
    match metric.definition:
        case CustomMetric() as custom:
            return DefinitionAnswer(
                table=custom.table,
                expression=custom.expression,
                filter=custom.filter,
                on=custom.on,
                group_by=list(custom.group_by),
            )
        case Formula() as formula:
            return DefinitionAnswer(formula=formula.expression)
    return None


def _backfill(coverage: Coverage) -> BackfillAnswer:
    return BackfillAnswer(
        complete=coverage.complete,
        wanted=coverage.backfill,
        share=1.0 if coverage.complete else coverage.done / coverage.upto,
        since=iso(coverage.since),
    )


def _metric(engine: Engine, metric: MetricDef) -> MetricAnswer:
    is_formula = isinstance(metric.definition, Formula)
    return MetricAnswer(
        name=metric.name,
        table=metric.table,
        field=metric.field,
        kind=metric.kind,
        unit=metric.unit,
        labels=list(metric.labels),
        auto=metric.auto,
        description=metric.description,
        aggregation="formula" if is_formula else metric.aggregation.value,
        aggregations=[each.value for each in engine.measures.aggregations(metric)],
    )


class QueryAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    r"""A question about a metric.

    Attributes:
        name: of the metric.
        start, end: ``from`` and ``to``: ISO 8601 or relative (-1h, now, today). Without ``from``,
            the last hour, or the range that the data has when that is history.
        aggregation: avg, sum, count, min, max, p50, p90, p95, p99, rate, distinct, last; without
            one, what the metric's name says.
        group_by: a label, or several with commas; one series per combination of values.
        filters: ``label=value``; several with commas (a comma in a value is written ``\,``), or
            one each in a list.
        compare: previous_period, same_hour_yesterday or same_hour_last_week.
        backend: prometheus, influxdb, timescale or clickhouse, to be answered by that one instead
            of the workspace.
    """

    name: str
    start: str | None = None
    end: str | None = None
    aggregation: str | None = None
    group_by: str | None = None
    filters: str | list[str] | None = None
    compare: str | None = None
    backend: str | None = None


class RangeAsk(QueryAsk, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """A question about a metric over time.

    Attributes:
        step: width of a bucket, such as 1s, 1m, 5m, 1h, 1d, 1w, 1mo; without one, what suits the
            range. Days and more go by the workspace's clock.
        points: points of a series at most, such as the pixels of a chart is wide: the highest and
            the lowest stay, gaps stay gaps. Not with ``compare``.
    """

    step: str | None = None
    points: int | None = None


class ComparedSeries(msgspec.Struct, frozen=True):
    """A series beside its earlier self, bucket by bucket of the answer.

    Attributes:
        points: [start of the bucket now, value then].
        difference: value now minus value then; None where either is not known.
        ratio: value now divided by value then; None where either is not known, or then was 0.
    """

    labels: dict[str, str]
    points: list[tuple[str, float | None]]
    difference: list[float | None]
    ratio: list[float | None]


class ComparisonAnswer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The same question about an earlier time.

    Attributes:
        compare: what was compared with.
        start, end: ``from`` and ``to``: the earlier range; None when it does not exist.
        times: start of each bucket's counterpart; None where the clock left that time out.
    """

    compare: str
    start: str | None
    end: str | None
    times: list[str | None]
    series: list[ComparedSeries]


class ComparedAnswer(QueryAnswer, frozen=True, rename={"start": "from", "end": "to"}):
    """Values of a metric, and the comparison when one was asked for."""

    comparison: ComparisonAnswer | UnsetType = UNSET


def _value_table(engine: Engine, ask: QueryAsk) -> pa.Table:
    return series_table(_answer(engine, ask, None, stepped=False))


def _point_table(engine: Engine, ask: RangeAsk) -> pa.Table:
    return series_table(_answer(engine, ask, ask.step, stepped=True))


def _compared(table: pa.Table) -> ComparedAnswer:
    return series_answer(table, ComparedAnswer)


@operation("GET", f"{API}/metrics/{{name}}/query", table=Tabular(_value_table, _compared))
def query(engine: Engine, ask: QueryAsk) -> ComparedAnswer:
    """The value of a metric over a range: one point per series."""
    return _answer(engine, ask, None, stepped=False)


@operation("GET", f"{API}/metrics/{{name}}/range", table=Tabular(_point_table, _compared))
def range_query(engine: Engine, ask: RangeAsk) -> ComparedAnswer:
    """The points of a metric over a range, one per step and series; the open bucket included."""
    return _answer(engine, ask, ask.step, stepped=True)


def _answer(engine: Engine, ask: QueryAsk, step: str | None, *, stepped: bool) -> ComparedAnswer:
    hidden = hidden_labels(engine, ask.name)
    filters = read_filters(ask.filters)
    check_filters(hidden, filters)
    result = queries.run(
        engine,
        queries.QueryRequest(
            metric=ask.name,
            start=ask.start,
            end=ask.end,
            aggregation=ask.aggregation,
            group_by=tuple(filter(None, (ask.group_by or "").split(","))),
            filters=filters,
            step=step,
            stepped=stepped,
            compare=ask.compare,
            points=getattr(ask, "points", None),
            backend=ask.backend or "",
        ),
    )
    return ComparedAnswer(
        metric=ask.name,
        aggregation=result.aggregation,
        start=iso(result.start) or "",
        end=iso(result.end) or "",
        step=result.step,
        series=[
            SeriesAnswer(masked_labels(each.labels, hidden), _points(each.points))
            for each in result.series
        ],
        unit=result.unit,
        version=result.version,
        open=iso(result.open),
        comparison=UNSET if result.comparison is None else _comparison(result.comparison, hidden),
    )


def _comparison(found: Comparison, hidden: frozenset[str]) -> ComparisonAnswer:
    return ComparisonAnswer(
        compare=found.to,
        start=iso(found.start),
        end=iso(found.end),
        times=[iso(each) for each in found.times],
        series=[
            ComparedSeries(
                labels=masked_labels(each.labels, hidden),
                points=_points(each.points),
                difference=list(each.difference),
                ratio=list(each.ratio),
            )
            for each in found.series
        ],
    )


def _points(
    points: Sequence[tuple[datetime, float | None]],
) -> list[tuple[str, float | None]]:
    """Points with their times as text: starts of buckets, which are whole seconds of UTC."""
    return [(at.isoformat()[:19] + "Z", value) for at, value in points]


def read_filters(given: str | Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    r"""Filters as (label, value) pairs.

    Args:
        given: one text, its filters separated by commas (``\,`` is a comma of a value, ``\\`` a
            backslash); or one filter each, exactly as it is.

    >>> read_filters(r"status=paid,city=Paris\, Texas")
    (('status', 'paid'), ('city', 'Paris, Texas'))
    >>> read_filters(["city=Paris, Texas"])
    (('city', 'Paris, Texas'),)
    """
    parts = _split(given or "") if isinstance(given, str | None) else given
    pairs = []
    for part in filter(None, parts):
        label, found, value = part.partition("=")
        if not found or not label.strip():
            raise InputError(f"filter {part!r} is not of the form label=value.")
        pairs.append((label.strip(), value.strip()))
    return tuple(pairs)


def _split(text: str) -> list[str]:
    """Parts between commas, with escapes taken off."""
    parts = [""]
    escaped = False
    for letter in text:
        if escaped:
            parts[-1] += letter if letter in ",\\" else "\\" + letter
        elif letter == ",":
            parts.append("")
        elif letter != "\\":
            parts[-1] += letter
        escaped = letter == "\\" and not escaped
    if escaped:
        parts[-1] += "\\"
    return parts


def write_filters(filters: Iterable[str]) -> str | None:
    r"""Filters as one text that `read_filters` reads back; None for none.

    >>> print(write_filters(["status=paid", "city=Paris, Texas"]))
    status=paid,city=Paris\, Texas
    """
    escaped = (each.replace("\\", "\\\\").replace(",", "\\,") for each in filters)
    return ",".join(escaped) or None
