"""What the default detector looks at: six departures from the usual, for one series.

1. the value against its hour of day, 2. against its hour of week (once that was seen three times),
3. the logarithm of the value against its ten minutes of day, nearest of three neighbours,
4. and 5. fast against slow means of the logarithm, two pairs: shifts of level,
6. the second difference of the value: single steps and spikes.

Each is in units of the series' own spread; its size counts. Everything is of fixed size and free of
branches on history, so that `bank` can hold many series in arrays and give the same numbers.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from math import copysign, isnan, log, log1p, nan
from statistics import median

WARM_ROWS = 50
"""Finite values before the first score; they give the scale."""

HOURS = 168
SLOTS = 144
SLOT_SECONDS = 600
SEEN_ENOUGH = 3

PROFILE_RATE = 0.2
BASE_RATE = 0.003
"""Rate of the mean that profiles are relative to."""

PAIRS = ((0.1, 0.01), (0.3, 0.03))
"""Rates of the fast and slow means of 4 and 5."""

SMALLEST_SPREAD = 0.01
"""Spread of a series that hardly moves, as a share of its size."""

WEIGHTS = (0.125, 0.25, 0.25, 0.125, 0.125, 0.125)
"""Of the six in the score."""

LARGEST, TINIEST = 1e30, 1e-30
"""Larger values are clipped and smaller ones are 0, so that all stay in the range of float32."""

STALE = 1 / 16
"""A series whose size or deviation falls to this share of what it was first starts anew."""


def clipped(x: float) -> float:
    """A value that arithmetic can bear; infinity is the largest. NaN stays."""
    return 0.0 if abs(x) < TINIEST else min(max(x, -LARGEST), LARGEST)


def signed_log(x: float, scale: float) -> float:
    """sign(x)·log(1 + |x| / scale)."""
    return copysign(log1p(abs(x) / scale), x)


class Evidence:
    """The means and profiles of one series, from its scale on.

    Attributes:
        scale: typical |x|; 0 while every value was 0.
        spread, log_spread: median deviation of the first rows, of x and its signed log.
        base, log_base: slow means.
        means: fast and slow means of the log, in the order of `PAIRS`.
        hours: hour of day → mean of x − base; NaN where unseen. weekly: the same by hour of week.
        visits: of each hour of week, to at most `SEEN_ENOUGH`.
        slots: ten minutes of day → mean of log − log_base; NaN where unseen.
            All profiles are float32, as in a bank.
        last, before: the last two values.
        size, deviation: slow means of |x| and |x − base|; 0 size for a series that is mostly 0.
    """

    __slots__ = (
        *("base", "before", "deviation", "hours", "last", "log_base", "log_spread"),
        *("means", "scale", "size", "slots", "spread", "visits", "weekly"),
    )

    def __init__(self, first: list[float]) -> None:
        sizes = [abs(x) for x in first]
        self.size = upper_median(sizes)
        self.scale = self.size or max(sizes)
        self.base = upper_median(first)
        scale = self.scale or 1.0
        self.log_base = signed_log(self.base, scale)
        self.spread = upper_median([abs(x - self.base) for x in first])
        self.log_spread = upper_median([abs(signed_log(x, scale) - self.log_base) for x in first])
        self._keep_apart()
        self.means = [self.log_base] * 4
        self.hours = array("f", [nan] * 24)
        self.weekly = array("f", [nan] * HOURS)
        self.visits = [0] * HOURS
        self.slots = array("f", [nan] * SLOTS)
        self.last = self.before = first[-1]
        self.deviation = self.spread

    def _keep_apart(self) -> None:
        self.spread = max(self.spread, SMALLEST_SPREAD * (self.scale or 1.0))
        self.log_spread = max(self.log_spread, SMALLEST_SPREAD)

    def departures(self, x: float, seconds: int) -> tuple[float, ...]:
        """The six departures of a value at a time, signed but for the third."""
        scale = self.scale or abs(x) or 1.0
        spread = self.spread if self.scale else SMALLEST_SPREAD * scale
        log_x = signed_log(x, scale)
        off = x - self.base
        daily = self.hours[seconds % 86_400 // 3_600]
        of_day = 0.0 if isnan(daily) else daily
        hour = seconds // 3_600 % HOURS
        of_week = self.weekly[hour] if self.visits[hour] >= SEEN_ENOUGH else of_day
        fast, slow, faster, slower = self._moved(log_x)
        return (
            (off - of_day) / spread,
            (off - of_week) / spread,
            self._from_slot(log_x - self.log_base, seconds) / self.log_spread,
            (fast - slow) / self.log_spread,
            (faster - slower) / self.log_spread,
            (x - 2.0 * self.last + self.before) / spread,
        )

    def _moved(self, log_x: float) -> tuple[float, float, float, float]:
        (a, b), (c, d) = PAIRS
        fast, slow, faster, slower = self.means
        return (
            fast + a * (log_x - fast),
            slow + b * (log_x - slow),
            faster + c * (log_x - faster),
            slower + d * (log_x - slower),
        )

    def _from_slot(self, off: float, seconds: int) -> float:
        slots, here = self.slots, seconds % 86_400 // SLOT_SECONDS
        nearest = LARGEST
        for slot in (slots[here - 1], slots[here], slots[(here + 1) % SLOTS]):
            nearest = min(nearest, abs(off) if isnan(slot) else abs(off - slot))
        return nearest

    def learn(self, x: float, seconds: int) -> None:
        """Move the means and profiles towards a value."""
        if not self.scale and x:
            self.scale = abs(x)
            self.spread = 0.0
            self._keep_apart()
        log_x = signed_log(x, self.scale or 1.0)
        off, log_off = x - self.base, log_x - self.log_base
        self.means = list(self._moved(log_x))
        hour, week = seconds % 86_400 // 3_600, seconds // 3_600 % HOURS
        slot = seconds % 86_400 // SLOT_SECONDS
        self.hours[hour] = _towards(self.hours[hour], off)
        self.weekly[week] = _towards(self.weekly[week], off)
        self.visits[week] = min(self.visits[week] + 1, SEEN_ENOUGH)
        self.slots[slot] = _towards(self.slots[slot], log_off)
        self.base += BASE_RATE * off
        self.log_base += BASE_RATE * log_off
        self.deviation += BASE_RATE * (abs(off) - self.deviation)
        if self.size:
            self.size += BASE_RATE * (abs(x) - self.size)
        self.before, self.last = self.last, x

    @property
    def stale(self) -> bool:
        """Whether the series is so much smaller than at its start that nothing would be seen."""
        if not self.size:
            return False
        still = self.spread <= SMALLEST_SPREAD * self.scale
        return self.size < STALE * self.scale or (
            not still and self.deviation < STALE * self.spread
        )


def upper_median(values: list[float]) -> float:
    """The middle value, the upper of two."""
    return sorted(values)[len(values) // 2]


def _towards(mean: float, value: float) -> float:
    return value if isnan(mean) else mean + PROFILE_RATE * (value - mean)


def typical_step(times: list[float]) -> float:
    """Median of the positive steps between times, in seconds; 60 when there is none."""
    steps = [b - a for a, b in pairwise(times) if b > a]
    return median(steps) if steps else 60.0


def log_step(seconds: float) -> float:
    """Natural logarithm of a step, which is at least a millisecond."""
    return log(max(seconds, 1e-3))
