"""Distance from the mean of the same hour of the day or week."""

from __future__ import annotations

from datetime import datetime
from math import isfinite, isnan, nan
from typing import Literal

from river import stats

from datawatch_lab.anomaly.base import SeriesDetector, utc_seconds
from datawatch_lab.anomaly.evidence import HOURS, clipped
from datawatch_lab.anomaly.z_score import deviations

Period = Literal["day", "week"]


class SeasonalProfile(SeriesDetector):
    """|x − mean of the hour| / spread of such departures; NaN until the hour was seen twice.

    It fails on level shifts, which spoil the profile for ``1 / fading`` periods, and on seasons
    other than its own. O(1); 24 or 168 means.

    Args:
        period: ``day`` for 24 hours of a day, ``week`` for 168 of a week, both UTC.
        fading: rate of the means, in (0, 1).

    >>> from datetime import timedelta
    >>> detector, t = SeasonalProfile("day"), datetime(2026, 1, 1)
    >>> for hour in range(24 * 10):
    ...     detector.learn_one(100.0 * (hour % 24 == 3) + hour % 7, t + timedelta(hours=hour))
    >>> night, noon = t + timedelta(days=10, hours=3), t + timedelta(days=10, hours=12)
    >>> detector.score_one(100.0, night) < 2 < 20 < detector.score_one(100.0, noon)
    True
    """

    def __init__(self, period: Period = "week", fading: float = 0.2) -> None:
        self.period = period
        self.fading = fading
        self._hours = HOURS if period == "week" else 24
        self._means = [stats.EWMean(fading_factor=fading) for _ in range(self._hours)]
        self._seen = [0] * self._hours
        self._spread = stats.EWMean(fading_factor=0.02)
        self._known = 0

    def score_one(self, x: float, t: datetime) -> float:
        """Standard deviations, ≥ 0."""
        hour = self._hour(t)
        if self._seen[hour] < 2 or not self._known:
            return nan
        if isnan(x):
            return 0.0
        return deviations(clipped(x) - self._means[hour].get(), self._spread.get() ** 0.5)

    def learn_one(self, x: float, t: datetime) -> None:
        """Move the mean of the hour."""
        if not isfinite(x):
            return
        hour, value = self._hour(t), clipped(x)
        if self._seen[hour]:
            self._spread.update((value - self._means[hour].get()) ** 2)
            self._known += 1
        self._seen[hour] += 1
        self._means[hour].update(value)

    def _hour(self, t: datetime) -> int:
        return int(utc_seconds(t) // 3_600) % self._hours
