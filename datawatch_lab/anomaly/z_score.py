"""Distance from the mean in standard deviations."""

from __future__ import annotations

from datetime import datetime
from math import isfinite, isnan, nan

from river import stats

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped


class ZScore(SeriesDetector):
    """|x − mean| / standard deviation over all values so far; NaN before ``warm`` of them.

    It fails on seasons and on anything that shifts: an outage widens it for ever. O(1), 0.1 kB.

    Args:
        warm: values before the first score, ≥ 2.

    >>> detector, t = ZScore(), datetime(2026, 1, 1)
    >>> for x in range(100):
    ...     detector.learn_one(float(x % 10), t)
    >>> round(detector.score_one(33.0, t), 2)
    9.87
    """

    def __init__(self, warm: int = 10) -> None:
        self.warm = warm
        self._mean = stats.Mean()
        self._var = stats.Var()

    def score_one(self, x: float, t: datetime) -> float:
        """Standard deviations, ≥ 0; 0 on a constant series' own value."""
        del t
        if self._mean.n < self.warm:
            return nan
        if isnan(x):
            return 0.0
        return deviations(clipped(x) - self._mean.get(), max(self._var.get(), 0.0) ** 0.5)

    def learn_one(self, x: float, t: datetime) -> None:
        """Move mean and variance."""
        del t
        if isfinite(x):
            self._mean.update(clipped(x))
            self._var.update(clipped(x))


MOST = 1e6


def deviations(off: float, spread: float) -> float:
    """|off| / spread, at most `MOST`; 0 when both are 0."""
    if off == 0.0:
        return 0.0
    return min(abs(off) / spread, MOST) if spread > 0.0 else MOST
