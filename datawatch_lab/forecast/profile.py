"""A profile of the cycle, and how long what is off it stays off it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import isnan

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Season, Series
from datawatch_lab.forecast.holt_winters import _begin, _usual

_CLIP = 3.0
_SCALE_RATE = 0.03


@dataclass(frozen=True)
class Profile:
    """A smoothed value per place of the cycle, plus a deviation from it that fades.

    Better than Holt-Winters for series that return to their habit: a deviation is carried on as
    ``fade ** steps`` (AR(1) of the residual), not for ever. Errors are cut as there.

    Attributes:
        rates: smoothing of the profile.
        fades: share of the deviation that is left after a step.
        newest: smoothing of the deviation; 1 is the last one alone.
    """

    rates: tuple[float, ...] = (0.05, 0.15, 0.35)
    fades: tuple[float, ...] = (0.0, 0.5, 0.8, 0.95, 0.99)
    newest: tuple[float, ...] = (0.3, 0.8)

    @property
    def name(self) -> str:
        """``profile``."""
        return "profile"

    @property
    def most_origins(self) -> int:
        """120."""
        return 120

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; one variant per setting and season."""
        flat = Season("none", 1, np.zeros(len(series.values) + horizon, np.int64))
        grid = np.array(list(product(self.rates, self.fades, self.newest))).T
        slow = np.array(list(product((0.01, 0.05), self.fades, self.newest))).T
        runs = [(flat, slow), *((each, grid) for each in series.seasons)]
        return np.concatenate([_run(series.values, s, g, origins, horizon) for s, g in runs])


def _run(values: Floats, season: Season, grid: Floats, origins: Ints, horizon: int) -> Floats:
    rate, fade, newest = grid
    start, cycle = _begin(values[: int(origins[0])], season)
    profile = np.repeat(start + cycle[:, None], len(rate), axis=1)
    off = np.zeros(len(rate))
    usual = np.full(len(rate), _usual(values[: int(origins[0])]))
    faded = fade[:, None] ** np.arange(1, horizon + 1)
    made = np.empty((len(rate), len(origins), horizon))
    steps, phases, noted = values.tolist(), season.phases.tolist(), origins.tolist()
    place = 0
    for t in range(len(steps) + 1):
        if t == noted[place]:
            ahead = profile[season.phases[t : t + horizon]].T
            made[:, place] = ahead + faded * off[:, None]
            place += 1
            if place == len(noted):
                break
        x = steps[t]
        if isnan(x):
            off = fade * off
            continue
        phase = phases[t]
        error = x - profile[phase]
        bound = _CLIP * usual
        usual = usual + _SCALE_RATE * (np.minimum(np.abs(error), 2 * bound) - usual)
        error = np.minimum(np.maximum(error, -bound), bound)
        off = off + newest * (error - off)
        profile[phase] += rate * error
    return made
