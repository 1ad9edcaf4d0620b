"""Tail probability under a Gaussian around an exponentially weighted mean."""

from __future__ import annotations

from datetime import datetime
from math import erfc, isfinite, isnan, log, log10, nan, pi, sqrt

from river import stats

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.z_score import deviations

_FAR = 25.0
"""Deviations beyond which erfc loses its digits and the asymptotic series stands in."""


class GaussianTail(SeriesDetector):
    """−log10 of the two-sided tail probability; does not saturate. NaN before ``warm`` values.

    It fails on heavy tails, where far values are usual, and on seasons. O(1), 0.1 kB.

    Args:
        fading: rate of the means, in (0, 1).
        warm: values before the first score, ≥ 2.

    >>> detector, t = GaussianTail(), datetime(2026, 1, 1)
    >>> for i in range(100):
    ...     detector.learn_one(10.0 + i % 3, t)
    >>> round(detector.score_one(11.0, t), 1), round(detector.score_one(30.0, t), 1)
    (0.1, 115.5)
    """

    def __init__(self, fading: float = 0.02, warm: int = 30) -> None:
        self.fading = fading
        self.warm = warm
        self._mean = stats.EWMean(fading_factor=fading)
        self._var = stats.EWVar(fading_factor=fading)
        self._known = 0

    def score_one(self, x: float, t: datetime) -> float:
        """−log10 of the tail probability, ≥ 0."""
        del t
        if self._known < self.warm:
            return nan
        if isnan(x):
            return 0.0
        spread = max(self._var.get(), 0.0) ** 0.5  # rounding can leave it below 0
        return tail(deviations(clipped(x) - self._mean.get(), spread))

    def learn_one(self, x: float, t: datetime) -> None:
        """Move mean and variance."""
        del t
        if isfinite(x):
            self._known += 1
            self._mean.update(clipped(x))
            self._var.update(clipped(x))


def tail(sigmas: float) -> float:
    """−log10 of the probability of so many standard deviations, either way."""
    if sigmas < _FAR:
        return abs(-log10(erfc(sigmas / sqrt(2.0))))
    return sigmas * sigmas / 2.0 / log(10.0) + log10(sigmas * sqrt(pi / 2.0))
