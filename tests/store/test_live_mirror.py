"""Mirrors of small deltas: they answer as the file would, and are given up when they grow."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.store import DuckStore, live_mirror
from datawatch_lab.store.live_mirror import NOTHING, bounded, found_in
from datawatch_lab.store.live_state import LiveTable
from tests.store.live_builders import SHOP, fold_all, put, read

Key = tuple[int, int]
narrow_keys = st.lists(st.tuples(st.just(0), st.integers(-3, 3)), unique=True)
wide_keys = st.lists(st.tuples(st.integers(-2, 2), st.integers(-3, 3)), unique=True)


def frame(keys: list[Key]) -> pl.DataFrame:
    """Keys as a frame."""
    return pl.DataFrame(keys, schema={"k_hi": pl.Int64, "k_lo": pl.Int64}, orient="row")


@given(narrow_keys, wide_keys)
def test_narrow_keys_are_found(held: list[Key], wanted: list[Key]) -> None:
    """Those that stand in both, where the mirror needs half of the key only."""
    there = found_in(frame(held), frame(wanted), narrow=True)
    assert there.tolist() == [key in wanted for key in held]


@given(wide_keys, wide_keys)
def test_wide_keys_are_found(held: list[Key], wanted: list[Key]) -> None:
    """Both halves must be the same."""
    there = found_in(frame(held), frame(wanted), narrow=False)
    assert there.tolist() == [key in wanted for key in held]


def test_nothing_is_found_in_nothing() -> None:
    """A delta without rows has no columns either."""
    assert found_in(NOTHING, frame([(0, 1)]), narrow=True).tolist() == []


def test_the_largest_mirrors_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the others have room; tables without one are as they were."""
    monkeypatch.setattr(live_mirror, "MIRROR_BYTES", 1_000)
    sizes = {1: 10, 2: 100, 3: 20}
    tables = {
        id_: LiveTable(id_, mirror=frame([(0, n) for n in range(size)]))
        for id_, size in sizes.items()
    }
    kept = bounded(tables | {4: LiveTable(4)})
    assert {id_ for id_, table in kept.items() if table.mirror is not None} == {1, 3}


def test_answers_are_the_same_without_a_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delta that grows too large is asked for in the file; once folded it has a mirror again."""
    monkeypatch.setattr(live_mirror, "MIRROR_ROWS", 3)
    store = DuckStore.open(tmp_path / "shop.duckdb", read_threads=1)
    try:
        model: dict[Key, dict[str, object]] = {}
        for turn, rows in enumerate(([1, 2], [2, 3], [3, 4, 5], [1, 6])):
            fresh = {(0, n): {"id": n, "amount": f"{turn}.50"} for n in rows}
            put(store, fresh, seq=turn * 10 + 1)
            model |= fresh
            keys = [(0, n) for n in range(8)]
            assert read(store, keys, ["id", "amount"]) == model
            mirror = store._live.tables[SHOP.id].mirror
            assert (mirror is not None) == (turn < 2)
        fold_all(store)
        put(store, {(0, 1): None}, seq=99)
        assert store._live.tables[SHOP.id].mirror is not None
        assert read(store, [(0, 1), (0, 2)], ["id", "amount"]) == {
            (0, 1): None,
            (0, 2): model[0, 2],
        }
    finally:
        store.close()
