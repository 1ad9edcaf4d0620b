"""One score of two: a row that is strange in itself, and a shift of level over some rows.

`MetricDetector` says how rare a row is; `levels` how far some rows together are off their hour.
Both are put on the scale of `sensitivity.threshold`, and the larger one counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
) -> Combined:
    """The scores of rows.

    Args:
        x: values; NaN ones score by the shift alone.
        row: score after policy, expected and sigma of the single row's detector.
        shift: None for series by the hour.
        counted: counts vary by the root of what is expected at least.
    """
    score, expected, sigma = row
    far = FAR_BY_HOUR if shift is None else FAR_BY_MINUTE
    z = np.zeros(len(x)) if shift is None else np.nan_to_num(shift.z)
    if shift is not None:
        unknown = np.isnan(shift.z)
        expected = np.where(unknown, expected, shift.expected)
        sigma = np.where(unknown, sigma, shift.sigma)
    least = np.where(counted, np.sqrt(np.maximum(np.nan_to_num(expected), SPARSE)), 1e-9)
    sigma = np.fmax(sigma, least)
    away = np.nan_to_num(np.abs(x - expected) / sigma)
    alone = np.maximum(np.nan_to_num(score) - ALONE, 0.0)
    if shift is not None:  # a few rows cannot be rare; far off they can be
        alone = np.where(np.isnan(shift.z), np.maximum(alone, EARLY_UNIT * away), alone)
    alone = np.where(away >= far, alone, 0.0)
    return Combined(np.maximum(alone, SHIFT_UNIT * np.abs(z)), expected, sigma, z)
