"""`tails` over whole histories at once: the same numbers.

Bins stand still between two rows that shift them, and there are few of those; up to a row after
which the tails begin anew, everything is a sum over the rows before, bin by bin.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.tails import (
    ALIKE,
    BINS,
    BLIND,
    BLIND_YOUNG,
    FLOOR,
    HALF_LIFE,
    LOWEST,
    PER_OCTAVE,
    PRIOR,
    YOUNG,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class _Binned(NamedTuple):
    """Rows of one part, in bins.

    Attributes:
        bins: of each, as its size says.
        before, after: number of the lowest bin before and after each.
    """

    bins: Ints
    before: Ints
    after: Ints


def surprises_history(sizes: Floats) -> Floats:
    """−log10 of the share of rows before that were at least as large, see `tails.Tail`.

    Args:
        sizes: shape (rows, parts), of parts that begin anew together.
    """
    logs = PER_OCTAVE * np.log2(sizes + FLOOR)
    found = np.empty_like(sizes)
    first = 0
    while first < len(sizes):
        part = logs[first:]
        weights = np.exp2(np.arange(1, len(part) + 1) / HALF_LIFE)
        binned = [_binned(part[:, each]) for each in range(part.shape[1])]
        upto = min(_sighted(each, weights) for each in binned)
        for each, one in enumerate(binned):
            mine = _Binned(*(column[:upto] for column in one))
            found[first : first + upto, each] = _surprises(part[:upto, each], mine, weights[:upto])
        first += upto
    return found


def _binned(logs: Floats) -> _Binned:
    """Put rows into bins, which shift as `Tail.add` shifts them."""
    bins = np.floor(logs).astype(np.int64)
    after = np.maximum.accumulate(np.maximum(bins - BINS + 1, LOWEST))
    return _Binned(bins, np.concatenate([[LOWEST], after[:-1]]), after)


def _sighted(binned: _Binned, weights: Floats) -> int:
    """Rows up to the one after which the tail is blind; all if it never is."""
    count = len(binned.bins)
    if not count or binned.after[-1] == LOWEST:
        return count
    total = np.cumsum(weights)
    least = total * np.where(total < YOUNG * weights, BLIND_YOUNG, BLIND)
    cuts = [*np.flatnonzero(np.diff(binned.after, prepend=LOWEST)).tolist(), count]
    for first, last in pairwise(cuts):
        larger = binned.bins[:last] > binned.after[first]
        blind = np.cumsum(np.where(larger, weights[:last], 0.0))[first:] < least[first:last]
        if blind.any():
            return first + int(blind.argmax()) + 1
    return count


def _surprises(logs: Floats, binned: _Binned, weights: Floats) -> Floats:
    """Surprises of rows among which nothing begins anew."""
    bins, lowest = binned.bins, binned.before
    asked = np.maximum(bins, lowest)
    part = np.where(bins < lowest, 0.0, logs - bins)
    prior = PRIOR * np.exp2(np.arange(len(logs)) / HALF_LIFE)
    total = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    above = np.zeros(len(logs))
    larger = np.zeros(len(logs))
    for each in np.unique(np.concatenate([bins, asked]))[::-1].tolist():
        here = np.cumsum(np.where(bins == each, weights, 0.0))
        seen = np.concatenate([[0.0], here[:-1]])
        rows = np.flatnonzero(asked == each)
        same = np.where(asked[rows] <= lowest[rows], total[rows] - larger[rows], seen[rows])
        above[rows] = larger[rows] + same * (1.0 - (1.0 - ALIKE) * part[rows])
        larger += seen
    above[asked - lowest >= BINS] = 0.0
    return np.asarray(-np.log10((above + prior) / (total + 2.0 * prior)))
