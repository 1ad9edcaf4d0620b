"""The engine of one workspace: takes batches in, stores and derives, answers questions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any, Self

import polars as pl

from datawatch_lab.core.batches import DecodedBatch, Offset, nothing
from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import WorkspaceError, not_found
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    Corrections,
)
from datawatch_lab.core.values import Column, MetricDef, Role, TableInfo
from datawatch_lab.engine.acceptance import Acceptance, unpacked
from datawatch_lab.engine.closing import Advance, Closed, CloseListener, Closing
from datawatch_lab.engine.column_corrections import correct_column
from datawatch_lab.engine.corrections import with_depth
from datawatch_lab.engine.journal import Journal, read_journal
from datawatch_lab.engine.measures import Derived, Measures
from datawatch_lab.engine.planner import JOURNAL, Submission, make_plan, set_aside
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.replay import ReplayResult, run_replay
from datawatch_lab.engine.retention import Retention, kept_since
from datawatch_lab.engine.revisions import find_corrections
from datawatch_lab.engine.sql import run_sql
from datawatch_lab.engine.writer import Writer
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.store.duck import DuckStore
from datawatch_lab.store.gate import SqlAnswer
from datawatch_lab.store.lock import OwnerInfo
from datawatch_lab.store.lock import owner as owner_of
from datawatch_lab.store.summaries import TableCounts

log = logging.getLogger(__name__)

CURSOR = "measures"
"""Name of the derivation's cursor: the sequence number up to which its states are stored."""

LIVE_CURSOR = "live"
"""The same for live tables; files from before there were any have none."""

_COMPACT_EVERY = 100  # commits; a large one counts for several
_FOLD_EVERY = timedelta(seconds=1)
_COMPACT_SECONDS = 0.15  # between two commits; a pass that needs longer goes on after the next
_ROWS_PER_COMMIT = 10_000
_CATCH_UP_EVENTS = 50_000


class Engine:
    """Owns a workspace file. Any thread may submit and ask; one thread of its own writes."""

    def __init__(self, store: DuckStore, path: Path, settings: Settings, clock: Clock) -> None:
        self.store = store
        self.path = path
        self.settings = settings
        self.clock = clock
        self.started = clock.now()
        self.address: str | None = None
        self.healthy = True
        self.release = release_of("datawatch-lab")
        known = store.catalogue()
        self._registry = TableRegistry(known.tables)
        self._watermarks = dict(known.watermarks)
        self._offsets = dict(known.offsets)
        self._last_seq = known.last_seq
        self.measures = Measures(store, known, settings)
        self._listeners: list[Callable[[int], None]] = []
        self._close_listeners: list[CloseListener] = []
        closed = {id_: Closed(*each) for id_, each in store.closed().items()}
        self.closing = Closing(closed, known.watermarks, self.started, settings)
        self._since_compaction = 0
        self._retention = Retention(
            store, settings, lambda: {each.id: each.name for each in self._registry}
        )
        self._folded_at = self.started
        self._ended: dict[str, Offset] = {}
        self._catch_up(known.cursors.get(CURSOR, 0))
        if known.cursors.get(LIVE_CURSOR, 0) < self._last_seq:
            self._rebuild_live()
        self.restate(())  # the configuration may say something else than before
        self._writer = Writer(self._commit, self._upkeep, settings, self._set_aside)
        self._journal = self._open_journal()
        self._acceptance = Acceptance(
            self._journal,
            registry=lambda: self._registry,
            maybe_seen=store.maybe_seen,
            has_room=self._writer.has_room,
            queue=self._writer.put,
            settings=settings,
            clock=clock,
        )
        self.measures.custom.resume(self)  # back-fills that the last run did not end

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        what: str = "Python",
        create: bool = True,
    ) -> Self:
        """Open a workspace file and own it.

        Raises:
            WorkspaceLockedError: another process owns it.
            WorkspaceError: it cannot be used, or is not there and ``create`` is false.
        """
        place = Path(path)
        if not create and not place.exists():
            raise WorkspaceError(
                f"there is no workspace at {place}.",
                hint="`datawatch ingest FILE` or `datawatch demo` makes one.",
            )
        chosen = settings or Settings()
        store = DuckStore.open(place, what=what, query_timeout=chosen.query_timeout, clock=clock)
        return cls(store, place, chosen, clock or SystemClock())

    @staticmethod
    def owner(path: str | Path) -> OwnerInfo | None:
        """Who owns the workspace file now, or None."""
        return owner_of(Path(path))

    def publish(self, address: str) -> None:
        """Tell other processes the address that this workspace is served at."""
        self.store.lock.publish(address)
        self.address = address

    # ------------------------------------------------------------------ taking in

    def submit(
        self, batch: DecodedBatch, *, wait: bool = True, timeout: float | None = None
    ) -> Future[Receipt]:
        """Queue a decoded batch; the future ends when it is durable and in its metrics."""
        return self._writer.submit(Submission(batch, self.clock.now()), wait=wait, timeout=timeout)

    def accept(self, batch: DecodedBatch) -> Receipt | None:
        """Answer for a few ordinary events from the journal; None when they must be submitted."""
        return self._acceptance.take(batch)

    def _open_journal(self) -> Journal:
        """Store what a crash left in the journal, and begin anew."""
        path = self.path.with_name(self.path.name + ".journal")
        stored = int(str(self._offsets.get(JOURNAL, {}).get("number", 0)))
        left = []
        for record in read_journal(path, stored):
            batch, received = unpacked(record.payload)
            left.append(self._writer.put(Submission(batch, received, journal=record.number)))
            stored = record.number
        for each in left:
            each.result()
        journal = Journal(path, stored + 1)
        journal.forget(stored)
        return journal

    def _set_aside(self, submissions: Sequence[Submission]) -> Sequence[Receipt]:
        """Put what was answered for and cannot be stored into the quarantine."""
        reason = "could not be stored as a change; the server's log has the reason."
        return self._commit([set_aside(each, reason) for each in submissions])

    def replay(self, ids: Sequence[int], corrected: Mapping[int, bytes]) -> ReplayResult:
        """Take quarantined events in again; see `engine.replay`."""
        return self._writer.run(lambda: run_replay(self, ids, corrected))

    def correct(
        self,
        table: str,
        column: str,
        *,
        role: Role | None = None,
        sensitive: bool | None = None,
        reset: bool = False,
    ) -> Column:
        """Set a column's role or mask, or take that back; see `engine.column_corrections`."""
        return self._writer.run(
            lambda: correct_column(self, table, column, role=role, sensitive=sensitive, reset=reset)
        )

    def offset(self, source: str) -> Mapping[str, object] | None:
        """How far a source has been read, as of the last commit."""
        ended = self._ended.get(source)
        return ended.position if ended else self._offsets.get(source)

    def end(self, ending: Offset) -> None:
        """Note that a run which read a source to its end is over.

        The note is stored when there is nothing else to do, or as the last act of `close`: a run
        that is killed before is gone on with, and does not read everything once more.
        """
        self._ended[ending.source] = ending

    def _store_endings(self) -> None:
        while self._ended:
            source, ending = self._ended.popitem()
            self._commit([Submission(nothing(source, ending), self.clock.now())])

    # --------------------------------------------------- committing, in the writer's thread

    def _commit(self, submissions: Sequence[Submission]) -> Sequence[Receipt]:
        plan = make_plan(submissions, **self.plan_inputs())
        return plan.receipts(self.apply(plan))

    def plan_inputs(self) -> dict[str, Any]:
        """What `make_plan` needs beside the submissions."""
        return {
            "store": self.store,
            "registry": self._registry,
            "watermarks": self._watermarks,
            "last_seq": self._last_seq,
            "now": self.clock.now(),
            "settings": self.settings,
        }

    def apply(self, plan: Any) -> int:
        """Derive, store and remember a plan, in the writer's thread; gives the new version."""
        try:
            self.measures.history.ordered |= set(plan.commit.ordered)
            derived = self.measures.derive(plan.table_batches, plan.registry, self._last_seq)
            corrections = self._corrections(plan, derived)
        except BaseException:
            self.measures.roll_back()  # or series of a batch that failed would go with the next
            raise
        last_seq = self._last_seq + plan.commit.log.num_rows
        closes = self.closing.advance(plan.judged, self._watermarks)
        commit = replace(
            plan.commit,
            tables=_changed(self._registry, plan.registry),
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
        self._registry = plan.registry
        self._watermarks = plan.watermarks
        self._last_seq = last_seq
        for each in commit.offsets:
            self._offsets[each.source] = each.position
            self._ended.pop(each.source, None)  # it has begun again
        self._since_compaction += 1 + _weight(commit)
        self._tell(version)
        self._keep_closes(closes)
        return version

    def _corrections(self, plan: Any, derived: Derived) -> Corrections | None:
        late = with_depth(plan.judged, self.closing.by_clock, self.settings)
        if late is None:
            return None
        tables = (self._registry, plan.registry)
        return find_corrections(
            self.store,
            self.measures,
            self.settings,
            plan.table_batches,
            tables,
            derived,
            late,
        )

    def _close_by_clock(self) -> None:
        """Close minutes of tables that fell silent."""
        due = self.closing.due(self.clock.now(), self._last_seq, self._watermarks)
        if due.closes.num_rows:
            self.store.close_buckets(due.closes)
            self._keep_closes(due)

    def _keep_closes(self, advance: Advance) -> None:
        """Remember what is stored as closed, and call the listeners; one that fails is logged."""
        for closed in self.closing.keep(advance):
            for listener in tuple(self._close_listeners):
                try:
                    listener(*closed)
                except Exception:
                    log.exception("a listener of closes failed")

    def _tell(self, version: int) -> None:
        """Call the listeners; one that fails is logged, since the batch is stored all the same."""
        for listener in tuple(self._listeners):
            try:
                listener(version)
            except Exception:
                log.exception("a listener of data versions failed")

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
        registry = self._registry.copy()
        for each in tables:
            registry.replace(each)
        try:
            derived = self.measures.derive((), registry, self._last_seq)
        except BaseException:
            self.measures.roll_back()
            raise
        changed = _changed(self._registry, registry)
        if not changed:
            self.measures.keep(derived)
            return
        self._store_derived(derived, changed, {})
        self._registry = registry
        self._tell(self.store.version)

    def _catch_up(self, done: int) -> None:
        """Derive what the log holds beyond the cursor, in steps that each move the cursor."""
        while done < self._last_seq:
            end = min(done + _CATCH_UP_EVENTS, self._last_seq)
            registry = self._registry.copy()
            batches = [
                batch
                for table in self._registry
                for batch in self.measures.history.batches(table, done, end)
            ]
            derived = self.measures.derive(batches, registry, done)
            self._store_derived(derived, _changed(self._registry, registry), {CURSOR: end})
            self._registry, done = registry, end

    def _rebuild_live(self) -> None:
        """Make the live tables of a file that has none yet, or not up to its last event."""
        for table in self._registry:
            if table.key:
                derived = self.measures.rebuild_live(table, self._last_seq)
                self._store_derived(derived, (), {})
        self._store_derived(Derived(), (), {LIVE_CURSOR: self._last_seq})

    def _store_derived(
        self, derived: Derived, tables: Sequence[TableInfo], cursors: Mapping[str, int]
    ) -> None:
        """Store what was derived from events that the log holds already."""
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
        self._store(commit, derived)

    def _upkeep(self, idle: bool) -> None:  # noqa: FBT001 — the writer says which
        """Compact when there is enough to, or something and nothing else to do."""
        self._close_by_clock()
        if idle:
            self._store_endings()
            self._journal.forget(int(str(self._offsets.get(JOURNAL, {}).get("number", 0))))
        if self._since_compaction >= (1 if idle else _COMPACT_EVERY):
            self._since_compaction = 0
            self._retention.look(self.clock.now(), force=True)
            self.store.compact(_COMPACT_SECONDS)
        elif self.store.compacting:
            self.store.compact(_COMPACT_SECONDS)
        self._fold_live()
        self._retention.look(self.clock.now())
        self._retention.run(idle=idle)

    def _fold_live(self) -> None:
        """Fold live tables that have grown, a bounded step a second, until nothing is left."""
        now = self.clock.now()
        if now - self._folded_at < _FOLD_EVERY:
            return
        newest = [each.last_ts for each in self.store.table_counts().values() if each.last_ts]
        horizon = min(newest) - self.settings.raw_kept if newest else None
        if not self.store.compact_live(horizon):
            self._folded_at = now

    # ------------------------------------------------------------------ asking

    @property
    def version(self) -> int:
        """Data version; grows with each commit."""
        return self.store.version

    @property
    def backlog(self) -> int:
        """Events that wait to be stored."""
        return self._writer.backlog

    def size_bytes(self) -> int:
        """Bytes of the workspace on disk, its write-ahead log included."""
        return self.store.size_bytes()

    def subscribe(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call a function with the data version after each commit; gives what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def on_close(self, listener: CloseListener) -> Callable[[], None]:
        """Call a function with (table id, from, until) after each close; gives what ends that.

        It is called in the writer's thread, once a table and commit, when the close is stored.
        """
        self._close_listeners.append(listener)
        return lambda: self._close_listeners.remove(listener)

    def closed_since(self, seq: int, number: int = 0) -> pl.DataFrame:
        """Closes as control entries of the log, for replaying what detectors and alerts saw.

        Args:
            seq: only those that came after this event or a later one.
            number: only those after this one; with it a reader goes on where it stopped.

        Returns:
            number, and the columns of `core.storage.CLOSE_SCHEMA`, in order of number.
        """
        return self.store.closes(seq, number)

    def watermarks(self) -> Mapping[tuple[str, int], datetime]:
        """Newest event time by (source, table id); back-fills stand under a name of their own."""
        return dict(self._watermarks)

    def tables(self) -> list[TableInfo]:
        """The tables found so far, in order of appearance."""
        return list(self._registry)

    def table(self, name: str) -> TableInfo:
        """A table by name; a `NotFoundError` that names the nearest otherwise."""
        found = self._registry.named(name)
        if found is None:
            raise not_found("table", name, self._registry.names)
        return found

    def table_counts(self, table: TableInfo) -> TableCounts:
        """What a table has sent."""
        return self.store.table_counts().get(table.id, TableCounts())

    def quarantined(self, state: str = "waiting") -> int:
        """Rows of the quarantine in that state."""
        return self.store.quarantine_size(state)

    def metrics(self) -> Mapping[str, MetricDef]:
        """Metrics by name."""
        return self.measures.metrics(self.tables())

    def sql(self, text: str, *, limit: int | None = None, masked: bool = True) -> SqlAnswer:
        """Run one query of a user; see `engine.sql`."""
        return run_sql(self, text, limit=limit, masked=masked)

    def metric(self, name: str) -> MetricDef:
        """A metric by name; a `NotFoundError` that names the nearest otherwise."""
        found = self.metrics().get(name)
        if found is None:
            raise not_found("metric", name, self.metrics())
        return found

    def kept(self, newest: datetime | None) -> Kept:
        """What a table with this newest event still has of each level."""
        return kept_since(self.settings, newest)

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Oldest and newest event time of all tables."""
        counts = self.store.table_counts().values()
        return (
            min((each.first_ts for each in counts if each.first_ts), default=None),
            max((each.last_ts for each in counts if each.last_ts), default=None),
        )

    def close(self) -> None:
        """Store what waits, check-point, release the file."""
        self._journal.close()
        self._writer.close()
        if self._ended:
            self.store.checkpoint()  # first the long part, so that nothing follows the endings
            self._store_endings()
        self.store.close()


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
