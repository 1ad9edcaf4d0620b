"""Live tables: the current rows of every keyed table, and the views ``live.<name>`` over them.

A live table is not updated in place: a MERGE reads its whole target. What a commit puts goes to a
small delta, one row a key; compaction folds the delta into a base now and then, and the view shows
the base without the keys of the delta, and the delta. See `live_state` for the tables,
`live_slots` for their columns, `live_fold` for when rows move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import cycle

import duckdb

from datawatch_lab.core.storage import LiveChange
from datawatch_lab.core.values import TableInfo
from datawatch_lab.store.live_fold import (
    FOLD_ROWS,
    LARGE_TABLE,
    count_delta,
    due,
    fold,
    forget_gone,
    forget_versions,
)
from datawatch_lab.store.live_mirror import bounded
from datawatch_lab.store.live_put import leave, put_all, versions_of
from datawatch_lab.store.live_state import LiveTables, load_live, load_shared
from datawatch_lab.store.live_views import live_sql
from datawatch_lab.store.sql import append, quote_identifier


@dataclass(frozen=True)
class LivePlan:
    """Live tables and views as they are once a transaction is committed.

    Attributes:
        tables: how rows are kept, by table id.
        shared: columns that the delta has which small tables share.
        infos: every table that has a view.
        names: the view of each table.
        statements: what made each view, by name.
    """

    tables: LiveTables = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
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
        loaded = LivePlan(
            load_live(con), load_shared(con), {info.id: info for info in infos}, names
        )
        wanted = _statements(loaded, loaded.infos)
        for name in wanted.keys() - present:
            con.execute(wanted[name])
        self._now = replace(loaded, statements=wanted)
        self._turns = cycle(range(2))

    @property
    def tables(self) -> LiveTables:
        """How rows are kept, as of the last commit."""
        return self._now.tables

    def has_other_views(self, plan: LivePlan) -> bool:
        """Whether a plan made, changed or dropped a view, as it does where it changes a table."""
        return plan.statements != self._now.statements

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
        known = self._now.infos
        for change in changes:
            if known.get(change.table.id) != change.table:
                changed.setdefault(change.table.id, change.table)
        shared = self._now.shared
        shown: set[int] = set()
        if changes:
            made, shared = put_all(con, tables, shared, changes)
            shown = {each.id for each in made if not each.is_shown_as(tables.get(each.id))}
            tables |= {each.id: each for each in made}
            tables = bounded(tables)
            append(con, "current.versions", versions_of(changes))
        before = self._now.names
        renamed = [] if names is before else [i for i in names if names[i] != before.get(i)]
        plan = LivePlan(tables, shared, {**self._now.infos, **changed}, names)
        return self._with_views(con, plan, {*changed, *shown, *renamed})

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
        for stored, enough in due(self._now.tables.values(), least):
            if stored.delta_rows < enough or left <= 0:
                continue
            tables[stored.id] = counted = count_delta(con, stored)
            if counted.delta_rows >= enough:
                settled, folded[stored.id] = fold(con, counted, left)
                is_large = settled.shared and settled.base_rows >= LARGE_TABLE
                tables[stored.id] = leave(con, settled) if is_large else settled
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
