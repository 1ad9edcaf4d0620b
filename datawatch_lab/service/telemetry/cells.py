"""Counts of calls by time, service, kind and endpoint, kept up row by row, read in milliseconds.

They merge by sum, so rows may come in any order and any batches. Cells of a second are kept for ten
minutes, cells of a minute for the window, latencies as sketches (see `metrics.sketch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from datawatch_lab.engine.telemetry import bins_of, quantile
from datawatch_lab.service.telemetry.calls import SCHEMA

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

OTHER = "__other__"
"""Endpoints beyond the most frequent ones fall into this."""

MOST_NAMES = 2_000

_SECONDS_KEPT = timedelta(minutes=10)
_KEYS = ("at", "service", "kind", "name")
_BIN_KEYS = ("at", "service", "kind", "bin")
_SLACK = 10_000  # rows that may be added before cells of one key are merged

_SUMS = ("n", "errors", "timed", "sum")
_EMPTY = pl.DataFrame(
    schema={name: SCHEMA[name] for name in _KEYS}
    | {name: pl.Int64() if name == "timed" else pl.Float64() for name in (*_SUMS, "low", "high")}
)
_NO_BINS = pl.DataFrame(
    schema={name: SCHEMA[name] for name in _KEYS[:3]} | {"bin": pl.Int32(), "n": pl.Int64()}
)
_MERGE = (
    *(pl.col(name).sum() for name in _SUMS),
    pl.col("low").min(),
    pl.col("high").max(),
)


class Cells:
    """Counts of calls; one thread changes it.

    Attributes:
        seconds, minutes: at, service, kind, name; n (events), errors, timed (calls with a time),
            sum, low, high (ms). Several rows of a key may stand; they add up.
        bins: at (minute), service, kind, bin, n.
    """

    def __init__(self) -> None:
        self.seconds = _EMPTY
        self.minutes = _EMPTY
        self.bins = _NO_BINS
        self._merged = 0
        self._merged_bins = 0

    def add(self, calls: pl.DataFrame, now: datetime) -> None:
        """Count calls, see `calls.SCHEMA`."""
        if calls.is_empty():
            return
        recent = calls.filter(pl.col("at") >= now - _SECONDS_KEPT)
        self.seconds = pl.concat([self.seconds, _cells(recent, "1s")])
        self.minutes = pl.concat([self.minutes, _cells(calls, "1m")])
        timed = calls.drop_nulls("value")
        if timed.height:
            codes = pl.Series("bin", bins_of(timed["value"].to_numpy()))
            self.bins = pl.concat([self.bins, _bins(timed.with_columns(codes))])

    def drop(self, since: datetime, now: datetime) -> None:
        """Forget what lies before the window, and merge cells of one key where that pays.

        Args:
            since: start of the window, a full minute.
            now: the present.
        """
        recent = now - _SECONDS_KEPT
        if not self.seconds.is_empty():
            self.seconds = self.seconds.filter(pl.col("at") >= recent)
        if self.minutes.height > 2 * self._merged + _SLACK:
            kept = self.minutes.filter(pl.col("at") >= since)
            self.minutes = _few_names(kept).group_by(_KEYS).agg(_MERGE)
            self._merged = self.minutes.height
        if self.bins.height > 2 * self._merged_bins + _SLACK:
            kept = self.bins.filter(pl.col("at") >= since)
            self.bins = kept.group_by(_BIN_KEYS).agg(pl.col("n").sum())
            self._merged_bins = self.bins.height


def _cells(calls: pl.DataFrame, every: str) -> pl.DataFrame:
    keys = [pl.col("at").dt.truncate(every), *_KEYS[1:]]
    value = pl.col("value")
    return calls.group_by(keys).agg(
        n=pl.col("weight").sum(),
        errors=pl.col("errors").sum(),
        timed=value.count().cast(pl.Int64),
        sum=value.sum(),
        low=value.min(),
        high=value.max(),
    )


def _bins(timed: pl.DataFrame) -> pl.DataFrame:
    keys = [pl.col("at").dt.truncate("1m"), *_BIN_KEYS[1:]]
    return timed.group_by(keys).agg(n=pl.len().cast(pl.Int64))


def _few_names(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells of at most `MOST_NAMES` names, the most frequent; the rest under `OTHER`."""
    if cells["name"].n_unique() <= MOST_NAMES:
        return cells
    often = cells.group_by("name").agg(pl.col("n").sum()).top_k(MOST_NAMES, by="n")["name"]
    return cells.with_columns(
        name=pl.when(pl.col("name").is_in(often.implode())).then("name").otherwise(pl.lit(OTHER))
    )


def totals(cells: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Cells merged by some of their keys (none: one row): n, errors, timed, sum, low, high."""
    return cells.group_by(by).agg(_MERGE) if by else cells.select(_MERGE)


def quantiles(cells: pl.DataFrame, bins: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """``by`` and p50, p95, p99 (ms), within 0.5 %; keys without a time have no row.

    Args:
        cells: minutes.
        bins: of the same minutes.
        by: keys, of at, service and kind.
    """
    heads = totals(cells.filter(pl.col("timed") > 0), by).with_row_index("cell")
    merged = bins.group_by(*by, "bin").agg(pl.col("n").sum()).join(heads.drop("n"), on=by)
    numbers = merged["cell"].to_numpy().astype(np.int64)
    codes, counts = merged["bin"].to_numpy(), merged["n"].to_numpy()
    low, high = heads["low"].to_numpy(), heads["high"].to_numpy()
    return heads.select(by).with_columns(
        pl.Series(name, quantile(numbers, codes, counts, share, low, high))
        for name, share in QUANTILES.items()
    )
