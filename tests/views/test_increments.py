"""What is sent to a browser that has an older picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.views.increments import increment

Columns = dict[str, npt.NDArray[Any]]


def columns(start: int, values: list[float]) -> Columns:
    """Points at start, start + 1 and so on."""
    x = np.arange(start, start + len(values), dtype=np.float64)
    said = np.array([f"{value:g}" for value in values], dtype=object)
    return {"x": x, "y": np.array(values, dtype=np.float64), "said": said}


def applied(old: Columns, new: Columns) -> Columns | None:
    """What a browser has after the increment from old to new, as Bokeh applies it."""
    step = increment(old, new)
    if step is None:
        return None
    found = {name: column.copy() for name, column in old.items()}
    for name, changes in step.patches.items():
        for place, value in changes:
            found[name][place] = value
    return {
        name: np.concatenate([column, step.added[name]])[-step.rollover :]
        for name, column in found.items()
    }


VALUES = st.lists(st.sampled_from([0.0, 1.0, 2.5, float("nan")]), min_size=1, max_size=8)


@given(st.integers(0, 5), VALUES, st.integers(0, 5), VALUES)
def test_an_increment_leads_to_the_new_picture(
    old_start: int, old: list[float], new_start: int, new: list[float]
) -> None:
    """Whatever moved, grew or was corrected: old plus increment is new, or new is sent whole."""
    before, after = columns(old_start, old), columns(new_start, new)
    found = applied(before, after)
    if found is not None:
        for name, column in after.items():
            np.testing.assert_array_equal(found[name], column)


def test_a_growing_series_sends_its_new_points_only() -> None:
    """One more bucket and one correction are one row and one patch, not the whole."""
    step = increment(columns(0, [1, 2, 3]), columns(1, [2, 4, 5]))
    assert step is not None
    assert step.patches["y"] == [(2, 4.0)]
    assert step.added["x"].tolist() == [3.0]
    assert step.rollover == 3


def test_an_unchanged_series_sends_nothing() -> None:
    """Unknown values are equal to themselves."""
    same = columns(0, [1, float("nan")])
    step = increment(same, columns(0, [1, float("nan")]))
    assert step is not None
    assert not step.patches
    assert not len(step.added["x"])


def test_another_grid_is_sent_whole() -> None:
    """A change of step or a jump in time leaves nothing to go on from."""
    assert increment(columns(0, [1, 2]), columns(7, [1, 2])) is None
    assert increment(columns(0, []), columns(0, [1])) is None
