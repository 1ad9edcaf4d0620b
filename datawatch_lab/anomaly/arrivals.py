"""Data that does not come, for many counting series at once: zeros where some are expected.

A run of zeros is as surprising as the rows that should have come in it, if it is longer than the
runs that the series is known to have. What does not come for `OVER` rows does not come any more.

In an hour of day that a series is not known in, what is expected follows the silence itself: the
first zeros become the hour. There as many are expected as came lately, up to where the run began.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.anomaly.combined import Combined
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

LEFT_OUT = 1.1
"""Score of a silence from which on its rows are left out of baselines: medium's, to go on."""

LATELY = 0.05
"""How fast the mean of what came lately follows, a row."""

_FIELDS = ("run", "longest", "lately")


class Silence(NamedTuple):
    """Runs of zeros, a row a series or a row a bucket.

    Attributes:
        run: zeros in a row so far.
        news: whether the row is a zero, and its run longer than those that are known.
        lately: mean of what came before, but for runs that are news; 0 while unknown.
    """

    run: Floats
    news: NDArray[np.bool_]
    lately: Floats

    @property
    def strange(self) -> NDArray[np.bool_]:
        """Whether so much did not come that a baseline should leave it out."""
        return np.asarray(self.news & (UNIT * self.run * self.lately >= LEFT_OUT))


def with_silence(
    found: Combined,
    silence: Silence,
    counted: NDArray[np.bool_],
    fresh: NDArray[np.bool_] | None = None,
) -> Combined:
    """Scores where zeros count as well, as far as some were expected.

    Args:
        found: scores without that.
        silence: of the same rows.
        counted: series that are counts; zeros of others mean nothing.
        fresh: rows of series that have no baseline for this hour of day yet; None for none.
    """
    news = silence.news & counted
    expected, sigma = found.expected, found.sigma
    if fresh is not None:
        here = news & fresh
        expected = np.where(here, np.fmax(expected, silence.lately), expected)
        sigma = np.where(here, np.fmax(sigma, np.sqrt(np.maximum(silence.lately, 0.0))), sigma)
    usual = np.where(np.isnan(expected), 0.0, expected)
    score = np.where(news, np.maximum(UNIT * silence.run * usual, 0.0), 0.0)
    return found._replace(score=np.maximum(found.score, score), expected=expected, sigma=sigma)


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

    def note(self, rows: Rows, x: Floats) -> Silence:
        """Count a row of each of some series.

        Args:
            rows: numbers of the series, none twice.
            x: values; NaN is neither a zero nor one that came.
        """
        run, longest = self.of["run"][rows], self.of["longest"][rows] * FADES
        known = ~np.isnan(x)
        zero = known & (x == 0.0)
        came = known & ~zero
        longest = np.where(came, np.maximum(longest, run), longest)
        run = np.where(zero, run + 1.0, np.where(came, 0.0, run))
        self.of["run"][rows], self.of["longest"][rows] = run, longest
        longer = zero & (run > LONGER * longest)
        lately = self.of["lately"][rows]
        learnt = np.where(lately > 0.0, lately + LATELY * (x - lately), x)
        self.of["lately"][rows] = np.where(known & ~longer, learnt, lately)
        return Silence(run, longer & (run <= OVER), lately)


def silence_history(x: Floats) -> Silence:
    """Runs of zeros of a whole history of one series, by row; the same as step by step."""
    runs, news, means = np.zeros(len(x)), np.zeros(len(x), dtype=bool), np.zeros(len(x))
    run = longest = lately = 0.0
    for row, value in enumerate(x.tolist()):
        longest *= FADES
        longer = False
        if value == 0.0:
            run += 1.0
            longer = run > LONGER * longest
            news[row] = longer and run <= OVER
        elif value == value:  # noqa: PLR0124 — NaN is not
            longest, run = max(longest, run), 0.0
        runs[row], means[row] = run, lately
        if value == value and not longer:  # noqa: PLR0124 — NaN is not
            lately = lately + LATELY * (value - lately) if lately > 0.0 else value
    return Silence(runs, news, means)
