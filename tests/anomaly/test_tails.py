from __future__ import annotations

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.tails import BINS, HALF_LIFE, PER_OCTAVE, Tail

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
