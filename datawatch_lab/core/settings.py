"""Settings of a workspace that the stages and the engine read, with their defaults."""

from __future__ import annotations

from datetime import timedelta

import msgspec

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
        allowed_lateness: an event older than its source's watermark by more than this is late.
        close_delay: a minute closes this long after its end, by the watermark of its table.
        future_tolerance: an event further ahead of the clock than this is quarantined.
        batch_events: events that the engine stores in one transaction at most.
        queue_events: events waiting for the engine before sources are told to slow down.
        role_sample: rows of a table that field roles are inferred from.
        max_label_sets: label sets a metric keeps; the rest fall into ``__other__``.
        query_timeout: a query is ended after this long.
        raw_kept: how long raw changes are kept, counted from receipt.
        raw_bytes: the oldest raw changes go when they all take more than this on disk.
        seconds_kept, minutes_kept, five_minutes_kept, hours_kept, days_kept: how long the levels
            1s, 1m, 5m, 1h and 1d are kept, counted from the newest event of a table.
        sketches_kept: how long minutes keep sketches; older ones keep finalised quantiles.
        archive: folder that takes as Parquet what is dropped; empty for none.
        stale_after: a source that sent nothing for this long is shown as silent.
        tables: keys, roles and masks by table, ``orders`` or ``sales.orders``.
    """

    timezone: str = "UTC"
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
    archive: str = ""
    stale_after: timedelta = timedelta(seconds=60)
    tables: dict[str, TableSettings] = {}
