"""ARIMA in batch: autoregression of the differences, by maximum likelihood."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Series, held

_NEWEST = 400  # values that the parameters are fitted to
_WARM = 150  # values that the filter goes through before a forecast


@dataclass(frozen=True)
class Arima:
    """ARIMA(p, d, q) after Box and Jenkins (1970), by statsmodels' state space form.

    It is fitted to what is left of the mean of each place in the shortest season, once, before the
    first origin; later origins filter on with the same parameters. Values that are not known are
    left out. A second or so: asked for by name or with ``thorough``.

    Attributes:
        order: p, d, q.
    """

    order: tuple[int, int, int] = (2, 0, 1)

    @property
    def name(self) -> str:
        """``arima``."""
        return "arima"

    @property
    def most_origins(self) -> int:
        """16."""
        return 16

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; what cannot be fitted or diverges is the last known value."""
        values = series.values
        first = int(origins[0])
        cycle = _cycle(series, first, horizon)
        filled = held(values)
        rest = values - cycle[: len(values)]
        made = np.repeat(filled[origins - 1][:, None], horizon, axis=1)[None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of starting values and of slow convergence
            fitted = self._fit(rest[:first])
            for row, origin in enumerate(origins.tolist()):
                past = rest[max(origin - _WARM, 0) : origin]
                said = fitted.apply(past).forecast(horizon) + cycle[origin : origin + horizon]
                made[0, row] = np.where(np.isfinite(said), said, made[0, row])
        return made

    def _fit(self, values: Floats) -> Any:
        from statsmodels.tsa.arima.model import ARIMA  # type: ignore[import-untyped]  # no types

        return ARIMA(values[-_NEWEST:], order=self.order).fit(method_kwargs={"maxiter": 20})


def _cycle(series: Series, first: int, horizon: int) -> Floats:
    """The mean of each place of the shortest season before an origin, for all steps; else zeros."""
    total = len(series.values) + horizon
    if not series.seasons:
        return np.zeros(total)
    season = series.seasons[0]
    known = np.isfinite(series.values[:first])
    phases, values = season.phases[:first][known], series.values[:first][known]
    count = np.bincount(phases, minlength=season.length)
    means = np.bincount(phases, values, minlength=season.length) / np.maximum(count, 1)
    means[count == 0] = values.mean()
    found: Floats = means[season.phases[:total]]
    return found
