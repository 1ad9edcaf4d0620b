"""Committing: from submissions to what is stored and derived, in the writer's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datawatch_lab.core.batches import Offset, TableBatch
from datawatch_lab.core.clock import Clock
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    Corrections,
)
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.aside import set_aside
from datawatch_lab.engine.closing import Advance, Closed, CloseListener, Closing
from datawatch_lab.engine.corrections import with_depth
from datawatch_lab.engine.measures import Derived, Measures
from datawatch_lab.engine.planner import Plan, make_plan
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.revisions import find_corrections
from datawatch_lab.engine.submission import JOURNAL, Submission
from datawatch_lab.engine.touched import Touched
from datawatch_lab.store.duck import DuckStore

log = logging.getLogger(__name__)

CURSOR = "measures"
"""Name of the derivation's cursor: the sequence number up to which its states are stored."""

LIVE_CURSOR = "live"
"""The same for live tables; files from before there were any have none."""

_ROWS_PER_COMMIT = 10_000
_CATCH_UP_EVENTS = 50_000


BatchListener = Callable[[int, int, Sequence[TableBatch]], None]
"""Takes the row changes of a commit that is stored."""


class Committer:
    """What is known of a workspace, and the only one who changes it.

    Everything that changes something runs in the writer's thread, or before there is one.

    Attributes:
        registry: the tables.
        watermarks: newest event time by (source, table id).
        offsets: how far each source was read, by name.
        last_seq: sequence number of the last event in the log.
        ended: offsets of runs that are over, not stored yet; see `Engine.end`.
        touched: which states each commit changed.
        weight: commits since somebody set it to 0; a large one counts for several.
        healthy: whether the last commit could be stored.
        listeners: called with the data version after each commit.
        close_listeners: called with (table id, from, until) after each close.
        batch_listeners: called with (sequence number before, last one, batches) after each commit.
    """

    def __init__(self, store: DuckStore, settings: Settings, clock: Clock) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        known = store.catalogue()
        self.registry = TableRegistry(known.tables)
        self.watermarks = dict(known.watermarks)
        self.offsets = dict(known.offsets)
        self.ended: dict[str, Offset] = {}
        self.last_seq = known.last_seq
        self.measures = Measures(store, known, settings)
        self.touched = Touched(known, store.version)
        closed = {id_: Closed(*each) for id_, each in store.closing.closed().items()}
        self.closing = Closing(closed, known.watermarks, clock.now(), settings)
        self.weight = 0
        self.healthy = True
        self.listeners: list[Callable[[int], None]] = []
        self.close_listeners: list[CloseListener] = []
        self.batch_listeners: list[BatchListener] = []
        self._catch_up(known.cursors.get(CURSOR, 0))
        if known.cursors.get(LIVE_CURSOR, 0) < self.last_seq:
            self._rebuild_live()
        self.restate(())  # the configuration may say something else than before

    @property
    def journaled(self) -> int:
        """Number of the last record of the journal that is stored."""
        return int(str(self.offsets.get(JOURNAL, {}).get("number", 0)))

    def commit(self, submissions: Sequence[Submission]) -> Sequence[Receipt]:
        """Store submissions in one transaction, with all that is derived from them."""
        plan = make_plan(submissions, **self.plan_inputs())
        return plan.receipts(self.apply(plan))

    def set_aside(self, submissions: Sequence[Submission]) -> Sequence[Receipt]:
        """Put what was answered for and cannot be stored into the quarantine."""
        reason = "could not be stored as a change; the server's log has the reason."
        return self.commit([set_aside(each, reason) for each in submissions])

    def plan_inputs(self) -> dict[str, Any]:
        """What `make_plan` needs beside the submissions."""
        return {
            "store": self.store,
            "registry": self.registry,
            "watermarks": self.watermarks,
            "last_seq": self.last_seq,
            "now": self.clock.now(),
            "settings": self.settings,
        }

    def apply(self, plan: Plan) -> int:
        """Derive, store and remember a plan, in the writer's thread; gives the new version."""
        try:
            self.measures.history.ordered |= set(plan.commit.ordered)
            derived = self.measures.derive(plan.table_batches, plan.registry, self.last_seq)
            corrections = self._corrections(plan, derived)
            closes = self.closing.advance(plan.judged, self.watermarks)
        except BaseException:
            self.measures.roll_back()  # or series of a batch that failed would go with the next
            raise
        last_seq = self.last_seq + plan.commit.log.num_rows
        commit = replace(
            plan.commit,
            tables=_changed(self.registry, plan.registry),
            measures=derived.new_measures,
            series=derived.new_series,
            dropped_measures=derived.dropped,
            dropped_series=derived.dropped_series,
            evidence=derived.evidence,
            appends=derived.appends,
            live=[each.change for each in derived.live],
            closes=closes.closes,
            corrections=corrections,
            cursors={CURSOR: last_seq, LIVE_CURSOR: last_seq},
        )
        version = self._store(commit, derived)
        self.registry = plan.registry
        self.watermarks = plan.watermarks
        for each in commit.offsets:
            self.offsets[each.source] = each.position
            self.ended.pop(each.source, None)  # it has begun again
        self.weight += 1 + _weight(commit)
        self.touched.note(version, commit)  # only now is all of it to be seen
        self.last_seq = last_seq  # after it: who sees the number sees what its events changed
        self._hand_over(last_seq - plan.commit.log.num_rows, last_seq, plan.table_batches)
        self._tell(version)
        self._keep_closes(closes)
        return version

    def _corrections(self, plan: Plan, derived: Derived) -> Corrections | None:
        late = with_depth(plan.judged, self.closing.by_clock, self.settings)
        if late is None:
            return None
        tables = (self.registry, plan.registry)
        return find_corrections(
            self.store,
            self.measures,
            self.settings,
            plan.table_batches,
            tables,
            derived,
            late,
        )

    def close_by_clock(self) -> None:
        """Close minutes of tables that fell silent."""
        due = self.closing.due(self.clock.now(), self.last_seq, self.watermarks)
        if due.closes.num_rows:
            self.store.closing.close(due.closes)
            self._keep_closes(due)

    def _keep_closes(self, advance: Advance) -> None:
        """Remember what is stored as closed, and call the listeners; one that fails is logged."""
        for closed in self.closing.keep(advance):
            for listener in tuple(self.close_listeners):
                try:
                    listener(*closed)
                except Exception:
                    log.exception("a listener of closes failed")

    def _tell(self, version: int) -> None:
        """Call the listeners; one that fails is logged, since the batch is stored all the same."""
        for listener in tuple(self.listeners):
            try:
                listener(version)
            except Exception:
                log.exception("a listener of data versions failed")

    def _hand_over(self, after: int, upto: int, batches: Sequence[TableBatch]) -> None:
        """Call those who take batches; one that fails is logged."""
        for listener in tuple(self.batch_listeners):
            try:
                listener(after, upto, batches)
            except Exception:
                log.exception("a listener of batches failed")

    def _store(self, commit: Commit, derived: Derived) -> int:
        try:
            version = self.store.commit(commit)
        except BaseException:
            self.measures.roll_back()
            self.healthy = False
            raise
        self.measures.keep(derived)
        self.healthy = True
        return version

    def restate(self, tables: Sequence[TableInfo]) -> None:
        """Store what is stated of tables now, with what follows for keys, roles and measures."""
        registry = self.registry.copy()
        for each in tables:
            registry.replace(each)
        try:
            derived = self.measures.derive((), registry, self.last_seq)
        except BaseException:
            self.measures.roll_back()
            raise
        changed = _changed(self.registry, registry)
        if not changed:
            self.measures.keep(derived)
            return
        stored = self._store_derived(derived, changed, {})
        self.registry = registry
        self.touched.note(*stored)
        self._tell(self.store.version)

    def _catch_up(self, done: int) -> None:
        """Derive what the log holds beyond the cursor, in steps that each move the cursor."""
        while done < self.last_seq:
            end = min(done + _CATCH_UP_EVENTS, self.last_seq)
            registry = self.registry.copy()
            batches = [
                batch
                for table in self.registry
                for batch in self.measures.history.batches(table, done, end)
            ]
            derived = self.measures.derive(batches, registry, done)
            stored = self._store_derived(derived, _changed(self.registry, registry), {CURSOR: end})
            self.registry, done = registry, end
            self.touched.note(*stored)

    def _rebuild_live(self) -> None:
        """Make the live tables of a file that has none yet, or not up to its last event."""
        for table in self.registry:
            if table.key:
                derived = self.measures.rebuild_live(table, self.last_seq)
                self.touched.note(*self._store_derived(derived, (), {}))
        self.touched.note(*self._store_derived(Derived(), (), {LIVE_CURSOR: self.last_seq}))

    def _store_derived(
        self, derived: Derived, tables: Sequence[TableInfo], cursors: Mapping[str, int]
    ) -> tuple[int, Commit]:
        """Store what was derived from events that the log holds already; gives the new version."""
        commit = Commit(
            log=LOG_SCHEMA.empty_table(),
            quarantine=QUARANTINE_SCHEMA.empty_table(),
            ledger=LEDGER_SCHEMA.empty_table(),
            at=self.clock.now(),
            tables=tables,
            measures=derived.new_measures,
            series=derived.new_series,
            dropped_measures=derived.dropped,
            dropped_series=derived.dropped_series,
            evidence=derived.evidence,
            appends=derived.appends,
            live=[each.change for each in derived.live],
            cursors=cursors,
        )
        return self._store(commit, derived), commit


def _changed(old: TableRegistry, new: TableRegistry) -> list[TableInfo]:
    """Tables that are new or look different."""
    before = {each.id: each for each in old}
    return [each for each in new if before.get(each.id) != each]


def _weight(commit: Commit) -> int:
    """How many small commits one is worth, by the states that it appends."""
    if commit.appends is None:
        return 0
    appends = (commit.appends.partials, commit.appends.bins, commit.appends.registers)
    rows: int = sum(table.num_rows for table in appends)
    return rows // _ROWS_PER_COMMIT
