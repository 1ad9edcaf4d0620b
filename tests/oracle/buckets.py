"""Rows of a measure to one value per bucket: sums exact, quantiles as numpy has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

import numpy as np

SECOND = 1_000_000
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

Points = dict[int, float]
"""Start of a bucket, µs since the epoch -> value."""


@dataclass(frozen=True)
class Rows:
    """The rows of a measure in order of (event time, place in the file)."""

    at: np.ndarray
    values: list[Any]

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def floats(self) -> np.ndarray:
        """The values, each rounded to the nearest double."""
        return np.array([float(v) for v in self.values])

    @cached_property
    def codes(self) -> np.ndarray:
        """A number per distinct value."""
        known = {value: code for code, value in enumerate(dict.fromkeys(self.values))}
        return np.array([known[value] for value in self.values], dtype=np.int64)


@dataclass(frozen=True)
class _Grouped:
    """Rows with the bucket of each, where each bucket starts, and how many it has."""

    rows: Rows
    buckets: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    seconds: float


def by_bucket(rows: Rows, buckets: np.ndarray, how: str, seconds: float) -> Points:
    """One value per bucket; rows are in order of time, so ``buckets`` ascend.

    Args:
        rows: of one measure and label.
        buckets: start of the bucket of each row.
        how: the aggregation.
        seconds: width of a bucket, for rates.
    """
    if not len(rows):
        return {}
    starts = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    counts = np.diff(np.append(starts, len(rows)))
    found = _HOW[how](_Grouped(rows, buckets, starts, counts, seconds))
    return dict(zip(buckets[starts].tolist(), map(float, found), strict=True))


def sums(rows: Rows, buckets: np.ndarray) -> dict[int, Decimal]:
    """Exact sums by bucket: 80 digits hold any sum of the numbers planted."""
    found: dict[int, Decimal] = {}
    with localcontext(prec=80):
        for bucket, value in zip(buckets.tolist(), rows.values, strict=True):
            found[bucket] = found.get(bucket, Decimal(0)) + value
    return found


def running(kind: str, rows: Rows, ends: np.ndarray, width: int) -> Points:
    """Value at the end of each bucket: rows there are, or seconds since the newest value."""
    upto = np.searchsorted(rows.at, ends)
    values = np.array([int(v) for v in rows.values], dtype=np.int64)
    starts = (ends - width).tolist()
    if kind == "newest":
        newest = np.maximum.accumulate(values)
        ages = (ends - newest[upto - 1]) / SECOND
        return {s: float(a) for s, a, n in zip(starts, ages, upto, strict=True) if n}
    totals = np.concatenate(([0], np.cumsum(values)))
    return dict(zip(starts, map(float, totals[upto]), strict=True))


def _avg(g: _Grouped) -> list[Decimal]:
    with localcontext(prec=80):
        totals = sums(g.rows, g.buckets).values()
        return [total / n for total, n in zip(totals, g.counts.tolist(), strict=True)]


def _distinct(g: _Grouped) -> np.ndarray:
    place = np.repeat(np.arange(len(g.starts)), g.counts)
    pairs = np.unique(np.stack([place, g.rows.codes]), axis=1)
    return np.bincount(pairs[0], minlength=len(g.starts))


def _quantile(q: float) -> Callable[[_Grouped], np.ndarray]:
    """``numpy.percentile`` of every bucket at once."""

    def of(g: _Grouped) -> np.ndarray:
        values = g.rows.floats[np.lexsort((g.rows.floats, g.buckets))]
        rank = q * (g.counts - 1)
        low = np.floor(rank).astype(np.int64)
        high = np.minimum(low + 1, g.counts - 1)
        below, above = values[g.starts + low], values[g.starts + high]
        return np.asarray(below + (above - below) * (rank - low))

    return of


_HOW: dict[str, Callable[[_Grouped], Any]] = {
    "avg": _avg,
    "sum": lambda g: sums(g.rows, g.buckets).values(),
    "count": lambda g: g.counts,
    "rate": lambda g: g.counts / (g.seconds / 60),
    "distinct": _distinct,
    "min": lambda g: np.minimum.reduceat(g.rows.floats, g.starts),
    "max": lambda g: np.maximum.reduceat(g.rows.floats, g.starts),
    "last": lambda g: g.rows.floats[g.starts + g.counts - 1],
    **{name: _quantile(q) for name, q in QUANTILES.items()},
}
AGGREGATIONS = tuple(_HOW)
