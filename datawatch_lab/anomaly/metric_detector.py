"""The default detector of one metric.

It knows nothing of the metric: step, scale, daily and weekly shape and how wild the series is are
learnt. Each of the six departures of `evidence` becomes a surprise, −log10 of how often one as
large was seen (`tails`); their weighted mean, set to how often rows come and how much is known, is
the raw score. With ``ml`` the Half-Space Trees of `joint` object to it where departures are
ordinary together. `policy` says how much of it is let through as an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, isfinite, isnan, log10, nan

from datawatch_lab.anomaly.base import SeriesDetector, utc_seconds
from datawatch_lab.anomaly.evidence import (
    WARM_ROWS,
    WEIGHTS,
    Evidence,
    clipped,
    log_step,
    typical_step,
)
from datawatch_lab.anomaly.joint import Joint
from datawatch_lab.anomaly.kinds import weights_of
from datawatch_lab.anomaly.policy import AlertPolicy
from datawatch_lab.anomaly.sensitivity import Sensitivity, threshold
from datawatch_lab.anomaly.tails import Tail

RARITY = 0.6
"""Gained for each tenfold of a minute between rows: what comes rarely alarms rarely."""

IGNORANCE = 1.0
MOVES = 100.0
"""Lost while the series has moved little: IGNORANCE × log10(1 + MOVES / (1 + changes))."""

STEP_RATE = 0.01
"""How fast the inferred step follows, as a share of itself a row."""

ALGORITHMS = ("statistical", "seasonal")
"""That have a say by default."""

_LOG_MINUTE = log_step(60.0)
_LOG_TEN = log_step(10.0)


class MetricDetector(SeriesDetector):
    """Online anomaly detector of one metric, without configuration.

    The score is about −log10 of the probability of a row as strange, for a row a minute; rows that
    come more rarely score higher, 0.6 for each tenfold. It is NaN for the first 50 values. Points
    up. 35–50 µs to score and learn.

    It fails on series that are strange in their rhythm (an hour early, say), in correlation with
    others, or by slow drift: it gets used to what lasts for days.

    Hours of day and week are those of UTC, whatever zone times have; times without a zone are taken
    as they stand. Where people's clock matters give times of the wall clock without their zone.

    Args:
        sensitivity: ``low``, ``medium``, ``high``, a number in [0, 1], or standard deviations
            above 1; sets `threshold`, not the score.
        step: time between rows; None infers it.
        algorithms: that have a say: ``statistical``, ``seasonal``, ``ml``.

    >>> from datetime import timedelta
    >>> detector, t = MetricDetector(), datetime(2026, 1, 1)
    >>> for i in range(2_000):
    ...     detector.learn_one(100 + i * 7919 % 11, t + i * timedelta(minutes=5))
    >>> t += 2_000 * timedelta(minutes=5)
    >>> round(detector.score_one(105, t), 1), round(detector.score_one(200, t), 1)
    (0.5, 3.9)
    >>> detector.is_anomaly(200, t)
    True
    """

    def __init__(
        self,
        sensitivity: Sensitivity = "medium",
        step: timedelta | None = None,
        algorithms: Sequence[str] = ALGORITHMS,
    ) -> None:
        self.sensitivity = sensitivity
        self.step = step
        self.algorithms = algorithms
        self._weights = weights_of(tuple(algorithms), WEIGHTS)
        self._threshold = threshold(sensitivity)
        self._restart()

    def _restart(self) -> None:
        self._first: list[float] = []
        self._times: list[float] = []
        self._evidence: Evidence | None = None
        self._tails = [Tail() for _ in WEIGHTS]
        self._joint = Joint() if "ml" in self.algorithms else None
        self._policy = AlertPolicy()
        self._changes = 0
        self._log_step = log_step(self.step.total_seconds()) if self.step else _LOG_MINUTE
        self._now = 0.0

    @property
    def threshold(self) -> float:
        """The score from which a row is an anomaly at this sensitivity."""
        return self._threshold

    @property
    def warming(self) -> bool:
        """Whether too few values were learnt to score one."""
        return self._evidence is None

    @property
    def inferred_step(self) -> timedelta:
        """The time between rows as known so far; a minute while nothing is known."""
        return timedelta(seconds=exp(self._log_step))

    def is_anomaly(self, x: float, t: datetime) -> bool:
        """Whether a value is to be reported; False while warming."""
        return self.score_one(x, t) >= self._threshold

    def score_one(self, x: float, t: datetime) -> float:
        """The score after the alert policy, ≥ 0; NaN while warming, 0 for a value that is NaN."""
        raw = self.raw_score_one(x, t)
        return raw if isnan(raw) else self._policy.adjust(raw, utc_seconds(t))

    def raw_score_one(self, x: float, t: datetime) -> float:
        """The score without the alert policy, ≥ 0; NaN while warming, 0 for a value that is NaN."""
        if self._evidence is None:
            return nan
        if isnan(x):
            return 0.0
        return self._score(self._evidence.departures(clipped(x), int(utc_seconds(t) // 1)))

    def _score(self, departures: tuple[float, ...]) -> float:
        mean = 0.0
        for weight, tail, departure in zip(self._weights, self._tails, departures, strict=True):
            mean += weight * tail.surprise(abs(departure))
        if self._joint is not None:
            mean = self._joint.objected(mean, departures)
        rare = RARITY * (self._log_step - _LOG_MINUTE) / _LOG_TEN
        unknown = IGNORANCE * log10(1.0 + MOVES / (1.0 + self._changes))
        return max(mean + rare - unknown, 0.0)

    def learn_one(self, x: float, t: datetime) -> None:
        """Take note of a value; NaN and infinite ones are left out."""
        if not isfinite(x):
            return
        x, now = clipped(x), utc_seconds(t)
        if self._evidence is None:
            self._warm(x, now)
            return
        seconds = int(now // 1)
        departures = self._evidence.departures(x, seconds)
        self._policy.learn(self._score(departures), now)
        self._follow(now)
        for tail, departure in zip(self._tails, departures, strict=True):
            tail.add(abs(departure))
        if any(tail.blind for tail in self._tails):
            self._tails = [Tail() for _ in WEIGHTS]
        if self._joint is not None:
            self._joint.learn(departures)
        self._changes += x != self._evidence.last
        self._evidence.learn(x, seconds)
        if self._evidence.stale:
            self._restart()

    def _warm(self, x: float, now: float) -> None:
        self._changes += bool(self._first) and x != self._first[-1]
        self._first.append(x)
        self._times.append(now)
        if len(self._first) < WARM_ROWS:
            return
        self._evidence = Evidence(self._first)
        if self.step is None:
            self._log_step = log_step(typical_step(self._times))
        self._now = max(self._times)
        self._first, self._times = [], []

    def _follow(self, now: float) -> None:
        """Let the inferred step follow the times."""
        if now <= self._now:
            return
        if self.step is None:
            seen = log_step(now - self._now)
            self._log_step += STEP_RATE * ((seen > self._log_step) - (seen < self._log_step))
        self._now = now


class JointDetector(MetricDetector):
    """The default detector with the trees of ``ml``; 60–110 µs more a row.

    Arguments are those of `MetricDetector`.
    """

    def __init__(
        self,
        sensitivity: Sensitivity = "medium",
        step: timedelta | None = None,
        algorithms: Sequence[str] = (*ALGORITHMS, "ml"),
    ) -> None:
        super().__init__(sensitivity, step, algorithms)
