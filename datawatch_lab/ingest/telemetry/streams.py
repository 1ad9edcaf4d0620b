"""The telemetry streams: append-only tables whose columns, types and roles are known beforehand.

A row is an INSERT event of ``datawatch.<stream>`` like any other change, so metrics, quality and
alerts work on streams as on tables. Fields that are not named here are kept as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from datawatch_lab.core.values import Role

SCHEMA = "datawatch"
"""Schema of the streams, which keeps them apart from tables of the same name."""

_TYPES = {
    "status": ("text", Role.STATUS),
    "id": ("text", Role.ID),
    "text": ("text", Role.TEXT),
    "time": ("text", Role.TIMESTAMP),
    "number": ("number", Role.NUMERIC),
    "integer": ("integer", Role.NUMERIC),
    "code": ("integer", Role.TEXT),
    "boolean": ("boolean", Role.BOOLEAN),
    "json": ("json", Role.JSON),
}


@dataclass(frozen=True)
class Stream:
    """One stream.

    Attributes:
        name: of the table.
        kinds: what each known field is, a key of ``_TYPES``.
        needs: fields without which a row says nothing; one of them with ``|`` between is enough.
        also: other names that clients use for a field, by field.
        inside: objects whose members may be fields, such as ``metrics`` of a heartbeat.
        times: fields that say when it was, best first.
    """

    name: str
    kinds: Mapping[str, str]
    needs: tuple[str, ...]
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inside: tuple[str, ...] = ()
    times: tuple[str, ...] = ("timestamp", "ts", "time")

    @property
    def types(self) -> dict[str, str]:
        """Type by field, as `core.values.Column` names types."""
        return {name: _TYPES[kind][0] for name, kind in self.kinds.items()}

    @property
    def roles(self) -> dict[str, Role]:
        """Role by field."""
        return {name: _TYPES[kind][1] for name, kind in self.kinds.items()}


def _kinds(**words: str) -> dict[str, str]:
    """Kinds by field, from fields by kind."""
    return {name: kind for kind, names in words.items() for name in names.split()}


_SERVICE = ("service_id", "service_name", "app")
_USER = ("userId", "user", "uid")
_SESSION = ("sessionId", "session")
_DURATION = ("duration", "latency_ms", "response_time_ms", "response_time", "latency", "durationMs")
_ENDPOINT = ("path", "url", "route", "page")

EVENTS = Stream(
    "events",
    _kinds(
        status="type service endpoint",
        id="user_id session_id",
        number="duration_ms",
        code="status_code",
        boolean="success",
        time="timestamp",
        json="data tags",
    ),
    needs=("type",),
    also={
        "type": ("event_type", "eventType", "event", "name"),
        "service": _SERVICE,
        "user_id": _USER,
        "session_id": _SESSION,
        "endpoint": _ENDPOINT,
        "duration_ms": _DURATION,
        "status_code": ("statusCode", "http_status"),
        "data": ("metadata", "properties", "payload"),
    },
    inside=("data", "metadata", "properties"),
)
MEASUREMENTS = Stream(
    "measurements",
    _kinds(status="name service", number="value", text="unit", time="timestamp", json="tags"),
    needs=("name", "value"),
    also={
        "name": ("metric", "metric_name", "metricName"),
        "service": _SERVICE,
        "tags": ("labels",),
    },
    inside=("tags",),
)
HEARTBEATS = Stream(
    "heartbeats",
    _kinds(
        status="service status",
        integer="request_count error_count",
        number="avg_latency uptime",
        time="timestamp",
    ),
    needs=("service",),
    also={
        "service": (*_SERVICE, "name"),
        "request_count": ("requests", "requestCount", "total_requests"),
        "error_count": ("errors", "errorCount", "total_errors"),
        "avg_latency": ("avg_latency_ms", "average_latency_ms", "latency", "avgLatency"),
        "uptime": ("uptime_seconds", "uptimeSeconds"),
    },
    inside=("metrics",),
)
SERVICE_METRICS = Stream(
    "service_metrics",
    _kinds(
        status="service_id",
        number="cpu_usage memory_usage disk_usage request_rate error_rate latency cache_hit_rate",
        time="timestamp",
        json="tags metadata",
    ),
    needs=("service_id",),
    also={
        "service_id": ("service", "service_name", "serviceId"),
        "cpu_usage": ("cpu", "cpu_percent"),
        "memory_usage": ("memory", "memory_percent"),
        "disk_usage": ("disk", "disk_percent"),
        "latency": ("latency_ms", "avg_latency"),
    },
    inside=("metrics",),
)
USER_ACTIONS = Stream(
    "user_actions",
    _kinds(
        status="action service_id",
        id="user_id session_id content_id",
        text="client_ip user_agent error_message",
        number="duration_ms",
        boolean="success",
        time="timestamp",
        json="tags metadata",
    ),
    needs=("action",),
    also={
        "user_id": _USER,
        "action": ("action_type", "event_type", "type"),
        "session_id": _SESSION,
        "service_id": ("service", "service_name", "serviceId"),
        "client_ip": ("ip", "ip_address"),
        "duration_ms": ("duration", "durationMs"),
        "error_message": ("error",),
    },
)
PERFORMANCE = Stream(
    "performance",
    _kinds(
        status="service_id operation error_type",
        number="duration_ms resource_mb throughput",
        boolean="success",
        time="timestamp",
        json="tags metadata",
    ),
    needs=("operation|service_id",),
    also={
        "service_id": ("service", "service_name", "serviceId"),
        "operation": ("operation_name", "name"),
        "duration_ms": ("duration", "latency_ms", "durationMs"),
        "resource_mb": ("memory_mb", "resource_usage_mb"),
        "error_type": ("error",),
    },
)
BUSINESS = Stream(
    "business",
    _kinds(
        status="metric_type service_id",
        number="value",
        text="unit",
        time="timestamp",
        json="dimensions tags metadata",
    ),
    needs=("metric_type", "value"),
    also={
        "metric_type": ("metric_name", "metric", "name", "type"),
        "value": ("metric_value", "amount"),
        "service_id": ("service", "service_name", "serviceId"),
    },
)
TASK_RUNS = Stream(
    "task_runs",
    _kinds(
        status="task_type status",
        id="task_id",
        time="start end timestamp",
        number="duration_ms cpu_usage_percent memory_usage_mb queue_depth",
        text="error_message",
        json="context tags",
    ),
    needs=("task_id|task_type",),
    also={
        "task_id": ("id", "taskId"),
        "task_type": ("type", "name", "taskType"),
        "start": ("started_at", "start_time"),
        "end": ("ended_at", "finished_at", "end_time"),
        "duration_ms": ("duration", "durationMs"),
        "cpu_usage_percent": ("cpu_percent", "cpu"),
        "memory_usage_mb": ("memory_mb", "memory"),
        "error_message": ("error",),
        "context": ("metadata",),
    },
    times=("timestamp", "end", "start", "ts", "time"),
)

STREAMS: Mapping[str, Stream] = MappingProxyType(
    {
        each.name: each
        for each in (
            EVENTS,
            MEASUREMENTS,
            HEARTBEATS,
            SERVICE_METRICS,
            USER_ACTIONS,
            PERFORMANCE,
            BUSINESS,
            TASK_RUNS,
        )
    }
)
"""Every stream that clients post to, by the name of its table."""


HOST = Stream(
    "host",
    _kinds(
        status="host",
        number="cpu_percent memory_percent memory_used_bytes swap_percent disk_percent"
        " disk_used_bytes load_1m processes uptime_s disk_read_bytes_per_s"
        " disk_written_bytes_per_s network_sent_bytes_per_s network_received_bytes_per_s",
    ),
    needs=("host",),
)
REDIS_SERVER = Stream(
    "redis_server",
    _kinds(
        status="source",
        text="version",
        number="memory_used_bytes memory_peak_bytes memory_limit_bytes fragmentation_ratio"
        " connections blocked_clients uptime_s commands_per_s connections_per_s"
        " evicted_keys_per_s expired_keys_per_s rejected_connections_per_s cache_hit_ratio keys",
    ),
    needs=("source",),
)
_OF_SYSTEM = {each.name: each for each in (HOST, REDIS_SERVER)}


def stream_of(schema: str, table: str) -> Stream | None:
    """The stream that a table is, posted or measured; None for every other table."""
    if schema != SCHEMA:
        return None
    return STREAMS.get(table) or _OF_SYSTEM.get(table)
