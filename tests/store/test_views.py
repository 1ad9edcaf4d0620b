"""Typed views over the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datawatch_lab.core.values import Column, TableInfo
from datawatch_lab.store import DuckStore
from datawatch_lab.store.sql import quote_identifier
from tests.store.builders import ORDERS, log_rows, make_commit


def table(id_: int, name: str, *columns: Column) -> TableInfo:
    """A table known by a name."""
    return TableInfo(id=id_, schema="", table=name, name=name, columns=columns)


def select(store: DuckStore, what: str, view: str) -> list[tuple[Any, ...]]:
    """Rows of a view."""
    return store._file.writer.execute(
        f"SELECT {what} FROM changes.{quote_identifier(view)} ORDER BY _seq"
    ).fetchall()


def test_fields_have_their_types(store: DuckStore) -> None:
    """Big integers keep every digit; texts that are numbers are numbers; the rest is as it came."""
    columns = (
        Column(name="id", type="integer"),
        Column(name="amount", type="number"),
        Column(name="paid", type="boolean"),
        Column(name="a/b~c'\"d", type="text"),
        Column(name="doc", type="json"),
    )
    image = (
        '{"id": 170141183460469231731687303715884105727, "amount": "12.5", "paid": true,'
        ' "a/b~c\'\\"d": "x", "doc": {"k": [1]}}'
    )
    rows = log_rows(store, ["a", "b"], 1, images=[image, '{"id": "none", "paid": null}'])
    store.commit(make_commit(log=rows, tables=[table(1, "t", *columns)]))
    assert select(store, "* EXCLUDE (_ts, _received)", "t") == [
        (1, "a", "c", "http", *[None] * 3, 2**127 - 1, 12.5, True, "x", '{"k":[1]}', None, None),
        (2, "b", "c", "http", *[None] * 10),
    ]


def test_a_view_follows_its_table(opener: Callable[[], DuckStore]) -> None:
    """A new column appears, over reopening too; nothing is remade when nothing changed."""
    store = opener()
    store.commit(make_commit(log=log_rows(store, ["a"], 1), tables=[ORDERS]))
    assert select(store, "id, amount", "orders") == [(1, 1.5)]
    assert store._views.plan([ORDERS]).make == ()
    store.close()
    store = opener()
    assert store._views.plan([ORDERS]).make == ()
    wider = TableInfo(
        id=1,
        schema="public",
        table="orders",
        name="orders",
        columns=(*ORDERS.columns, Column(name="note")),
    )
    store.commit(make_commit(tables=[wider]))
    assert select(store, "id, amount, note", "orders") == [(1, 1.5, None)]


def test_names_that_collide_stay_apart(store: DuckStore) -> None:
    """Names of views and columns ignore case; the log's own name and ours are taken."""
    tables = [
        table(1, "Orders", Column(name="Id"), Column(name="id"), Column(name="_seq")),
        table(2, "orders"),
        table(3, "log"),
    ]
    image = '{"Id": "upper", "id": "lower", "_seq": "theirs"}'
    store.commit(make_commit(log=log_rows(store, ["a"], 1, images=[image]), tables=tables))
    assert [store.view_name(id_) for id_ in (1, 2, 3)] == ["Orders", "orders_2", "log_3"]
    assert select(store, '"Id", id_2, _seq_2, _seq', "Orders") == [("upper", "lower", "theirs", 1)]
    assert select(store, "*", "orders_2") == []


def test_a_renamed_table_is_asked_by_its_name(opener: Callable[[], DuckStore]) -> None:
    """When a name is qualified later, the view takes the new name and the old one goes."""
    store = opener()
    store.commit(make_commit(log=log_rows(store, ["a"], 1), tables=[table(1, "orders")]))
    store.commit(make_commit(tables=[table(1, "sales_orders"), table(2, "orders")]))
    assert select(store, "_event_id", "sales_orders") == [("a",)]
    assert select(store, "_event_id", "orders") == []
    assert store.view_name(1) == "sales_orders"
