"""Distance from what River's Holt-Winters forecasts for the row."""

from __future__ import annotations

from datetime import datetime
from math import isfinite, isnan, nan
from typing import Any

from river import stats, time_series

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.z_score import deviations

_BEGINS = 3
"""Values after which River's model forecasts."""

_FAR = 5.0
"""A distance counts as so many usual ones at most, so that what is strange widens nothing."""


class Predictive(SeriesDetector):
    """|x − forecast| in mean distances of the forecast; NaN before ``warm`` values.

    Exponential smoothing of level and trend: it sees steps and spikes, and gets used to a new level
    within some rows. It fails on seasons that turn faster than the level follows. O(1), 4 µs.

    Args:
        level: rate of the level, in (0, 1).
        trend: rate of the trend, in (0, 1).
        warm: values before the first score, ≥ 3.

    Source: Holt, "Forecasting seasonals and trends by exponentially weighted averages", 1957.

    >>> detector, t = Predictive(), datetime(2026, 1, 1)
    >>> for i in range(100):
    ...     detector.learn_one(50.0 + i % 3, t)
    >>> detector.score_one(51.0, t) < 2.0 < 20.0 < detector.score_one(90.0, t)
    True
    """

    def __init__(self, level: float = 0.2, trend: float = 0.02, warm: int = 30) -> None:
        self.level = level
        self.trend = trend
        self.warm = warm
        self._model: Any = time_series.HoltWinters(alpha=level, beta=trend)  # type: ignore[no-untyped-call]  # River's
        self._usual = stats.EWMean(fading_factor=0.02)
        self._known = 0

    def score_one(self, x: float, t: datetime) -> float:
        """Distance from the forecast, in usual ones, ≥ 0."""
        del t
        if self._known < self.warm:
            return nan
        return 0.0 if isnan(x) else deviations(self._off(clipped(x)), self._usual.get())

    def _off(self, x: float) -> float:
        ahead = float(self._model.forecast(horizon=1)[0])
        return x - ahead if isfinite(ahead) else 0.0

    def learn_one(self, x: float, t: datetime) -> None:
        """Let level and trend follow a value."""
        del t
        if not isfinite(x):
            return
        value = clipped(x)
        if self._known >= _BEGINS:
            off, usual = abs(self._off(value)), self._usual.get()
            self._usual.update(min(off, _FAR * usual) if usual else off)
        self._model.learn_one(y=value)
        self._known += 1
