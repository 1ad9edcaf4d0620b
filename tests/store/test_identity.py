"""The set of seen identities and how it grows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.store import DuckStore
from datawatch_lab.store.identity import SeenSet, confirm, repeated
from tests.store.builders import identify, log_rows, make_commit

halves = st.integers(0, 2**64 - 1) | st.integers(0, 5)


@given(st.lists(st.lists(halves, max_size=12), max_size=12), st.lists(halves, max_size=20))
def test_the_set_equals_a_python_set(batches: list[list[int]], asked: list[int]) -> None:
    """Whatever the order and size of additions."""
    seen, model = SeenSet(), set[int]()
    for batch in batches:
        seen.add(np.array(batch, dtype=np.uint64))
        model.update(batch)
    assert seen.contains(np.array(asked, dtype=np.uint64)).tolist() == [a in model for a in asked]
    assert len(seen) == sum(map(len, batches))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_repeats_are_those_whose_pair_came_before(pairs: list[tuple[int, int]]) -> None:
    """Both halves count."""
    hi = np.array([pair[0] for pair in pairs], dtype=np.uint64)
    lo = np.array([pair[1] for pair in pairs], dtype=np.uint64)
    expected = [pair in pairs[:index] for index, pair in enumerate(pairs)]
    assert repeated(hi, lo).tolist() == expected


def test_runs_stay_few() -> None:
    """Ten thousand single additions leave a handful of runs to search."""
    seen = SeenSet()
    for value in range(10_000):
        seen.add(np.array([value], dtype=np.uint64))
    assert len(seen._runs) < 10
    assert seen.contains(np.arange(10_001, dtype=np.uint64)).sum() == 10_000


def test_equal_lower_halves_are_told_apart(store: DuckStore) -> None:
    """A candidate by its lower half is confirmed on both."""
    store.commit(make_commit(log=log_rows(store, ["a"], 1)))
    found = identify(store, ["a"])
    lo = np.repeat(found.lo, 2)
    hi = np.array([found.hi[0], found.hi[0] ^ np.uint64(1)])
    with store._file.readers.cursor() as con:
        assert confirm(con, hi, lo).tolist() == [True, False]
