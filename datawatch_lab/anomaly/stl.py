"""Residual of a seasonal-trend decomposition, refitted from time to time."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from math import isfinite, isnan, nan

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.mad import NORMAL
from datawatch_lab.anomaly.z_score import deviations

TREND_RATE = 0.02
"""How fast the trend follows between fits, a row."""

_KWARGS = {"robust": True, "seasonal_deg": 0, "trend_jump": 12, "low_pass_jump": 12}
"""Each season is a robust mean of its periods: with few of them, a line would follow the noise."""


class StlResidual(SeriesDetector):
    """|x − (season one period ago + trend)| in robust deviations; NaN before three periods.

    The decomposition of the last ``periods`` seasons is made anew every ``refit`` rows; between,
    the season is carried on and the trend follows slowly. With several seasons it is an MSTL. It
    fails where rows are missing, since it counts rows, not time. A fit takes about 100 ms.

    Args:
        seasons: rows of a season, or of several, each ≥ 2.
        periods: of the longest season that are kept, ≥ 3.
        refit: rows between fits, ≥ 1.

    Source: Cleveland et al., "STL: A Seasonal-Trend Decomposition Procedure Based on Loess", 1990.

    >>> detector, t = StlResidual(seasons=(24,)), datetime(2026, 1, 1)
    >>> for hour in range(24 * 6):
    ...     detector.learn_one(50.0 * (hour % 24 < 8) + hour**3 % 11 % 7, t)
    >>> detector.score_one(53.0, t) < 3 < 10 < detector.score_one(1.0, t)
    True
    """

    def __init__(
        self, seasons: tuple[int, ...] = (24, 168), periods: int = 4, refit: int = 96
    ) -> None:
        self.seasons = seasons
        self.periods = periods
        self.refit = refit
        self._values: deque[float] = deque(maxlen=periods * max(seasons))
        self._season: list[list[float]] = []
        self._trend = nan
        self._spread = nan
        self._since = 0

    def score_one(self, x: float, t: datetime) -> float:
        """Robust standard deviations, ≥ 0."""
        del t
        if isnan(self._spread):
            return nan
        if isnan(x):
            return 0.0
        return deviations(clipped(x) - self._trend - self._of_season(), self._spread)

    def _of_season(self) -> float:
        return sum(part[self._since % len(part)] for part in self._season)

    def learn_one(self, x: float, t: datetime) -> None:
        """Keep a value, and fit when it is time."""
        del t
        if not isfinite(x):
            return
        value = clipped(x)
        self._values.append(value)
        if not isnan(self._spread):
            self._trend += TREND_RATE * (value - self._of_season() - self._trend)
        self._since += 1
        due = isnan(self._spread) or self._since >= self.refit
        if due and self._usable():
            self._fit()

    def _usable(self) -> tuple[int, ...]:
        """The seasons that enough is known of, each shorter than a third of the rows."""
        return tuple(s for s in self.seasons if len(self._values) >= 3 * s)

    def _fit(self) -> None:
        import numpy as np
        from statsmodels.tsa.seasonal import MSTL  # type: ignore[import-untyped]  # has no types

        seasons = self._usable()
        values = np.array(self._values)
        steady = [2 * len(values) + 1] * len(seasons)
        fit = MSTL(values, periods=seasons, windows=steady, stl_kwargs=_KWARGS).fit()
        parts = np.asarray(fit.seasonal).reshape(len(values), len(seasons))
        self._season = [parts[-season:, column].tolist() for column, season in enumerate(seasons)]
        self._trend = float(fit.trend[-1])
        away = np.abs(fit.resid - np.median(fit.resid))
        self._spread = float(max(NORMAL * np.median(away), 1e-9 * np.abs(values).max()))
        self._since = 0
