"""`tails` for many series at once: the same numbers, from float32 sums.

Held is not the weight in each bin but that in it and all higher ones, so that a look needs two
numbers and not a sum.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from datawatch_lab.anomaly.bank_state import Array, Rows
from datawatch_lab.anomaly.tails import (
    ALIKE,
    BINS,
    BLIND,
    BLIND_YOUNG,
    FLOOR,
    GROWTH,
    LIMIT,
    LOWEST,
    PER_OCTAVE,
    PRIOR,
    YOUNG,
)

_BINS = np.arange(BINS, dtype=np.int64)
_REACHED = np.tri(BINS, dtype=np.float32)
"""Bin of a row → which sums it counts in."""

_NOTHING = np.float32(0.0)


class Tails(Protocol):
    """What holds ``tails`` (series, parts, bins), ``bins_from``, ``total`` and ``weight``."""

    def __getitem__(self, name: str) -> Array:
        """An array by its name."""
        ...

    def numbers(self, rows: Rows) -> Array:
        """Series as numbers."""
        ...


def places(state: Tails, rows: Rows, sizes: Array) -> Array:
    """Where sizes, shape (n, parts), lie in the bins: bin number and the part of it, ≥ 0."""
    logs: Array = np.log2(sizes + FLOOR)
    logs *= PER_OCTAVE
    logs -= state["bins_from"][rows]
    np.maximum(logs, 0.0, out=logs)
    return logs


def surprises(state: Tails, rows: Rows, place: Array) -> Array:
    """−log10 of the share of rows at least as large, shape (n, parts)."""
    parts = place.shape[1]
    k = np.minimum(place, BINS).astype(np.int64)
    at = k + BINS * np.arange(parts)
    at += state.numbers(rows)[:, None] * (parts * BINS)
    tails = state["tails"].reshape(-1)
    from_here, beyond = tails.take(at, mode="clip"), tails.take(at + 1, mode="clip")
    if k.max(initial=0) >= BINS - 1:
        from_here, beyond = (
            np.where(k < BINS - ahead, each, _NOTHING)
            for ahead, each in enumerate((from_here, beyond))
        )
    prior = PRIOR * state["weight"][rows][:, None]
    above: Array = place - k
    above *= ALIKE - 1.0
    above += 1.0
    above *= from_here - beyond
    above += beyond
    above += prior
    above /= state["total"][rows][:, None] + 2.0 * prior
    np.log10(above, out=above)
    np.negative(above, out=above)
    return above


def add(state: Tails, rows: Rows, place: Array) -> None:
    """Count one row of each series; ``rows`` has no series twice."""
    k = place.astype(np.int64)
    if k.max(initial=0) >= BINS:
        _shift(state, state.numbers(rows), k)
        k = np.minimum(k, BINS - 1)
    weight = state["weight"][rows] * GROWTH
    part = _REACHED.take(k, axis=0)
    part *= weight.astype(np.float32)[:, None, None]
    state["tails"][rows] += part
    state["total"][rows] += weight
    state["weight"][rows] = weight
    if weight.max(initial=0.0) > LIMIT:
        heavy = state.numbers(rows)[weight > LIMIT]
        state["tails"][heavy] /= np.float32(LIMIT)
        state["total"][heavy] /= LIMIT
        state["weight"][heavy] /= LIMIT
    raised = state["bins_from"][rows] > LOWEST
    if raised.any():
        total = state["total"][rows]
        least = total * np.where(total < YOUNG * state["weight"][rows], BLIND_YOUNG, BLIND)
        blind = raised & (state["tails"][rows, :, 1] < least[:, None])
        if blind.any():
            _restart(state, state.numbers(rows)[blind.any(axis=1)])


def _restart(state: Tails, rows: Array) -> None:
    """Let some series begin anew: where one part is blind all do, they share their weights."""
    state["tails"][rows] = 0.0
    state["total"][rows] = 0.0
    state["weight"][rows] = 1.0
    state["bins_from"][rows] = LOWEST


def _shift(state: Tails, rows: Array, k: Array) -> None:
    """Drop the lowest bins into one where a size lies above the highest."""
    which, part = np.nonzero(k >= BINS)
    by = k[which, part] - BINS + 1
    old = state["tails"][rows[which], part]
    source = _BINS + by[:, None]
    new = np.take_along_axis(old, np.minimum(source, BINS - 1), axis=1)
    new[source >= BINS] = 0.0
    new[:, 0] = old[:, 0]
    state["tails"][rows[which], part] = new
    state["bins_from"][rows[which], part] += by.astype(np.int16)
