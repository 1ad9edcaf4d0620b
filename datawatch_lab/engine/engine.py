"""The engine of one workspace: takes batches in, stores and derives, answers questions."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version as release_of
from pathlib import Path
from threading import BoundedSemaphore
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import DataWatchError, WorkspaceError, not_found
from datawatch_lab.core.plans import with_metrics, within
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Column, MetricDef, Role, TableInfo
from datawatch_lab.engine.acceptance import Acceptance
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.backends import Backends
from datawatch_lab.engine.beside import Beside, listening
from datawatch_lab.engine.cache import AnswerCache
from datawatch_lab.engine.closing import CloseListener, Closing
from datawatch_lab.engine.column_corrections import correct_column
from datawatch_lab.engine.committing import BatchListener, Committer
from datawatch_lab.engine.detection import Detection
from datawatch_lab.engine.last_settings import LastSettings
from datawatch_lab.engine.measures import Measures
from datawatch_lab.engine.planner import Plan
from datawatch_lab.engine.pulse import Pulse
from datawatch_lab.engine.quality import Quality
from datawatch_lab.engine.receipts import OneApplied, Receipt
from datawatch_lab.engine.reopening import reopened
from datawatch_lab.engine.replay import ReplayResult, run_replay
from datawatch_lab.engine.retention import kept_since
from datawatch_lab.engine.schema.log import SchemaLog
from datawatch_lab.engine.sql import run_sql
from datawatch_lab.engine.submission import Submission
from datawatch_lab.engine.touched import Touched
from datawatch_lab.engine.upkeep import Upkeep
from datawatch_lab.engine.watching import Watching
from datawatch_lab.engine.writer import Writer
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.store.duck import DuckStore
from datawatch_lab.store.gate import Parameter, SqlAnswer
from datawatch_lab.store.lock import OwnerInfo
from datawatch_lab.store.lock import owner as owner_of
from datawatch_lab.store.summaries import TableCounts

if TYPE_CHECKING:
    from datawatch_lab.engine.queries import QueryResult
    from datawatch_lab.ingest.single import PlainEvent

log = logging.getLogger(__name__)

_DECODERS = 2  # large bodies decoded at a time: each takes ten times its bytes, and one core


class Engine:
    """Owns a workspace file. Any thread may submit and ask; one thread of its own writes."""

    def __init__(self, store: DuckStore, path: Path, settings: Settings, clock: Clock) -> None:
        self.store = store
        self.path = path
        self.settings = settings
        self.clock = clock
        self.started = clock.now()
        self.address: str | None = None
        self.release = release_of("datawatch-lab")
        self._ends = ExitStack()  # what ends it, last to first; what is not begun needs no end
        self._ends.callback(store.close)
        try:
            self._begin(store, settings, clock)
        except BaseException:
            self._ends.close()
            raise

    def _begin(self, store: DuckStore, settings: Settings, clock: Clock) -> None:
        self._committer = Committer(store, settings, clock)
        self.answers: AnswerCache[QueryResult] = AnswerCache(settings)
        self.pulse = Pulse()
        self._upkeep = Upkeep(self._committer)
        self._ends.callback(self._note_endings)
        self._writer = Writer(
            self.pulse.timed(self._committer.commit),
            self._upkeep.run,
            settings,
            self._committer.set_aside,
        )
        self._ends.callback(self._writer.close)
        self.decoders = BoundedSemaphore(_DECODERS)
        self._journal = reopened(self.path, self._committer, self._writer)
        self._ends.callback(self._journal.close)
        self._upkeep.stored = self._journal.forget
        self.subscribe(lambda _: self._journal.relieve())
        self._acceptance = Acceptance(
            self._journal,
            registry=lambda: self._committer.registry,
            maybe_seen=store.maybe_seen,
            has_room=self._writer.has_room,
            queue=self._writer.put,
            settings=settings,
            clock=clock,
        )
        self.beside = Beside(self)
        self._ends.callback(self.beside.close)
        self.measures.custom.resume(self)  # back-fills that the last run did not end
        self.alerting: Alerting | None = None
        self.quality = self.beside(Quality)
        self.beside(SchemaLog)
        self.beside(Detection)
        self.alerting = self.beside(Alerting)
        self.alerting.start()
        self.backends = self.beside(Backends)
        self.watching = Watching(self)
        self._ends.callback(self.watching.close)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        settings: Settings | None = None,
        changed: Mapping[str, object] = MappingProxyType({}),
        clock: Clock | None = None,
        what: str = "Python",
        create: bool = True,
    ) -> Self:
        """Open a workspace file and own it.

        Args:
            path: of the file; links are followed, so that it has one journal, key and token.
            settings: all of them; by default those that the workspace was last given.
            changed: single settings beside these, by name; they are remembered, too.
            clock: tells the time.
            what: how this process calls itself to others that find the file taken.
            create: make the file when there is none.

        Raises:
            WorkspaceLockedError: another process owns it.
            WorkspaceError: it cannot be used, or is not there and ``create`` is false.
        """
        place = Path(os.path.realpath(path))
        if not create and not place.exists():
            raise WorkspaceError(
                f"there is no workspace at {place}.",
                hint="`datawatch ingest FILE` or `datawatch demo` makes one.",
            )
        store = DuckStore.open(place, what=what, clock=clock)
        try:
            last = LastSettings(store, settings, changed)
            store.limit_questions(last.chosen.query_timeout)
            chosen = within(last.chosen)
        except BaseException:
            store.close()
            raise
        made = cls(store, place, chosen, clock or SystemClock())
        made._ends.callback(last.remember)
        return made

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

    def has_much_room(self) -> bool:
        """Whether less than half of the room is taken, so that a source may be further ahead."""
        return self._writer.has_much_room()

    def refuse_when_full(self) -> None:
        """Raise a `BusyError` when there is no room, before work is done in vain."""
        self._writer.refuse_when_full()

    def accept(self, batch: DecodedBatch) -> Receipt | None:
        """Answer for a few ordinary events from the journal; None when they must be submitted."""
        return self._acceptance.take(batch)

    def accept_plain(self, event: PlainEvent) -> OneApplied | None:
        """Answer for one event from the journal; None when its body must be decoded."""
        return self._acceptance.take_plain(event)

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
        ended = self._committer.ended.get(source)
        return ended.position if ended else self._committer.offsets.get(source)

    def begin(self, source: str) -> Mapping[str, object] | None:
        """How far a source has been read, for a reader that begins a run there.

        Batches of its last run that wait behind one that failed are not stored any more.
        """
        self._writer.readmit(source)
        return self.offset(source)

    def end(self, ending: Offset) -> None:
        """Note that a run which read a source to its end is over.

        The note is stored when there is nothing else to do, or as the last act of `close`: a run
        that is killed before is gone on with, and does not read everything once more.
        """
        self._committer.ended[ending.source] = ending

    # ------------------------------------------------ changing, in the writer's thread

    def plan_inputs(self) -> dict[str, Any]:
        """What `make_plan` needs beside the submissions."""
        return self._committer.plan_inputs()

    def apply(self, plan: Plan) -> int:
        """Derive, store and remember a plan; gives the new version."""
        return self._committer.apply(plan)

    def restate(self, tables: Sequence[TableInfo]) -> None:
        """Store what is stated of tables now, with what follows for keys, roles and measures."""
        self._committer.restate(tables)

    # ------------------------------------------------------------------ asking

    @property
    def measures(self) -> Measures:
        """Measures, series and what is understood of tables."""
        return self._committer.measures

    @property
    def touched(self) -> Touched:
        """Which states each commit changed."""
        return self._committer.touched

    @property
    def closing(self) -> Closing:
        """Which buckets are closed."""
        return self._committer.closing

    @property
    def healthy(self) -> bool:
        """Whether the last commit could be stored, and the last quick answer."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why what came last could not be stored; '' when it was."""
        return self._writer.problem or self._journal.problem

    @property
    def version(self) -> int:
        """Data version; grows with each commit."""
        return self.store.version

    @property
    def last_seq(self) -> int:
        """Sequence number of the last event in the log."""
        return self._committer.last_seq

    @property
    def backlog(self) -> int:
        """Events that wait to be stored."""
        return self._writer.backlog

    def size_bytes(self) -> int:
        """Bytes of the workspace on disk, its write-ahead log included."""
        return self.store.size_bytes()

    def subscribe(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call a function with the data version after each commit; gives what ends that."""
        return listening(self._committer.listeners, listener)

    def on_close(self, listener: CloseListener) -> Callable[[], None]:
        """Call a function with (table id, from, until) after each close; gives what ends that.

        It is called in the writer's thread, once a table and commit, when the close is stored.
        """
        return listening(self._committer.close_listeners, listener)

    def on_batches(self, listener: BatchListener) -> Callable[[], None]:
        """Call a function with (seq before, last seq, batches) after each commit of row changes.

        It is called in the writer's thread, so it only notes what it is given. Gives what ends it.
        """
        return listening(self._committer.batch_listeners, listener)

    def hold_log(self, done: Callable[[], int | None]) -> Callable[[], None]:
        """Keep the log from where a reader of it stands; gives what ends that.

        Args:
            done: gives the sequence number up to which it has read; None while it reads nothing.
        """
        return listening(self._upkeep.retention.holds, done)

    def closed_since(self, seq: int, number: int = 0) -> pl.DataFrame:
        """Closes as control entries of the log, for replaying what detectors and alerts saw.

        Args:
            seq: only those that came after this event or a later one.
            number: only those after this one; with it a reader goes on where it stopped.

        Returns:
            number, and the columns of `core.storage.CLOSE_SCHEMA`, in order of number.
        """
        return self.store.closing.closes(seq, number)

    def watermarks(self) -> Mapping[tuple[str, int], datetime]:
        """Newest event time by (source, table id); back-fills stand under a name of their own."""
        return dict(self._committer.watermarks)

    def tables(self) -> list[TableInfo]:
        """The tables found so far, in order of appearance."""
        return list(self._committer.registry)

    def table(self, name: str) -> TableInfo:
        """A table by name; a `NotFoundError` that names the nearest otherwise."""
        found = self._committer.registry.named(name)
        if found is None:
            raise not_found("table", name, self._committer.registry.names)
        return found

    def table_counts(self, table: TableInfo) -> TableCounts:
        """What a table has sent."""
        return self.store.table_counts().get(table.id, TableCounts())

    def quarantined(self, state: str = "waiting") -> int:
        """Rows of the quarantine in that state."""
        return self.store.quarantine_size(state)

    def metrics(self) -> Mapping[str, MetricDef]:
        """Metrics by name."""
        tables = self.tables() if self.settings.auto_discover else []
        found = self.measures.metrics(with_metrics(self.settings.plan, tables))
        scored = self.beside(Detection).with_metrics(self.quality.with_metrics(found))
        return scored if self.alerting is None else self.alerting.with_metrics(scored)

    def sql(
        self,
        text: str,
        *,
        limit: int | None = None,
        masked: bool = True,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> SqlAnswer:
        """Run one query of a user; see `engine.sql.run_sql`."""
        return run_sql(self, text, limit=limit, masked=masked, parameters=parameters or {})

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
        """Store what waits, check-point, release the file; harmless when repeated.

        Whatever fails on the way, the rest is ended and the file released; then it is raised.
        """
        self._ends.close()

    def _note_endings(self) -> None:
        """Store which runs are over; without the note one is gone on with, and finds nothing.

        All that they read is stored before.
        """
        if not self._committer.ended:
            return
        self.store.checkpoint_if_room()  # first the long part, so that nothing follows the endings
        try:
            self._upkeep.store_endings()
        except DataWatchError as error:
            log.warning("which sources are read to their end could not be noted: %s", error)
