"""Data that does not come: the wait against the waits that are usual."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import isnan, nan

from datawatch_lab.anomaly.base import SeriesDetector, utc_seconds
from datawatch_lab.anomaly.evidence import typical_step
from datawatch_lab.anomaly.tails import Tail


class MissingData(SeriesDetector):
    """−log10 of how often a wait was as long as the one that a row ends; NaN before ``warm`` waits.

    Values do not matter, NaN ones count as not come. `overdue` asks the same of a clock, so that
    silence is seen while it lasts. It fails where arrival is irregular by nature only in so far as
    it needs to see the irregularity first. O(1), 0.5 kB.

    Args:
        warm: waits before the first score, ≥ 1.

    >>> from datetime import timedelta
    >>> detector, t = MissingData(), datetime(2026, 1, 1)
    >>> for minute in range(200):
    ...     detector.learn_one(1.0, t + timedelta(minutes=minute))
    >>> round(detector.overdue(t + timedelta(minutes=200)), 1)
    0.1
    >>> round(detector.overdue(t + timedelta(minutes=230)), 1)
    2.6
    """

    def __init__(self, warm: int = 20) -> None:
        self.warm = warm
        self._times: list[float] = []
        self._tail = Tail()
        self._step = nan
        self._last = nan

    def score_one(self, x: float, t: datetime) -> float:
        """Surprise of the wait that this row ends, ≥ 0; 0 for a row that does not come later."""
        del x
        return self.overdue(t)

    def overdue(self, now: datetime) -> float:
        """Surprise of the wait so far, ≥ 0; NaN while warming."""
        if isnan(self._step):
            return nan
        wait = max(utc_seconds(now) - self._last, 0.0)
        return self._tail.surprise(wait / self._step)

    def learn_one(self, x: float, t: datetime) -> None:
        """Count the wait that a row ends."""
        if isnan(x):
            return
        now = utc_seconds(t)
        if isnan(self._step):
            self._warm(now)
        elif now > self._last:
            self._tail.add((now - self._last) / self._step)
            self._last = now

    def _warm(self, now: float) -> None:
        self._times.append(now)
        if len(self._times) <= self.warm:
            return
        times = sorted(self._times)
        self._step = typical_step(times)
        for a, b in pairwise(times):
            if b > a:
                self._tail.add((b - a) / self._step)
        self._last = times[-1]
        self._times = []
