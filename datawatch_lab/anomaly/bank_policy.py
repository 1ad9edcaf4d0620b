"""`policy` for many series at once: the same numbers."""

from __future__ import annotations

import numpy as np

from datawatch_lab.anomaly.bank_state import Array, Rows, State
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


def adjust(state: State, rows: Rows, score: Array, now: Array) -> Array:
    """The scores after policy; changes nothing."""
    hushed = _hushes(state, rows, score, np.maximum(state["heard"][rows], now))
    return _let_through(score, score - FATIGUE * _faded(state, rows, now), hushed)


def adjust_and_learn(state: State, rows: Rows, score: Array, now: Array) -> Array:
    """The scores after policy, which then takes note of the rows."""
    before = state["heard"][rows]
    state["start"][rows] = np.where(before == -np.inf, now, state["start"][rows])
    heard, fatigue = np.maximum(before, now), _faded(state, rows, now)
    hushed = _hushes(state, rows, score, heard)
    wanted = score - FATIGUE * fatigue
    alarmed = (wanted >= ALARM) & ~hushed
    state["heard"][rows] = heard
    state["fatigue"][rows] = fatigue + alarmed
    state["alarm"][rows] = np.where(alarmed, heard, state["alarm"][rows])
    state["since"][rows] = np.where(alarmed, 0, state["since"][rows] + 1)
    state["loudness"][rows] = np.where(alarmed, score, state["loudness"][rows])
    return _let_through(score, wanted, hushed)


def _let_through(score: Array, wanted: Array, hushed: Array) -> Array:
    heard = np.maximum(wanted, 0.0)
    return np.where(score >= BEYOND_DOUBT, score, np.where(hushed, heard * HUSHED, heard))


def _faded(state: State, rows: Rows, now: Array) -> Array:
    fatigue, before = state["fatigue"][rows], state["heard"][rows]
    past = np.where(fatigue > 0.0, np.maximum(now - before, 0.0), 0.0)
    return fatigue * np.exp2(past / -MEMORY_SECONDS)


def _hushes(state: State, rows: Rows, score: Array, heard: Array) -> Array:
    alarm = state["alarm"][rows]
    cool = np.maximum(COOL_SECONDS, COOL_SHARE * (heard - state["start"][rows]))
    soon = (heard - alarm < cool) | (state["since"][rows] + 1 < COOL_ROWS)
    return (alarm > -np.inf) & (score < LOUDER * state["loudness"][rows]) & soon
