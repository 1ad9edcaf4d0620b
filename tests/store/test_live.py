"""Live tables: what a view shows and what rows come back, over puts, folds and reopenings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta

import polars as pl
import pytest

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.storage import LIVE_HEADS
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.store import DuckStore
from tests.store.builders import NOON, log_rows, make_commit
from tests.store.live_builders import (
    SHOP,
    fold_all,
    put,
    put_rows,
    read,
    types_of,
    utc,
    view,
    with_columns,
)

Opener = Callable[[], DuckStore]
FIRST = {"id": 1, "amount": "12.50", "status": "new", "placed": "2026-01-01T10:00:00Z"}
SECOND = {"id": 2, "amount": "7.00", "status": "paid", "placed": "2026-01-01T11:30:00.25+02:00"}


def test_a_view_shows_typed_rows_in_source_order(store: DuckStore) -> None:
    """Decimal text is a DECIMAL, ISO text a TIMESTAMP in UTC, columns stand as in the source."""
    put(store, {(0, 1): FIRST, (0, 2): SECOND})
    assert types_of(store) == {
        "id": "BIGINT",
        "amount": "DECIMAL(18,2)",
        "status": "VARCHAR",
        "placed": "TIMESTAMP",
    }
    assert view(store, "id, amount::VARCHAR, status, placed") == [
        (1, "12.50", "new", utc(2026, 1, 1, 10)),
        (2, "7.00", "paid", utc(2026, 1, 1, 9, 30, 0, 250000)),
    ]


@pytest.mark.parametrize("folded", [False, True])
def test_a_put_takes_the_place_of_the_row(store: DuckStore, folded: bool) -> None:
    """The newest row of a key holds, one that is gone is not shown, before and after folding."""
    put(store, {(0, 1): FIRST, (0, 2): SECOND, (7, 2): {**SECOND, "id": 3}})
    if folded:
        assert fold_all(store) == 3
    put(store, {(0, 1): {**FIRST, "status": "paid"}, (0, 2): None}, at=NOON + timedelta(hours=1))
    assert view(store, "id, status") == [(1, "paid"), (3, "paid")]
    assert store.live_count(SHOP) == 2
    assert read(store, [(0, 1), (0, 2), (0, 9)], ["status"]) == {
        (0, 1): {"status": "paid"},
        (0, 2): None,
    }
    fold_all(store)
    assert view(store, "id, status") == [(1, "paid"), (3, "paid")]
    assert read(store, [(0, 2), (7, 2)], ["status"]) == {(0, 2): None, (7, 2): {"status": "paid"}}


def test_heads_come_back_as_they_were_put(store: DuckStore) -> None:
    """Order of the version that holds: from delta, base and graves."""
    change = put_rows({(0, 1): FIRST, (-5, -(2**63)): None}, seq=41)
    store.commit(make_commit(tables=[SHOP], live=[change]))
    keys = change.put.heads.select("k_hi", "k_lo")
    for _ in range(2):
        found = store.live_rows(SHOP, keys, ["id"]).heads
        assert found.schema == pl.Schema(LIVE_HEADS)
        assert found.sort("seq").equals(change.put.heads)
        fold_all(store)


def test_a_deleted_key_is_remembered_until_the_horizon(store: DuckStore) -> None:
    """Then no event that could bring it back may come, and it is forgotten."""
    put(store, {(0, 1): FIRST, (0, 2): SECOND})
    fold_all(store)
    put(store, {(0, 1): None}, at=NOON)
    fold_all(store)
    for _ in range(4):
        store.compact_live(NOON)
    assert read(store, [(0, 1)], []) == {(0, 1): None}
    for _ in range(4):
        store.compact_live(NOON + timedelta(microseconds=1))
    assert read(store, [(0, 1)], []) == {}
    assert view(store, "id") == [(2,)]


def test_a_deleted_row_may_come_back(store: DuckStore) -> None:
    """A newer row of a key that lies among the gone ones is shown, also when it is folded."""
    put(store, {(0, 1): FIRST})
    fold_all(store)
    put(store, {(0, 1): None})
    fold_all(store)
    put(store, {(0, 1): {**FIRST, "status": "again"}})
    for _ in range(2):
        assert view(store, "status") == [("again",)]
        assert read(store, [(0, 1)], ["status"]) == {(0, 1): {"status": "again"}}
        fold_all(store)


def test_a_table_that_starts_over_forgets_its_rows(opener: Opener) -> None:
    """Rows, slots and versions go; the same commit may put new rows of other types."""
    store = opener()
    put(store, {(0, 1): FIRST, (0, 2): SECOND}, versions=[(0, 1, 1)])
    fold_all(store)
    put(store, {(5, 5): {"id": "a"}}, restart=True, versions=[(5, 5, 9)])
    store.close()
    store = opener()
    assert view(store, "id") == [("a",)]
    assert types_of(store)["id"] == "VARCHAR"
    assert read(store, [(0, 1), (5, 5)], ["id"]) == {(5, 5): {"id": "a"}}
    versions = store._file.writer.execute("SELECT k_lo, seq FROM current.versions").fetchall()
    assert versions == [(5, 9)]


def test_a_new_column_is_in_the_view_in_the_same_commit(opener: Opener) -> None:
    """Older rows have null there, in the delta and in a base that has no such column yet."""
    store = opener()
    put(store, {(0, 1): FIRST})
    fold_all(store)
    put(store, {(0, 2): SECOND})
    wider = with_columns(SHOP, *SHOP.columns, Column(name="note"))
    put(store, {(0, 3): {"id": 3, "note": "x"}}, wider)
    for _ in range(2):
        assert view(store, "id, note") == [(1, None), (2, None), (3, "x")]
        assert read(store, [(0, 1), (0, 3)], ["note"]) == {
            (0, 1): {"note": None},
            (0, 3): {"note": "x"},
        }
        store.close()
        store = opener()
        fold_all(store)
    assert view(store, "id, note, amount::VARCHAR")[1] == (2, None, "7.00")


def test_columns_that_differ_by_case_stay_apart(store: DuckStore) -> None:
    """They are shown as in the views of changes; quotes and blanks in names are kept."""
    table = with_columns(
        SHOP, Column(name="Id"), Column(name="id"), Column(name='a "b"'), Column(name="k_lo")
    )
    put(store, {(0, 1): {"Id": 1, "id": 2, 'a "b"': 3, "k_lo": 4}}, table)
    fold_all(store)
    put(store, {(0, 2): {"Id": 10, "id": 20, 'a "b"': 30, "k_lo": 40}}, table)
    assert list(types_of(store)) == ["Id", "id_2", 'a "b"', "k_lo"]
    assert view(store) == [(1, 2, 3, 4), (10, 20, 30, 40)]
    assert read(store, [(0, 1)], ["id", "Id"], table) == {(0, 1): {"id": 2, "Id": 1}}


def test_tables_that_differ_by_case_have_views_of_their_own(store: DuckStore) -> None:
    """Live views have the names of the views of changes."""
    upper = TableInfo(id=2, schema="", table="ORDERS", name="ORDERS", key=("id",), columns=())
    wide = TableInfo(
        id=3, schema="", table="log", name="log", key=("id",), columns=(Column(name="id"),)
    )
    put(store, {(0, 1): FIRST})
    store.commit(make_commit(tables=[upper, wide], live=[put_rows({(0, 5): {"id": "x"}}, wide)]))
    assert view(store, "status") == [("new",)]
    assert view(store, "*", "ORDERS_2") == []
    assert view(store, "*", "log_3") == [("x",)]


def test_a_table_without_a_key_shows_what_was_inserted(store: DuckStore) -> None:
    """It is append-only: inserted and read rows, typed as in the view of its changes."""
    table = TableInfo(
        id=1,
        schema="",
        table="hits",
        name="hits",
        columns=(Column(name="n", type="integer"), Column(name="page")),
    )
    images = ['{"n": 1, "page": "a"}', '{"n": 2, "page": "b"}']
    log = log_rows(store, ["a", "b"], 1, images=images)
    update = log_rows(store, ["c"], 3, images=['{"n": 3, "page": "c"}'], op="u")
    store.commit(make_commit(log=log, tables=[table]))
    store.commit(make_commit(log=update))
    assert view(store, "*", "hits") == [(1, "a"), (2, "b")]
    assert types_of(store, "hits") == {"n": "HUGEINT", "page": "VARCHAR"}


def test_a_key_that_becomes_known_turns_the_view_over(store: DuckStore) -> None:
    """From the inserted rows of the log to the live rows."""
    bare = TableInfo(id=1, schema="", table="orders", name="orders", columns=SHOP.columns)
    store.commit(make_commit(log=log_rows(store, ["a", "b"], 1), tables=[bare]))
    assert len(view(store)) == 2
    put(store, {(0, 1): FIRST}, restart=True)
    assert view(store, "id") == [(1,)]


def test_a_keyed_table_without_rows_has_an_empty_view(store: DuckStore) -> None:
    """Its columns have the types that are expected of them."""
    store.commit(make_commit(tables=[SHOP]))
    assert view(store) == []
    assert types_of(store) == {
        "id": "BIGINT",
        "amount": "DOUBLE",
        "status": "VARCHAR",
        "placed": "TIMESTAMP",
    }
    assert store.live_count(SHOP) == 0
    assert read(store, [(0, 1)], ["id"]) == {}
    assert list(store.live_scan(SHOP, ["id"])) == []


def test_a_scan_gives_every_row_once(store: DuckStore) -> None:
    """From base and delta, in chunks; a commit in between does not show."""
    rows = {(0, n): {"id": n, "status": f"s{n % 3}"} for n in range(5_000)}
    put(store, dict(list(rows.items())[:4_000]))
    fold_all(store)
    put(store, dict(list(rows.items())[3_000:]))
    put(store, {(0, 0): None, (0, 4_500): None})
    chunks = store.live_scan(SHOP, ["status", "nothing"], chunk=1_000)
    first = next(chunks)
    put(store, {(0, 1): None})
    frames = [first, *chunks]
    heads = pl.concat([frame.heads for frame in frames])
    found = pl.concat([frame.rows for frame in frames])
    assert sorted(heads["k_lo"]) == sorted(set(range(5_000)) - {0, 4_500})
    assert [f"s{n % 3}" for n in heads["k_lo"]] == found["status"].to_list()
    assert found["nothing"].null_count() == found.height
    assert not heads["gone"].any()


def test_versions_are_found_with_their_events(store: DuckStore) -> None:
    """In order of seq, of this table only; those whose event has left the log are left out."""
    other = TableInfo(id=2, schema="", table="x", name="x", key=("id",))
    log = log_rows(store, ["a", "b", "c", "d"], 1)
    store.commit(
        make_commit(
            log=log,
            tables=[SHOP, other],
            live=[
                put_rows({(0, 1): FIRST}, versions=[(0, 1, 3), (0, 1, 1), (0, 2, 2), (9, 1, 2)]),
                put_rows({(0, 1): {"id": 1}}, other, versions=[(0, 1, 4)]),
            ],
        )
    )
    keys = pl.DataFrame({"k_hi": [0, 5], "k_lo": [1, 1]})
    found = store.live_versions(SHOP, keys)
    assert found.select("k_hi", "k_lo", "seq", "event_id").rows() == [
        (0, 1, 1, "a"),
        (0, 1, 3, "c"),
    ]
    assert found["ts"].to_list()[0] == log.column("ts").to_pylist()[0].astimezone(UTC)
    store._file.writer.execute("DELETE FROM changes.log WHERE seq = 1")
    assert store.live_versions(SHOP, keys)["seq"].to_list() == [3]
    for _ in range(4):
        store.compact_live()
    assert store._file.writer.execute("SELECT min(seq) FROM current.versions").fetchall() == [(2,)]


def test_a_commit_that_fails_leaves_the_live_table(store: DuckStore) -> None:
    """Nothing of it is stored or remembered: new slots neither."""
    put(store, {(0, 1): FIRST})
    drifted = put_rows({(0, 1): {"id": "text now", "more": 1.5}})
    other = TableInfo(id=2, schema="", table="x", name="x", key=("id",))
    nowhere = put_rows({(0, 1): {"id": 1}}, other)
    heads = nowhere.put.heads.with_columns(k_lo=pl.lit(None, pl.Int64))
    broken = replace(nowhere, put=replace(nowhere.put, heads=heads))
    with pytest.raises(WorkspaceError, match="NOT NULL"):
        store.commit(
            make_commit(
                tables=[with_columns(SHOP, *SHOP.columns, Column(name="more")), other],
                live=[drifted, broken],
            )
        )
    assert view(store, "id, status") == [(1, "new")]
    assert read(store, [(0, 1)], ["id", "more"]) == {(0, 1): {"id": 1, "more": None}}
    put(store, {(0, 2): {"id": "text now", "status": "s"}})
    assert view(store, "id, status") == [("1", "new"), ("text now", "s")]


def test_a_view_is_made_again_only_when_it_changes(store: DuckStore) -> None:
    """Rows of known shape cost no catalogue entry; other tables' views are left alone."""
    other = TableInfo(id=2, schema="", table="x", name="x", key=("id",), columns=SHOP.columns)
    store.commit(make_commit(tables=[other], live=[put_rows({(0, 1): FIRST}, other)]))
    put(store, {(0, 1): FIRST})
    before = _view_ids(store)
    put(store, {(0, 2): SECOND})
    store.commit(make_commit(tables=[SHOP]))
    assert _view_ids(store) == before
    put(store, {(0, 2): {**SECOND, "amount": 1.25}})
    after = _view_ids(store)
    assert after["orders"] != before["orders"]
    assert after["x"] == before["x"]


def _view_ids(store: DuckStore) -> dict[str, int]:
    rows = store._file.writer.execute(
        "SELECT view_name, view_oid FROM duckdb_views() WHERE schema_name = 'live'"
    ).fetchall()
    return dict(rows)


def test_a_missing_view_is_made_at_opening(opener: Opener) -> None:
    """A workspace of an earlier version has tables, and no live views."""
    store = opener()
    store.commit(make_commit(log=log_rows(store, ["a"], 1), tables=[SHOP]))
    store._file.writer.execute("DROP VIEW live.orders")
    store.close()
    assert view(opener()) == []


def test_deltas_are_folded_when_they_have_grown(store: DuckStore) -> None:
    """Small ones stay; rows put again and again do not count twice; a large base waits longer."""
    rows = {(0, n): {"id": n} for n in range(60_000)}
    put(store, rows)
    put(store, rows)
    assert store.compact_live() == 0
    put(store, {(0, n): {"id": n} for n in range(60_000, 120_000)})
    assert store.compact_live() == 120_000
    assert store.compact_live() == 0
    assert view(store, "count(*), sum(id)") == [(120_000, sum(range(120_000)))]


def test_a_role_of_a_moment_that_turns_up_late(store: DuckStore) -> None:
    """Text stored before the role was known is shown as TIMESTAMP too, as long as all of it is."""
    early = with_columns(SHOP, Column(name="id", type="integer"), Column(name="placed"))
    put(store, {(0, 1): FIRST}, early)
    assert types_of(store)["placed"] == "VARCHAR"
    put(store, {(0, 2): SECOND})
    assert types_of(store)["placed"] == "TIMESTAMP"
    assert view(store, "placed") == [
        (utc(2026, 1, 1, 9, 30, 0, 250000),),
        (utc(2026, 1, 1, 10),),
    ]
    put(store, {(0, 3): {"id": 3, "placed": "soon"}})
    assert types_of(store)["placed"] == "VARCHAR"
    assert view(store, "placed")[-1] == ("soon",)
    assert SHOP.columns[-1].role is Role.TIMESTAMP
