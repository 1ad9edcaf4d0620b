"""Rules over many rows: ``mean``, ``quantile``, ``stddev`` and ``distribution_drift`` of a window.

Each batch adds moments and bins of a sketch by minute, which merge with sum; a window is judged
from what its minutes add up to. So the verdict does not depend on batches, and a late row corrects
it. Drift is the population stability index (Siddiqi, Credit Risk Scorecards, 2006) over the deciles
of the baseline; above 0.2 a population is taken as changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.images import Floats, Images, Ints
from datawatch_lab.quality.ranges import between

LEAST_ROWS = 10
"""Values that a window must have before it is judged."""

DRIFTED = 0.2
"""Index above which a distribution has drifted, unless the rule has a ``max``."""

_CLASSES = 10
_INSERTS = (ord("c"), ord("r"))
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Sketch:
    """How values become bins, and bins values again; brought by the engine."""

    bins_of: Callable[[Floats], NDArray[np.int32]]
    values_of: Callable[[NDArray[np.int32]], Floats]


@dataclass(frozen=True)
class States:
    """What a batch adds to a rule: frames of minute, n, sum, squares and of minute, bin, n."""

    moments: pl.DataFrame
    bins: pl.DataFrame


def states_of(rule: Rule, images: Images, kept: NDArray[np.bool_], sketch: Sketch) -> States:
    """The states of inserted values; what is no number is no value.

    Args:
        rule: of the family ``aggregate``.
        images: of its table.
        kept: those that its filter lets through.
        sketch: see `Sketch`.
    """
    values, valid = images.numbers(rule.field)
    looked = valid & images.filled(rule.field) & kept & np.isin(images.op, _INSERTS)
    mine = pl.DataFrame({"minute": images.minute[looked], "value": values[looked]})
    moments = mine.group_by("minute").agg(
        n=pl.len().cast(pl.Int64),
        sum=pl.col("value").sum(),
        squares=(pl.col("value") ** 2).sum(),
    )
    if rule.rule not in ("quantile", "distribution_drift"):
        return States(moments, pl.DataFrame(schema=_BINS))
    binned = mine.with_columns(bin=pl.Series(sketch.bins_of(mine["value"].to_numpy())))
    return States(moments, binned.group_by("minute", "bin").agg(n=pl.len().cast(pl.Int64)))


_BINS = {"minute": pl.Int64(), "bin": pl.Int32(), "n": pl.Int64()}


@dataclass(frozen=True)
class Window:
    """What a window adds up to.

    Attributes:
        n: values.
        total, squares: their sum and the sum of their squares.
        bins, counts: of its sketch, ascending.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    bins: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    counts: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Judged:
    """A window as a rule finds it: the value, in words too; ``ok`` is None when it is too small."""

    ok: bool | None
    value: float
    words: str


def judge(rule: Rule, window: Window, before: Window, sketch: Sketch) -> Judged:
    """Whether a window keeps to a rule.

    Args:
        rule: of the family ``aggregate``.
        window: to be judged.
        before: what the baseline adds up to, for drift.
        sketch: see `Sketch`.
    """
    if window.n < LEAST_ROWS:
        return Judged(None, float("nan"), f"only {window.n} values")
    if rule.rule == "distribution_drift":
        return _drift(rule, window, before, sketch)
    value = _value(rule, window, sketch)
    ok = bool(between(rule, np.array([value]))[0])
    return Judged(ok, value, f"{_name(rule)} of {rule.field} is {value:.6g}{_bounds(rule)}")


def _value(rule: Rule, window: Window, sketch: Sketch) -> float:
    mean = window.total / window.n
    if rule.rule == "mean":
        return mean
    if rule.rule == "stddev":
        spread = max(window.squares - window.n * mean * mean, 0.0)
        return float(np.sqrt(spread / (window.n - 1)))
    wanted = 0.5 if rule.quantile is None else rule.quantile
    return _quantile(window, wanted, sketch)


def _quantile(window: Window, wanted: float, sketch: Sketch) -> float:
    """The value whose rank is at ``wanted``, to within the accuracy of the sketch."""
    rank = np.floor(wanted * (window.n - 1))
    place = np.searchsorted(np.cumsum(window.counts), rank, side="right")
    return float(sketch.values_of(window.bins[[place]].astype(np.int32))[0])


def _drift(rule: Rule, window: Window, before: Window, sketch: Sketch) -> Judged:
    if before.n < 10 * LEAST_ROWS:
        return Judged(None, float("nan"), f"the baseline has only {before.n} values")
    shares = np.linspace(0, 1, _CLASSES + 1)[1:-1]
    ranks = np.floor(shares * (before.n - 1))
    places = np.searchsorted(np.cumsum(before.counts), ranks, side="right")
    edges = np.unique(before.bins[places])
    expected, found = _shares(before, edges), _shares(window, edges)
    value = float(np.sum((found - expected) * np.log(found / expected)))
    limit = DRIFTED if rule.max is None else float(rule.max)
    medians = [_quantile(each, 0.5, sketch) for each in (before, window)]
    words = (
        f"{rule.field} drifted: stability index {value:.3g}, limit {limit:g}; "
        f"median {medians[0]:.6g} before, {medians[1]:.6g} now"
    )
    return Judged(value <= limit, value, words)


def _shares(window: Window, edges: Ints) -> Floats:
    """Share of a window in each class between edges; none is 0, so that logarithms exist."""
    places = np.searchsorted(edges, window.bins, side="left")
    counts = np.bincount(places, weights=window.counts, minlength=len(edges) + 1)
    shares = np.maximum(counts / window.n, _LEAST_SHARE)
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _name(rule: Rule) -> str:
    if rule.rule != "quantile":
        return {"mean": "mean", "stddev": "standard deviation"}[rule.rule]
    return f"{0.5 if rule.quantile is None else rule.quantile:g} quantile"


def _bounds(rule: Rule) -> str:
    parts = []
    if rule.min is not None:
        parts.append(f"at least {rule.min:g}" if not isinstance(rule.min, str) else rule.min)
    if rule.max is not None:
        parts.append(f"at most {rule.max:g}" if not isinstance(rule.max, str) else rule.max)
    return f" (should be {' and '.join(parts)})"
