"""Telemetry as the first older service has it: events, measurements, heartbeats, its dashboard."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.telemetry import define_measured, newest_rows, take_rows
from datawatch_lab.service.answers import EventOutcome
from datawatch_lab.service.operation import API, Nothing, operation
from datawatch_lab.service.telemetry.lists import posted_event
from datawatch_lab.service.telemetry.shapes import Dashboard, Service, ServiceDetail
from datawatch_lab.service.telemetry.snapshots import Telemetry, dashboard_snapshot
from datawatch_lab.service.telemetry.vitals import Vitals, vitals

MOST_LISTED = 10_000
"""Rows that a list of events has at most."""

LISTED = 100
"""Rows that it has unless told otherwise."""


class PostedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Telemetry as it came over HTTP.

    Attributes:
        body: one JSON object, an array, an object that holds a list (``{"events": […]}``), or
            NDJSON.
        content_type: of the body, e.g. ``application/x-ndjson``; '' for JSON.
        content_encoding: ``gzip``, ``zstd`` or ''.
        wait: answer once it is in metrics, and wait for room instead of answering 429.
    """

    body: bytes
    content_type: str = ""
    content_encoding: str = ""
    wait: bool = False


class PostedAnswer(msgspec.Struct, frozen=True):
    """What became of posted telemetry.

    Attributes:
        status: ``accepted``, or ``partial`` when something was set aside.
        id: of the only row; '' for several.
        events: the outcome of each, in the order of the body.
    """

    status: str
    id: str
    received: int
    applied: int
    duplicate: int
    late: int
    quarantined: int
    events: list[EventOutcome]


def take(engine: Engine, stream: str, ask: PostedAsk) -> PostedAnswer:
    """Store what was posted to a stream.

    Raises:
        InputError: the only row is malformed; it is in the quarantine all the same.
    """
    return _answer(
        stream,
        take_rows(
            engine,
            stream,
            ask.body,
            content_type=ask.content_type,
            content_encoding=ask.content_encoding,
            wait=ask.wait,
        ),
    )


def _answer(stream: str, receipt: Receipt) -> PostedAnswer:
    outcomes = [EventOutcome(index, *row) for index, row in enumerate(receipt.told())]
    counts = receipt.counts
    if counts.received == 1 and counts.quarantined == 1:
        raise InputError(
            f"{outcomes[0].reason.rstrip('.')}.",
            hint="It is kept in the quarantine; docs/telemetry.md has the fields of each stream.",
            details={"stream": stream, "outcome": msgspec.to_builtins(outcomes[0])},
        )
    return PostedAnswer(
        status="partial" if counts.late or counts.quarantined else "accepted",
        id=outcomes[0].id if len(outcomes) == 1 else "",
        received=counts.received,
        applied=counts.applied,
        duplicate=counts.duplicate,
        late=counts.late,
        quarantined=counts.quarantined,
        events=outcomes,
    )


@operation("POST", "/events", role="editor", status=202, binary=True)
def track_events(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take application events in: type, service, user_id, timestamp, data, tags."""
    return take(engine, "events", ask)


class EventsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events.

    Attributes:
        type: only of this type.
        service: only of this service.
        limit: most events.
    """

    type: str | None = None
    service: str | None = None
    limit: int = LISTED


class EventsListed(msgspec.Struct, frozen=True):
    """Events as they were posted, newest first."""

    events: list[dict[str, Any]]
    count: int
    limit: int


@operation("GET", "/events")
def list_events(engine: Engine, ask: EventsWanted) -> EventsListed:
    """The newest application events, with all that they carry."""
    rows = newest_rows(
        engine,
        "events",
        lambda found: _having(found, {"type": ask.type, "service": ask.service}),
        checked_limit(ask.limit),
    )
    masked = not current_who().sees_sensitive
    telemetry = engine.beside(Telemetry)
    events = [telemetry.event(each, masked=masked) for each in rows]
    return EventsListed(events, len(events), ask.limit)


def checked_limit(limit: int) -> int:
    """The limit of a list.

    Raises:
        InputError: it is none.
    """
    if not 1 <= limit <= MOST_LISTED:
        raise InputError(f"limit {limit} is not possible; it goes from 1 to {MOST_LISTED:,}.")
    return limit


def _having(rows: pl.DataFrame, wanted: dict[str, str | None]) -> pl.DataFrame:
    """Rows whose fields have these values; None is any."""
    for name, value in wanted.items():
        if value is not None:
            rows = rows.filter(pl.col("after").str.json_path_match(f"$.{name}") == value)
    return rows


@operation("POST", "/metrics", role="editor", status=202, binary=True)
def record_measurements(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take measurements in: name, value, unit, tags."""
    answer = take(engine, "measurements", ask)
    define_measured(engine)
    return answer


class MeasurementsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which measurements.

    Attributes:
        name: only of this name.
        service: only of this service.
        limit: most measurements.
    """

    name: str | None = None
    service: str | None = None
    limit: int = LISTED


class MeasurementsListed(msgspec.Struct, frozen=True):
    """Measurements as they were posted, newest first."""

    metrics: list[dict[str, Any]]
    count: int
    limit: int


@operation("GET", "/metrics")
def list_measurements(engine: Engine, ask: MeasurementsWanted) -> MeasurementsListed:
    """The newest measurements; for ``Accept: text/plain`` the server's own state."""
    rows = newest_rows(
        engine,
        "measurements",
        lambda found: _having(found, {"name": ask.name, "service": ask.service}),
        checked_limit(ask.limit),
    )
    masked = not current_who().sees_sensitive
    fields: dict[str, Any] = {
        "name": None,
        "value": None,
        "unit": None,
        "service": None,
        "tags": {},
    }
    found = [posted_event(engine, "measurements", each, fields, masked=masked) for each in rows]
    return MeasurementsListed(found, len(found), ask.limit)


@operation("POST", "/heartbeat", role="editor", status=202, binary=True)
def post_heartbeat(engine: Engine, ask: PostedAsk) -> PostedAnswer:
    """Take a heartbeat in: service, status, request_count, error_count, avg_latency, uptime."""
    return take(engine, "heartbeats", ask)


@operation("GET", "/dashboard")
def service_dashboard(engine: Engine, ask: Nothing) -> Dashboard:
    """All services at a glance: overview, services, the last minute; error rates in percent."""
    del ask
    return dashboard_snapshot(engine)


@operation("GET", "/services")
def list_services(engine: Engine, ask: Nothing) -> list[Service]:
    """Every service that was heard of: status, uptime, requests, errors, latency."""
    del ask
    return engine.beside(Telemetry).services()


class ServiceAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which service."""

    service: str


@operation("GET", "/services/{service}/metrics")
def service_metrics(engine: Engine, ask: ServiceAsk) -> ServiceDetail:
    """One service in full: quantiles of its latency, top endpoints, its newest measurements."""
    return engine.beside(Telemetry).service(ask.service)


@operation("GET", f"{API}/vitals")
def server_vitals(engine: Engine, ask: Nothing) -> Vitals:
    """The server's own state in numbers: counts, backlog, commit times, connections."""
    del ask
    return vitals(engine)
