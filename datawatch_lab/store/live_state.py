"""What the store knows of a live table without asking the file: its slots and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb
import polars as pl

from datawatch_lab.store.live_slots import Slot

HEADS = ("k_hi", "k_lo", '"at"', "ordinal", "sub", "seq")
"""Columns of every base, delta and graves; see `core.storage.LIVE_HEADS`."""

_HEAD_TYPES = (
    'k_hi BIGINT NOT NULL, k_lo BIGINT NOT NULL, "at" TIMESTAMP NOT NULL, '
    "ordinal BIGINT NOT NULL, sub BIGINT NOT NULL, seq BIGINT NOT NULL"
)


@dataclass(frozen=True)
class LiveTable:
    """How the rows of one keyed table are kept.

    Attributes:
        id: of the table.
        generation: grows when the table starts over; part of the names of its tables.
        slots: of its fields.
        narrow: ``k_hi`` is 0 in every row, so ``k_lo`` alone is the key.
        base_slots: columns of slots that the base has; None when there is no base.
        has_graves: whether there is a table of gone keys.
        delta_rows, base_rows: at most so many rows are there.
        mirror: the rows of the delta by head and slot column, where they are known; columns that
            are all null may be missing. See `live_mirror`.
    """

    id: int
    generation: int = 1
    slots: tuple[Slot, ...] = ()
    narrow: bool = True
    base_slots: frozenset[str] | None = None
    has_graves: bool = False
    delta_rows: int = 0
    base_rows: int = 0
    mirror: pl.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def has_base(self) -> bool:
        """Whether compaction has made a base."""
        return self.base_slots is not None

    @property
    def delta(self) -> str:
        """Name of its delta."""
        return f"current.delta_{self.id:d}_{self.generation:d}"

    @property
    def base(self) -> str:
        """Name of its base."""
        return f"current.base_{self.id:d}_{self.generation:d}"

    @property
    def graves(self) -> str:
        """Name of its table of gone keys."""
        return f"current.graves_{self.id:d}_{self.generation:d}"

    @property
    def same_key(self) -> str:
        """The condition that rows ``a`` and ``b`` have one key; half the work when narrow."""
        wide = "" if self.narrow else " AND a.k_hi = b.k_hi"
        return f"a.k_lo = b.k_lo{wide}"

    def in_base(self, column: str) -> str:
        """An expression for a head or slot column of the base, which may not have it yet."""
        if column in HEADS or column in (self.base_slots or ()):
            return column
        type_ = next(slot.type for slot in self.slots if slot.column == column)
        return f"CAST(NULL AS {type_}) AS {column}"


LiveTables = Mapping[int, LiveTable]
"""By table id; those that are not named have no rows and no tables of their own."""


def load_live(con: duckdb.DuckDBPyConnection) -> dict[int, LiveTable]:
    """What is stored; reads no rows of a live table."""
    tables = {
        id_: LiveTable(id_, generation, narrow=narrow)
        for id_, generation, narrow in con.execute(
            "SELECT table_id, generation, narrow FROM meta.live_tables"
        ).fetchall()
    }
    for id_, *slot in con.execute(
        "SELECT table_id, number, field, type, exact, decimal, moment FROM meta.live_slots "
        "ORDER BY table_id, number"
    ).fetchall():
        tables[id_] = replace(tables[id_], slots=(*tables[id_].slots, Slot(*slot)))
    stored = _stored_columns(con)
    sizes = dict(
        con.execute(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'current'"
        ).fetchall()
    )
    return {id_: _with_tables(table, stored, sizes) for id_, table in tables.items()}


def _stored_columns(con: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    rows = con.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "WHERE schema_name = 'current' GROUP BY table_name"
    ).fetchall()
    return {name: frozenset(columns) for name, columns in rows}


def _with_tables(
    table: LiveTable, stored: Mapping[str, frozenset[str]], sizes: Mapping[str, int]
) -> LiveTable:
    base, delta, graves = (
        name.removeprefix("current.") for name in (table.base, table.delta, table.graves)
    )
    columns = stored.get(base)
    return replace(
        table,
        base_slots=None if columns is None else columns & {slot.column for slot in table.slots},
        has_graves=graves in stored,
        base_rows=sizes.get(base, 0),
        delta_rows=sizes.get(delta, 0),
    )


def delta_sql(table: LiveTable) -> str:
    """The statement that makes the delta."""
    slots = "".join(f", {slot.column} {slot.type}" for slot in table.slots)
    return f"CREATE TABLE {table.delta} ({_HEAD_TYPES}, gone BOOLEAN NOT NULL{slots})"


def base_sql(table: LiveTable) -> str:
    """The statement that makes the base."""
    slots = "".join(f", {slot.column} {slot.type}" for slot in table.slots)
    return f"CREATE TABLE {table.base} ({_HEAD_TYPES}{slots})"


def graves_sql(table: LiveTable) -> str:
    """The statement that makes the table of gone keys."""
    return f"CREATE TABLE {table.graves} ({_HEAD_TYPES})"
