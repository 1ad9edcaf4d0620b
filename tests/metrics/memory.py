"""A store in memory: appends partial states, merges them on read, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.storage import MeasureRead, MeasureStates
from datawatch_lab.core.values import LEVEL_SECONDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryStore:
    """Holds what `derive` gave; reads check that a span begins and ends on its level."""

    def __init__(self) -> None:
        self._parts: list[MeasureAppends] = []

    def append(self, appends: MeasureAppends) -> None:
        """Keep what a batch adds."""
        self._parts.append(appends)

    def frame(self, kind: str) -> pl.DataFrame:
        """Everything kept of ``partials``, ``bins`` or ``registers``."""
        return pl.DataFrame(pa.concat_tables([getattr(part, kind) for part in self._parts]))

    def read(self, read: MeasureRead) -> MeasureStates:
        """Merged states by group and bucket."""
        return MeasureStates(
            partials=merge_partials(self._grouped("partials", read)),
            bins=merge_bins(self._grouped("bins", read)),
            registers=merge_registers(self._grouped("registers", read)),
        )

    def span(self, series: Sequence[int]) -> tuple[datetime, datetime] | None:
        """First and last minute that any of the series has."""
        found = self.frame("partials").filter(pl.col("series").is_in(list(series)))["bucket"]
        if not len(found):
            return None
        minutes = found.dt.truncate("1m").dt.replace_time_zone("UTC")
        first, last = minutes.min(), minutes.max()
        assert isinstance(first, datetime)
        assert isinstance(last, datetime)
        return first, last + timedelta(minutes=1)

    def _grouped(self, kind: str, read: MeasureRead) -> pl.DataFrame:
        frame = self.frame(kind).with_columns(pl.col("bucket").dt.replace_time_zone("UTC"))
        inside = pl.lit(value=False)
        for span in read.spans:
            width = timedelta(seconds=LEVEL_SECONDS[span.level])
            assert not (span.start - EPOCH) % width
            assert not (span.end - EPOCH) % width
            inside |= (pl.col("bucket") >= span.start) & (pl.col("bucket") < span.end)
        groups = pl.DataFrame(
            {"series": list(read.groups), "group": list(read.groups.values())},
            schema={"series": pl.Int32, "group": pl.Int64},
        )
        found = frame.filter(inside).join(groups, on="series")
        if read.step is None:
            return found.with_columns(bucket=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
        width_us = read.step // timedelta(microseconds=1)
        origin = ((read.origin or EPOCH) - EPOCH) // timedelta(microseconds=1)
        micros = (pl.col("bucket").dt.epoch("us") - origin) // width_us * width_us + origin
        return found.with_columns(bucket=micros.cast(pl.Datetime("us", "UTC")))


def merge_partials(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Merge partial states by ``keys``, group and bucket by default."""
    by = keys or ("group", "bucket")
    whole = pl.col("exact").null_count() == 0
    return (
        frame.sort("last_at", "last_seq")
        .group_by(*by)
        .agg(
            pl.col("n").sum(),
            pl.when(pl.col("sum").count() > 0).then(pl.col("sum").sum()).alias("sum"),
            pl.when(whole).then(pl.col("exact").sum()).alias("exact"),
            pl.col("min").min(),
            pl.col("max").max(),
            pl.col("last").last(),
            pl.col("last_at").last(),
            pl.col("last_seq").last(),
        )
        .sort(*by)
    )


def merge_bins(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Merge quantile bins."""
    by = (*(keys or ("group", "bucket")), "bin")
    return frame.group_by(*by).agg(pl.col("n").sum()).sort(*by)


def merge_registers(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Merge distinct registers."""
    by = (*(keys or ("group", "bucket")), "register")
    return frame.group_by(*by).agg(pl.col("rank").max()).sort(*by)
