"""What a model of a series is, and the series that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Season:
    """A cycle of the calendar, by the workspace's clock.

    Attributes:
        name: ``hour``, ``day`` or ``week``.
        length: places of a cycle.
        phases: place in the cycle, in [0, length), of each step of the history and of the horizon
            after it. They, not a number of steps, say what repeats: a day of 23 hours shifts none.
    """

    name: str
    length: int
    phases: Ints


@dataclass(frozen=True)
class Series:
    """Values at equal steps.

    Attributes:
        values: oldest first; NaN is not known (a gap, an outage, a span that is left out).
        seasons: cycles that the history holds at least two of, shortest first; none for few values.
    """

    values: Floats
    seasons: tuple[Season, ...] = ()

    @property
    def known(self) -> int:
        """How many values are known."""
        return int(np.isfinite(self.values).sum())


class Model(Protocol):
    """A way to forecast.

    `forecast` is pure: the same arguments give the same numbers, and a forecast from an origin uses
    no value at or after it.
    """

    @property
    def name(self) -> str:
        """Unique; small letters and ``_``."""
        ...

    @property
    def most_origins(self) -> int:
        """Origins that a back-test tries it from at most, the newest; few for slow models."""
        ...

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """Values of the steps after each origin.

        Args:
            series: with at least one known value before the first origin.
            origins: ascending, in [1, values]: an origin ``o`` knows ``values[:o]``.
            horizon: steps ahead, at least 1; the phases of the seasons reach so far.

        Returns:
            Variants × origins × horizon, all finite: a model without parameters to choose has one
            variant.
        """
        ...


def held(values: Floats) -> Floats:
    """The last known value up to and with each step; the first known one before that.

    Zeros when nothing is known.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    first = int(np.argmax(known))
    filled: Floats = values[np.where(places < 0, first, places)]
    return filled


def stacked(parts: Sequence[Floats]) -> Floats:
    """Forecasts of several variants as one array."""
    return np.concatenate(parts, axis=0)
