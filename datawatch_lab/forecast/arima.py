"""ARIMA in batch: autoregression of the differences, by maximum likelihood."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Series, held

_NEWEST = 400  # values that the parameters are fitted to
_ORIGINS = 24


@dataclass(frozen=True)
class Arima:
    """ARIMA(p, d, q) after Box and Jenkins (1970), by statsmodels' state space form.

    Parameters are fitted once, before the first origin, and again at the end; between, the filter
    goes on with them. Values that are not known are left out. A second or so: asked for by name or
    with ``thorough``; of the origins of a back-test the newest 24 are done, the others repeat the
    last value.

    Attributes:
        order: p, d, q.
    """

    order: tuple[int, int, int] = (2, 0, 1)

    @property
    def name(self) -> str:
        """``arima``."""
        return "arima"

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`."""
        filled = held(series.values)
        made = np.repeat(filled[origins - 1][:, None], horizon, axis=1)[None]
        newest = origins[-_ORIGINS - 1 :]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of starting values and of slow convergence
            fitted = self._fit(series.values[: int(newest[0])])
            whole = fitted.apply(series.values[: int(newest[-1])])
            for row, origin in enumerate(newest[:-1].tolist(), start=len(origins) - len(newest)):
                said = whole.get_prediction(origin, origin + horizon - 1, dynamic=True)
                made[0, row] = _finite(said.predicted_mean, made[0, row])
            last = self._fit(series.values[: int(newest[-1])])
            made[0, -1] = _finite(last.forecast(horizon), made[0, -1])
        return made

    def _fit(self, values: Floats) -> Any:
        from statsmodels.tsa.arima.model import ARIMA  # type: ignore[import-untyped]  # no types

        return ARIMA(values[-_NEWEST:], order=self.order).fit(method_kwargs={"maxiter": 30})


def _finite(said: Any, otherwise: Floats) -> Floats:
    found = np.asarray(said, dtype=np.float64)
    return np.where(np.isfinite(found), found, otherwise)
