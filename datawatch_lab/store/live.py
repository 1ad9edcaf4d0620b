"""Live tables: the current rows of every keyed table, and the views ``live.<name>`` over them.

A live table is not updated in place: a MERGE reads its whole target. What a commit puts goes to a
small delta, one row a key; compaction folds the delta into a base now and then, and the view shows
the base without the keys of the delta, and the delta. See `live_state` for the tables,
`live_slots` for their columns, `live_fold` for when rows move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import cycle

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.columns import kept, picked
from datawatch_lab.core.storage import LIVE_HEADS, LiveChange
from datawatch_lab.core.values import TableInfo
from datawatch_lab.store.live_fold import (
    FOLD_ROWS,
    count_delta,
    delta_limit,
    fold,
    forget_gone,
    forget_versions,
)
from datawatch_lab.store.live_mirror import NOTHING, bounded, found_in, with_put
from datawatch_lab.store.live_slots import Slot, fit_rows
from datawatch_lab.store.live_state import LiveTable, LiveTables, delta_sql, load_live
from datawatch_lab.store.live_views import live_sql
from datawatch_lab.store.sql import append, quote_identifier, run_with


@dataclass(frozen=True)
class LivePlan:
    """Live tables and views as they are once a transaction is committed.

    Attributes:
        tables: how rows are kept, by table id.
        infos: every table that has a view.
        names: the view of each table.
        statements: what made each view, by name.
    """

    tables: LiveTables = field(default_factory=dict)
    infos: Mapping[int, TableInfo] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    statements: Mapping[str, str] = field(default_factory=dict)


class LiveKeeper:
    """Knows how live tables are kept, so that a commit asks the file for nothing.

    `write` and `compact` run in a transaction of the writer and return what will hold; the caller
    hands it to `done` when the transaction was committed.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        infos: Iterable[TableInfo],
        names: Mapping[int, str],
    ) -> None:
        present = {
            name
            for (name,) in con.execute(
                "SELECT view_name FROM duckdb_views() WHERE schema_name = 'live'"
            ).fetchall()
        }
        loaded = LivePlan(load_live(con), {info.id: info for info in infos}, names)
        wanted = _statements(loaded, loaded.infos)
        for name in wanted.keys() - present:
            con.execute(wanted[name])
        self._now = replace(loaded, statements=wanted)
        self._turns = cycle(range(2))

    @property
    def tables(self) -> LiveTables:
        """How rows are kept, as of the last commit."""
        return self._now.tables

    def done(self, plan: LivePlan) -> None:
        """Remember a plan whose transaction was committed."""
        self._now = plan

    def write(
        self,
        con: duckdb.DuckDBPyConnection,
        changes: Sequence[LiveChange],
        infos: Iterable[TableInfo],
        names: Mapping[int, str],
    ) -> LivePlan:
        """Store what a commit changes, and make the views that change with it.

        Args:
            con: the writer's connection, in a transaction.
            changes: at most one a table.
            infos: tables that the commit makes or changes.
            names: the view of every table, as it is after the commit.
        """
        tables = dict(self._now.tables)
        changed = {info.id: info for info in infos}
        for change in changes:
            changed.setdefault(change.table.id, change.table)
            tables[change.table.id] = put(con, tables.get(change.table.id), change)
        tables = bounded(tables)
        append(con, "current.versions", _versions(changes))
        before = self._now.names
        renamed = [] if names is before else [i for i in names if names[i] != before.get(i)]
        plan = LivePlan(tables, {**self._now.infos, **changed}, names)
        return self._with_views(con, plan, {*changed, *renamed})

    def compact(
        self, con: duckdb.DuckDBPyConnection, horizon: datetime | None, least: int | None = None
    ) -> tuple[LivePlan, int]:
        """Fold deltas that have grown too large, the largest first.

        Args:
            con: the writer's connection, in a transaction.
            horizon: no event older than this can come any more; None for no such limit.
            least: fold deltas of so many rows; from where it pays when None.

        Returns:
            What holds afterwards, and how many rows were folded.
        """
        tables = dict(self._now.tables)
        folded: dict[int, int] = {}
        left = FOLD_ROWS
        for stored in sorted(self._now.tables.values(), key=lambda each: -each.delta_rows):
            enough = delta_limit(stored) if least is None else max(least, 1)
            if stored.delta_rows < enough or left <= 0:
                continue
            tables[stored.id] = counted = count_delta(con, stored)
            if counted.delta_rows >= enough:
                tables[stored.id], folded[stored.id] = fold(con, counted, left)
                left -= folded[stored.id]
        if not folded:
            self._forget(con, horizon)
        plan = replace(self._now, tables=tables)
        return self._with_views(con, plan, folded), sum(folded.values())

    def _forget(self, con: duckdb.DuckDBPyConnection, horizon: datetime | None) -> None:
        """In turns, as each takes a look at many rows."""
        if next(self._turns):
            forget_versions(con)
        elif horizon is not None:
            for stored in self._now.tables.values():
                forget_gone(con, stored, horizon)

    def _with_views(
        self, con: duckdb.DuckDBPyConnection, plan: LivePlan, touched: Iterable[int]
    ) -> LivePlan:
        """Make the views of the touched tables that changed, drop those whose name is gone."""
        before = self._now.statements
        made = _statements(plan, touched)
        for name, statement in made.items():
            if before.get(name) != statement:
                con.execute(statement)
        statements = {**before, **made}
        for name in statements.keys() - set(plan.names.values()):
            con.execute(f"DROP VIEW live.{quote_identifier(name)}")
            del statements[name]
        return replace(plan, statements=statements)


def _statements(plan: LivePlan, ids: Iterable[int]) -> dict[str, str]:
    return {
        plan.names[id_]: live_sql(plan.infos[id_], plan.names[id_], plan.tables.get(id_))
        for id_ in ids
        if id_ in plan.infos and id_ in plan.names
    }


def put(con: duckdb.DuckDBPyConnection, stored: LiveTable | None, change: LiveChange) -> LiveTable:
    """Store the rows of a change; returns how the table is kept then."""
    generation = 1
    if stored is not None and change.restart:
        _drop(con, stored)
        generation = stored.generation + 1
        stored = None
    heads = change.put.heads
    laid, slots = fit_rows(change.put.rows, change.table.columns, stored.slots if stored else ())
    narrow = bool((heads["k_hi"] == 0).all()) and (stored is None or stored.narrow)
    if stored is None:
        stored = LiveTable(change.table.id, generation, slots, narrow, mirror=NOTHING)
        _create(con, stored)
    else:
        stored = _adapt(con, stored, slots, narrow=narrow)
    there = None if stored.mirror is None else _replaced(stored, heads)
    _forget_older(con, stored, heads, there)
    rows = picked(heads, list(LIVE_HEADS)).hstack(laid.get_columns())
    append(con, stored.delta, rows.to_arrow())
    return with_put(replace(stored, delta_rows=stored.delta_rows + rows.height), there, rows)


def _replaced(stored: LiveTable, heads: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows of the mirror have a newer version among some."""
    mirror = NOTHING if stored.mirror is None else stored.mirror
    return found_in(mirror, heads, narrow=stored.narrow)


def _forget_older(
    con: duckdb.DuckDBPyConnection,
    stored: LiveTable,
    heads: pl.DataFrame,
    there: NDArray[np.bool_] | None,
) -> None:
    """Delete rows of the delta that have a newer version; only those, where they are known."""
    keys = picked(heads, ("k_hi", "k_lo"))
    if stored.mirror is not None and there is not None:
        keys = kept(picked(stored.mirror, ("k_hi", "k_lo")), there) if there.any() else keys[:0]
    if stored.delta_rows and keys.height:
        run_with(
            con,
            keys.to_arrow(),
            f"DELETE FROM {stored.delta} a USING given b WHERE {stored.same_key}",
        )


def _create(con: duckdb.DuckDBPyConnection, stored: LiveTable) -> None:
    con.execute(delta_sql(stored))
    con.execute(
        "INSERT INTO meta.live_tables VALUES (?, ?, ?)",
        [stored.id, stored.generation, stored.narrow],
    )
    _save_slots(con, stored.id, stored.slots)


def _drop(con: duckdb.DuckDBPyConnection, stored: LiveTable) -> None:
    """Forget every row, slot and version."""
    for table in (stored.delta, stored.base, stored.graves):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    for table in ("meta.live_tables", "meta.live_slots", "current.versions"):
        con.execute(f"DELETE FROM {table} WHERE table_id = ?", [stored.id])


def _adapt(
    con: duckdb.DuckDBPyConnection, stored: LiveTable, slots: tuple[Slot, ...], *, narrow: bool
) -> LiveTable:
    """Make room for new slots, and remember what has changed; most often nothing has."""
    if narrow != stored.narrow:
        con.execute("UPDATE meta.live_tables SET narrow = FALSE WHERE table_id = ?", [stored.id])
    if slots == stored.slots:
        return replace(stored, narrow=narrow)
    known = {slot.number: slot for slot in stored.slots}
    for slot in slots:
        if slot.number not in known:
            con.execute(f"ALTER TABLE {stored.delta} ADD COLUMN {slot.column} {slot.type}")
    changed = [slot for slot in slots if known.get(slot.number) != slot]
    con.execute(
        "DELETE FROM meta.live_slots WHERE table_id = ? AND number IN (SELECT unnest(?))",
        [stored.id, [slot.number for slot in changed]],
    )
    _save_slots(con, stored.id, changed)
    return replace(stored, slots=slots, narrow=narrow)


def _save_slots(con: duckdb.DuckDBPyConnection, table_id: int, slots: Sequence[Slot]) -> None:
    rows = [{"table_id": table_id, **asdict(slot)} for slot in slots]
    append(con, "meta.live_slots", pa.Table.from_pylist(rows) if rows else pa.table({}))


def _versions(changes: Sequence[LiveChange]) -> pa.Table:
    """The versions of all changes as one table, sorted so that zone maps help."""
    frames = [
        picked(change.versions, ("k_hi", "k_lo", "seq")).hstack(
            [pl.Series("table_id", np.full(change.versions.height, change.table.id, np.int32))]
        )
        for change in changes
        if change.versions.height
    ]
    if not frames:
        return pa.table({})
    return pl.concat(frames).sort("table_id", "k_hi", "k_lo").to_arrow()
