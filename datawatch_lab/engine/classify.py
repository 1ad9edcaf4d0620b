"""What becomes of each event: applied, duplicate, late or from the future; column-wise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

APPLIED, DUPLICATE, LATE, FUTURE = "applied", "duplicate", "late", "future"

_BACKFILL = " (back-fill)"


def own_mark(source: str) -> str:
    """Name that the watermarks of a source's back-fill go by: they are not those of its stream.

    >>> own_mark("shop")
    'shop (back-fill)'
    """
    return source + _BACKFILL


def is_backfill_mark(name: str) -> bool:
    """Whether a watermark's name is one that `own_mark` made."""
    return name.endswith(_BACKFILL)


def classify(
    events: pl.DataFrame,
    watermarks: Mapping[tuple[str, int], datetime],
    *,
    received: datetime,
    allowed_lateness: timedelta,
    future_tolerance: timedelta,
) -> pl.DataFrame:
    """Add ``outcome`` and ``newest`` to events in input order.

    An event is judged against the newest event of its source and table *before* it, so the outcome
    does not depend on how the stream is cut into batches. Events of replays and back-fills (column
    ``replay``) are never late, and nothing is judged against them. Events without time took the
    time of receipt. ``newest`` is the watermark that an event was judged against; null for none.

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
        .drop("watermark")
    )


def new_watermarks(
    events: pl.DataFrame, old: Mapping[tuple[str, int], datetime]
) -> dict[tuple[str, int], datetime]:
    """Watermarks that the applied events moved forward.

    Those of a back-fill (column ``backfill``, where there is one) stand under `own_mark`. Events of
    replays move none.
    """
    backfill = pl.col("backfill") if "backfill" in events.columns else pl.lit(value=False)
    source = pl.when(backfill).then(pl.col("source") + _BACKFILL).otherwise("source")
    newest = (
        events.filter((pl.col("outcome") == APPLIED) & (~pl.col("replay") | backfill))
        .group_by(source.alias("source"), "table_id")
        .agg(pl.col("ts").max())
    )
    moved = {}
    for source, table_id, ts in newest.iter_rows():
        before = old.get((source, table_id))
        if before is None or ts > before:
            moved[source, table_id] = ts
    return moved
