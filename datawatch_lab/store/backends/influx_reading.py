"""What InfluxDB is asked for states, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from datawatch_lab.core.backends import Asked
from datawatch_lab.store.backends.hours import Stretch
from datawatch_lab.store.backends.influx_hours import HOURS
from datawatch_lab.store.backends.influx_lines import STATES, nanos


def select(fields: str, asked: Asked, part: Stretch) -> str:
    """The question about a stretch of hours or minutes."""
    in_hours, start, end = part
    where = f"time >= {nanos(start)} AND time < {nanos(end)}"
    keys = "|".join(asked.series)
    buckets = '"series"'
    if asked.step is not None:
        width = int(asked.step.total_seconds())
        offset = int(asked.start.timestamp()) % width
        buckets += f", time({width}s, {offset}s)"
    return (
        f"SELECT {fields} FROM {HOURS if in_hours else STATES} "
        f'WHERE {where} AND "series" =~ /^({keys})$/ '
        f'AND "n" != 0 GROUP BY {buckets}' + (" fill(none)" if asked.step else "")
    )


def joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Merged states of hours and of minutes; a bucket may have both."""
    if len(frames) == 1:
        return frames[0]
    newest = pl.col("last").sort_by("last_at").last()
    return (
        pl.concat(frames)
        .group_by("series", "bucket")
        .agg(
            pl.col("n").sum(),
            pl.when(pl.col("sum").count() > 0).then(pl.col("sum").sum()).alias("sum"),
            pl.col("min").min(),
            pl.col("max").max(),
            newest.alias("last"),
            pl.col("last_at").max(),
        )
    )


def frame_of(result: Mapping[str, Any], parts: Sequence[str], asked: Asked) -> pl.DataFrame:
    """A result as series, bucket and parts."""
    frames = []
    for each in result.get("series", ()):
        columns = list(zip(*each["values"], strict=True))
        named = dict(zip(each["columns"], columns, strict=True))
        times = pl.Series(named["time"], dtype=pl.Int64) // 1_000
        bucket = times.cast(pl.Datetime("us", "UTC"))
        if asked.step is None:
            bucket = pl.Series([None] * len(times), dtype=pl.Datetime("us", "UTC"))
        kinds = {"n": pl.Int64(), "last_at": pl.Int64()}
        cells = {
            part: pl.Series(named[part], dtype=kinds.get(part, pl.Float64()), strict=False)
            for part in dict.fromkeys(parts)
        }
        key = [each["tags"]["series"]] * len(times)
        frames.append(pl.DataFrame({"series": key, "bucket": bucket, **cells}))
    if frames:
        return pl.concat(frames)
    kinds = {"n": pl.Int64(), "last_at": pl.Int64()}
    empty: dict[str, Any] = {"series": pl.String(), "bucket": pl.Datetime("us", "UTC")}
    return pl.DataFrame(schema=empty | {each: kinds.get(each, pl.Float64()) for each in parts})
