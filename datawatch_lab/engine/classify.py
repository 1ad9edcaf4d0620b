"""What becomes of each event: applied, duplicate, late or from the future; column-wise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

APPLIED, DUPLICATE, LATE, FUTURE = "applied", "duplicate", "late", "future"


def classify(
    events: pl.DataFrame,
    watermarks: Mapping[tuple[str, int], datetime],
    *,
    received: datetime,
    allowed_lateness: timedelta,
    future_tolerance: timedelta,
) -> pl.DataFrame:
    """Add ``outcome`` to events in input order.

    An event is judged against the newest event of its source and table *before* it, so the outcome
    does not depend on how the stream is cut into batches. Events of replays (column ``replay``) are
    never late. Events without time took the time of receipt.

    Args:
        events: source, table_id, ts (Datetime[us, UTC], no nulls), seen, replay.
        watermarks: newest event time by (source, table id), from earlier batches.
        received: when the batch was taken in.
        allowed_lateness: how far behind the watermark an event may be.
        future_tolerance: how far ahead of ``received`` an event may be.
    """
    known = pl.DataFrame(
        {
            "source": [source for source, _ in watermarks],
            "table_id": [table for _, table in watermarks],
            "watermark": list(watermarks.values()),
        },
        schema={
            "source": pl.String,
            "table_id": pl.Int32,
            "watermark": pl.Datetime("us", "UTC"),
        },
    )
    ahead = pl.col("ts") > pl.lit(received + future_tolerance)
    counts = ~pl.col("seen") & ~ahead & ~pl.col("replay")
    before = (
        pl.when(counts)
        .then(pl.col("ts"))
        .otherwise(None)
        .shift(1)
        .cum_max()
        .forward_fill()
        .over("source", "table_id")
    )
    return (
        events.join(known, on=["source", "table_id"], how="left", maintain_order="left")
        .with_columns(pl.max_horizontal(before, "watermark").alias("newest"))
        .with_columns(
            pl.when("seen")
            .then(pl.lit(DUPLICATE))
            .when(ahead)
            .then(pl.lit(FUTURE))
            .when(~pl.col("replay") & (pl.col("ts") < pl.col("newest") - allowed_lateness))
            .then(pl.lit(LATE))
            .otherwise(pl.lit(APPLIED))
            .alias("outcome")
        )
        .drop("watermark", "newest")
    )


def new_watermarks(
    events: pl.DataFrame, old: Mapping[tuple[str, int], datetime]
) -> dict[tuple[str, int], datetime]:
    """Watermarks that the applied events moved forward."""
    newest = (
        events.filter((pl.col("outcome") == APPLIED) & ~pl.col("replay"))
        .group_by("source", "table_id")
        .agg(pl.col("ts").max())
    )
    moved = {}
    for source, table_id, ts in newest.iter_rows():
        before = old.get((source, table_id))
        if before is None or ts > before:
            moved[source, table_id] = ts
    return moved
