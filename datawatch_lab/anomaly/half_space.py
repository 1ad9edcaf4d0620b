"""River's Half-Space Trees on the last values, scaled to where they work."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from math import exp, isfinite, isnan, nan
from typing import Any

from river import anomaly

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.ewma import tail
from datawatch_lab.anomaly.mad import MedianDeviation


class HalfSpace(SeriesDetector):
    """Mass of the half-spaces around the last ``lags`` values; NaN while the trees are empty.

    Half-Space Trees expect features in [0, 1] and return 0 until their first window is full: so
    values come in as a logistic of their robust deviation, and the wait is said. The trees' score,
    in [0, 1], is multiplied by the surprise of the value itself, since the trees alone tie far
    values. It fails on seasons longer than the lags. 45–230 µs a row.

    Args:
        lags: values in a row of features, ≥ 1.
        window: rows that the mass is counted over.
        seed: of the trees.

    Source: Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.

    >>> detector, t = HalfSpace(window=50, seed=1), datetime(2026, 1, 1)
    >>> for i in range(300):
    ...     detector.learn_one(10.0 + i % 5, t)
    >>> detector.score_one(200.0, t) > detector.score_one(12.0, t)
    True
    """

    def __init__(self, lags: int = 5, window: int = 100, seed: int = 42) -> None:
        self.lags = lags
        self.window = window
        self.seed = seed
        self._trees: Any = anomaly.HalfSpaceTrees(
            n_trees=15, height=6, window_size=window, seed=seed
        )
        self._scale = MedianDeviation()
        self._recent: deque[float] = deque([0.5] * lags, maxlen=lags)
        self._known = 0

    def score_one(self, x: float, t: datetime) -> float:
        """Tree score × (1 + surprise of the value), ≥ 0."""
        if self._known <= self.window:
            return nan
        if isnan(x):
            return 0.0
        trees = self._trees.score_one(self._features(x, t))
        return float(trees) * (1.0 + tail(self._scale.score_one(x, t)))

    def learn_one(self, x: float, t: datetime) -> None:
        """Count a row of features."""
        if not isfinite(x):
            return
        if not isnan(self._scale.score_one(x, t)):
            features = self._features(x, t)
            self._trees.learn_one(features)
            self._recent.append(features[0])
            self._known += 1
        self._scale.learn_one(x, t)

    def _features(self, x: float, t: datetime) -> dict[int, float]:
        """The value and the last ones, each in [0, 1]; 0.5 is usual."""
        value, middle = clipped(x), self._scale.middle
        away = self._scale.score_one(x, t)
        signed = min(away, 50.0) * (1.0 if value >= middle else -1.0)
        here = 1.0 / (1.0 + exp(-signed / 3.0))
        return dict(enumerate([here, *list(self._recent)[1:]]))
