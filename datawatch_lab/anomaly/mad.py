"""Distance from the median in median absolute deviations, over a window."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from math import isfinite, isnan, nan
from statistics import median

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.z_score import deviations

NORMAL = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""


class MedianDeviation(SeriesDetector):
    """|x − median| / (1.4826 · MAD) over the last ``window`` values; NaN before ``warm`` of them.

    Outliers do not move it; seasons longer than the window do. O(window · log window) a score.

    Args:
        window: values that count, ≥ warm.
        warm: values before the first score, ≥ 2.

    >>> detector, t = MedianDeviation(), datetime(2026, 1, 1)
    >>> for x in [1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000_000]:
    ...     detector.learn_one(float(x), t)
    >>> round(detector.score_one(20.0, t), 2)
    3.91
    """

    def __init__(self, window: int = 200, warm: int = 10) -> None:
        self.window = window
        self.warm = warm
        self._values: deque[float] = deque(maxlen=window)

    @property
    def middle(self) -> float:
        """The median of the window; NaN while it is empty."""
        return median(self._values) if self._values else nan

    @property
    def spread(self) -> float:
        """1.4826 times the median deviation from the median; NaN while warming."""
        if len(self._values) < self.warm:
            return nan
        middle = self.middle
        return NORMAL * median([abs(value - middle) for value in self._values])

    def score_one(self, x: float, t: datetime) -> float:
        """Robust standard deviations, ≥ 0."""
        del t
        spread = self.spread
        if isnan(spread):
            return nan
        return 0.0 if isnan(x) else deviations(clipped(x) - self.middle, spread)

    def learn_one(self, x: float, t: datetime) -> None:
        """Take a value into the window."""
        del t
        if isfinite(x):
            self._values.append(clipped(x))
