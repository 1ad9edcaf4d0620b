"""`policy` for a whole history at once: the same numbers.

Only alarms change its state, and they are few; between two of them it is a function of time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.policy import (
    ALARM,
    BEYOND_DOUBT,
    COOL_ROWS,
    COOL_SECONDS,
    COOL_SHARE,
    FATIGUE,
    HUSHED,
    LOUDER,
    MEMORY_SECONDS,
)

Floats = NDArray[np.float64]


def heard(score: Floats, t: Floats) -> Floats:
    """The scores after policy.

    Args:
        score: before it, in order of time.
        t: UTC seconds.
    """
    now = np.maximum.accumulate(t) if len(t) else t
    found = score.copy()
    fatigue, since, alarm = 0.0, 0.0, -1
    candidates = [*np.flatnonzero(score >= ALARM).tolist(), len(score)]
    done = 0
    for row in candidates:
        upto = min(row + 1, len(score))
        found[done:upto] = _segment(score, now, slice(done, upto), fatigue, since, alarm)
        if row == len(score):
            break
        faded = _faded(fatigue, now[row] - since)
        quiet = _hushes(score, now, slice(row, row + 1), alarm)[0]
        if score[row] - FATIGUE * faded >= ALARM and not quiet:
            fatigue, since, alarm = float(faded) + 1.0, float(now[row]), row
        done = upto
    return found


def _faded(fatigue: float, past: Floats | float) -> Floats:
    return np.asarray(fatigue * np.exp2(-np.maximum(past, 0.0) / MEMORY_SECONDS))


def _segment(
    score: Floats, now: Floats, rows: slice, fatigue: float, since: float, alarm: int
) -> Floats:
    """Rows between two alarms."""
    mine = score[rows]
    let = np.maximum(mine - FATIGUE * _faded(fatigue, now[rows] - since), 0.0)
    let = np.where(_hushes(score, now, rows, alarm), let * HUSHED, let)
    return np.where(mine >= BEYOND_DOUBT, mine, let)


def _hushes(score: Floats, now: Floats, rows: slice, alarm: int) -> NDArray[np.bool_]:
    mine = score[rows]
    if alarm < 0:
        return np.zeros(len(mine), dtype=bool)
    cool = np.maximum(COOL_SECONDS, COOL_SHARE * (now[rows] - now[0]))
    places = np.arange(rows.start, rows.stop)
    soon = (now[rows] - now[alarm] < cool) | (places - alarm < COOL_ROWS)
    return np.asarray((mine < LOUDER * score[alarm]) & soon)
