"""How names and Arrow tables enter SQL; the only place where text is put into a statement."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import duckdb
import pyarrow as pa

_ARROW_ROWS = 131_072  # of a batch


def quote_identifier(name: str) -> str:
    """A name as a quoted SQL identifier; quotes inside are doubled.

    >>> print(quote_identifier('a "b" c'))
    "a ""b"" c"
    """
    if "\0" in name:
        raise ValueError(f"{name!r} holds a NUL character, which no SQL name can.")
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text literal, for view definitions, where nothing can be bound.

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def column_list(names: Sequence[str]) -> str:
    """Names as a comma-separated list of quoted identifiers."""
    return ", ".join(quote_identifier(name) for name in names)


def naive(table: pa.Table) -> pa.Table:
    """The table with zoned timestamps as plain UTC ones, which is how the store keeps time."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            table = table.set_column(
                index, field.name, table.column(index).cast(pa.timestamp(field.type.unit))
            )
    return table


_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
"""How statements begin that can be prepared."""

_MOST_PREPARED = 64  # statements of a connection; the one used least recently goes
_PLANNED_FOR = 200
"""Runs after which a statement is planned anew, for tables that have grown since."""


class _Slot:
    """A place on a connection where `run_with` puts the table of its statement.

    To plan a statement takes longer than to run it with a few rows, so one that comes again with
    columns of the same types is prepared. When any table, view or temporary table was made, changed
    or dropped since, DuckDB binds it anew at each run; `plan_anew` saves that.
    """

    def __init__(self) -> None:
        self.table: pa.Table | None = None
        self._runs: OrderedDict[tuple[str, pa.Schema], int] = OrderedDict()
        self._names: dict[tuple[str, pa.Schema], str] = {}
        self._stale: set[tuple[str, pa.Schema]] = set()
        self._made = 0

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        if self.table is None:
            raise ValueError("nothing is given outside of run_with.")
        return self.table.__arrow_c_stream__(requested_schema)

    def statement(self, con: duckdb.DuckDBPyConnection, sql: str) -> str:
        """What runs ``sql`` with the table of the moment: itself, or that it is to be executed."""
        if self.table is None or not sql.lstrip().startswith(_PLANNED):
            return sql
        key = (sql, self.table.schema)
        runs = self._runs.pop(key, 0)
        if key in self._stale or (runs and runs % _PLANNED_FOR == 0):
            self._forget(con, key)
        self._runs[key] = runs + 1
        if runs and key not in self._names:
            self._made += 1
            name = f"given_{self._made}"
            con.execute(f"PREPARE {name} AS {sql}")
            self._names[key] = name
        if len(self._runs) > _MOST_PREPARED:
            self._forget(con, self._runs.popitem(last=False)[0])
        return f"EXECUTE {self._names[key]}" if key in self._names else sql

    def plan_anew(self) -> None:
        """Plan each statement anew when it comes next."""
        self._stale |= self._names.keys()

    def _forget(self, con: duckdb.DuckDBPyConnection, key: tuple[str, pa.Schema]) -> None:
        self._stale.discard(key)
        name = self._names.pop(key, None)
        if name is not None:
            con.execute(f"DEALLOCATE {name}")


_SLOTS: WeakKeyDictionary[duckdb.DuckDBPyConnection, _Slot] = WeakKeyDictionary()


def give_slot(con: duckdb.DuckDBPyConnection) -> None:
    """Make `run_with` cheap on a connection; called outside of transactions.

    Registering a table costs 0.5 ms a statement, felt when a commit holds a single event. Here one
    object is registered once, and hands out the table of the moment whatever its columns.
    """
    slot = _Slot()
    slot.table = pa.table({"nothing": pa.nulls(0, pa.int8())})  # `pa.array` would load pandas
    con.register("given", slot)
    slot.table = None
    _SLOTS[con] = slot


def plan_anew(con: duckdb.DuckDBPyConnection) -> None:
    """Say that what statements on a connection were planned for has changed: a table, a view."""
    slot = _SLOTS.get(con)
    if slot is not None:
        slot.plan_anew()


def run_with(con: duckdb.DuckDBPyConnection, table: pa.Table, sql: str) -> None:
    """Execute ``sql``, in which ``table`` can be read as ``given``."""
    with _given(con, table, sql) as statement:
        con.execute(statement)


def fetch_with(con: duckdb.DuckDBPyConnection, table: pa.Table, sql: str) -> pa.Table:
    """Run a query in which ``table`` can be read as ``given``, and fetch all of it as Arrow."""
    with _given(con, table, sql) as statement:
        return fetch_arrow(con, statement)


@contextmanager
def _given(con: duckdb.DuckDBPyConnection, table: pa.Table, sql: str) -> Iterator[str]:
    slot = _SLOTS.get(con)
    if slot is None:
        con.register("given", naive(table))
        try:
            yield sql
        finally:
            con.unregister("given")
        return
    slot.table = naive(table)
    try:
        yield slot.statement(con, sql)
    finally:
        slot.table = None


def append(con: duckdb.DuckDBPyConnection, target: str, table: pa.Table) -> None:
    """Append all rows to ``target`` by column name; nothing is run for an empty table."""
    if table.num_rows == 0:
        return
    names = column_list(table.column_names)
    run_with(con, table, f"INSERT INTO {target} ({names}) SELECT {names} FROM given")


def fetch_row(
    con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] | None = None
) -> tuple[Any, ...]:
    """The one row of a query that always has one.

    All of the result is fetched: one that is left open keeps its transaction open, and with it
    the check-point of the file from running.
    """
    (row,) = con.execute(sql, list(parameters or ())).fetchall()
    return tuple(row)


def fetch_arrow(
    con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] | None = None
) -> pa.Table:
    """Run a query and fetch all of it as Arrow.

    A relation binds its query twice before it runs it, to say its columns, which costs more than
    most of these queries do. So it is run here as a relation runs it in the end; where a version of
    DuckDB has no such way, by a relation.
    """
    values = list(parameters or ())
    submit = getattr(con, "_submit", None)
    if submit is None:
        return con.sql(sql, params=values).to_arrow_table()
    found: pa.Table = submit(sql, values or None, "arrow", _ARROW_ROWS).arrow_table()
    return found
