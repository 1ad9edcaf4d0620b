"""`evidence` for many series at once: the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datawatch_lab.anomaly.bank_state import PARTS, Array, Rows, State
from datawatch_lab.anomaly.evidence import (
    BASE_RATE,
    HOURS,
    LARGEST,
    PAIRS,
    PROFILE_RATE,
    SEEN_ENOUGH,
    SLOT_SECONDS,
    SLOTS,
    SMALLEST_SPREAD,
    STALE,
    TINIEST,
    WARM_ROWS,
)

RESIDUAL_RATE = 0.01
FAR = 5.0
"""A distance counts as so many usual ones at most, so that what is strange widens no band."""

_RATES = np.array([rate for pair in PAIRS for rate in pair])


def clipped(x: Array) -> Array:
    """Values that arithmetic can bear; NaN stays."""
    return np.where(np.abs(x) < TINIEST, 0.0, np.clip(x, -LARGEST, LARGEST))


def signed_log(x: Array, scale: Array) -> Array:
    """sign(x)·log(1 + |x| / scale)."""
    return np.copysign(np.log1p(np.abs(x) / scale), x)


@dataclass(frozen=True)
class Look:
    """A row of each series, set against what is known of it.

    Attributes:
        x: the values.
        departures: the six, signed but for the third, shape (n, 6).
        sizes: of them.
        off, log_off: from the slow means.
        means: fast and slow means with the row in them, shape (n, 4).
        hour, week, slot: where the row's time lies in the profiles, as `np.ndarray.take` counts.
        daily, weekly, nearby: of the profiles there; NaN where nothing is known.
        usual: of the hour of week, or of day, relative to the base.
    """

    x: Array
    departures: Array
    sizes: Array
    off: Array
    log_off: Array
    means: Array
    hour: Array
    week: Array
    slot: Array
    daily: Array
    weekly: Array
    nearby: Array
    usual: Array

    def kept(self, which: Array) -> Look:
        """Some of the rows."""
        return Look(**{name: each[which] for name, each in vars(self).items()})


def look(state: State, rows: Rows, x: Array, seconds: Array) -> Look:
    """Set values at UTC seconds (whole numbers) against their series."""
    scale, spread = _scales(state, rows, x)
    log_spread = state["log_spread"][rows]
    here, of_day = state.numbers(rows), seconds % 86_400
    hour, week = here * 24 + of_day // 3_600, here * HOURS + seconds // 3_600 % HOURS
    log_x = signed_log(x, scale)
    off, log_off = x - state["base"][rows], log_x - state["log_base"][rows]
    daily, weekly = _at(state, "hours", hour), _at(state, "weekly", week)
    today = np.where(np.isnan(daily), 0.0, daily)
    usual = np.where(_at(state, "visits", week) >= SEEN_ENOUGH, weekly, today)
    slot = of_day // SLOT_SECONDS
    nearby, from_slot = _near(state, here * SLOTS, slot, log_off)
    means = state["means"][rows]
    means = means + _RATES * (log_x[:, None] - means)
    found = np.empty((len(x), PARTS))
    found[:, 0] = (off - today) / spread
    found[:, 1] = (off - usual) / spread
    found[:, 2] = from_slot / log_spread
    found[:, 3] = (means[:, 0] - means[:, 1]) / log_spread
    found[:, 4] = (means[:, 2] - means[:, 3]) / log_spread
    found[:, 5] = (x - 2.0 * state["last"][rows] + state["before"][rows]) / spread
    slot += here * SLOTS
    known = (daily, weekly, nearby)
    return Look(x, found, np.abs(found), off, log_off, means, hour, week, slot, *known, usual)


def _at(state: State, name: str, place: Array) -> Array:
    found: Array = state[name].reshape(-1).take(place, mode="clip")
    return found


def _scales(state: State, rows: Rows, x: Array) -> tuple[Array, Array]:
    """Scale and spread; those that the value would give where every value was 0."""
    scale, spread = state["scale"][rows], state["spread"][rows]
    blank = scale == 0.0
    if blank.any():
        scale = np.where(blank, np.where(x == 0.0, 1.0, np.abs(x)), scale)
        spread = np.where(blank, SMALLEST_SPREAD * scale, spread)
    return scale, spread


def _near(state: State, first: Array, slot: Array, off: Array) -> tuple[Array, Array]:
    """What the profile has at the slots, and the least distance to it and its neighbours."""
    nearby = _at(state, "slots", first + slot)
    nearest = np.abs(off - np.where(np.isnan(nearby), 0.0, nearby))
    for step in (-1, 1):
        mean = _at(state, "slots", first + (slot + step) % SLOTS)
        np.minimum(nearest, np.abs(off - np.where(np.isnan(mean), 0.0, mean)), out=nearest)
    return nearby, nearest


def learn(state: State, rows: Rows, seen: Look) -> None:
    """Move the means and profiles towards the values."""
    blank = (state["scale"][rows] == 0.0) & (seen.x != 0.0)
    if blank.any():
        fresh = state.numbers(rows)[blank]
        state["scale"][fresh] = np.abs(seen.x[blank])
        state["spread"][fresh] = SMALLEST_SPREAD * np.abs(seen.x[blank])
    state["means"][rows] = seen.means
    for name, place, before, off in (
        ("hours", seen.hour, seen.daily, seen.off),
        ("weekly", seen.week, seen.weekly, seen.off),
        ("slots", seen.slot, seen.nearby, seen.log_off),
    ):
        mean = before + PROFILE_RATE * (off - before)
        state[name].reshape(-1)[place] = np.where(np.isnan(before), off, mean)
    visits = _at(state, "visits", seen.week)
    state["visits"].reshape(-1)[seen.week] = np.minimum(visits + 1, SEEN_ENOUGH)
    state["base"][rows] += BASE_RATE * seen.off
    state["log_base"][rows] += BASE_RATE * seen.log_off
    state["deviation"][rows] += BASE_RATE * (np.abs(seen.off) - state["deviation"][rows])
    size = state["size"][rows]
    state["size"][rows] = np.where(size, size + BASE_RATE * (np.abs(seen.x) - size), 0.0)
    _follow(state, rows, seen)
    residual = state["residual"][rows]
    away = np.minimum(np.abs(seen.off - seen.usual), FAR * residual + TINIEST)
    state["residual"][rows] = residual + RESIDUAL_RATE * (away - residual)


def _follow(state: State, rows: Rows, seen: Look) -> None:
    state["before"][rows] = state["last"][rows]
    state["last"][rows] = seen.x


def pass_over(state: State, rows: Rows, seen: Look) -> None:
    """Take note that values came, and of nothing else: they are not to be got used to."""
    _follow(state, rows, seen)


def stale(state: State, rows: Rows) -> Array:
    """Which series are so much smaller than at their start that nothing would be seen."""
    size, scale, spread = (state[name][rows] for name in ("size", "scale", "spread"))
    moving = spread > SMALLEST_SPREAD * scale
    small = (size < STALE * scale) | (moving & (state["deviation"][rows] < STALE * spread))
    return (size > 0.0) & small


def begin(state: State, rows: Array, first: Array) -> None:
    """Set scales and means from the first `WARM_ROWS` values, shape (n, WARM_ROWS)."""
    middle = WARM_ROWS // 2
    sizes = np.sort(np.abs(first), axis=1)
    size = sizes[:, middle]
    scale = np.where(size, size, sizes[:, -1])
    base = np.sort(first, axis=1)[:, middle]
    known = np.where(scale, scale, 1.0)
    log_base = signed_log(base, known)
    away = np.sort(np.abs(first - base[:, None]), axis=1)[:, middle]
    logs = signed_log(first, known[:, None])
    log_away = np.sort(np.abs(logs - log_base[:, None]), axis=1)[:, middle]
    spread = np.maximum(away, SMALLEST_SPREAD * known)
    state["size"][rows], state["scale"][rows], state["base"][rows] = size, scale, base
    state["log_base"][rows] = log_base
    state["spread"][rows] = state["deviation"][rows] = state["residual"][rows] = spread
    state["log_spread"][rows] = np.maximum(log_away, SMALLEST_SPREAD)
    state["means"][rows] = log_base[:, None]
    state["last"][rows] = state["before"][rows] = first[:, -1]
