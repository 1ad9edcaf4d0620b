"""What was a cycle ago: the yardstick of MASE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Season, Series, held


@dataclass(frozen=True)
class SeasonalNaive:
    """The last known value at the same place of the cycle; without a cycle, the last known value.

    One variant a season, and one without. Steps of a cycle that are not known yet take the last
    known value.

    >>> week = Season("day", 2, np.array([0, 1, 0, 1, 0, 1]))
    >>> series = Series(np.array([1.0, 5.0, 2.0, 6.0]), (week,))
    >>> SeasonalNaive().forecast(series, np.array([4]), 2).tolist()
    [[[6.0, 6.0]], [[2.0, 6.0]]]
    """

    @property
    def name(self) -> str:
        """``seasonal_naive``."""
        return "seasonal_naive"

    @property
    def most_origins(self) -> int:
        """120."""
        return 120

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`."""
        last = np.repeat(held(series.values)[origins - 1][:, None], horizon, axis=1)
        return np.stack([last, *(_cycle(series, each, origins, last) for each in series.seasons)])


def _cycle(series: Series, season: Season, origins: Ints, last: Floats) -> Floats:
    """The last known value at each phase, from each origin."""
    made = last.copy()
    newest = np.full(season.length, np.nan)
    done = 0
    for row, origin in enumerate(origins.tolist()):
        part = series.values[done:origin]
        known = np.isfinite(part)
        newest[season.phases[done:origin][known]] = part[known]  # of the same phase, the last stays
        done = origin
        ahead = newest[season.phases[origin : origin + last.shape[1]]]
        made[row] = np.where(np.isfinite(ahead), ahead, last[row])
    return made
