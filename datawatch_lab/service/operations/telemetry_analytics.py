"""Telemetry as the second older service has it: analytics of events, services, users and tasks."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine import Engine, queries
from datawatch_lab.engine.telemetry import MEASURED, define_measured, stream_table
from datawatch_lab.service.access.masking import check_filters, hidden_labels, masked_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import Nothing, operation
from datawatch_lab.service.operations.telemetry import (
    LISTED,
    PostedAnswer,
    PostedAsk,
    checked_limit,
    take,
)
from datawatch_lab.service.telemetry.outlook import Predictions, service_anomalies
from datawatch_lab.service.telemetry.shapes import (
    AggregationRow,
    Analytics,
    Behaviour,
    Prediction,
    Tasks,
)
from datawatch_lab.service.telemetry.snapshots import Telemetry, analytics_snapshot

ANALYTICS = "/api/v1/analytics"


@operation("POST", f"{ANALYTICS}/events", role="editor", status=202, binary=True)
def analytics_events(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take application events in: event_type, service_id, user_id, metadata, tags."""
    return take(engine, "events", ask)


@operation("POST", f"{ANALYTICS}/metrics", role="editor", status=202, binary=True)
def analytics_metrics(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take the state of services in: service_id, cpu_usage, memory_usage, latency and more."""
    return take(engine, "service_metrics", ask)


@operation("POST", f"{ANALYTICS}/behavior", role="editor", status=202, binary=True)
def analytics_behavior(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take actions of users in: user_id, action, content_id, session_id, success and more."""
    return take(engine, "user_actions", ask)


@operation("POST", f"{ANALYTICS}/performance", role="editor", status=202, binary=True)
def analytics_performance(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take operations of services in: service_id, operation, duration_ms, success and more."""
    return take(engine, "performance", ask)


@operation("POST", f"{ANALYTICS}/business", role="editor", status=202, binary=True)
def analytics_business(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take business figures in: metric_type, value, unit, dimensions."""
    return take(engine, "business", ask)


@operation("POST", f"{ANALYTICS}/tasks", role="editor", status=202, binary=True)
def analytics_tasks(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take task runs in: task_id, task_type, start, end, status and more."""
    return take(engine, "task_runs", ask)


class AggregationsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which minutes.

    Attributes:
        service_id: only of this service.
        limit: most rows.
    """

    service_id: str | None = None
    limit: int = LISTED


@operation("GET", f"{ANALYTICS}/aggregations")
def aggregations(engine: Engine, ask: AggregationsAsk) -> list[AggregationRow]:
    """Services by minute, newest first: events, latency quantiles, errors (fractions)."""
    return engine.beside(Telemetry).aggregations(ask.service_id, checked_limit(ask.limit))


class AnalyticsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the dashboard.

    Attributes:
        service_id: only of this service.
        limit: most entries of a list.
    """

    service_id: str | None = None
    limit: int = LISTED


@operation("GET", f"{ANALYTICS}/dashboard")
def analytics_dashboard(engine: Engine, ask: AnalyticsAsk) -> Analytics:
    """Analytics at a glance; error rates are fractions."""
    limit, name = checked_limit(ask.limit), ask.service_id
    found = analytics_snapshot(engine)
    if name is not None:
        metrics = found.service_metrics
        found = msgspec.structs.replace(
            found,
            service_metrics={name: metrics[name]} if name in metrics else {},
            aggregations=engine.beside(Telemetry).aggregations(name, limit),
            anomalies=service_anomalies(engine, name, limit, masked=True),
            predictions=[each for each in found.predictions if each.service_id == name],
            top_errors=[each for each in found.top_errors if each.service_id == name],
        )
    return msgspec.structs.replace(
        found,
        aggregations=found.aggregations[:limit],
        anomalies=found.anomalies[:limit],
        predictions=found.predictions[:limit],
        top_errors=found.top_errors[:limit],
        top_users=found.top_users[:limit],
    )


@operation("GET", f"{ANALYTICS}/predictions")
def predictions(engine: Engine, ask: AnalyticsAsk) -> list[Prediction]:
    """What figures of services will be in 15 minutes, at most a minute old; by figure."""
    limit, name = checked_limit(ask.limit), ask.service_id
    found = engine.beside(Predictions).get(wait=True)
    return [each for each in found if name in (None, each.service_id)][:limit]


@operation("GET", f"{ANALYTICS}/behavior")
def user_behavior(engine: Engine, ask: Nothing) -> Behaviour:
    """What users do: sessions, features, journeys from step to step, the peak hour."""
    del ask
    return engine.beside(Telemetry).behaviour()


@operation("GET", f"{ANALYTICS}/tasks")
def task_overview(engine: Engine, ask: Nothing) -> Tasks:
    """How task runs go: success rate, durations, reasons of failures, queue depth."""
    del ask
    return engine.beside(Telemetry).tasks()


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """A range of time.

    Attributes:
        start: ISO 8601 or relative; without it, as for the query of a metric.
        end: likewise.
    """

    start: str | None = None
    end: str | None = None


class MetricsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A question about a metric, as the older service has it.

    Attributes:
        metric_name: a metric, or the name of a measurement.
        time_range: start and end.
        aggregation: avg, sum, count, min, max, p50, p90, p95, p99, rate, distinct, last.
        group_by: a label or several.
        filters: value by label.
        step: width of a bucket; without one, what suits the range.
    """

    metric_name: str
    time_range: TimeRange = TimeRange()
    aggregation: str | None = None
    group_by: str | list[str] | None = None
    filters: dict[str, str] | None = None
    step: str | None = None


class Sample(msgspec.Struct, frozen=True):
    """A value of a metric; the tags are its labels."""

    timestamp: str
    value: float | None
    tags: dict[str, str]


class MetricsData(msgspec.Struct, frozen=True):
    """Values over time, in order of series and time; buckets without a value are left out."""

    data: list[Sample]


@operation("POST", "/api/v1/metrics/query", audited=False)
def query_metrics(engine: Engine, ask: MetricsQuery) -> MetricsData:
    """Values of a metric, or of measurements of a name, over time."""
    group_by = ask.group_by.split(",") if isinstance(ask.group_by, str) else ask.group_by or []
    filters = tuple((ask.filters or {}).items())
    labels = {*group_by, *(name for name, _ in filters)} - {""}
    metric, own = _meant(engine, ask.metric_name, labels)
    hidden = hidden_labels(engine, metric.name)
    check_filters(hidden, filters)
    result = queries.run(
        engine,
        queries.QueryRequest(
            metric=metric.name,
            start=ask.time_range.start,
            end=ask.time_range.end,
            aggregation=ask.aggregation or ("avg" if own else None),
            group_by=tuple(filter(None, group_by)),
            filters=filters + own,
            step=ask.step,
        ),
    )
    tags: dict[str, Any] = dict(own)
    return MetricsData(
        [
            Sample(iso(at) or "", value, tags | masked_labels(dict(each.labels), hidden))
            for each in result.series
            for at, value in each.points
            if value is not None
        ]
    )


def _meant(
    engine: Engine, name: str, labels: set[str]
) -> tuple[MetricDef, tuple[tuple[str, str], ...]]:
    """The metric that a name means, and the filter that makes it so.

    Raises:
        InputError: a measurement is filtered by its own name.
        NotFoundError: it is neither a metric nor a measurement.
    """
    table = stream_table(engine, "measurements")
    measured = table is not None and name in engine.beside(Telemetry).measured_names()
    if name in engine.metrics() or table is None or not measured:
        return engine.metric(name), ()
    if "name" in labels:
        raise InputError(f"{name}: the label 'name' is the measurement's own.")
    own = (("name", name),)
    if labels and define_measured(engine):
        return engine.metric(MEASURED), own
    values = (m for m in engine.metrics().values() if (m.table, m.field) == (table.name, "value"))
    found = next((each for each in values if "name" in each.labels), None)
    return (engine.metric(name), ()) if found is None else (found, own)
