"""Holt-Winters online: level, damped trend and an additive season, many settings in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import isnan

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Season, Series, held

_FLAT = "none"
_DAMPING = 0.95
_CLIP = 3.0  # an error beyond this many usual ones counts as that many
_SCALE_RATE = 0.03


@dataclass(frozen=True)
class HoltWinters:
    """Exponential smoothing after Holt (1957) and Winters (1960), damped after Gardner (1985).

    Errors are cut at three times the usual one, so that a spike hardly moves the level while a step
    is followed in a few values. A step that is not known teaches nothing. All settings (a bank of
    them) advance together, one numpy step a value: about 20 µs, whatever their number.

    Attributes:
        levels: smoothing of the level, in (0, 1].
        trends: smoothing of the trend; 0 has none.
        cycles: smoothing of the season, in [0, 1).
    """

    levels: tuple[float, ...] = (0.03, 0.1, 0.3, 0.6, 0.9)
    trends: tuple[float, ...] = (0.0, 0.05)
    cycles: tuple[float, ...] = (0.05, 0.15, 0.3)

    @property
    def name(self) -> str:
        """``holt_winters``."""
        return "holt_winters"

    @property
    def most_origins(self) -> int:
        """120."""
        return 120

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; one variant per setting and season."""
        total = len(series.values) + horizon
        flat = Season(_FLAT, 1, np.zeros(total, np.int64))
        grids = [(flat, self._grid(seasonal=False))]
        grids += [(each, self._grid(seasonal=True)) for each in series.seasons]
        return np.concatenate([_run(series.values, s, g, origins, horizon) for s, g in grids])

    def _grid(self, *, seasonal: bool) -> Floats:
        return np.array(
            list(product(self.levels, self.trends, self.cycles if seasonal else (0.0,)))
        ).T


def _run(values: Floats, season: Season, grid: Floats, origins: Ints, horizon: int) -> Floats:
    """Step all settings of a season through the values; note what they say at each origin."""
    alpha, beta, gamma = grid
    damping = np.where(beta > 0, _DAMPING, 0.0)
    start, cycle = _begin(values[: int(origins[0])], season)
    level, trend = np.full(len(alpha), start), np.zeros(len(alpha))
    seasonal = np.repeat(cycle[:, None], len(alpha), axis=1)
    usual = np.full(len(alpha), _usual(values[: int(origins[0])]))
    sums = np.cumsum(damping[:, None] ** np.arange(1, horizon + 1), axis=1)
    made = np.empty((len(alpha), len(origins), horizon))
    steps = values[: int(origins[-1])].tolist()
    phases, noted, place = season.phases.tolist(), origins.tolist(), 0
    for t in range(len(steps) + 1):
        if t == noted[place]:
            ahead = seasonal[season.phases[t : t + horizon]].T
            made[:, place] = level[:, None] + sums * trend[:, None] + ahead
            place += 1
            if place == len(noted):
                break
        x = steps[t]
        moved = level + damping * trend
        if isnan(x):
            level, trend = moved, damping * trend
            continue
        phase = phases[t]
        error = x - moved - seasonal[phase]
        size = np.abs(error)
        bound = _CLIP * usual
        usual = usual + _SCALE_RATE * (np.minimum(size, 2 * bound) - usual)
        error = np.minimum(np.maximum(error, -bound), bound)
        learned = alpha * error
        level = moved + learned
        trend = damping * trend + beta * learned
        seasonal[phase] += gamma * (error - learned)
    return made


def _begin(values: Floats, season: Season) -> tuple[float, Floats]:
    """Level and season of the first values: means by phase of at most two cycles."""
    first = values[: max(2 * season.length, 10)]
    known = np.isfinite(first)
    if not known.any():
        return float(held(values)[0]), np.zeros(season.length)
    level = float(np.median(first[known]))
    if season.length == 1:
        return level, np.zeros(1)
    phases = season.phases[: len(first)][known]
    count = np.bincount(phases, minlength=season.length)
    total = np.bincount(phases, first[known] - level, minlength=season.length)
    return level, total / np.maximum(count, 1)


def _usual(values: Floats) -> float:
    """The usual size of a change from value to value, above 0 for anything that moves."""
    known = values[np.isfinite(values)]
    moves = np.abs(np.diff(known))
    return float(max(np.mean(moves) if len(moves) else 0.0, 1e-12))
