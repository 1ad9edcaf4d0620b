"""When a score becomes an alarm: cool-down after one, and fatigue when there are many.

The score says how strange a row is; this says how much of it to let through, so that people are
told of a trouble once, and series which are often strange have to be stranger to be heard. What is
strange beyond doubt always passes.
"""

from __future__ import annotations

from math import exp2, inf

ALARM = 2.2
"""Adjusted score from which a row counts as an alarm to the policy itself."""

BEYOND_DOUBT = 3.2
"""Score that passes whatever was said before."""

FATIGUE = 0.08
"""Taken off a score for each remembered alarm."""

MEMORY_SECONDS = 20 * 86_400.0
"""Half-life of a remembered alarm."""

COOL_SECONDS = 2 * 3_600.0
COOL_ROWS = 10
COOL_SHARE = 0.04
"""An alarm is followed by a cool-down of at least so long, so many rows, and this share of the
time that the series is known for."""

LOUDER = 1.5
"""A score of so many times the last alarm's breaks the cool-down."""

HUSHED = 0.5
"""What a score is multiplied by in the cool-down."""


class AlertPolicy:
    """The state of the policy for one series; times are UTC seconds and never go back.

    Attributes:
        fatigue: alarms remembered, decayed to `now`.
        now: time of the last row; −∞ before the first.
        start: time of the first row.
        alarm: time of the last alarm; −∞ when there was none.
        rows: since that alarm.
        loudness: score of that alarm.
    """

    __slots__ = ("alarm", "fatigue", "loudness", "now", "rows", "start")

    def __init__(self) -> None:
        self.fatigue = 0.0
        self.now = -inf
        self.start = 0.0
        self.alarm = -inf
        self.rows = 0
        self.loudness = 0.0

    def adjust(self, score: float, now: float) -> float:
        """The score after policy, in [0, score]."""
        if score >= BEYOND_DOUBT:
            return score
        heard = max(score - FATIGUE * self._faded(now), 0.0)
        return heard * HUSHED if self._hushes(score, now) else heard

    def learn(self, score: float, now: float) -> None:
        """Take note of a row and its score."""
        if self.now == -inf:
            self.start = self.now = now
        fatigue = self._faded(now)
        alarmed = score - FATIGUE * fatigue >= ALARM and not self._hushes(score, now)
        self.now = max(self.now, now)
        self.fatigue = fatigue
        self.rows += 1
        if alarmed:
            self.fatigue += 1.0
            self.alarm = self.now
            self.rows = 0
            self.loudness = score

    def _faded(self, now: float) -> float:
        if self.fatigue == 0.0:
            return 0.0
        return self.fatigue * exp2(-max(now - self.now, 0.0) / MEMORY_SECONDS)

    def _hushes(self, score: float, now: float) -> bool:
        if self.alarm == -inf or score >= LOUDER * self.loudness:
            return False
        known = max(now, self.now)
        cool = max(COOL_SECONDS, COOL_SHARE * (known - self.start))
        return known - self.alarm < cool or self.rows + 1 < COOL_ROWS
