"""Fewer points of a series that draw the same line: its extremes stay, its gaps stay gaps.

M4 (Jugel et al., VLDB 2014) keeps of each column of pixels the first, the last, the least and the
greatest value, so the line that is drawn through them covers the pixels that the line through all
would. The library is tsdownsample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_POINTS = 12
"""Two columns and both ends; a column takes four points of M4, and one that marks a gap."""

Places = NDArray[np.int64]


def downsample(values: NDArray[np.float64], points: int) -> Places:
    """Places of the values that are to be kept, ascending; all of them where they are few enough.

    - The least and the greatest value are kept, the first and the last, and those of each column.
    - Of each gap (values that are NaN) one place is kept, so that no line is drawn across it; where
      there are more gaps than columns, of the longest: each that is as wide as a column.

    Args:
        values: float64, evenly spaced; NaN where there is none.
        points: how many places at most, `LEAST_POINTS` or more.
    """
    if len(values) <= points:
        return np.arange(len(values))
    columns = (points - 2) // 5
    known = np.flatnonzero(~np.isnan(values))
    ends = np.array([0, len(values) - 1])
    return np.unique(
        np.concatenate([_extremes(values, known, columns), _gaps(values, columns), ends])
    )


def _extremes(values: NDArray[np.float64], known: Places, columns: int) -> Places:
    """First, last, least and greatest of each column of equal width."""
    if len(known) <= 4 * columns:
        return known
    from tsdownsample import M4Downsampler

    m4: Any = M4Downsampler
    kept: Places = m4().downsample(known, values[known], n_out=4 * columns).astype(np.int64)
    return known[kept]


def _gaps(values: NDArray[np.float64], most: int) -> Places:
    """Where the longest runs without a value begin."""
    unknown = np.isnan(values)
    edges = np.flatnonzero(np.diff(unknown, prepend=False, append=False))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    longest = np.argsort(-lengths, kind="stable")[:most]
    return starts[longest]
