"""One score of two: a row that is strange in itself, and a shift of level over some rows.

`MetricDetector` says how rare a row is; `levels` how far some rows together are off their hour.
Both are put on the scale of `sensitivity.threshold`, and the larger one counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.beneath import Footing
from datawatch_lab.anomaly.levels import SPARSE, Shift

Floats = NDArray[np.float64]

SHIFT_UNIT = 0.44
"""Of the scale for one standard deviation of a shift: five of them are the medium threshold."""

ALONE = 0.5
"""Taken off the score of a single row, which series with long tails reach now and then."""

EARLY_UNIT = 0.22
"""The same for a single row while there is no baseline for its hour: ten of them are medium."""

FAR_BY_MINUTE, FAR_BY_HOUR = 8.0, 4.0
"""Least distance from what was expected, in standard deviations, for a single row to count."""


SHARE_LEAST = 0.02
"""Standard deviation that a share, such as that of nulls, has at least: the null that comes once
among ten rows, after days without one, is no news."""


class Combined(NamedTuple):
    """Scores of rows on the scale of thresholds, and the bands they are set against.

    Attributes:
        score: ≥ 0; 0 while nothing is known.
        expected: middle of the band; NaN while nothing is known.
        sigma: standard deviation around it, > 0.
        shift: of level, in standard deviations, signed; 0 while unknown.
    """

    score: Floats
    expected: Floats
    sigma: Floats
    shift: Floats


def combine(
    x: Floats,
    row: tuple[Floats, Floats, Floats],
    shift: Shift | None,
    counted: NDArray[np.bool_],
    least: Floats | float = 0.0,
    footing: Footing | None = None,
) -> Combined:
    """The scores of rows.

    Args:
        x: values; NaN ones score by the shift alone.
        row: score after policy, expected and sigma of the single row's detector.
        shift: None for series by the hour.
        counted: counts vary by the root of what is expected at least.
        least: standard deviation that a series has at least, such as `SHARE_LEAST`.
        footing: how far values can be trusted, those that are averages; None where none is. The
            sigma of a shift knows it already.
    """
    score, expected, sigma = row
    if footing is not None:
        sigma = sigma / footing.weight
    far = FAR_BY_HOUR if shift is None else FAR_BY_MINUTE
    z = np.zeros(len(x)) if shift is None else _or_zero(shift.z)
    if shift is not None:
        unknown = np.isnan(shift.z)
        expected = np.where(unknown, expected, shift.expected)
        sigma = np.where(unknown, sigma, shift.sigma)
    smallest = np.where(counted, np.sqrt(np.maximum(_or_zero(expected), SPARSE)), 1e-9)
    sigma = np.fmax(sigma, np.maximum(smallest, least))
    away = _or_zero(np.abs(x - expected) / sigma)
    alone = np.maximum(_or_zero(score) - ALONE, 0.0)
    if shift is not None:  # a few rows cannot be rare; far off they can be
        alone = np.where(np.isnan(shift.z), np.maximum(alone, EARLY_UNIT * away), alone)
    counts = away >= far
    if footing is not None:
        counts &= footing.moved(x, expected, sigma)
    alone = np.where(counts, alone, 0.0)
    return Combined(np.maximum(alone, SHIFT_UNIT * np.abs(z)), expected, sigma, z)


def _or_zero(x: Floats) -> Floats:
    """0 where nothing is known; `numpy.nan_to_num` costs three times as much."""
    return np.where(np.isnan(x), 0.0, x)
