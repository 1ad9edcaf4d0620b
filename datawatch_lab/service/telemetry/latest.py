"""The newest word on each thing, and counts by hour: small tables that rows are merged into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

MOST_KEYS = 100_000
"""Things that are remembered; beyond that, those heard of longest ago are forgotten."""

_KEPT_ERRORS = 5_000


def newest(known: pl.DataFrame | None, rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Per key the newest value of each field, with ``at`` and ``first`` (newest, oldest time).

    A field that the newest row does not have keeps the value that it had.

    Args:
        known: from the last call.
        rows: ``at``, ``seq`` (order among equal times), ``first``, the keys and the fields.
        by: keys.
    """
    whole = rows if known is None else pl.concat([known, rows], how="diagonal_relaxed")
    fields = [name for name in whole.columns if name not in (*by, "at", "first", "seq")]
    merged = (
        whole.sort("at", "seq")
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("at", "seq").last(),
            pl.col("first").min(),
            *(pl.col(name).drop_nulls().last() for name in fields),
        )
    )
    return merged if merged.height <= MOST_KEYS else merged.top_k(MOST_KEYS, by="at")


def add_users(known: pl.DataFrame | None, calls: pl.DataFrame) -> pl.DataFrame:
    """Calls by hour and user: ``at`` (hour), user, n, errors, last."""
    added = (
        calls.drop_nulls("user")
        .group_by(pl.col("at").dt.truncate("1h").alias("hour"), "user")
        .agg(
            n=pl.col("weight").sum(),
            errors=pl.col("errors").sum(),
            last=pl.col("at").max(),
        )
        .rename({"hour": "at"})
    )
    return added if known is None else merge_users(pl.concat([known, added]))


def merge_users(users: pl.DataFrame) -> pl.DataFrame:
    """One row an hour and user."""
    return users.group_by("at", "user").agg(pl.col("n", "errors").sum(), pl.col("last").max())


def add_failures(known: pl.DataFrame | None, failures: pl.DataFrame) -> pl.DataFrame:
    """Failures by hour, service and error: ``at`` (hour), service, error, n, last."""
    added = (
        failures.group_by(pl.col("at").dt.truncate("1h").alias("hour"), "service", "error")
        .agg(n=pl.len().cast(pl.Int64), last=pl.col("at").max())
        .rename({"hour": "at"})
    )
    if known is None:
        return added
    merged = (
        pl.concat([known, added])
        .group_by("at", "service", "error")
        .agg(pl.col("n").sum(), pl.col("last").max())
    )
    return merged if merged.height <= _KEPT_ERRORS else merged.top_k(_KEPT_ERRORS, by="n")


def within(table: pl.DataFrame | None, since: datetime) -> pl.DataFrame | None:
    """Rows of the window."""
    return None if table is None else table.filter(pl.col("at") >= since)
