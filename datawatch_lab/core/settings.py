"""Settings of a workspace that the stages and the engine read, with their defaults."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from datawatch_lab.core.objectives import Objective
from datawatch_lab.core.values import Role


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says of a table.

    Attributes:
        key: key columns; None says nothing, () that rows cannot be told apart (append-only).
        roles: role by column.
        sensitive: columns that displays mask.
    """

    key: tuple[str, ...] | None = None
    roles: dict[str, Role] = {}
    sensitive: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with the defaults of the product.

    Attributes:
        timezone: IANA name; governs days and ``today``.
        auto_discover: whether tables get metrics without being asked; custom ones always work.
        allowed_lateness: an event older than its source's watermark by more than this is late.
        close_delay: a minute closes this long after its end, by the watermark of its table.
        future_tolerance: an event further ahead of the clock than this is quarantined.
        batch_events: events that the engine stores in one transaction at most; in proportion more
            where they are of more than 50 tables.
        queue_events: events waiting for the engine before sources are told to slow down.
        role_sample: rows of a table that field roles are inferred from.
        max_label_sets: label sets a metric keeps; the rest fall into ``__other__``.
        query_timeout: a query is ended after this long.
        raw_kept: how long raw changes are kept, counted from receipt.
        raw_bytes: the oldest raw changes go when they all take more than this on disk.
        seconds_kept, minutes_kept, five_minutes_kept, hours_kept, days_kept: how long the levels
            1s, 1m, 5m, 1h and 1d are kept, counted from the newest event of a table.
        sketches_kept: how long minutes keep sketches; older ones keep finalised quantiles.
        alerts_kept: how long alerts that are over, and what was told of them, are kept.
        archive: folder that takes as Parquet what is dropped; empty for none.
        stale_after: a source that sent nothing for this long is shown as silent.
        cache_live: how long an answer over a range that goes on is kept at most; none is given
            again after the data that it is made of has changed.
        cache_aggregates: the same for one value over a range that is over.
        cache_dashboards: the same for points over a range that is over.
        cache_bytes: what the answers that are kept may take; the ones used last stay.
        telemetry_window: dashboards of telemetry look back this far, from the full hour.
        telemetry_rows: newest actions and runs of the window that sessions, journeys and tasks are
            made of.
        session_gap: actions of a user without a session of their own belong to one session unless
            this long lies between them.
        service_stale_after: a service that was not heard of for this long is shown as stale.
        degraded_error_percent: errors per 100 requests from which on a service is degraded.
        unhealthy_error_percent: errors per 100 requests from which on a service is unhealthy.
        degraded_latency: average time of a request from which on a service is degraded.
        unhealthy_latency: average time of a request from which on a service is unhealthy.
        tables: keys, roles and masks by table, ``orders`` or ``sales.orders``.
        track_schema: whether there is a history of schemas.
        objectives: what should hold, and in which share of the time.
        alert_on_breaking: whether a breaking change of a schema raises an alert.
        plan: limits that are switched on: none, community, pro or enterprise.
    """

    timezone: str = "UTC"
    auto_discover: bool = True
    allowed_lateness: timedelta = timedelta(hours=24)
    close_delay: timedelta = timedelta(seconds=10)
    future_tolerance: timedelta = timedelta(minutes=5)
    batch_events: int = 50_000
    queue_events: int = 200_000
    role_sample: int = 1_000
    max_label_sets: int = 1_000
    query_timeout: timedelta = timedelta(seconds=30)
    raw_kept: timedelta = timedelta(days=7)
    raw_bytes: int = 20_000_000_000
    seconds_kept: timedelta = timedelta(hours=6)
    minutes_kept: timedelta = timedelta(days=365)
    five_minutes_kept: timedelta = timedelta(days=365)
    hours_kept: timedelta = timedelta(days=5 * 365)
    days_kept: timedelta = timedelta(days=5 * 365)
    sketches_kept: timedelta = timedelta(days=7)
    alerts_kept: timedelta = timedelta(days=90)
    archive: str = ""
    stale_after: timedelta = timedelta(seconds=60)
    cache_live: timedelta = timedelta(seconds=5)
    cache_aggregates: timedelta = timedelta(minutes=5)
    cache_dashboards: timedelta = timedelta(hours=1)
    cache_bytes: int = 64_000_000
    telemetry_window: timedelta = timedelta(hours=24)
    telemetry_rows: int = 200_000
    session_gap: timedelta = timedelta(minutes=30)
    service_stale_after: timedelta = timedelta(minutes=2)
    degraded_error_percent: int = 5
    unhealthy_error_percent: int = 20
    degraded_latency: timedelta = timedelta(seconds=1)
    unhealthy_latency: timedelta = timedelta(seconds=5)
    tables: dict[str, TableSettings] = {}
    plan: str = "none"
    track_schema: bool = True
    alert_on_breaking: bool = True
    objectives: tuple[Objective, ...] = ()
