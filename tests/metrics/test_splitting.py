"""Events split by a label: the same runs, whichever way they are worked out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.metrics.reduction import Rows, Runs, Sink, reduce, reduce_constant, runs_of


@dataclass(frozen=True)
class Moments:
    """Events at some seconds, one after another."""

    second: np.ndarray

    @property
    def at(self) -> np.ndarray:
        """Event time, epoch µs."""
        return self.second * 1_000_000

    @property
    def seq(self) -> np.ndarray:
        """Sequence number."""
        return np.arange(len(self.second))


def of_seconds(seconds: list[int], series: list[int]) -> tuple[Moments, np.ndarray, Runs]:
    """Events in order of (series, time), their series and their runs."""
    rows = sorted(zip(series, seconds, strict=False))
    events = Moments(np.array([second for _, second in rows], dtype=np.int64))
    ids = np.array([each for each, _ in rows], dtype=np.int32)
    return events, ids, runs_of(events, np.arange(len(ids)), ids)


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
    st.lists(st.integers(1, 3), min_size=20, max_size=20),
    st.sampled_from([0, 1]),
)
def test_rows_of_one_value_need_not_be_added_up(
    seconds: list[int], series: list[int], value: int
) -> None:
    """What is known of rows that all have one value is what adding them up gives."""
    events, ids, runs = of_seconds(seconds, series)
    size = len(ids)
    values = np.full(size, float(value))
    words = np.full(size, value * 10**9, dtype=np.int64)
    added, known = Sink(), Sink()
    reduce(events, Rows(ids, np.arange(size), values, words, np.ones(size, np.bool_)), added)
    reduce_constant(events, runs, value, known)
    assert known.appends().partials.equals(added.appends().partials)
    assert int(np.sum(runs.ends - runs.starts)) == size
