"""A whole history of one series scored at once: what a `MetricDetector` stepped through it says.

Means are linear filters, profiles are filters over the rows of an hour, and what was seen before a
row is a sum over the rows before it, bin by bin; so 30 days of minutes take a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[import-untyped]  # it has no types

from datawatch_lab.anomaly.bank_evidence import clipped
from datawatch_lab.anomaly.evidence import (
    BASE_RATE,
    HOURS,
    PAIRS,
    PROFILE_RATE,
    SEEN_ENOUGH,
    SLOT_SECONDS,
    SLOTS,
    SMALLEST_SPREAD,
    STALE,
    TINIEST,
    WARM_ROWS,
    WEIGHTS,
    Evidence,
    log_step,
    typical_step,
)
from datawatch_lab.anomaly.history_policy import heard
from datawatch_lab.anomaly.joint import KNOWN, WINDOW, objected, rarity_history
from datawatch_lab.anomaly.metric_detector import IGNORANCE, MOVES, RARITY, STEP_RATE
from datawatch_lab.anomaly.tail_history import surprises_history

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 0.005
"""Largest difference to the scores of a `MetricDetector`, which keeps profiles as float32."""

_LOG_MINUTE, _LOG_TEN = log_step(60.0), log_step(10.0)
_FAR = 5.0
_RESIDUAL_RATE = 0.01
_SIGMA = 1.2533


class Scored(NamedTuple):
    """Scores of a history, one a row; NaN while warming.

    Attributes:
        score: after the alert policy; 0 for a value that is NaN.
        raw: without it.
        expected: middle of the band; NaN for a value that is NaN.
        sigma: standard deviation around it.
        joint: surprise of the trees; NaN where ``ml`` has no say.
    """

    score: Floats
    raw: Floats
    expected: Floats
    sigma: Floats
    joint: Floats

    @classmethod
    def unknown(cls, count: int) -> Scored:
        """Of so many rows, nothing known."""
        one, two, three, four, five = (np.full(count, np.nan) for _ in range(5))
        return cls(one, two, three, four, five)


def score_history(
    x: Any, t: Any, *, joint: bool = False, weights: Sequence[float] = WEIGHTS
) -> Scored:
    """Score each row by those before it.

    Args:
        x: values; NaN ones score 0 and are not learnt.
        t: seconds in order of time, of UTC or of a wall clock: hours of day and week are theirs.
        joint: whether ``ml`` has a say, see `joint`.
        weights: of the surprises, see `kinds.weights_of`.

    Returns:
        As many scores as rows.
    """
    values, times = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    found = Scored.unknown(len(values))
    usable = clipped(values[known])
    first = 0
    while first < len(known):
        part = _scored(usable[first:], times[known[first:]], weights, joint=joint)
        at = known[first : first + len(part.raw)]
        for mine, theirs in zip(found, part, strict=True):
            mine[at] = theirs
        first += len(part.raw)
    if len(known) > WARM_ROWS:
        gaps = np.isnan(values)
        gaps[: known[WARM_ROWS]] = False
        found.score[gaps] = found.raw[gaps] = 0.0
    return found


def departures_history(x: Any, t: Any) -> Floats:
    """Signed departures of each row, shape (n, 6); NaN while warming and for no value.

    Arguments are those of `score_history`.
    """
    values, times = np.asarray(x, dtype=np.float64), np.asarray(t, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    found = np.full((len(values), len(WEIGHTS)), np.nan)
    usable, first = clipped(values[known]), 0
    while first + WARM_ROWS < len(known):
        rows = usable[first:]
        start = Evidence(rows[:WARM_ROWS].tolist())
        seconds = np.floor(times[known[first + WARM_ROWS :]]).astype(np.int64)
        off, _, _, upto = _look(start, rows[WARM_ROWS:], seconds)
        found[known[first + WARM_ROWS : first + WARM_ROWS + upto]] = off[:upto]
        first += WARM_ROWS + upto
    return found


def _scored(x: Floats, t: Floats, weights: Sequence[float], *, joint: bool) -> Scored:
    """Score rows up to where a detector would start anew, all if it would not."""
    if len(x) <= WARM_ROWS:
        return Scored.unknown(len(x))
    start = Evidence(x[:WARM_ROWS].tolist())
    steps = _log_steps(t)
    rows, seconds = x[WARM_ROWS:], np.floor(t[WARM_ROWS:]).astype(np.int64)
    off, expected, sigma, upto = _look(start, rows, seconds)
    rows, off, expected, sigma = rows[:upto], off[:upto], expected[:upto], sigma[:upto]
    raw = np.zeros(upto)
    said_by_part = surprises_history(np.abs(off))
    for part, weight in enumerate(weights):
        raw += weight * said_by_part[:, part]
    said = _together(off) if joint else np.full(upto, np.nan)
    raw = objected(raw, said)
    changes = np.cumsum(np.diff(x[: WARM_ROWS + upto], prepend=x[0]) != 0.0)[WARM_ROWS - 1 : -1]
    raw += RARITY * (steps[:upto] - _LOG_MINUTE) / _LOG_TEN
    raw -= IGNORANCE * np.log10(1.0 + MOVES / (1.0 + changes))
    raw = np.maximum(raw, 0.0)
    score = heard(raw, t[WARM_ROWS : WARM_ROWS + upto])
    return Scored(*(_after_warming(each) for each in (score, raw, expected, sigma, said)))


def _together(departures: Floats) -> Floats:
    """What the trees say of each row; NaN until they know enough."""
    said = np.full(len(departures), np.nan)
    if len(departures) > KNOWN:
        found = surprises_history(rarity_history(departures)[WINDOW:, None])[:, 0]
        said[KNOWN:] = found[KNOWN - WINDOW :]
    return said


def _after_warming(each: Floats) -> Floats:
    return np.concatenate([np.full(WARM_ROWS, np.nan), each])


def _log_steps(t: Floats) -> Floats:
    """The logarithm of the step between rows as known before each row after warming."""
    first = log_step(typical_step(t[:WARM_ROWS].tolist()))
    newest = np.maximum.accumulate(t)
    past = t[WARM_ROWS:] - newest[WARM_ROWS - 1 : -1]
    seen = np.log(np.maximum(past, 1e-3))
    known = np.full(len(past), first)
    if np.all((past <= 0.0) | (np.abs(seen - first) < 1e-12)):
        return known
    current, moves = first, (past > 0.0).tolist()
    for row, (step, moved) in enumerate(zip(seen.tolist(), moves, strict=True)):
        known[row] = current
        if moved:
            current += STEP_RATE * ((step > current) - (step < current))
    return known


def _follow(x: Floats, rate: float, first: float) -> Floats:
    """A slow mean after each row."""
    made: Floats = lfilter([rate], [1.0, rate - 1.0], x, zi=[(1.0 - rate) * first])[0]
    return made


def _before(after: Floats, first: float) -> Floats:
    return np.concatenate([[first], after[:-1]])


def _look(start: Evidence, x: Floats, seconds: Ints) -> tuple[Floats, Floats, Floats, int]:
    """Six signed departures of each row, what was expected, its spread, and how many rows hold."""
    moving = np.abs(x[x != 0.0])
    scale = start.scale or (float(moving[0]) if len(moving) else 1.0)
    spread = start.spread if start.scale else SMALLEST_SPREAD * scale
    log_x = np.copysign(np.log1p(np.abs(x) / scale), x)
    off = x - _before(_follow(x, BASE_RATE, start.base), start.base)
    log_off = log_x - _before(_follow(log_x, BASE_RATE, start.log_base), start.log_base)
    daily, weekly = _profiles(off, seconds)
    means = [
        _follow(log_x, rate, mean)
        for rate, mean in zip((r for pair in PAIRS for r in pair), start.means, strict=True)
    ]
    last = _before(x, start.last)
    before = _before(last, start.before)
    found = np.empty((len(x), len(WEIGHTS)))
    found[:, 0] = (off - daily) / spread
    found[:, 1] = (off - weekly) / spread
    found[:, 2] = _from_slots(log_off, seconds // SLOT_SECONDS % SLOTS) / start.log_spread
    found[:, 3] = (means[0] - means[1]) / start.log_spread
    found[:, 4] = (means[2] - means[3]) / start.log_spread
    found[:, 5] = (x - 2.0 * last + before) / spread
    sigma = _residuals(np.abs(off - weekly), start.spread)
    return found, x - off + weekly, sigma, _holds(start, x, off, scale, spread)


def _holds(start: Evidence, x: Floats, off: Floats, scale: float, spread: float) -> int:
    """Rows up to the one after which a detector starts anew."""
    if not start.size:
        return len(x)
    small = _follow(np.abs(x), BASE_RATE, start.size) < STALE * scale
    if spread > SMALLEST_SPREAD * scale:
        small |= _follow(np.abs(off), BASE_RATE, start.deviation) < STALE * spread
    return int(small.argmax()) + 1 if small.any() else len(x)


def _residuals(away: Floats, first: float) -> Floats:
    """The slow mean distance before each row, as a standard deviation; far ones count less."""
    far = np.full(len(away), _FAR * max(float(np.median(away)), TINIEST))
    for _ in range(2):
        mean = _before(_follow(np.minimum(away, far), _RESIDUAL_RATE, first), first)
        far = _FAR * mean + TINIEST
    return _SIGMA * mean


def _groups(keys: Ints, count: int) -> list[Ints]:
    """Positions of each key, ascending."""
    order = np.argsort(keys, kind="stable")
    bounds = np.searchsorted(keys[order], np.arange(count + 1))
    return [order[bounds[each] : bounds[each + 1]] for each in range(count)]


def _learnt(off: Floats) -> Floats:
    """A profile's mean after each of its rows; the first is taken as it is."""
    return _follow(off, PROFILE_RATE, float(off[0]))


def _profiles(off: Floats, seconds: Ints) -> tuple[Floats, Floats]:
    """What the hour of day says before each row, and the hour of week once it was seen enough."""
    daily = np.zeros(len(off))
    for rows in _groups(seconds % 86_400 // 3_600, 24):
        if len(rows) > 1:
            daily[rows[1:]] = _learnt(off[rows])[:-1]
    weekly = daily.copy()
    for rows in _groups(seconds // 3_600 % HOURS, HOURS):
        if len(rows) > SEEN_ENOUGH:
            weekly[rows[SEEN_ENOUGH:]] = _learnt(off[rows])[SEEN_ENOUGH - 1 : -1]
    return daily, weekly


def _from_slots(off: Floats, slots: Ints) -> Floats:
    """Distance from the nearest of three neighbouring ten minutes of day."""
    groups = _groups(slots, SLOTS)
    learnt = [_learnt(off[rows]) if len(rows) else off[:0] for rows in groups]
    nearest = np.full(len(off), np.inf)
    for slot, rows in enumerate(groups):
        for step in (-1, 0, 1):
            other = (slot + step) % SLOTS
            seen = np.searchsorted(groups[other], rows)
            mean = np.concatenate([[0.0], learnt[other]])[seen]
            nearest[rows] = np.minimum(nearest[rows], np.abs(off[rows] - mean))
    return nearest
