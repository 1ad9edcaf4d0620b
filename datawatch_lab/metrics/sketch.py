"""Quantile sketches as rows: counts of logarithmic bins.

They merge by key with SUM, without regard to order or batching, so a sketch built in any number of
steps equals the sketch of the whole. All functions are column-wise. Source: DDSketch (Masson, Rim,
Lee; VLDB 2019). Distinct counts: see `registers`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ACCURACY = 0.005
"""Relative error of a quantile: each value is known to within this share of itself."""

_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = float(np.log(_GAMMA))
_MIDDLE = 2 / (1 + _GAMMA)
_ZERO_BELOW = 1e-12
_SHIFT = 100_000  # larger than any |log_gamma(x)| of a float64, so that positive bins stay positive


def bins_of(values: Floats) -> NDArray[np.int32]:
    """The bin of each value: order-preserving, 0 for |x| < 1e-12, negative for negative values.

    Args:
        values: finite float64; infinities and NaN are no values and must be left out before.
    """
    size = np.abs(values)
    zero = size < _ZERO_BELOW
    exponent = np.ceil(np.log(np.where(zero, 1.0, size)) / _LOG_GAMMA)
    code = np.where(zero, 0.0, np.copysign(exponent + _SHIFT, values))
    return code.astype(np.int32)


def bin_values(bins: NDArray[np.int32]) -> Floats:
    """The value that stands for each bin, within `ACCURACY` of every value in it; 0.0 for bin 0."""
    code = np.asarray(bins, dtype=np.float64)
    exponent = np.abs(code) - _SHIFT
    # exp of the whole, since gamma**exponent alone overflows for the last bin before infinity
    size = np.exp(np.minimum(exponent * _LOG_GAMMA + np.log(_MIDDLE), np.log(np.finfo(float).max)))
    return np.where(code == 0, 0.0, np.copysign(size, code))


def quantile(
    cells: Ints, bins: NDArray[np.int32], counts: Ints, q: float, low: Floats, high: Floats
) -> Floats:
    """Quantile ``q`` of many sketches at once, interpolated between ranks as numpy does by default.

    The smallest and the largest value are known exactly, so one or two values give exact results.

    Args:
        cells: number of the sketch that each row belongs to, in [0, len(low)).
        bins: bin of each row, see `bins_of`; one row a (cell, bin).
        counts: values in the bin, > 0.
        q: in [0, 1].
        low: smallest value of each sketch; results are clamped to it.
        high: largest value of each sketch; likewise.

    Returns:
        One float64 per sketch; NaN for a sketch without rows.
    """
    result = np.full(len(low), np.nan)
    if not len(cells):
        return result
    order = np.lexsort((bins, cells))
    cells, codes, counts = cells[order], bins[order], counts[order]
    starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
    totals = np.add.reduceat(counts, starts)
    before = np.cumsum(totals) - totals
    upto = np.cumsum(counts)
    rank = q * (totals - 1)
    lower = np.floor(rank).astype(np.int64)
    upper = np.minimum(lower + 1, totals - 1)
    known = cells[starts]
    values = bin_values(codes)
    bottom, top = low[known], high[known]

    def at(wanted: Ints) -> Floats:
        found = values[np.searchsorted(upto, before + wanted, side="right")]
        found = np.clip(found, bottom, top)
        return np.where(wanted == 0, bottom, np.where(wanted == totals - 1, top, found))

    left, right = at(lower), at(upper)
    share = rank - lower
    result[known] = np.clip(left * (1 - share) + right * share, bottom, top)
    return result
