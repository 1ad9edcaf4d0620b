"""A whole history of one series against its hourly baseline: what `levels` says step by step.

Within an hour the baseline stands still, so its rows are one calculation; between hours a few
numbers change, as plain floats.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.levels import (
    BETWEEN_RATE,
    CLIP,
    CLIP_VALUES,
    DAY_RATE,
    FAR,
    HELD,
    LASTS,
    NOW_RATE,
    RATES,
    RETURNS,
    SEEN_WEEKS,
    SIGMA,
    SPREAD_RATE,
    UNSURE,
    WEEK_RATE,
    Shift,
    largest,
    possible,
    spread_of,
)

Floats = NDArray[np.float64]

_LEAST_ROWS = 10


def level_history(
    x: Any,
    t: Any,
    *,
    counted: bool,
    silent: NDArray[np.bool_] | None = None,
    weight: Floats | None = None,
) -> Shift:
    """Shifts of level of each row, by those before it.

    Args:
        x: values; NaN ones are no rows.
        t: seconds, of UTC or of a wall clock, in order of time.
        counted: the series is a count, see `levels.Levels.step`.
        silent: rows as there; None for none.
        weight: of averages, as there; None for what is none.
    """
    values, times = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
    hours = (times // 3_600.0).astype(np.int64)
    part = np.abs(times % 3_600.0 / 3_600.0 - 0.5)
    early = times % 3_600.0 < 1_800.0
    left_out = np.zeros(len(values), dtype=bool) if silent is None else silent
    weights = np.ones(len(values)) if weight is None else weight
    cuts = np.flatnonzero(np.diff(hours, prepend=hours[:1] - 1)).tolist()
    found = Shift(*(np.full(len(values), nan) for _ in range(3)))
    baseline = _Baseline(counted=counted)
    for start, end in zip(cuts, [*cuts[1:], len(values)], strict=True):
        baseline.begin(int(hours[start]))
        rows = slice(start, end)
        given = (values[rows], part[rows], early[rows], left_out[rows], weights[rows])
        made = baseline.rows_of(*given)
        for mine, theirs in zip(found, made, strict=True):
            mine[rows] = theirs
    return found


@lru_cache(maxsize=64)
def _gathering(count: int) -> tuple[Floats, Floats]:
    """What rows of an hour add to what is gathered, and the share of before that is left."""
    rates = np.array(RATES)[:, None, None]
    ages = np.subtract.outer(np.arange(count), np.arange(count))
    added = np.where(ages >= 0, rates * (1.0 - rates) ** np.maximum(ages, 0), 0.0)
    return added, (1.0 - rates[:, :, 0]) ** np.arange(1, count + 1)


class _Baseline:
    """The baseline of one series; attributes are the fields of `levels.FIELDS`."""

    def __init__(self, *, counted: bool) -> None:
        self.counted = np.array(counted)
        self.clip = CLIP if counted else CLIP_VALUES
        self.daily, self.weekly = array("f", [nan] * 24), array("f", [nan] * 168)
        self.spread, self.between = array("f", [nan] * 24), array("f", [nan] * 24)
        self.weeks, self.skipped = [0] * 168, [0] * 24
        self.now, self.held, self.hour = 0.0, 0, -1
        self.gathered, self.usual = np.zeros(3), np.zeros(3)
        self._forget_hour()

    def _forget_hour(self) -> None:
        self.rows = self.sum = self.away = self.all_rows = self.all_sum = 0.0
        self.sizes = np.zeros(3)

    def rows_of(
        self,
        x: Floats,
        part: Floats,
        early: NDArray[np.bool_],
        silent: NDArray[np.bool_],
        weight: Floats,
    ) -> Shift:
        """Score and learn the rows of an hour.

        Args:
            x: values.
            part: distance of each from the middle of the hour, in hours.
            early: whether it is before the middle.
            silent: rows that are left out while there is no baseline for the hour.
            weight: of each.
        """
        here = self._profile(self.hour)
        if isnan(here):
            expected = np.zeros(len(x))
        else:
            sides = [self._profile(self.hour + step) for step in (-1, 1)]
            before, after = (0.0 if isnan(each) else each - here for each in sides)
            usual = here + part * np.where(early, before, after) + self.now
            expected = possible(usual, self.counted)
        sigma = spread_of(np.array([self._spread()]), expected, self.counted)
        wide = sigma / weight
        came = ~np.isnan(x)
        if isnan(here):
            off = np.zeros(int(came.sum()))
        else:
            off = np.clip((x - expected) / wide, -self.clip, self.clip)[came]
        added, left = _gathering(len(off))
        made = added @ off + left * self.gathered[:, None]
        gathered = np.concatenate([self.gathered[:, None], made], axis=1)[:, np.cumsum(came)].T
        self.gathered = gathered[-1]
        usual = np.broadcast_to(self.usual, gathered.shape)
        z = largest(gathered, usual, self._unsure(here) / sigma)
        kept = came & (~silent if isnan(here) else np.abs(z) < HELD)
        self._learn(x, expected, wide, gathered, kept, here, weight)
        return Shift(np.full(len(x), nan) if isnan(here) else z, expected, wide)

    def _learn(
        self,
        x: Floats,
        expected: Floats,
        sigma: Floats,
        gathered: Floats,
        kept: NDArray[np.bool_],
        here: float,
        weight: Floats,
    ) -> None:
        near = x if isnan(here) else np.clip(x, expected - CLIP * sigma, expected + CLIP * sigma)
        near = near[kept]
        self.rows += len(near)
        self.sum += float(near.sum())
        self.away += float((np.abs(near - expected[kept]) * weight[kept]).sum())
        self.sizes += np.abs(gathered[kept]).sum(axis=0)
        came = x[~np.isnan(x)]
        self.all_rows += len(came)
        self.all_sum += float(came.sum())

    def _profile(self, hour: int) -> float:
        week = hour % 168
        return self.weekly[week] if self.weeks[week] >= SEEN_WEEKS else self.daily[hour % 24]

    def _spread(self) -> float:
        mine = self.spread[self.hour % 24]
        if not isnan(mine):
            return mine
        known = [each for each in self.spread if not isnan(each)]
        return sum(known) / len(known) if known else nan

    def _unsure(self, here: float) -> float:
        mine = self.between[self.hour % 24]
        return SIGMA * (UNSURE * abs(here) if isnan(mine) else mine)

    def begin(self, hour: int) -> None:
        """Take over what the last hour said, and begin another."""
        last, few = self.hour, self.rows < 0.5 * self.all_rows
        held = self.held + 1 if few else 0
        skipped = self.skipped[last % 24] + 1 if few else 0
        self.skipped[last % 24] = skipped % RETURNS
        lasts = held >= LASTS or skipped >= RETURNS
        count = self.all_rows if lasts else (0.0 if few else self.rows)
        if last >= 0:
            self._vary(last)
            if count >= _LEAST_ROWS:
                self._take(last, (self.all_sum if lasts else self.sum) / count, lasts=lasts)
            self.held = held
        self._forget_hour()
        self.hour = hour

    def _vary(self, hour: int) -> None:
        """Learn how far off the baseline whole hours are, also those that were left out."""
        before = self._profile(hour)
        if self.all_rows < _LEAST_ROWS or isnan(before):
            return
        off = abs(self.all_sum / self.all_rows - before - self.now)
        old, unsure = self.between[hour % 24], UNSURE * abs(before)
        old = unsure if isnan(old) else old
        off = min(off, FAR * old + unsure)
        self.between[hour % 24] = old + BETWEEN_RATE * (off - old)

    def _take(self, hour: int, mean: float, *, lasts: bool) -> None:
        before = self._profile(hour)
        fresh = isnan(before)
        off = 0.0 if fresh else mean - before
        self.now = 0.0 if fresh else off if lasts else self.now + NOW_RATE * (off - self.now)
        for profile, place, rate in (
            (self.daily, hour % 24, DAY_RATE),
            (self.weekly, hour % 168, WEEK_RATE),
        ):
            old = profile[place]
            profile[place] = mean if isnan(old) else old + rate * (mean - old)
        self.weeks[hour % 168] = min(self.weeks[hour % 168] + 1, SEEN_WEEKS)
        if fresh or lasts:
            return
        count, day = max(self.rows, 1.0), hour % 24
        away, spread = self.away / count, self.spread[day]
        self.spread[day] = away if isnan(spread) else spread + DAY_RATE * (away - spread)
        sizes = self.sizes / count
        moved = self.usual + SPREAD_RATE * (sizes - self.usual)
        self.usual = np.where(self.usual == 0.0, sizes, moved)
