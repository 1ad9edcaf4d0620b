"""MSTL and drift: the seasons of the past taken out by LOESS, the rest carried on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Series, held

_TRIES = 2  # decompositions in a back-test; origins between two of them share the older one
_LEVEL = (0.1, 0.3, 0.7)
_DRIFT_CYCLES = 2


@dataclass(frozen=True)
class Mstl:
    """Multiple seasonal-trend decomposition (Bandara, Hyndman and Bergmeir 2021) of statsmodels.

    The newest cycle of each season is repeated; what is left is smoothed to a level, with the drift
    of its last two cycles. A batch model: some tenths of a second, asked for by name or with
    ``thorough``. Cycles go by steps here, not by the clock.
    """

    @property
    def name(self) -> str:
        """``mstl``."""
        return "mstl"

    @property
    def most_origins(self) -> int:
        """40."""
        return 40

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; one variant per smoothing of the level."""
        values = held(series.values)
        made = np.empty((2 * len(_LEVEL), len(origins), horizon))
        for part in np.array_split(np.arange(len(origins) - 1), _TRIES):
            if len(part):
                self._fill(made, series, values, origins, part)
        self._fill(made, series, values, origins, np.array([len(origins) - 1]))
        return made

    def _fill(
        self, made: Floats, series: Series, values: Floats, origins: Ints, rows: Ints
    ) -> None:
        """Forecasts from some origins, with the seasons as they were known at the first of them."""
        fit = int(origins[rows[0]])
        lengths = [each.length for each in series.seasons if 2 * each.length <= fit]
        horizon = made.shape[2]
        end = int(origins[rows[-1]])
        cycle = _seasonal(values[:fit], lengths, end + horizon)
        rest = values[:end] - cycle[:end]
        reach = _DRIFT_CYCLES * (lengths[-1] if lengths else 12)
        ahead = np.arange(1, horizon + 1)
        for row in rows.tolist():
            origin = int(origins[row])
            past = rest[:origin]
            drift = (past[-1] - past[-min(reach, origin)]) / max(min(reach, origin) - 1, 1)
            again = cycle[origin : origin + horizon]
            for place, rate in enumerate(_LEVEL):
                weights = rate * (1 - rate) ** np.arange(min(origin, 100))[::-1]
                level = float(np.average(past[-len(weights) :], weights=weights))
                made[2 * place, row] = level + again
                made[2 * place + 1, row] = level + drift * ahead + again


def _seasonal(values: Floats, lengths: list[int], total: int) -> Floats:
    """The seasonal part, its newest cycles repeated up to `total` steps; zeros without seasons."""
    found = np.zeros(total)
    if not lengths:
        return found
    from statsmodels.tsa.seasonal import MSTL  # type: ignore[import-untyped]  # it gives no types

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant values
        parts = np.atleast_2d(np.asarray(MSTL(values, periods=lengths).fit().seasonal).T)
    n = len(values)
    for part, length in zip(parts, lengths, strict=True):
        places = np.arange(total)
        again = n - length + (places - n) % length
        found += part[np.where(places < n, np.minimum(places, n - 1), again)]
    return found
