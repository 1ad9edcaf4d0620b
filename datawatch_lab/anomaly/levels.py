"""Shifts of level against an hourly baseline, for many series at once.

A baseline is the mean of an hour of day, or of week once that was seen often enough, moved by what
the last hours were off it, and interpolated between hours. Departures from it are gathered over
3, 10 and 30 rows; each gathered one is set against how large it usually is. So a rise by half that
lasts ten minutes is seen in a series of eight rows a minute, in which no single minute is strange.

Rows that are off are left out of the baseline: an outage does not become what is usual. What lasts
for `LASTS` hours does. Averages of fewer rows than usual count for less, see `beneath`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.anomaly.stored import restored

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RATES = (1 / 3, 1 / 10, 1 / 30)
"""Of what is gathered, in rows."""

CLIP = 6.0
"""A row counts as so many standard deviations at most: a single outlier is no shift."""

CLIP_VALUES = 4.0
"""The same for what is no count: values have longer tails."""

HELD = 4.0
"""Gathered departure, in standard deviations, from which on rows are left out of the baseline."""

LASTS = 4
"""Hours in a row that are mostly left out, after which they are what is usual."""

RETURNS = 3
"""Days in a row that an hour is mostly left out, after which it is what is usual."""

DAY_RATE, WEEK_RATE, NOW_RATE, SPREAD_RATE = 0.3, 0.4, 0.4, 0.1
BETWEEN_RATE = 0.3
UNSURE = 0.06
"""How far off the baseline an hour is thought to be while nothing is known, as a share of it."""

FAR = 3.0
"""An hour counts as so many times as far off as usual at most, and `UNSURE` more."""

SEEN_WEEKS = 2
"""Times that an hour of week must have been seen before it is preferred to the hour of day."""

SPARSE = 0.5
"""Least variance of a count."""

SIGMA = 1.2533
_RATES = np.array(RATES)
_ROOT = np.sqrt(np.array(RATES) / (2.0 - np.array(RATES)))
_TINY = 1e-9
_UNKNOWN = -1

FIELDS: dict[str, tuple[type, tuple[int, ...], float]] = {
    "daily": (np.float32, (24,), np.nan),
    "weekly": (np.float32, (168,), np.nan),
    "weeks": (np.uint8, (168,), 0),
    "now": (np.float64, (), 0),
    "spread": (np.float32, (24,), np.nan),
    "between": (np.float32, (24,), np.nan),
    "gathered": (np.float64, (3,), 0),
    "usual": (np.float64, (3,), 0),
    "skipped": (np.uint8, (24,), 0),
    "hour": (np.int64, (), _UNKNOWN),
    "rows": (np.float64, (), 0),
    "sum": (np.float64, (), 0),
    "away": (np.float64, (), 0),
    "sizes": (np.float64, (3,), 0),
    "all_rows": (np.float64, (), 0),
    "all_sum": (np.float64, (), 0),
    "held": (np.uint8, (), 0),
}
"""Field → type, shape for one series, value at the start; 1.4 kB a series."""


class Shift(NamedTuple):
    """How far off the baseline rows are.

    Attributes:
        z: the largest gathered departure in standard deviations, signed; NaN while there is no
            baseline for the hour.
        expected: the baseline.
        sigma: standard deviation of a single row around it.
    """

    z: Floats
    expected: Floats
    sigma: Floats


_Hour = tuple[int, object, tuple[Floats, Floats, list[Floats], Floats, Floats]]
"""Hour, series, and: middle of the baseline, what it is moved by, its slopes to both sides, spread,
between."""


def _name_of(rows: Rows) -> object:
    """What tells series apart from others, at little cost."""
    return (rows.start, rows.stop) if isinstance(rows, slice) else rows.tobytes()


class Levels:
    """Baselines of ``size`` series that have a row a minute or so.

    Args:
        size: how many series.
    """

    def __init__(self, size: int = 0) -> None:
        self.of: dict[str, Array] = {
            name: np.full((size, *shape), first, dtype=kind)
            for name, (kind, shape, first) in FIELDS.items()
        }
        self._hour: _Hour | None = None

    def __len__(self) -> int:
        return len(self.of["hour"])

    def grow(self, size: int) -> None:
        """Make room for more series."""
        self._hour = None
        more = Levels(size - len(self))
        self.of = {name: np.concatenate([each, more.of[name]]) for name, each in self.of.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Levels:
        """Baselines that go on where those were whose `of` it is.

        Raises:
            InputError: a field is missing or of another type or shape.
        """
        made = cls()
        made.of = restored(arrays, FIELDS, "hour", "baselines")
        return made

    def step(
        self,
        rows: Ints,
        x: Floats,
        t: Floats,
        counted: NDArray[np.bool_],
        silent: NDArray[np.bool_] | None = None,
        weight: Floats | float = 1.0,
    ) -> Shift:
        """Score a row of each of some series, then learn it.

        Args:
            rows: numbers of the series, none twice.
            x: values; NaN ones are no rows.
            t: seconds, of UTC or of a wall clock: hours are theirs.
            counted: which series are counts, that vary by the root of what is expected at least.
            silent: rows that are left out of the baseline of an hour that is not known yet, see
                `arrivals.Silence`; None for none.
            weight: of averages, see `beneath.Footing`; 1 for what is none.
        """
        hour = (t // 3_600.0).astype(np.int64)
        if (over := self.of["hour"][rows] != hour).any():
            self._end_hours(rows[over], hour[over])
        found, known = self._expected(rows, t)
        expected = possible(found, counted)
        spread, between = self._spreads(rows, hour)
        sigma = spread_of(spread, expected, counted)
        return self._stepped(rows, x, counted, (expected, sigma, between, known), silent, weight)

    def step_all(
        self,
        rows: Rows,
        x: Floats,
        at: float,
        counted: NDArray[np.bool_],
        silent: NDArray[np.bool_] | None = None,
        weight: Floats | float = 1.0,
    ) -> Shift:
        """`step` of series that are all at the same moment, of which many follow in one hour.

        What an hour's baseline says does not change within the hour, so it is put together once.
        """
        hour = int(at // 3_600.0)
        if (self._hour is None) or self._hour[:2] != (hour, _name_of(rows)):
            numbers = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
            hours = np.full(len(numbers), hour)
            if (over := self.of["hour"][numbers] != hour).any():
                self._end_hours(numbers[over], hours[over])
            here = self._profile(numbers, hours)
            sides = [self._profile(numbers, hours + step) for step in (-1, 1)]
            slopes = [np.where(np.isnan(each), here, each) - here for each in sides]
            now = self.of["now"][numbers]
            made = (here, now, slopes, *self._spreads(numbers, hours))
            self._hour = (hour, _name_of(rows), made)
        middle, now, slopes, spread, between = self._hour[2]
        part = at % 3_600.0 / 3_600.0 - 0.5
        found = middle + abs(part) * slopes[0 if part < 0.0 else 1] + now
        known = ~np.isnan(found)
        expected = possible(np.where(known, found, 0.0), counted)
        sigma = spread_of(spread, expected, counted)
        return self._stepped(rows, x, counted, (expected, sigma, between, known), silent, weight)

    def _stepped(
        self,
        rows: Rows,
        x: Floats,
        counted: NDArray[np.bool_],
        usual: tuple[Floats, Floats, Floats, NDArray[np.bool_]],
        silent: NDArray[np.bool_] | None,
        weight: Floats | float,
    ) -> Shift:
        """Score and learn rows against expected, sigma, between, and whether they are known."""
        expected, sigma, between, known = usual
        clip = np.where(counted, CLIP, CLIP_VALUES)
        wide = sigma / weight
        off = np.where(np.isnan(x), 0.0, np.clip((x - expected) / wide, -clip, clip))
        off = np.where(known, off, 0.0)
        before = self.of["gathered"][rows]
        gathered = before + _RATES * (off[:, None] - before)
        if (none := np.isnan(x)).any():
            gathered[none] = before[none]
        self.of["gathered"][rows] = gathered
        z = largest(gathered, self.of["usual"][rows], between / sigma)
        kept = np.where(known, np.abs(z) < HELD, True if silent is None else ~silent)
        self._learn(rows, x, expected, wide, gathered, kept, known, weight)
        return Shift(np.where(known, z, np.nan), expected, wide)

    def _expected(self, rows: Ints, t: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The baseline at some times, and whether there is one for the hour."""
        hour = (t // 3_600.0).astype(np.int64)
        here = self._profile(rows, hour)
        part = t % 3_600.0 / 3_600.0 - 0.5
        other = self._profile(rows, hour + np.where(part < 0.0, -1, 1))
        other = np.where(np.isnan(other), here, other)
        known = ~np.isnan(here)
        made = here + np.abs(part) * (other - here) + self.of["now"][rows]
        return np.where(known, made, 0.0), known

    def _profile(self, rows: Ints, hour: Ints) -> Floats:
        week = hour % 168
        enough = self.of["weeks"][rows, week] >= SEEN_WEEKS
        daily = self.of["daily"][rows, hour % 24].astype(np.float64)
        return np.where(enough, self.of["weekly"][rows, week], daily)

    def _spreads(self, rows: Ints, hour: Ints) -> tuple[Floats, Floats]:
        """Mean distance of rows from the baseline in that hour of day, and of its own mean."""
        day = hour % 24
        spread = self.of["spread"][rows, day].astype(np.float64)
        other = np.isnan(spread)
        if other.any():
            every = self.of["spread"][rows[other]].astype(np.float64)
            known = ~np.isnan(every)
            total = np.where(known, every, 0.0).sum(axis=1)
            count = known.sum(axis=1)
            spread[other] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        between = self.of["between"][rows, day].astype(np.float64)
        unknown = UNSURE * np.abs(self._profile(rows, hour))
        return spread, SIGMA * np.where(np.isnan(between), unknown, between)

    def _learn(
        self,
        rows: Rows,
        x: Floats,
        expected: Floats,
        sigma: Floats,
        gathered: Floats,
        usual: NDArray[np.bool_],
        known: NDArray[np.bool_],
        weight: Floats | float,
    ) -> None:
        """Count the rows of the hour, those that are off apart."""
        came = ~np.isnan(x)
        kept = came & usual
        value = np.where(came, x, 0.0)
        near = np.where(
            known, np.clip(value, expected - CLIP * sigma, expected + CLIP * sigma), value
        )
        self.of["rows"][rows] += kept
        self.of["sum"][rows] += np.where(kept, near, 0.0)
        self.of["away"][rows] += np.where(kept, np.abs(near - expected) * weight, 0.0)
        self.of["sizes"][rows] += np.where(kept[:, None], np.abs(gathered), 0.0)
        self.of["all_rows"][rows] += came
        self.of["all_sum"][rows] += value

    def _end_hours(self, rows: Ints, hour: Ints) -> None:
        """Take over what the last hour of some series said, and begin another."""
        self._hour = None
        of, last = self.of, self.of["hour"][rows]
        few = of["rows"][rows] < 0.5 * of["all_rows"][rows]
        held = np.where(few, of["held"][rows] + 1, 0)
        skipped = np.where(few, of["skipped"][rows, last % 24] + 1, 0)
        of["skipped"][rows, last % 24] = skipped % RETURNS
        lasts = (held >= LASTS) | (skipped >= RETURNS)
        count = np.where(lasts, of["all_rows"][rows], np.where(few, 0.0, of["rows"][rows]))
        self._vary(rows, last)
        use = (last >= 0) & (count >= 10)
        if use.any():
            total = np.where(lasts, of["all_sum"][rows], of["sum"][rows])
            self._take(rows[use], last[use], (total[use] / count[use]), lasts[use])
        of["held"][rows] = np.where(last >= 0, np.minimum(held, 250), 0)
        for name in ("rows", "sum", "away", "sizes", "all_rows", "all_sum"):
            of[name][rows] = 0.0
        of["hour"][rows] = hour

    def _vary(self, rows: Ints, hour: Ints) -> None:
        """Learn how far off the baseline whole hours are, also those that were left out."""
        count = self.of["all_rows"][rows]
        before = self._profile(rows, hour)
        use = (hour >= 0) & (count >= 10) & ~np.isnan(before)
        if not use.any():
            return
        mine, day = rows[use], hour[use] % 24
        usual = before[use] + self.of["now"][mine]
        off = np.abs(self.of["all_sum"][mine] / count[use] - usual)
        old = self.of["between"][mine, day].astype(np.float64)
        old = np.where(np.isnan(old), UNSURE * np.abs(before[use]), old)
        off = np.minimum(off, FAR * old + UNSURE * np.abs(before[use]))
        self.of["between"][mine, day] = old + BETWEEN_RATE * (off - old)

    def _take(self, rows: Ints, hour: Ints, mean: Floats, lasts: NDArray[np.bool_]) -> None:
        of = self.of
        before = self._profile(rows, hour)
        fresh = np.isnan(before)
        off = np.where(fresh, 0.0, mean - before)
        of["now"][rows] = np.where(
            fresh, 0.0, np.where(lasts, off, of["now"][rows] + NOW_RATE * (off - of["now"][rows]))
        )
        for name, place, rate in (
            ("daily", hour % 24, DAY_RATE),
            ("weekly", hour % 168, WEEK_RATE),
        ):
            old = of[name][rows, place].astype(np.float64)
            of[name][rows, place] = np.where(np.isnan(old), mean, old + rate * (mean - old))
        of["weeks"][rows, hour % 168] = np.minimum(of["weeks"][rows, hour % 168] + 1, SEEN_WEEKS)
        usable = ~fresh & ~lasts
        mine = rows[usable]
        count = np.maximum(of["rows"][mine], 1.0)
        day = hour[usable] % 24
        spread = of["spread"][mine, day].astype(np.float64)
        away = of["away"][mine] / count
        of["spread"][mine, day] = np.where(
            np.isnan(spread), away, spread + DAY_RATE * (away - spread)
        )
        sizes = of["sizes"][mine] / count[:, None]
        usual = of["usual"][mine]
        of["usual"][mine] = np.where(usual == 0.0, sizes, usual + SPREAD_RATE * (sizes - usual))


def possible(expected: Floats, counted: NDArray[np.bool_]) -> Floats:
    """The baseline, where it can be: a count that fell is not expected to be below 0."""
    return np.where(counted & (expected < 0.0), 0.0, expected)


def spread_of(spread: Floats, expected: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Standard deviation of a row; a tenth of what is expected while nothing is known."""
    known = np.where(np.isnan(spread), 0.3 * np.abs(expected), SIGMA * spread)
    least = np.where(counted, np.sqrt(np.maximum(expected, SPARSE)), 0.01 * np.abs(expected))
    return np.asarray(np.maximum(np.maximum(known, least), _TINY))


def largest(gathered: Floats, usual: Floats, between: Floats) -> Floats:
    """The gathered departure that is largest in its own standard deviations, with its sign.

    Args:
        gathered: shape (n, 3).
        usual: how large they are usually, the same shape.
        between: standard deviation of the baseline itself, in those of a row.
    """
    z = gathered / np.hypot(np.maximum(_ROOT, SIGMA * usual), between[:, None])
    return np.asarray(np.take_along_axis(z, np.abs(z).argmax(axis=1)[:, None], axis=1)[:, 0])
