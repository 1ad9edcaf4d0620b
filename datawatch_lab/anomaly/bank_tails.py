"""`tails` for many series at once: the same numbers, from float32 counts."""

from __future__ import annotations

import numpy as np

from datawatch_lab.anomaly.bank_state import PARTS, Array, State
from datawatch_lab.anomaly.tails import ALIKE, BINS, FLOOR, GROWTH, LIMIT, PER_OCTAVE, PRIOR

_ENDS = np.arange(1, BINS + 1, dtype=np.float32)
_BINS = np.arange(BINS)
_PARTS = np.arange(PARTS)


def places(state: State, rows: Array, sizes: Array) -> Array:
    """Where sizes, shape (n, 6), lie in the bins: bin number and the part of it, ≥ 0."""
    logs: Array = np.log2(sizes + FLOOR)
    logs *= PER_OCTAVE
    logs -= state["bins_from"][rows]
    np.maximum(logs, 0.0, out=logs)
    return logs


def surprises(state: State, rows: Array, place: Array) -> Array:
    """−log10 of the share of rows at least as large, shape (n, 6)."""
    share = _ENDS - np.minimum(place, BINS + 1).astype(np.float32)[:, :, None]
    np.clip(share, 0.0, 1.0, out=share)
    counts = state["counts"][rows]
    above = np.einsum("ijk,ijk->ij", share, counts).astype(np.float64)
    k = np.minimum(place, BINS - 1).astype(np.int64)
    same = np.take_along_axis(counts, k[:, :, None], axis=2)[:, :, 0]
    above += np.where(place < BINS, ALIKE * (place - k) * same, 0.0)
    prior = PRIOR * state["weight"][rows][:, None]
    above += prior
    above /= state["total"][rows][:, None] + 2.0 * prior
    surprise: Array = -np.log10(above)
    return surprise


def add(state: State, rows: Array, place: Array) -> None:
    """Count one row of each series; ``rows`` has no series twice."""
    k = place.astype(np.int64)
    if k.max(initial=0) >= BINS:
        _shift(state, rows, k)
        k = np.minimum(k, BINS - 1)
    weight = state["weight"][rows] * GROWTH
    state["counts"][rows[:, None], _PARTS, k] += weight[:, None].astype(np.float32)
    state["total"][rows] += weight
    state["weight"][rows] = weight
    if weight.max(initial=0.0) > LIMIT:
        heavy = rows[weight > LIMIT]
        state["counts"][heavy] /= np.float32(LIMIT)
        state["total"][heavy] /= LIMIT
        state["weight"][heavy] /= LIMIT


def _shift(state: State, rows: Array, k: Array) -> None:
    """Drop the lowest bins into one where a size lies above the highest."""
    which, part = np.nonzero(k >= BINS)
    by = k[which, part] - BINS + 1
    old = state["counts"][rows[which], part]
    source = _BINS + by[:, None]
    new = np.take_along_axis(old, np.minimum(source, BINS - 1), axis=1)
    new[source >= BINS] = 0.0
    new[:, 0] += np.where(by[:, None] > _BINS, old, 0.0).sum(axis=1)
    state["counts"][rows[which], part] = new
    state["bins_from"][rows[which], part] += by.astype(np.int16)
