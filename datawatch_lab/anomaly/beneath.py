"""What lies beneath averages: of how many rows they are made, and what one row does to them.

The fewer rows an average is made of, the further it is off by chance: by the root of how many fewer
than usual, and the less the more they are. And one row that is far off, as there are some wherever
values have long tails, makes an average of few rows strange. The average has not moved then:
without that row it is what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.anomaly.stored import restored

Floats = NDArray[np.float64]

RATE = 0.02
"""How fast the usual number of rows follows, a bucket."""

MOST = 2.0
"""Times the usual rows that count: what more of them say is not surer, since hours differ too."""

SINGLE = 1.5
"""Usual rows a bucket below which the series is one row a bucket, such as what a sensor reads; rows
that come by chance, one a bucket, are 1.58 in those buckets that have some."""

MOVED = 3.0
"""Standard deviations that an average is off at least when its furthest row is left out: out of the
band that was expected."""

_FIELDS: dict[str, tuple[type, tuple[int, ...], float]] = {"usual": (np.float64, (), 0.0)}


class Beneath(NamedTuple):
    """What some averages are made of; all of one shape.

    Attributes:
        n: rows, 0 for none.
        low: the average without its largest row; NaN where there are fewer than two.
        high: the average without its smallest row; NaN there as well.
    """

    n: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, n: Floats, total: Floats, least: Floats, most: Floats) -> Beneath:
        """What merged states say.

        Args:
            n: rows.
            total: their sum.
            least: the smallest; infinite where there are none.
            most: the largest.
        """
        others = np.where(n > 1, n - 1.0, np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            return cls(n, (total - most) / others, (total - least) / others)

    def bucket(self, column: int) -> Beneath:
        """Of one bucket, where they are by series and bucket."""
        return Beneath(self.n[:, column], self.low[:, column], self.high[:, column])

    def series(self, row: int) -> Beneath:
        """Of one series."""
        return Beneath(self.n[row], self.low[row], self.high[row])


class Footing(NamedTuple):
    """How far averages can be trusted.

    Attributes:
        weight: root of the rows as a share of the usual ones, in (0, √`MOST`]; 1 for what is no
            average.
        low, high: see `Beneath`; the value itself where one row says all there is to say, NaN
            where one row says nothing.
    """

    weight: Floats
    low: Floats
    high: Floats

    def among(self, x: Floats, averages: NDArray[np.int64]) -> Footing:
        """The same among values that are no averages, which are what they are.

        Args:
            x: all values.
            averages: which of them these are.
        """
        weight, low, high = np.ones(len(x)), x.copy(), x.copy()
        weight[averages], low[averages], high[averages] = self
        return Footing(weight, low, high)

    def moved(self, x: Floats, expected: Floats, sigma: Floats) -> NDArray[np.bool_]:
        """Which values are off, by more than their furthest row.

        Args:
            x: values.
            expected: middle of the band; NaN while nothing is known, which no value is off.
            sigma: standard deviation around it, for values of so many rows.
        """
        with np.errstate(invalid="ignore"):
            above = (self.low - expected) / sigma
            below = (expected - self.high) / sigma
            return np.where(x > expected, above, below) >= MOVED


def footing(x: Floats, beneath: Beneath, usual: Floats) -> Footing:
    """How far averages can be trusted.

    Args:
        x: averages; NaN for none.
        beneath: what they are made of.
        usual: rows of a bucket that has some, before; 0 while unknown.
    """
    known = (usual > 0.0) & (beneath.n > 0.0)
    share = np.where(known, beneath.n, 1.0) / np.where(known, usual, 1.0)
    weight = np.sqrt(np.minimum(share, MOST))
    single = (beneath.n <= 1.0) & (usual < SINGLE)
    return Footing(weight, np.where(single, x, beneath.low), np.where(single, x, beneath.high))


def followed(usual: Floats, n: Floats) -> Floats:
    """The usual number of rows after a bucket of each series; buckets without rows say nothing."""
    moved = np.where(usual > 0.0, usual + RATE * (n - usual), n)
    return np.where(n > 0.0, moved, usual)


class RowCounts:
    """How many rows the buckets of ``size`` series usually have.

    Args:
        size: how many series.
    """

    def __init__(self, size: int = 0) -> None:
        self.of: dict[str, Array] = {"usual": np.zeros(size)}

    def grow(self, size: int) -> None:
        """Make room for more series."""
        usual = self.of["usual"]
        self.of = {"usual": np.concatenate([usual, np.zeros(size - len(usual))])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> RowCounts:
        """Counts that go on where those were whose `of` it is.

        Raises:
            InputError: the array is missing or of another type or shape.
        """
        made = cls()
        made.of = restored(arrays, _FIELDS, "usual", "rows beneath averages")
        return made

    def note(self, rows: Rows, x: Floats, beneath: Beneath) -> Footing:
        """How far an average of each of some series can be trusted, then count its rows.

        Args:
            rows: numbers of the series, none twice.
            x: averages; NaN for none.
            beneath: what they are made of.
        """
        usual = self.of["usual"][rows]
        self.of["usual"][rows] = followed(usual, np.where(np.isnan(x), 0.0, beneath.n))
        return footing(x, beneath, usual)


def footing_history(x: Floats, beneath: Beneath) -> Footing:
    """How far each average of a history of one series can be trusted; the same as step by step."""
    before, there = np.empty(len(x)), ~np.isnan(x)
    usual = 0.0
    for row, n in enumerate(beneath.n.tolist()):
        before[row] = usual
        if n > 0.0 and there[row]:
            usual = usual + RATE * (n - usual) if usual > 0.0 else n
    return footing(x, beneath, before)
