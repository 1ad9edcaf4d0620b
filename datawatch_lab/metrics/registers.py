"""Distinct sketches as rows: HyperLogLog registers that are fine while few and fold when many.

A *fine* register is chosen by 26 bits of the hash, so thousands of values are counted exactly but
for a few in a million. Where a bucket has very many, its registers are *folded* to 2^14 coarse ones
(standard error 0.81 %), which is what bounds the rows of a sketch. Both merge by key with MAX; a
sketch that has coarse registers is read with all its fine ones folded, so it does not matter when
they were. Fine registers are numbered from 0, coarse ones -1 to -16384.

Sources: HyperLogLog (Flajolet et al. 2007); sparse registers of higher precision (Heule, Nunkesser,
Hall; EDBT 2013); the improved estimator of Ertl 2017, "New cardinality estimation algorithms for
HyperLogLog sketches", which needs no bias tables.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FINE_BITS = 26
COARSE_BITS = 14
_COARSE = 1 << COARSE_BITS
_FOLDED_BITS = FINE_BITS - COARSE_BITS
_REST_BITS = 64 - FINE_BITS
_TOP_RANK = 64 - COARSE_BITS + 1
_ALPHA = 1 / (2 * np.log(2))
_AT_ONCE = 256  # folded sketches, which take 16 kB each and eight times that while counted


def registers_of(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Fine register, in [0, 2^26), and rank, 1 to 39, of each 64-bit hash."""
    register = (hashes >> np.uint64(_REST_BITS)).astype(np.int32)
    rest = hashes & np.uint64((1 << _REST_BITS) - 1)
    return register, (_REST_BITS + 1 - _bit_length(rest)).astype(np.int8)


def fold(
    registers: NDArray[np.int32], ranks: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The coarse register and rank of each register; coarse ones stay. Keys may repeat after it."""
    fine = registers >= 0
    low = np.where(fine, registers & ((1 << _FOLDED_BITS) - 1), 0)
    rank = np.where(low > 0, _FOLDED_BITS + 1 - _bit_length(low), _FOLDED_BITS + ranks)
    return (
        np.where(fine, -1 - (registers >> _FOLDED_BITS), registers).astype(np.int32),
        np.where(fine, rank, ranks).astype(np.int8),
    )


def estimate(
    cells: Ints, registers: NDArray[np.int32], ranks: NDArray[np.int8], size: int
) -> Floats:
    """Distinct counts of many sketches at once.

    Args:
        cells: number of the sketch that each row belongs to, in [0, size).
        registers: one row a (cell, register).
        ranks: of the registers.
        size: number of sketches.

    Returns:
        One float64 per sketch; 0.0 for a sketch without rows.
    """
    folded = np.zeros(size, dtype=np.bool_)
    folded[cells[registers < 0]] = True
    used = np.bincount(cells, minlength=size)
    fine = 1 << FINE_BITS
    counts = -fine * np.log1p(-np.minimum(used, fine - 1) / fine)  # linear counting
    rows = folded[cells]
    numbers = np.flatnonzero(folded)
    place = np.searchsorted(numbers, cells[rows])
    for start in range(0, len(numbers), _AT_ONCE):
        part = (place >= start) & (place < start + _AT_ONCE)
        chosen = numbers[start : start + _AT_ONCE]
        counts[chosen] = _coarse_estimate(
            place[part] - start, *fold(registers[rows][part], ranks[rows][part]), len(chosen)
        )
    return np.asarray(counts, dtype=np.float64)


def _coarse_estimate(
    cells: Ints, registers: NDArray[np.int32], ranks: NDArray[np.int8], size: int
) -> Floats:
    """Estimates from coarse registers, of which several rows may be one."""
    best = np.zeros((size, _COARSE), dtype=np.int8)
    np.maximum.at(best, (cells, -1 - registers), ranks)
    width = _TOP_RANK + 1
    flat = np.arange(size)[:, None] * width + best
    counts = np.bincount(flat.ravel(), minlength=size * width).reshape(size, width)
    return _ertl(counts.astype(np.float64))


def _ertl(counts: Floats) -> Floats:
    """Ertl 2017, algorithm 6, from how many registers have each rank; shape (sketches, ranks)."""
    z = _COARSE * _tau(1 - counts[:, -1] / _COARSE)
    for rank in range(_TOP_RANK - 1, 0, -1):
        z = 0.5 * (z + counts[:, rank])
    z = z + _COARSE * _sigma(counts[:, 0] / _COARSE)
    with np.errstate(divide="ignore"):
        return np.asarray(_ALPHA * _COARSE**2 / z, dtype=np.float64)


def _bit_length(values: NDArray[np.uint64] | NDArray[np.int32]) -> NDArray[np.int32]:
    """Bits of each value below 2^53: a float64 holds it exactly, so its exponent tells."""
    return np.asarray(np.frexp(values.astype(np.float64))[1])


def _sigma(x: Floats) -> Floats:
    """Ertl 2017, algorithm 5: x + sum over k of x^(2^k) 2^(k-1); infinite at 1."""
    full = x == 1
    x = np.where(full, 0.0, x)
    weight, total = 1.0, x.copy()
    while True:
        x = x * x
        last = total
        total = total + x * weight
        weight += weight
        if np.array_equal(last, total):
            return np.where(full, np.inf, total)


def _tau(x: Floats) -> Floats:
    """Ertl 2017, algorithm 6: (1 - x - sum over k of (1 - x^(2^-k))^2 2^-k) / 3; 0 at 0 and 1."""
    edge = (x == 0) | (x == 1)
    x = np.where(edge, 1.0, x)
    weight, total = 1.0, 1 - x
    while True:
        x = np.sqrt(x)
        last = total
        weight *= 0.5
        total = total - (1 - x) ** 2 * weight
        if np.array_equal(last, total):
            return np.where(edge, 0.0, total / 3)
