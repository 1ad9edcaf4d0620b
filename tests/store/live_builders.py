"""Live changes made from plain values, and a plain model of what a live table must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from datawatch_lab.core.storage import LIVE_HEADS, LiveChange, LiveRows
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.store import DuckStore
from datawatch_lab.store.sql import quote_identifier
from tests.store.builders import make_commit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHOP = TableInfo(
    id=1,
    schema="public",
    table="orders",
    name="orders",
    key=("id",),
    columns=(
        Column(name="id", type="integer", role=Role.ID),
        Column(name="amount", type="number", role=Role.NUMERIC),
        Column(name="status", role=Role.STATUS),
        Column(name="placed", role=Role.TIMESTAMP),
    ),
)


def utc(*parts: int) -> datetime:
    """A moment in UTC as views show it: without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


Row = Mapping[str, Any]
Key = tuple[int, int]


def with_columns(table: TableInfo, *columns: Column) -> TableInfo:
    """The table with other columns."""
    return TableInfo(
        id=table.id,
        schema=table.schema,
        table=table.table,
        name=table.name,
        key=table.key,
        columns=columns,
    )


def put_rows(
    rows: Mapping[Key, Row | None],
    table: TableInfo = SHOP,
    *,
    at: datetime = NOON,
    seq: int = 1,
    dtypes: Mapping[str, Any] | None = None,
    restart: bool = False,
    versions: Iterable[tuple[int, int, int]] = (),
) -> LiveChange:
    """A change that puts whole rows by key; None for a row that is gone."""
    names = list(dict.fromkeys(name for row in rows.values() if row for name in row))
    heads = pl.DataFrame(
        [
            (hi, lo, at + timedelta(seconds=n), n, 0, seq + n, row is None)
            for n, ((hi, lo), row) in enumerate(rows.items())
        ],
        schema=LIVE_HEADS,
        orient="row",
    )
    values = pl.DataFrame(
        [
            pl.Series(name, [row.get(name) if row else None for row in rows.values()], dtype)
            for name, dtype in ((name, (dtypes or {}).get(name)) for name in names)
        ]
    )
    schema = {"k_hi": pl.Int64, "k_lo": pl.Int64, "seq": pl.Int64}
    found = pl.DataFrame(list(versions), schema=schema, orient="row")
    return LiveChange(table, LiveRows(heads, values), found, restart)


def put(
    store: DuckStore, rows: Mapping[Key, Row | None], table: TableInfo = SHOP, **how: Any
) -> None:
    """Commit a single change."""
    store.commit(make_commit(tables=[table], live=[put_rows(rows, table, **how)]))


def view(store: DuckStore, what: str = "*", name: str = "orders", order: str = "1") -> list[Any]:
    """Rows of a live view."""
    sql = f"SELECT {what} FROM live.{quote_identifier(name)} ORDER BY {order} NULLS LAST"
    with store._file.readers.cursor() as con:
        return con.execute(sql).fetchall()


def types_of(store: DuckStore, name: str = "orders") -> dict[str, str]:
    """SQL type of each column of a live view."""
    with store._file.readers.cursor() as con:
        rows = con.execute(f"DESCRIBE live.{quote_identifier(name)}").fetchall()
    return {row[0]: row[1] for row in rows}


def read(
    store: DuckStore, keys: Sequence[Key], fields: Sequence[str], table: TableInfo = SHOP
) -> dict[Key, Row | None]:
    """What `DuckStore.live_rows` says, by key; None for a row that is gone."""
    wanted = pl.DataFrame(list(keys), schema={"k_hi": pl.Int64, "k_lo": pl.Int64}, orient="row")
    return by_key(store.live_rows(table, wanted, fields))


def by_key(found: LiveRows) -> dict[Key, Row | None]:
    """Rows by key."""
    assert found.heads.height == found.rows.height or not found.rows.width
    return {
        (head["k_hi"], head["k_lo"]): None if head["gone"] else row
        for head, row in zip(
            found.heads.to_dicts(), found.rows.to_dicts() or [{}] * found.heads.height, strict=True
        )
    }


def fold_all(store: DuckStore, horizon: datetime | None = None) -> int:
    """Fold every delta, however small; rows folded."""
    total = 0
    while folded := store.compact_live(horizon, least=1):
        total += folded
    return total
