"""The shapes that the telemetry routes answer with.

Those of the two older services are theirs, name by name: error rates of `Dashboard` and
`ServiceDetail` are percent, those of `Analytics` fractions. Times are ISO 8601 in UTC with ``Z``.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Overview(msgspec.Struct, frozen=True):
    """All services together.

    Attributes:
        total_requests: as long as the log and its roll-ups reach back.
        active_users: users of the last five minutes.
        average_latency_ms: of a request, over the window; 0 when nothing told a time.
        error_rate: percent of requests, over the window.
        requests_per_second: over the last minute.
    """

    total_requests: int
    active_users: int
    average_latency_ms: float
    error_rate: float
    requests_per_second: float


class Service(msgspec.Struct, frozen=True):
    """One service.

    Attributes:
        status: healthy, degraded, unhealthy or stale.
        request_count, error_count: as its heartbeat says, else counted over the window.
        last_heartbeat: None for a service that sends none.
    """

    name: str
    status: str
    uptime_hours: float
    request_count: int
    error_count: int
    avg_latency_ms: float
    last_heartbeat: str | None


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint and how often it was asked."""

    endpoint: str
    count: int
    avg_time_ms: float


class Realtime(msgspec.Struct, frozen=True):
    """The last minute, and lists of the window.

    Attributes:
        active_connections: open WebSockets.
    """

    requests_last_1min: int
    errors_last_1min: int
    active_connections: int
    top_endpoints: list[Endpoint]
    recent_events: list[dict[str, Any]]


class Dashboard(msgspec.Struct, frozen=True):
    """What ``GET /dashboard`` answers."""

    overview: Overview
    services: dict[str, Service]
    realtime_stats: Realtime
    updated_at: str


class ServiceDetail(msgspec.Struct, frozen=True):
    """One service in full.

    Attributes:
        error_rate: percent, over the window.
        p50_latency_ms, p95_latency_ms, p99_latency_ms: over the window; None when nothing told a
            time.
        requests_last_1min, errors_last_1min: of the last minute.
        metrics: the newest of each field of its ``service_metrics``.
        measurements: the newest of each measurement that names it.
    """

    service: str
    status: str
    uptime_hours: float
    request_count: int
    error_count: int
    error_rate: float
    avg_latency_ms: float
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    requests_last_1min: int
    errors_last_1min: int
    last_heartbeat: str | None
    top_endpoints: list[Endpoint]
    metrics: dict[str, Any]
    measurements: dict[str, Any]


class AggregationRow(msgspec.Struct, frozen=True):
    """A service over a minute; rates are fractions, times milliseconds, throughput per second."""

    id: str
    timestamp: str
    service_id: str
    period: str
    event_count: int
    avg_latency: float | None
    p50_latency: float | None
    p95_latency: float | None
    p99_latency: float | None
    error_count: int
    error_rate: float
    success_rate: float
    throughput: float


class TopError(msgspec.Struct, frozen=True):
    """What fails most, over the window."""

    error: str
    service_id: str
    count: int
    last_seen: str


class TopUser(msgspec.Struct, frozen=True):
    """Who does most, over the window."""

    user_id: str
    count: int
    error_count: int
    last_seen: str


class Health(msgspec.Struct, frozen=True):
    """All services at a glance.

    Attributes:
        status: the worst of the services: unhealthy, degraded or healthy; ``unknown`` without any.
        score: share of services that are healthy, percent; None without any.
        error_rate: fraction, over the last five minutes.
        requests_per_second: over the last minute.
        cpu_usage, memory_usage, disk_usage: the highest of the newest ``service_metrics``, percent.
    """

    status: str
    score: float | None
    healthy: int
    degraded: int
    unhealthy: int
    stale: int
    error_rate: float
    requests_per_second: float
    cpu_usage: float | None
    memory_usage: float | None
    disk_usage: float | None


class ServiceAnomaly(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly as clients of analytics expect it.

    Attributes:
        timestamp: start of its first bucket.
        service_id: '' when it is of no service.
        current_value: in its strangest bucket.
        expected_value: the middle of what was expected there.
        deviation: in standard deviations, signed.
        severity: low, medium, high or critical.
    """

    id: str
    timestamp: str
    service_id: str
    metric_name: str
    current_value: float
    expected_value: float
    deviation: float
    severity: str
    description: str


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure of a service will be.

    Attributes:
        id: the same for the same figure, service and moment.
        timestamp: end of the history that it was made from.
        prediction_type: cpu_usage, memory_usage, request_rate, error_rate or latency.
        predicted_value: at the end of the horizon, in the unit of the figure.
        confidence: in [0, 1].
        time_horizon: a duration such as 15m.
        recommendation: what it means, in words.
    """

    id: str
    timestamp: str
    prediction_type: str
    service_id: str
    predicted_value: float
    confidence: float
    time_horizon: str
    recommendation: str


class Analytics(msgspec.Struct, frozen=True):
    """What ``GET /api/v1/analytics/dashboard`` answers."""

    timestamp: str
    service_metrics: dict[str, dict[str, Any]]
    aggregations: list[AggregationRow]
    anomalies: list[ServiceAnomaly]
    predictions: list[Prediction]
    top_errors: list[TopError]
    top_users: list[TopUser]
    system_health: Health


class Sessions(msgspec.Struct, frozen=True):
    """Sessions of the window.

    Attributes:
        count: of sessions.
        per_user: sessions per user; None without users.
        average_seconds, longest_seconds: from the first to the last action of a session.
        actions_per_session: on average.
    """

    count: int = 0
    per_user: float | None = None
    average_seconds: float | None = None
    longest_seconds: float | None = None
    actions_per_session: float | None = None


class Feature(msgspec.Struct, frozen=True):
    """A feature and who uses it."""

    feature: str
    count: int
    users: int
    failures: int


class Step(msgspec.Struct, frozen=True, rename={"start": "from", "then": "to"}):
    """One action right after another, within a session."""

    start: str
    then: str
    count: int


class PeakHour(msgspec.Struct, frozen=True):
    """The hour of the day with most actions, by the workspace's clock."""

    hour: int
    count: int


class Behaviour(msgspec.Struct, frozen=True):
    """What users do, over the window.

    Attributes:
        success_rate: of actions that say whether they succeeded, in [0, 1]; None without any.
        peak_hour: None without actions.
    """

    actions: int
    unique_users: int
    success_rate: float | None
    sessions: Sessions
    features: list[Feature]
    journeys: list[Step]
    peak_hour: PeakHour | None


class Failure(msgspec.Struct, frozen=True):
    """Why runs failed."""

    reason: str
    count: int


class TaskType(msgspec.Struct, frozen=True):
    """Runs of one type; see `Tasks`."""

    type: str
    runs: int
    succeeded: int
    failed: int
    running: int
    success_rate: float | None
    average_ms: float | None
    p95_ms: float | None


class Tasks(msgspec.Struct, frozen=True):
    """Task runs of the window.

    Attributes:
        success_rate: of runs that have ended, in [0, 1]; None while none has.
        queue_depth: as last reported.
    """

    runs: int
    succeeded: int
    failed: int
    running: int
    success_rate: float | None
    average_ms: float | None
    p95_ms: float | None
    queue_depth: float | None
    failures: list[Failure]
    types: list[TaskType]
