"""Windows over buckets of states, folded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from datawatch_lab.engine.alerting.buckets import fold, rolled

VALUES = st.just(float("nan")) | st.integers(-1_000, 1_000).map(float)
ROWS = st.tuples(st.integers(1, 3), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=VALUES)
)


@pytest.mark.parametrize("name", ["n", "sum", "min", "max"])
@given(rows=ROWS, width=st.integers(1, 12))
def test_windows_are_folded_as_each_by_itself(
    name: str, rows: np.ndarray[tuple[int, int], np.dtype[np.float64]], width: int
) -> None:
    """Shifted and merged is what each window comes to by itself; buckets are left as they are."""
    width = min(width, rows.shape[1])
    before = rows.copy()
    windows = np.lib.stride_tricks.sliding_window_view(rows, width, axis=1)
    assert np.array_equal(rolled(name, rows, width), fold(name, windows, axis=2), equal_nan=True)
    assert np.array_equal(rows, before, equal_nan=True)
