"""SNARIMAX of River: an autoregressive model learned online, value by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Series, held

_FAR = 10.0  # a forecast further off than this many ranges of the past has diverged


@dataclass(frozen=True)
class Snarimax:
    """Linear regression on the newest values, their errors and those of a cycle ago.

    Values are scaled to zero mean and unit spread by those before the first origin. About 0.2 ms a
    value and lag, one by one: asked for by name, or with ``thorough``. Cycles go by steps here, not
    by the clock, and only those of at most 168 steps are used.

    Attributes:
        p: newest values it looks at.
        q: newest errors it looks at.
    """

    p: int = 6
    q: int = 1

    @property
    def name(self) -> str:
        """``snarimax``."""
        return "snarimax"

    @property
    def most_origins(self) -> int:
        """60."""
        return 60

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; a forecast that diverged is the last known value."""
        values = held(series.values)
        past = values[: int(origins[0])]
        centre, spread = float(past.mean()), float(past.std()) or 1.0
        scaled = ((values - centre) / spread).tolist()
        model = self._model(series)
        made, done = np.empty((1, len(origins), horizon)), 0
        for row, origin in enumerate(origins.tolist()):
            for value in scaled[done:origin]:
                model.learn_one(min(max(value, -_FAR), _FAR))
            done = origin
            ahead = np.array(model.forecast(horizon=horizon), dtype=np.float64)
            safe = np.isfinite(ahead) & (np.abs(ahead) <= _FAR)
            made[0, row] = np.where(safe, ahead, scaled[origin - 1]) * spread + centre
        return made

    def _model(self, series: Series) -> Any:
        from river.linear_model import LinearRegression
        from river.optim import SGD
        from river.preprocessing import StandardScaler
        from river.time_series import SNARIMAX

        cycle = next((each.length for each in series.seasons if each.length <= 168), 1)
        regressor = StandardScaler() | LinearRegression(
            optimizer=SGD(0.01), intercept_lr=0.01, l2=0.001
        )
        seasonal = {"m": cycle, "sp": 1} if cycle > 1 else {}
        return SNARIMAX(p=self.p, d=0, q=self.q, regressor=regressor, **seasonal)
