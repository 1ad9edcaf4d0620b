"""What River's models say of one series, beside the detector that decides.

Half-Space Trees on scaled lags, Holt-Winters' forecast, and ADWIN for changes of trend. A score of
the first two counts when it is as rare as one in a hundred of the rows before.
"""

from __future__ import annotations

from datetime import datetime
from math import isnan

from datawatch_lab.anomaly.drift import AdwinTrend
from datawatch_lab.anomaly.half_space import HalfSpace
from datawatch_lab.anomaly.kinds import RIVER
from datawatch_lab.anomaly.predictive import Predictive
from datawatch_lab.anomaly.tails import Tail

TREES, FORECAST, DRIFT = RIVER

RARE = 2.0
"""Surprise, −log10 of a share of rows, from which a score is strange."""

KNOWN = 200
"""Rows that a model must have scored before it is heard."""

RECENT = 30
"""Rows for which a change of trend is news."""


class Opinions:
    """Three River models of a series and how usual their scores are; some 0.5 ms a row."""

    def __init__(self) -> None:
        self._scored = {TREES: HalfSpace(), FORECAST: Predictive()}
        self._tails = {name: Tail() for name in self._scored}
        self._counts = dict.fromkeys(self._scored, 0)
        self._drift = AdwinTrend()
        self._changed = RECENT

    def step(self, x: float, t: datetime) -> tuple[str, ...]:
        """Score a value, then learn it: names of the models that find it strange.

        Nothing is said of NaN.
        """
        if isnan(x):
            return ()
        found = [name for name in self._scored if self._score(name, x, t) >= RARE]
        self._drift.learn_one(x, t)
        self._changed = 0 if self._drift.score_one(x, t) == 1.0 else self._changed + 1
        return (*found, DRIFT) if self._changed < RECENT else tuple(found)

    def _score(self, name: str, x: float, t: datetime) -> float:
        """Surprise of a score; 0 while too little is known."""
        model = self._scored[name]
        size = model.score_one(x, t)
        model.learn_one(x, t)
        if isnan(size):
            return 0.0
        tail = self._tails[name]
        found = tail.surprise(size) if self._counts[name] >= KNOWN else 0.0
        tail.add(size)
        self._counts[name] += 1
        return found

    @property
    def ready(self) -> tuple[str, ...]:
        """Names of the models that are heard."""
        known = tuple(name for name, count in self._counts.items() if count >= KNOWN)
        return (*known, DRIFT) if known else known
