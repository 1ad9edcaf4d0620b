"""Data that does not come, for many counting series at once: zeros where some are expected.

A run of zeros is as surprising as the rows that should have come in it, if it is longer than the
runs that the series is known to have. What does not come for `OVER` rows does not come any more.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.core.errors import InputError

Floats = NDArray[np.float64]

UNIT = 0.13
"""Score of a row that should have come: 0.43, −log10 of its not coming by chance, set lower because
what is expected is not known well."""

LONGER = 1.5
"""A run counts once it is so many times as long as the longest that is remembered."""

FADES = 0.99967
"""What the longest run is multiplied by at each row: half in a day and a half of minutes."""

OVER = 1_440
"""Zeros in a row after which a series is over, and its silence no news."""

_FIELDS = ("run", "longest")


class Arrivals:
    """Runs of zeros of ``size`` series.

    Args:
        size: how many.
    """

    def __init__(self, size: int = 0) -> None:
        self.of: dict[str, Array] = {name: np.zeros(size) for name in _FIELDS}

    def grow(self, size: int) -> None:
        """Make room for more series."""
        self.of = {n: np.concatenate([e, np.zeros(size - len(e))]) for n, e in self.of.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Arrivals:
        """Runs that go on where those were whose `of` it is.

        Raises:
            InputError: an array is missing.
        """
        made = cls()
        for name in _FIELDS:
            if name not in arrays:
                raise InputError(f"arrivals: no array {name}.")
            made.of[name] = np.array(arrays[name], dtype=np.float64)
        return made

    def step(self, rows: Rows, x: Floats, expected: Floats) -> Floats:
        """Scores of a row of each of some series, on the scale of thresholds; 0 for one that came.

        Args:
            rows: numbers of the series, none twice.
            x: values; NaN is neither a zero nor one that came.
            expected: rows in the bucket; NaN is unknown.
        """
        run, longest = self.of["run"][rows], self.of["longest"][rows] * FADES
        known = ~np.isnan(x)
        zero = known & (x == 0.0)
        came = known & ~zero
        longest = np.where(came, np.maximum(longest, run), longest)
        run = np.where(zero, run + 1.0, np.where(came, 0.0, run))
        self.of["run"][rows], self.of["longest"][rows] = run, longest
        score = UNIT * run * np.where(np.isnan(expected), 0.0, expected)
        news = zero & (run > LONGER * longest) & (run <= OVER)
        return np.where(news, np.maximum(score, 0.0), 0.0)


def arrival_history(x: Floats, expected: Floats) -> Floats:
    """Scores of a whole history of one series; the same as step by step."""
    found = np.zeros(len(x))
    run = longest = 0.0
    usual = np.nan_to_num(expected).tolist()
    for row, value in enumerate(x.tolist()):
        longest *= FADES
        if value == 0.0:
            run += 1.0
            if LONGER * longest < run <= OVER:
                found[row] = max(UNIT * run * usual[row], 0.0)
        elif value == value:  # noqa: PLR0124 — NaN is not
            longest, run = max(longest, run), 0.0
    return found
