"""Typed views over the change log, one per source table, as ``changes.<name>``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from datawatch_lab.core.values import Column, TableInfo
from datawatch_lab.store.sql import quote_identifier, quote_text

_RESERVED = frozenset({"log"})
_META = ("seq", "event_id", "op", "ts", "received", "source", "position", "txid", "tx_order")
_META_NAMES = frozenset(f"_{name}" for name in (*_META, "before", "ddl"))
# A type that a value does not fit gives null there: the digits stay in the log's own text.
_CASTS = {"integer": "HUGEINT", "number": "DOUBLE", "boolean": "BOOLEAN"}


@dataclass(frozen=True)
class ViewPlan:
    """What a change of tables does to the views; applied by `apply_plan`, then `ChangeViews.done`.

    Attributes:
        tables: all tables as they will be known.
        names: view of each table id.
        statements: per view name, the statement that makes it.
        drop: names of views that go.
        make: names of views to make or replace.
    """

    tables: Mapping[int, TableInfo]
    names: Mapping[int, str]
    statements: Mapping[str, str]
    drop: tuple[str, ...] = ()
    make: tuple[str, ...] = ()


class ChangeViews:
    """Knows which views stand, so that only those that change are made anew."""

    def __init__(self, tables: Iterable[TableInfo] = ()) -> None:
        self._now = ViewPlan({}, {}, {})
        self._now = self.plan(tables)

    def name(self, table_id: int) -> str | None:
        """Name of a table's view within the schema ``changes``."""
        return self._now.names.get(table_id)

    @property
    def names(self) -> Mapping[int, str]:
        """The view of every table, by its id."""
        return self._now.names

    def plan(self, changed: Iterable[TableInfo]) -> ViewPlan:
        """What these new or changed tables do to the views."""
        tables = {**self._now.tables, **{table.id: table for table in changed}}
        if all(_same(self._now.tables.get(id_), table) for id_, table in tables.items()):
            return replace(self._now, drop=(), make=())
        names = view_names(tables.values())
        statements = {names[id_]: view_sql(table, names[id_]) for id_, table in tables.items()}
        before = self._now.statements
        return ViewPlan(
            tables,
            names,
            statements,
            drop=tuple(name for name in before if name not in statements),
            make=tuple(name for name, sql in statements.items() if before.get(name) != sql),
        )

    def done(self, plan: ViewPlan) -> None:
        """Remember a plan whose transaction was committed."""
        self._now = plan


def apply_plan(con: duckdb.DuckDBPyConnection, plan: ViewPlan) -> None:
    """Drop and make views in the caller's transaction."""
    for name in plan.drop:
        con.execute(f"DROP VIEW changes.{quote_identifier(name)}")
    for name in plan.make:
        con.execute(plan.statements[name])


def view_names(tables: Iterable[TableInfo]) -> dict[int, str]:
    """Name of each table's view; with the table's id where another has it but for case.

    SQL names ignore case, source names do not. The table seen first keeps its bare name.
    """
    names: dict[int, str] = {}
    taken = set(_RESERVED)
    for table in sorted(tables, key=lambda table: table.id):
        bare = table.name.replace("\0", "") or "table"
        name = bare
        while name.casefold() in taken:
            name = f"{name}_{table.id}"
        taken.add(name.casefold())
        names[table.id] = name
    return names


def _same(old: TableInfo | None, new: TableInfo) -> bool:
    return old is not None and (old.name, _typed(old)) == (new.name, _typed(new))


def _typed(table: TableInfo) -> list[tuple[str, str]]:
    return [(column.name, column.type) for column in table.columns]


def view_sql(table: TableInfo, name: str) -> str:
    """The statement that makes the view of one table.

    Columns: ``_seq, _event_id, _op, _ts, _received, _source, _position, _txid, _tx_order``, the
    fields of the new row image, ``_before`` (JSON text of the old one), ``_ddl`` (JSON text of a
    change of the table itself: ``ddl_type``, ``ddl_command``, columns). Times are UTC.
    """
    columns = [f"{name} AS _{name}" for name in _META]
    taken = set(_META_NAMES)
    for column in table.columns:
        shown = free_column(column.name, taken)
        taken.add(shown.casefold())
        columns.append(f"{column_value(column)} AS {quote_identifier(shown)}")
    columns.append('"before" AS _before')
    columns.append("CASE WHEN op = 'ddl' THEN extra END AS _ddl")
    return (
        f"CREATE OR REPLACE VIEW changes.{quote_identifier(name)} AS SELECT "
        + ",\n    ".join(columns)
        + f"\nFROM changes.log WHERE table_id = {table.id:d}"
    )


def column_value(column: Column) -> str:
    """The expression that reads a field from the new row image of an event in the log."""
    path = "/" + column.name.replace("~", "~0").replace("/", "~1")  # RFC 6901
    text = f'json_extract_string("after", {quote_text(path)})'
    cast = _CASTS.get(column.type)
    return f"TRY_CAST({text} AS {cast})" if cast else text


def free_column(name: str, taken: set[str]) -> str:
    """A field's name as a column; with a number where ``taken`` has it but for case."""
    bare = name.replace("\0", "") or "_"
    shown, number = bare, 2
    while shown.casefold() in taken:
        shown, number = f"{bare}_{number}", number + 1
    return shown
