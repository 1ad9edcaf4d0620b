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
        hour, week, slot: of the row's time.
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
    usual: Array

    def kept(self, which: Array) -> Look:
        """Some of the rows."""
        return Look(**{name: each[which] for name, each in vars(self).items()})


def look(state: State, rows: Rows, x: Array, seconds: Array) -> Look:
    """Set values at UTC seconds (whole numbers) against their series."""
    scale, spread = _scales(state, rows, x)
    log_spread = state["log_spread"][rows]
    of_day = seconds % 86_400
    hour, week, slot = of_day // 3_600, seconds // 3_600 % HOURS, of_day // SLOT_SECONDS
    log_x = signed_log(x, scale)
    off, log_off = x - state["base"][rows], log_x - state["log_base"][rows]
    here = state.numbers(rows)
    daily = state["hours"][here, hour].astype(np.float64)
    daily[np.isnan(daily)] = 0.0
    seen = state["visits"][here, week] >= SEEN_ENOUGH
    weekly = np.where(seen, state["weekly"][here, week], daily)
    means = state["means"][rows]
    means = means + _RATES * (log_x[:, None] - means)
    found = np.empty((len(x), PARTS))
    found[:, 0] = (off - daily) / spread
    found[:, 1] = (off - weekly) / spread
    found[:, 2] = _from_slot(state, here, log_off, slot) / log_spread
    found[:, 3] = (means[:, 0] - means[:, 1]) / log_spread
    found[:, 4] = (means[:, 2] - means[:, 3]) / log_spread
    found[:, 5] = (x - 2.0 * state["last"][rows] + state["before"][rows]) / spread
    return Look(x, found, np.abs(found), off, log_off, means, hour, week, slot, weekly)


def _scales(state: State, rows: Rows, x: Array) -> tuple[Array, Array]:
    """Scale and spread; those that the value would give where every value was 0."""
    scale, spread = state["scale"][rows], state["spread"][rows]
    blank = scale == 0.0
    if blank.any():
        scale = np.where(blank, np.where(x == 0.0, 1.0, np.abs(x)), scale)
        spread = np.where(blank, SMALLEST_SPREAD * scale, spread)
    return scale, spread


def _from_slot(state: State, rows: Array, off: Array, slot: Array) -> Array:
    nearest = np.full(len(rows), LARGEST)
    for step in (-1, 0, 1):
        mean = state["slots"][rows, (slot + step) % SLOTS]
        np.minimum(nearest, np.abs(off - np.where(np.isnan(mean), 0.0, mean)), out=nearest)
    return nearest


def learn(state: State, rows: Rows, seen: Look) -> None:
    """Move the means and profiles towards the values."""
    blank = (state["scale"][rows] == 0.0) & (seen.x != 0.0)
    if blank.any():
        fresh = state.numbers(rows)[blank]
        state["scale"][fresh] = np.abs(seen.x[blank])
        state["spread"][fresh] = SMALLEST_SPREAD * np.abs(seen.x[blank])
    state["means"][rows] = seen.means
    here = state.numbers(rows)
    for name, slot, off in (
        ("hours", seen.hour, seen.off),
        ("weekly", seen.week, seen.off),
        ("slots", seen.slot, seen.log_off),
    ):
        mean = state[name][here, slot].astype(np.float64)
        unseen = np.isnan(mean)
        mean += PROFILE_RATE * (off - mean)
        state[name][here, slot] = np.where(unseen, off, mean)
    visits = state["visits"][here, seen.week]
    state["visits"][here, seen.week] = np.minimum(visits + 1, SEEN_ENOUGH)
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
