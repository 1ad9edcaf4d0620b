"""Settings of a workspace that the stages and the engine read, with their defaults."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with the defaults of the product.

    Attributes:
        timezone: IANA name; governs days and ``today``.
        allowed_lateness: an event older than its source's watermark by more than this is late.
        future_tolerance: an event further ahead of the clock than this is quarantined.
        batch_events: events that the engine stores in one transaction at most.
        queue_events: events waiting for the engine before sources are told to slow down.
        role_sample: rows of a table that field roles are inferred from.
        max_label_sets: label sets a metric keeps; the rest fall into ``__other__``.
        query_timeout: a query is ended after this long.
        seconds_kept: how long the 1s level is kept, counted from the newest event of a table.
        stale_after: a source that sent nothing for this long is shown as silent.
    """

    timezone: str = "UTC"
    allowed_lateness: timedelta = timedelta(hours=24)
    future_tolerance: timedelta = timedelta(minutes=5)
    batch_events: int = 50_000
    queue_events: int = 200_000
    role_sample: int = 1_000
    max_label_sets: int = 1_000
    query_timeout: timedelta = timedelta(seconds=30)
    seconds_kept: timedelta = timedelta(hours=6)
    stale_after: timedelta = timedelta(seconds=60)
