"""Fewer points that draw the same line."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.metrics.downsample import LEAST_POINTS, downsample

VALUE = st.one_of(st.none(), st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0]))
RUN = st.tuples(VALUE, st.integers(1, 60))
SERIES = st.lists(st.one_of(RUN, st.tuples(st.floats(-1e9, 1e9), st.just(1))), max_size=200)


def values_of(runs: list[tuple[float | None, int]]) -> np.ndarray:
    """Runs of values as a series; None is a gap."""
    parts = [np.full(count, np.nan if value is None else value) for value, count in runs]
    return np.concatenate([np.empty(0), *parts])


def gaps(values: np.ndarray) -> list[tuple[int, int]]:
    """First place and length of each run without a value."""
    edges = np.flatnonzero(np.diff(np.isnan(values), prepend=False, append=False))
    return list(zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True))


@given(SERIES, st.integers(LEAST_POINTS, 400))
def test_extremes_and_ends_stay(runs: list[tuple[float | None, int]], points: int) -> None:
    """Whatever the series: few enough, ascending, with its extremes and both of its ends."""
    values = values_of(runs)
    kept = downsample(values, points)
    assert len(kept) <= points
    assert (np.diff(kept) > 0).all()
    if len(values) <= points:
        assert kept.tolist() == list(range(len(values)))
        return
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    known = values[~np.isnan(values)]
    if known.size:
        assert np.nanmin(values[kept]) == known.min()
        assert np.nanmax(values[kept]) == known.max()


@given(SERIES, st.integers(LEAST_POINTS, 400))
def test_gaps_stay_gaps(runs: list[tuple[float | None, int]], points: int) -> None:
    """A gap as wide as a column, and every gap where they are few, has a place without a value."""
    values = values_of(runs)
    kept = set(downsample(values, points).tolist())
    columns = (points - 2) // 5
    found = gaps(values)
    for start, length in found:
        if length * columns >= len(values) or len(found) <= columns:
            assert kept & set(range(start, start + length))


def test_a_spike_of_one_bucket_is_not_lost() -> None:
    """One high value among fifty thousand."""
    values = np.sin(np.arange(50_000) / 900)
    values[31_337] = 40.0
    kept = downsample(values, 600)
    assert 31_337 in kept
    assert len(kept) <= 600
