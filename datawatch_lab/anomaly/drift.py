"""Changes of trend: River's ADWIN and Page-Hinkley, on values in units of their spread."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from math import isfinite, isnan, nan

from river import drift
from river.base import DriftDetector

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.evidence import clipped
from datawatch_lab.anomaly.mad import MedianDeviation


class _Drift(SeriesDetector):
    """1 at the row after a change was found, else 0; NaN while the scale is unknown."""

    def __init__(self) -> None:
        self._scale: tuple[float, float] | None = None
        self._first = MedianDeviation(window=50, warm=50)
        self._drift = self._make()

    @abstractmethod
    def _make(self) -> DriftDetector:
        """A drift detector that has seen nothing."""

    def score_one(self, x: float, t: datetime) -> float:
        """1 when the row before completed the evidence of a change, else 0."""
        del t
        if self._scale is None:
            return nan
        return 0.0 if isnan(x) else float(self._drift.drift_detected)

    def learn_one(self, x: float, t: datetime) -> None:
        """Let the drift detector see a value."""
        if not isfinite(x):
            return
        if self._scale is None:
            self._first.learn_one(x, t)
            spread = self._first.spread
            if not isnan(spread):
                self._scale = (self._first.middle, spread or abs(self._first.middle) or 1.0)
            return
        middle, spread = self._scale
        self._drift.update(min(max((clipped(x) - middle) / spread, -1e6), 1e6))


class AdwinTrend(_Drift):
    """ADWIN: two parts of an adaptive window differ in mean.

    It finds sustained shifts some tens of rows late, and sees no single outlier. O(log window).

    Args:
        delta: probability of a false change at a row.

    Source: Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", 2007.
    """

    def __init__(self, delta: float = 0.002) -> None:
        self.delta = delta
        super().__init__()

    def _make(self) -> DriftDetector:
        return drift.ADWIN(delta=self.delta)  # type: ignore[no-untyped-call]  # River's


class PageHinkleyTrend(_Drift):
    """Page-Hinkley: the cumulative departure from the mean leaves its extreme.

    It finds slow drifts; it fails where the season is larger than ``delta``. O(1).

    Args:
        delta: departures, in spreads, that are tolerated.
        limit: cumulative departure, in spreads, from which it is a change.

    Source: Page, "Continuous Inspection Schemes", Biometrika 1954.
    """

    def __init__(self, delta: float = 0.5, limit: float = 50.0) -> None:
        self.delta = delta
        self.limit = limit
        super().__init__()

    def _make(self) -> DriftDetector:
        return drift.PageHinkley(delta=self.delta, threshold=self.limit)
