"""The delta that small live tables share: the same rows as with a delta for each."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from datawatch_lab.core.storage import LiveAsk
from datawatch_lab.core.values import Column, TableInfo
from datawatch_lab.store import DuckStore, live_fold, live_put
from datawatch_lab.store.live_fold import SHARED_FOLDS, SMALL_DELTA, due
from datawatch_lab.store.live_state import LiveTable
from tests.store.builders import make_commit
from tests.store.live_builders import SHOP, by_key, fold_all, put, put_rows, read, view
from tests.store.test_live_model import LiveMachine

OTHER = msgspec.structs.replace(SHOP, id=2, table="items", name="items")
ROW = {"id": 1, "amount": "1.50", "status": "new", "placed": "2026-01-01T00:00:00Z"}


def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a commit of hundreds of tables: no mirrors, and folds that come soon."""
    monkeypatch.setattr(live_put, "MIRRORED_TABLES", 0)
    monkeypatch.setattr(live_fold, "SHARED_ROWS", 4)
    monkeypatch.setattr(live_fold, "LARGE_TABLE", 6)


class SharedMachine(LiveMachine):
    """The machine of live tables, without mirrors; the table leaves the shared delta soon."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        wide(self.patch)
        super().__init__()

    def teardown(self) -> None:
        """Close, remove, and put back what was changed."""
        super().teardown()
        self.patch.undo()


TestShared = SharedMachine.TestCase
TestShared.settings = settings(
    deadline=None,
    max_examples=6,
    stateful_step_count=10,
    suppress_health_check=list(HealthCheck),
)


def shared_rows(store: DuckStore) -> dict[int, int]:
    """Rows of the shared delta by table id."""
    with store._file.readers.cursor() as con:
        sql = "SELECT table_id, count(*) FROM current.shared GROUP BY ALL"
        return dict(con.execute(sql).fetchall())


def ask(store: DuckStore, tables: list[TableInfo], fields: list[str]) -> list[object]:
    """Rows of the keys (0, 1) and (0, 2) of several tables, asked for at once."""
    keys = pl.DataFrame({"k_hi": [0, 0], "k_lo": [1, 2]})
    return [
        by_key(found) for found in store.live_rows_of([LiveAsk(t, keys, fields) for t in tables])
    ]


def test_tables_do_not_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal keys of two tables are two rows: read, replaced, deleted and folded apart."""
    wide(monkeypatch)
    with DuckStore.open(tmp_path / "shop.duckdb", read_threads=1) as store:
        first, second = (
            put_rows({(0, 1): ROW}),
            put_rows({(0, 1): {**ROW, "amount": "9.25"}}, OTHER),
        )
        store.commit(make_commit(tables=[SHOP, OTHER], live=[first, second]))
        assert shared_rows(store) == {1: 1, 2: 1}
        put(store, {(0, 1): None, (0, 2): {**ROW, "id": 2}}, seq=5)
        assert view(store, "id, amount") == [(2, pytest.approx(1.5))]
        assert [str(amount) for (amount,) in view(store, "amount", "items")] == ["9.25"]
        found = ask(store, [OTHER, SHOP], ["amount", "placed"])
        assert found == [
            {(0, 1): {"amount": "9.25", "placed": "2026-01-01T00:00:00.000000Z"}},
            {
                (0, 1): None,
                (0, 2): {"amount": "1.50", "placed": "2026-01-01T00:00:00.000000Z"},
            },
        ]
        fold_all(store)
        assert shared_rows(store) == {}
        put(store, {(0, 2): {**ROW, "amount": "3.75"}}, OTHER, seq=9)
        assert ask(store, [OTHER], ["amount"]) == [
            {(0, 1): {"amount": "9.25"}, (0, 2): {"amount": "3.75"}}
        ]


def test_a_table_that_grows_wide_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows move to a delta of its own; those of others stay."""
    monkeypatch.setattr(live_put, "MOST_SHARED_SLOTS", 4)
    path = tmp_path / "shop.duckdb"
    with DuckStore.open(path, read_threads=1) as store:
        store.commit(make_commit(tables=[OTHER], live=[put_rows({(0, 1): ROW}, OTHER)]))
        put(store, {(0, 1): ROW, (0, 2): None})
        assert shared_rows(store) == {1: 2, 2: 1}
        put(store, {(0, 3): {**ROW, "note": "x"}}, with_note(), seq=7)
        assert shared_rows(store) == {2: 1}
    with DuckStore.open(path, read_threads=1) as store:
        assert view(store, "id, note", order="2") == [(1, "x"), (1, None)]
        assert read(store, [(0, 2), (0, 3)], ["note"]) == {(0, 2): None, (0, 3): {"note": "x"}}
        assert len(view(store, name="items")) == 1


def with_note() -> TableInfo:
    """The table with one more column."""
    return msgspec.structs.replace(SHOP, columns=(*SHOP.columns, Column(name="note")))


def test_deltas_of_older_files_are_used_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that has one of its own keeps it."""
    path = tmp_path / "shop.duckdb"
    monkeypatch.setattr(live_put, "MOST_SHARED_SLOTS", 0)
    with DuckStore.open(path, read_threads=1) as store:
        put(store, {(0, 1): ROW})
    monkeypatch.undo()
    with DuckStore.open(path, read_threads=1) as store:
        put(store, {(0, 1): {**ROW, "status": "paid"}, (0, 2): {**ROW, "id": 2}}, seq=3)
        store.commit(make_commit(tables=[OTHER], live=[put_rows({(0, 1): ROW}, OTHER)]))
        assert view(store, "id, status") == [(1, "paid"), (2, "new")]
        assert shared_rows(store) == {2: 1}


def test_what_starts_over_leaves_nothing(tmp_path: Path) -> None:
    """Rows of the shared delta go with the key they were told by."""
    with DuckStore.open(tmp_path / "shop.duckdb", read_threads=1) as store:
        put(store, {(0, 1): ROW})
        put(store, {(0, 2): {**ROW, "id": 2}}, restart=True, seq=4)
        assert shared_rows(store) == {1: 1}
        assert view(store, "id") == [(2,)]


def test_a_crowded_delta_is_folded_where_most_of_it_is() -> None:
    """Some tables at a time; tables that are not crowded wait until they have many rows."""
    crowd = [LiveTable(n, shared=True, delta_rows=30_000 + n) for n in range(1, 21)]
    alone = LiveTable(99, delta_rows=40_000)
    pressed = [each.id for each, enough in due([*crowd, alone], None) if enough == 1]
    assert pressed == list(range(20, 20 - SHARED_FOLDS, -1))
    few = due([*crowd[:3], alone], None)
    assert {enough for _, enough in few} == {SMALL_DELTA}
    assert {enough for _, enough in due(crowd, 7)} == {7}
