from __future__ import annotations

from math import log10

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.anomaly import bank_tails
from datawatch_lab.anomaly.bank_state import State
from datawatch_lab.anomaly.tail_history import surprises_history
from datawatch_lab.anomaly.tails import BINS, HALF_LIFE, LOWEST, PER_OCTAVE, Tail

SIZES = st.lists(st.floats(0.0, 1e12), min_size=1, max_size=200)


def filled(sizes: list[float]) -> Tail:
    """A tail that has seen these sizes."""
    tail = Tail()
    for size in sizes:
        tail.add(size)
    return tail


@given(SIZES)
def test_the_total_is_the_sum_of_the_bins(sizes: list[float]) -> None:
    """No row is lost when the bins shift to make room for larger sizes."""
    tail = filled(sizes)
    assert len(tail.counts) == BINS
    assert sum(tail.counts) == pytest.approx(tail.total)


@given(SIZES, st.floats(0.0, 1e13), st.floats(0.0, 1e13))
def test_larger_sizes_surprise_more(sizes: list[float], a: float, b: float) -> None:
    """The surprise never falls with the size and stays between 0 and log10(2 n + 2)."""
    tail = filled(sizes)
    low, high = tail.surprise(min(a, b)), tail.surprise(max(a, b))
    assert -1e-12 <= low <= high + 1e-12
    assert high <= log10(2 * len(sizes) + 2) + 1e-6


@given(SIZES)
def test_it_is_the_share_of_rows_as_large(sizes: list[float]) -> None:
    """But for the width of a bin, the surprise is that of counting with the prior."""
    tail = filled(sizes)
    near = 2.0 ** (1.01 / PER_OCTAVE)
    top = 2.0 ** ((tail.base + 1) / PER_OCTAVE)  # below it all sizes are alike
    for size in sizes[:20]:
        if size < top * near:
            continue
        n = len(sizes)
        fewest = sum(other > (size + 0.1) * near for other in sizes)
        most = sum((other + 0.1) * near >= size for other in sizes)
        low = -log10((most + 0.5) / (n + 1)) - 0.05
        assert low <= tail.surprise(size) <= -log10((fewest + 0.5) / (n + 1)) + 0.05


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 60), huge=st.floats(1e4, 1e30))
def test_one_huge_size_does_not_make_all_others_alike(at: int, huge: float) -> None:
    """After a few hundred rows a tail that it blinded begins anew, and tells sizes apart again."""
    tail, anew = Tail(), 0
    for row in range(1_000):
        tail.add(huge if row == at else 1.0 + 0.1 * (row % 10))
        if tail.blind:
            tail, anew = Tail(), anew + 1
    assert anew == 1
    assert tail.surprise(30.0) > tail.surprise(1.5) + 1.0


def test_one_huge_size_among_many_does_not_for_ever() -> None:
    """What many rows are known of is not forgotten for one; in some thousands it is."""
    tail = filled([1.0 + 0.1 * (row % 10) for row in range(3_000)])
    tail.add(1e9)
    assert tail.base > LOWEST
    assert not tail.blind
    rows = 0
    while not tail.blind:
        tail.add(1.0)
        rows += 1
    assert HALF_LIFE < rows < 3 * HALF_LIFE


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), far=st.floats(0.0, 12.0))
def test_bank_and_history_are_the_tail(seed: int, far: float) -> None:
    """Six parts with bursts, growth and decline: all three say the same, also after a new start."""
    rng = np.random.default_rng(seed)
    rows = 600
    sizes = rng.lognormal(0.0, 1.0, (rows, 6))
    begin, length = rng.choice([0, int(rng.integers(1, 60))]), rng.integers(1, 6)
    sizes[begin : begin + length] *= 10.0**far
    sizes[rng.random((rows, 6)) < 0.01] *= 10.0 ** (far / 2.0)
    tails, state = [Tail() for _ in range(6)], State(1)
    expected, stepped, first = np.empty((rows, 6)), np.empty((rows, 6)), np.array([0])
    for row in range(rows):
        expected[row] = [t.surprise(s) for t, s in zip(tails, sizes[row].tolist(), strict=True)]
        for tail, size in zip(tails, sizes[row].tolist(), strict=True):
            tail.add(size)
        if any(tail.blind for tail in tails):
            tails = [Tail() for _ in range(6)]
        place = bank_tails.places(state, first, sizes[row : row + 1])
        stepped[row] = bank_tails.surprises(state, first, place)[0]
        bank_tails.add(state, first, place)
    np.testing.assert_allclose(stepped, expected, atol=1e-4)
    np.testing.assert_allclose(surprises_history(sizes), expected, atol=1e-9)


def test_old_rows_fade() -> None:
    """What was usual long ago is strange again after many half-lives of something else."""
    tail = filled([100.0] * 500 + [1.0] * 500)
    before = tail.surprise(100.0)
    for _ in range(int(6 * HALF_LIFE)):
        tail.add(1.0)
    assert before < 0.8
    assert tail.surprise(100.0) > 2.0


def test_weights_stay_finite_for_ever() -> None:
    """The growing weights are divided down in time, without a change of the surprise."""
    tail = filled([1.0, 2.0, 50.0] * 100)
    tail.weight *= 2.0**59
    tail.total *= 2.0**59
    tail.counts = [count * 2.0**59 for count in tail.counts]
    before = tail.surprise(50.0)
    for _ in range(int(1.5 * HALF_LIFE)):
        tail.add(1.0)
    assert tail.weight < 2.0**61
    assert tail.surprise(50.0) > before
