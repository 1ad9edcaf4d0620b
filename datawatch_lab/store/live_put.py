"""What a commit puts into the deltas of live tables, all tables together where they share one.

A statement costs some milliseconds however few rows it has. So of the tables that share a delta all
rows go with one statement, rows that have a newer version with another, and what is new about slots
with a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.columns import (
    arrow_of,
    kept,
    nulls,
    picked,
    side_by_side,
    taken,
    under_one_another,
)
from datawatch_lab.core.storage import LIVE_HEADS, LiveChange
from datawatch_lab.store.live_fitting import Laid, Unlaid, fit_all
from datawatch_lab.store.live_mirror import NOTHING, found_in, with_put
from datawatch_lab.store.live_slots import Slot
from datawatch_lab.store.live_state import (
    HEADS,
    MOST_SHARED_SLOTS,
    NO_KEYS,
    SHARED,
    LiveTable,
    LiveTables,
    delta_sql,
    grown,
    highest_of,
    shared_columns,
)
from datawatch_lab.store.sql import append, run_with

MIRRORED_TABLES = 16
"""Tables of a commit up to which their mirrors are kept; of more they cost more than they save."""

_WORTH_A_LOOK = 100
"""Rows of a commit from which on the largest key of a table that was opened is looked up."""

_KEYS = ("k_hi", "k_lo")


@dataclass(frozen=True)
class _Put:
    """Rows of one table on their way into its delta.

    Attributes:
        before: how the table was kept; None when it begins with these rows.
        stored: how it is kept with what is new about its slots, before the rows.
        heads: `LIVE_HEADS`.
        laid: by slot column, parallel to ``heads``.
    """

    before: LiveTable | None
    stored: LiveTable
    heads: pl.DataFrame
    laid: Sequence[pl.Series]

    @property
    def rows(self) -> pl.DataFrame:
        """Heads and slot columns."""
        return self.heads.hstack(list(self.laid))

    @cached_property
    def known(self) -> pl.DataFrame:
        """Keys of the rows that may have a row already."""
        keys = picked(self.heads, _KEYS)
        may = None if self.before is None else self.before.may_have(keys)
        return keys if may is None else kept(keys, may)

    @cached_property
    def new_slots(self) -> list[Slot]:
        """Slots that are not as they were."""
        known = {slot.number: slot for slot in self.before.slots} if self.before else {}
        changed = (slot for slot in self.stored.slots if known.get(slot.number) is not slot)
        return [slot for slot in changed if known.get(slot.number) != slot]


def put_all(
    con: duckdb.DuckDBPyConnection,
    tables: LiveTables,
    columns: frozenset[str],
    changes: Sequence[LiveChange],
) -> tuple[list[LiveTable], frozenset[str]]:
    """Store the rows of changes, at most one a table.

    Args:
        con: the writer's connection, in a transaction.
        tables: how they are kept.
        columns: that `SHARED` has.
        changes: at most one a table.

    Returns:
        How each changed table is kept then, and the columns that `SHARED` has then.
    """
    puts = _laid_out(con, tables, changes)
    columns = _widened(con, columns, puts)
    _define(con, puts)
    mirrored = len(puts) <= MIRRORED_TABLES
    shared = [each for each in puts if each.stored.shared]
    made = [_put_alone(con, each) for each in puts if not each.stored.shared]
    made += _put_together(con, shared, mirrored=mirrored)
    return made, columns


def _laid_out(
    con: duckdb.DuckDBPyConnection, tables: LiveTables, changes: Sequence[LiveChange]
) -> list[_Put]:
    befores = [None if each.restart else tables.get(each.table.id) for each in changes]
    laid = fit_all(
        [
            Unlaid(change.put.rows, change.table.columns, before.slots if before else ())
            for change, before in zip(changes, befores, strict=True)
        ]
    )
    return [
        _Put(*_kept(con, tables.get(change.table.id), before, change, fresh), fresh.columns)
        for change, before, fresh in zip(changes, befores, laid, strict=True)
    ]


def _kept(
    con: duckdb.DuckDBPyConnection,
    there: LiveTable | None,
    before: LiveTable | None,
    change: LiveChange,
    fresh: Laid,
) -> tuple[LiveTable | None, LiveTable, pl.DataFrame]:
    """How a table was kept and is with its slots, and the heads; ``before`` is None for a start."""
    heads = picked(change.put.heads, list(LIVE_HEADS))
    narrow = not heads["k_hi"].to_numpy().any()
    many = len(fresh.slots) > MOST_SHARED_SLOTS
    if before is None:
        if there is not None:
            drop(con, there)
        generation = there.generation + 1 if there else 1
        stored = LiveTable(change.table.id, generation, fresh.slots, narrow)
        highest = grown(NO_KEYS, heads) if narrow else None
        begun = replace(stored, shared=not many, mirror=NOTHING, highest=highest, settled=NO_KEYS)
        return None, begun, heads
    if before.shared and many:
        before = leave(con, before)
    narrow = narrow and before.narrow
    if not narrow:
        return before, replace(before, slots=fresh.slots, narrow=False, highest=None), heads
    if before.highest is None and heads.height >= _WORTH_A_LOOK:
        before = replace(before, highest=highest_of(con, before))
    highest = grown(before.highest, heads)
    return before, replace(before, slots=fresh.slots, highest=highest), heads


def _widened(
    con: duckdb.DuckDBPyConnection, columns: frozenset[str], puts: Sequence[_Put]
) -> frozenset[str]:
    """Give `SHARED` the columns that new slots need."""
    needed: dict[str, str] = {}
    for each in puts:
        if each.stored.shared and each.new_slots:
            types = {slot.column: slot.type for slot in each.stored.slots}
            there = shared_columns(each.stored.slots)
            needed |= {there[own]: type_ for own, type_ in types.items()}
    for name in sorted(needed.keys() - columns):
        con.execute(f"ALTER TABLE {SHARED} ADD COLUMN {name} {needed[name]}")
    return columns | needed.keys()


def _define(con: duckdb.DuckDBPyConnection, puts: Sequence[_Put]) -> None:
    """Make the tables that are missing, and store what is new; most often nothing is."""
    fresh = [each.stored for each in puts if each.before is None]
    rows = [(each.id, each.generation, each.narrow, each.shared) for each in fresh]
    names = ("table_id", "generation", "narrow", "shared")
    append(con, "meta.live_tables", _table_of(names, rows))
    for stored in fresh:
        if not stored.shared:
            con.execute(delta_sql(stored))
    for each in puts:
        if each.before is not None:
            _adapt(con, each.before, each.stored)
    changed = [(each.stored.id, slot) for each in puts for slot in each.new_slots]
    known = [(each.stored.id, slot) for each in puts if each.before for slot in each.new_slots]
    if known:
        pairs = _table_of(("table_id", "number"), [(id_, slot.number) for id_, slot in known])
        run_with(
            con,
            pairs,
            "DELETE FROM meta.live_slots a USING given b "
            "WHERE a.table_id = b.table_id AND a.number = b.number",
        )
    listed = [{"table_id": id_, **asdict(slot)} for id_, slot in changed]
    append(con, "meta.live_slots", pa.Table.from_pylist(listed) if listed else pa.table({}))


def _table_of(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ()
    return pa.table({name: list(values) for name, values in zip(names, columns, strict=False)})


def _adapt(con: duckdb.DuckDBPyConnection, before: LiveTable, stored: LiveTable) -> None:
    """Note a key that needs both halves, and make room for new slots in a delta of its own."""
    if before.narrow != stored.narrow:
        con.execute("UPDATE meta.live_tables SET narrow = FALSE WHERE table_id = ?", [stored.id])
    if stored.shared or before.slots == stored.slots:
        return
    known = {slot.number for slot in before.slots}
    for slot in stored.slots:
        if slot.number not in known:
            con.execute(f"ALTER TABLE {stored.own_delta} ADD COLUMN {slot.column} {slot.type}")


def _put_alone(con: duckdb.DuckDBPyConnection, put: _Put) -> LiveTable:
    """Store rows of a table that has a delta of its own."""
    stored, there = put.stored, _replaced(put)
    keys = _older(put, there)
    if keys.height:
        same = f"DELETE FROM {stored.own_delta} a USING given b WHERE {stored.same_key}"
        run_with(con, arrow_of(keys), same)
    rows = put.rows
    append(con, stored.own_delta, arrow_of(rows))
    return with_put(replace(stored, delta_rows=stored.delta_rows + rows.height), there, rows)


def _put_together(
    con: duckdb.DuckDBPyConnection, puts: Sequence[_Put], *, mirrored: bool
) -> list[LiveTable]:
    """Store rows of tables that share a delta."""
    puts_rows = [each for each in puts if each.heads.height]
    there = [_replaced(each) if mirrored else None for each in puts]
    if puts_rows:
        older = [_older(*pair) for pair in zip(puts, there, strict=True)]
        keys = _of_tables(puts, older)
        if keys.height:
            run_with(
                con,
                arrow_of(keys),
                f"DELETE FROM {SHARED} a USING given b "
                "WHERE a.table_id = b.table_id AND a.k_lo = b.k_lo AND a.k_hi = b.k_hi",
            )
        heads = _of_tables(puts_rows, [each.heads for each in puts_rows])
        append(con, SHARED, arrow_of(heads.hstack(_stacked(puts_rows))))
    made = []
    for each, replaced in zip(puts, there, strict=True):
        grown = replace(each.stored, delta_rows=each.stored.delta_rows + each.heads.height)
        rows = each.rows if mirrored else each.heads
        made.append(with_put(grown, replaced, rows))
    return made


def _of_tables(puts: Sequence[_Put], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of several tables under one another, with the id of the table."""
    sizes = [each.height for each in frames]
    ids = np.repeat(np.array([each.stored.id for each in puts], dtype=np.int32), sizes)
    columns = under_one_another(frames).get_columns()
    return side_by_side([pl.Series("table_id", ids), *columns])


def _stacked(puts: Sequence[_Put]) -> list[pl.Series]:
    """Values of all tables by column of `SHARED`; null where a table has no such slot."""
    held: dict[str, dict[int, pl.Series]] = {}
    for place, each in enumerate(puts):
        there = shared_columns(each.stored.slots)
        for column in each.laid:
            held.setdefault(there[column.name], {})[place] = column
    sizes = [each.heads.height for each in puts]
    return [_filled_up(name, columns, sizes) for name, columns in held.items()]


def _filled_up(name: str, columns: dict[int, pl.Series], sizes: Sequence[int]) -> pl.Series:
    dtype = next(iter(columns.values())).dtype
    parts = [
        columns[place] if place in columns else nulls(name, dtype, size)
        for place, size in enumerate(sizes)
    ]
    return (pl.concat(parts, rechunk=True) if len(parts) > 1 else parts[0]).alias(name)


def _replaced(put: _Put) -> NDArray[np.bool_] | None:
    """Which rows of the mirror have a newer version among those put; None without a mirror."""
    if put.stored.mirror is None:
        return None
    return found_in(put.stored.mirror, put.known, narrow=put.stored.narrow)


def _older(put: _Put, there: NDArray[np.bool_] | None) -> pl.DataFrame:
    """Keys of rows of the delta that may have a newer version; only those, where it is known."""
    keys = put.known
    if not put.stored.delta_rows:
        return keys[:0]
    if put.stored.mirror is None or there is None:
        return keys
    return kept(picked(put.stored.mirror, _KEYS), there) if there.any() else keys[:0]


def drop(con: duckdb.DuckDBPyConnection, stored: LiveTable) -> None:
    """Forget every row, slot and version of a table."""
    con.execute(f"DELETE FROM {SHARED} WHERE table_id = ?", [stored.id])
    for table in (stored.own_delta, stored.base, stored.graves):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ("meta.live_tables", "meta.live_slots", "current.versions"):
        con.execute(f"DELETE FROM {table} WHERE table_id = ?", [stored.id])


def leave(con: duckdb.DuckDBPyConnection, stored: LiveTable) -> LiveTable:
    """Give a table that shares a delta one of its own."""
    own = replace(stored, shared=False)
    con.execute(delta_sql(own))
    columns = ", ".join([*HEADS, "gone", *(slot.column for slot in stored.slots)])
    if stored.delta_rows:
        con.execute(f"INSERT INTO {own.own_delta} ({columns}) SELECT {columns} FROM {stored.delta}")
        con.execute(f"DELETE FROM {SHARED} WHERE {stored.is_mine}")
    con.execute("UPDATE meta.live_tables SET shared = FALSE WHERE table_id = ?", [stored.id])
    return own


def versions_of(changes: Iterable[LiveChange]) -> pa.Table:
    """The versions of all changes as one table, sorted within tables so that zone maps help."""
    some = [each for each in changes if each.versions.height]
    if not some:
        return pa.table({})
    sizes = [each.versions.height for each in some]
    ids = np.repeat(np.array([each.table.id for each in some], dtype=np.int32), sizes)
    stacked = under_one_another([picked(each.versions, (*_KEYS, "seq")) for each in some])
    frame = side_by_side([*stacked.get_columns(), pl.Series("table_id", ids)])
    hi, lo = (stacked[name].to_numpy() for name in _KEYS)
    order = np.lexsort((lo, hi)) if hi.any() else np.argsort(lo)
    place = np.repeat(np.arange(len(some)), sizes)[order]
    narrow = place.astype(np.uint16) if len(some) < 2**16 else place
    return arrow_of(taken(frame, order[np.argsort(narrow, kind="stable")]))
