"""What the store knows of a live table without asking the file: its slots and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.store.live_slots import Slot
from datawatch_lab.store.sql import fetch_row

HEADS = ("k_hi", "k_lo", '"at"', "ordinal", "sub", "seq")
"""Columns of every base, delta and graves; see `core.storage.LIVE_HEADS`."""

_HEAD_TYPES = (
    'k_hi BIGINT NOT NULL, k_lo BIGINT NOT NULL, "at" TIMESTAMP NOT NULL, '
    "ordinal BIGINT NOT NULL, sub BIGINT NOT NULL, seq BIGINT NOT NULL"
)


SHARED = "current.shared"
"""The delta of all tables that share one."""

MOST_SHARED_SLOTS = 48
"""Slots that a table may have to share a delta; wider ones have one of their own."""

_LETTERS = {
    "BIGINT": "i",
    "HUGEINT": "h",
    "DOUBLE": "f",
    "BOOLEAN": "b",
    "VARCHAR": "t",
    "TIMESTAMP": "m",
}


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
        shared: whether its newest rows stand in `SHARED`; otherwise it has a delta of its own.
        delta_rows, base_rows: at most so many rows are there.
        highest: no row has a larger ``k_lo``; None where that is not known, or not `narrow`.
        settled: the same of the base and the graves.
        mirror: the rows of the delta by head and slot column, where they are known; columns that
            are all null may be missing. See `live_mirror`.
    """

    id: int
    generation: int = 1
    slots: tuple[Slot, ...] = ()
    narrow: bool = True
    base_slots: frozenset[str] | None = None
    has_graves: bool = False
    shared: bool = False
    delta_rows: int = 0
    base_rows: int = 0
    highest: int | None = None
    settled: int | None = None
    mirror: pl.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def has_base(self) -> bool:
        """Whether compaction has made a base."""
        return self.base_slots is not None

    @property
    def own_delta(self) -> str:
        """Name of the delta of its own, which it has unless it shares one."""
        return f"current.delta_{self.id:d}_{self.generation:d}"

    @property
    def delta(self) -> str:
        """Its delta as one can select from it: heads, ``gone`` and slot columns."""
        if not self.shared:
            return self.own_delta
        slots = "".join(f", {there} AS {own}" for own, there in shared_columns(self.slots).items())
        return f"(SELECT {', '.join(HEADS)}, gone{slots} FROM {SHARED} WHERE {self.is_mine})"

    @property
    def kept_in(self) -> str:
        """The table that its newest rows stand in; those that are its own are told by `is_mine`."""
        return SHARED if self.shared else self.own_delta

    @property
    def is_mine(self) -> str:
        """The condition that a row of `kept_in` is of this table."""
        return f"table_id = {self.id:d}" if self.shared else "TRUE"

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

    def is_shown_as(self, other: LiveTable | None) -> bool:
        """Whether the view of its rows is the one that it was made for."""
        return other is not None and (
            (self.generation, self.narrow, self.shared, self.slots, self.base_slots)
            == (other.generation, other.narrow, other.shared, other.slots, other.base_slots)
        )

    def may_have(self, keys: pl.DataFrame) -> NDArray[np.bool_] | None:
        """Which keys may be stored, by what is known of all that are; None for all of them.

        Most rows that come are new ones with numbers of their own, larger than any before. They are
        asked for nowhere.
        """
        if self.highest is None or not self.narrow:
            return None
        hi, lo = (keys[name].to_numpy() for name in ("k_hi", "k_lo"))
        may = lo <= self.highest
        if hi.any():
            may &= hi == 0
        return None if may.all() else may

    def in_base(self, column: str) -> str:
        """An expression for a head or slot column of the base, which may not have it yet."""
        if column in HEADS or column in (self.base_slots or ()):
            return column
        type_ = next(slot.type for slot in self.slots if slot.column == column)
        return f"CAST(NULL AS {type_}) AS {column}"


def shared_columns(slots: Sequence[Slot]) -> dict[str, str]:
    """By slot column, the column of `SHARED` that it stands in; the n-th of its type in the n-th.

    Slots are never taken away and new ones have higher numbers, so none changes its place.

    >>> shared_columns([Slot(1, "id", "BIGINT"), Slot(2, "price", "DECIMAL(18,2)")])
    {'s1': 'i1', 's2': 'd2_1'}
    """
    counted: Counter[str] = Counter()
    columns: dict[str, str] = {}
    for slot in sorted(slots, key=lambda each: each.number):
        counted[slot.type] += 1
        columns[slot.column] = f"{_letter(slot)}{counted[slot.type]}"
    return columns


NO_KEYS = -(2**63)
"""`LiveTable.highest` of a table without rows."""


def grown(highest: int | None, keys: pl.DataFrame) -> int | None:
    """A bound such as `LiveTable.highest` after rows came; None stays."""
    if highest is None:
        return None
    lo = keys["k_lo"]
    if lo.null_count():  # the file refuses it, and says why
        return None
    return int(lo.to_numpy().max(initial=highest))


def highest_of(con: duckdb.DuckDBPyConnection, table: LiveTable) -> int:
    """`LiveTable.highest` as the file has it."""
    places = [f"{table.kept_in} WHERE {table.is_mine}"]
    places += [table.base] * table.has_base + [table.graves] * table.has_graves
    every = " UNION ALL ".join(f"SELECT max(k_lo) AS k_lo FROM {place}" for place in places)
    (found,) = fetch_row(con, f"SELECT max(k_lo) FROM ({every})")
    return NO_KEYS if found is None else int(found)


def _letter(slot: Slot) -> str:
    return _LETTERS.get(slot.type) or f"d{slot.scale}_"


LiveTables = Mapping[int, LiveTable]
"""By table id; those that are not named have no rows and no tables of their own."""


def load_live(con: duckdb.DuckDBPyConnection) -> dict[int, LiveTable]:
    """What is stored; of rows it reads only whose those of `SHARED` are."""
    tables = {
        id_: LiveTable(id_, generation, narrow=narrow, shared=shared)
        for id_, generation, narrow, shared in con.execute(
            "SELECT table_id, generation, narrow, shared FROM meta.live_tables"
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
    together = dict(
        con.execute(f"SELECT table_id, count(*) FROM {SHARED} GROUP BY table_id").fetchall()
    )
    return {id_: _with_tables(table, stored, sizes, together) for id_, table in tables.items()}


def load_shared(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Columns that `SHARED` has."""
    return _stored_columns(con)[_name_of(SHARED)]


def _stored_columns(con: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    rows = con.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "WHERE schema_name = 'current' GROUP BY table_name"
    ).fetchall()
    return {name: frozenset(columns) for name, columns in rows}


def _with_tables(
    table: LiveTable,
    stored: Mapping[str, frozenset[str]],
    sizes: Mapping[str, int],
    together: Mapping[int, int],
) -> LiveTable:
    names = (table.base, table.own_delta, table.graves)
    base, delta, graves = map(_name_of, names)
    columns = stored.get(base)
    return replace(
        table,
        base_slots=None if columns is None else columns & {slot.column for slot in table.slots},
        has_graves=graves in stored,
        base_rows=sizes.get(base, 0),
        delta_rows=together.get(table.id, 0) if table.shared else sizes.get(delta, 0),
    )


def _name_of(table: str) -> str:
    return table.removeprefix("current.")


def delta_sql(table: LiveTable) -> str:
    """The statement that makes a delta of its own."""
    slots = "".join(f", {slot.column} {slot.type}" for slot in table.slots)
    return f"CREATE TABLE {table.own_delta} ({_HEAD_TYPES}, gone BOOLEAN NOT NULL{slots})"


def base_sql(table: LiveTable) -> str:
    """The statement that makes the base."""
    slots = "".join(f", {slot.column} {slot.type}" for slot in table.slots)
    return f"CREATE TABLE {table.base} ({_HEAD_TYPES}{slots})"


def graves_sql(table: LiveTable) -> str:
    """The statement that makes the table of gone keys."""
    return f"CREATE TABLE {table.graves} ({_HEAD_TYPES})"
