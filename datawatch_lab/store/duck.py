"""The store of a workspace in one DuckDB file."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock, RLock
from typing import Self

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.storage import (
    Catalogue,
    Commit,
    FirstStates,
    Identities,
    LiveAsk,
    LiveRows,
    MeasureRead,
    MeasureStates,
    QuarantineRow,
)
from datawatch_lab.core.values import LedgerCounts, LevelName, TableInfo
from datawatch_lab.store import lock as locks
from datawatch_lab.store import retention
from datawatch_lab.store.alerting import AlertStore
from datawatch_lab.store.anomalies import AnomalyStore
from datawatch_lab.store.archive import Archive
from datawatch_lab.store.catalogue import load_catalogue, load_tables, load_version
from datawatch_lab.store.commits import write_commit
from datawatch_lab.store.compaction import MUCH, SLICE_ROWS, Pass, appended, compact_meta
from datawatch_lab.store.corrections import (
    append_closes,
    read_closed,
    read_closes,
    read_corrections,
    read_first_states,
)
from datawatch_lab.store.dashboards import (
    DashboardStore,
)
from datawatch_lab.store.definitions import (
    DefinitionStore,
)
from datawatch_lab.store.forecasts import ForecastStore
from datawatch_lab.store.gate import Gate
from datawatch_lab.store.identity import (
    Hasher,
    SeenLater,
    SeenSet,
    confirm,
    repeated,
)
from datawatch_lab.store.live import LiveKeeper
from datawatch_lab.store.live_reading import count_rows, read_rows, read_versions, scan_rows
from datawatch_lab.store.live_state import LiveTables
from datawatch_lab.store.logs import read_first_seq, read_log_windows, read_truncates
from datawatch_lab.store.migrations import migrate
from datawatch_lab.store.opening import check_path, connect
from datawatch_lab.store.quality import QualityStore
from datawatch_lab.store.readers import Readers
from datawatch_lab.store.reports import ReportStore
from datawatch_lab.store.schema_log import (
    SchemaStore,
)
from datawatch_lab.store.sending import SendingStore
from datawatch_lab.store.settings import SettingsStore
from datawatch_lab.store.sorting import Sorting, find_stretch
from datawatch_lab.store.sql import fetch_row, give_slot, plan_anew
from datawatch_lab.store.state_reading import read_states, span_of
from datawatch_lab.store.summaries import (
    LogSummary,
    SourceSummary,
    TableCounts,
    count_quarantine,
    read_ledger,
    read_quarantine,
)
from datawatch_lab.store.views import ChangeViews, apply_plan
from datawatch_lab.store.watched import WatchStore

log = logging.getLogger(__name__)

# Errors that do not lie in what was to be stored.
_OF_THE_DISK = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,
    duckdb.ConnectionException,
    duckdb.InterruptException,
)
_NOT_STORED = "Nothing of it was stored. Check the disk, then try again."
_IN_LOG = "Nothing is lost: the write-ahead log has it."
_ROOM_FACTOR = 1.5  # a check-point writes about as much as the log has, then frees what it replaces
_ROOM_BYTES = 4 * 1024 * 1024

CHECKPOINT_BYTES = 256 * 1024 * 1024
"""Write-ahead log at which compaction check-points: replaying as much takes about a second."""

LONGEST_LOG_BYTES = 512 * 1024 * 1024
"""Write-ahead log at which a commit check-points, when compaction does not come to it.

What is not check-pointed is also held in memory.
"""


class DuckStore:
    """Keeps a workspace in a DuckDB file; implements `core.storage.Store`.

    Made by `open`. One writer at a time (a lock sees to it); any thread may ask, while it writes
    too, and sees what was committed before it asked.
    """

    def __init__(
        self,
        path: Path,
        con: duckdb.DuckDBPyConnection,
        lock: locks.Lock,
        query_timeout: timedelta,
        read_threads: int | None = None,
    ) -> None:
        self.path = path
        self.lock = lock
        self._read_threads = read_threads
        self._root = con
        self._writer = con.cursor()
        give_slot(self._writer)
        self._merger = con.cursor()
        self._writing = RLock()
        self._readers = Readers(con, query_timeout)
        self._readers.on_fatal = self._give_up
        self._given_up = False
        self.gate = Gate(self._readers)
        self._summary = LogSummary()
        self._identities = SeenLater(con.cursor())
        self._hasher = Hasher()
        tables = load_tables(self._writer)
        self._views = ChangeViews(tables)
        self._live = LiveKeeper(self._writer, tables, self._views.names)
        self._version = load_version(self._writer)
        (last,) = fetch_row(self._writer, "SELECT coalesce(max(id), 0) FROM meta.quarantine")
        self._next_quarantine = int(last) + 1
        self._closed = False
        self._archived = False
        self._compaction = Lock()
        self._pass: Pass | None = None
        self._compact_rows = SLICE_ROWS
        self._much_is_new: bool | None = None  # not known before the first compaction
        self._sorting: Sorting | None = None

    @property
    def alerts(self) -> AlertStore:
        """What a workspace keeps of alerts."""
        return AlertStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def schema(self) -> SchemaStore:
        """What a workspace keeps of the history of schemas."""
        return SchemaStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def anomalies(self) -> AnomalyStore:
        """What a workspace keeps of anomalies."""
        return AnomalyStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def forecasts(self) -> ForecastStore:
        """What a workspace keeps of forecasts."""
        return ForecastStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def dashboards(self) -> DashboardStore:
        """What a workspace keeps of dashboards."""
        return DashboardStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def reports(self) -> ReportStore:
        """What a workspace keeps of reports that run by themselves."""
        return ReportStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def definitions(self) -> DefinitionStore:
        """What users defined."""
        return DefinitionStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def sending(self) -> SendingStore:
        """How far metric back ends are."""
        return SendingStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def settings(self) -> SettingsStore:
        """The settings that a workspace was last given."""
        return SettingsStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def watches(self) -> WatchStore:
        """The sources that a workspace follows."""
        return WatchStore(self._write, self._readers.cursor, self._readers.snapshot)

    @property
    def quality(self) -> QualityStore:
        """What is kept of data quality."""
        return QualityStore(self._write, self._readers.cursor, self._readers.snapshot)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        what: str = "datawatch",
        read_threads: int | None = None,
        query_timeout: timedelta = timedelta(seconds=30),
        clock: Clock | None = None,
    ) -> DuckStore:
        """Take the workspace, make it if missing, and bring it to this version.

        Args:
            path: of the file; ``<path>.lock`` and ``<path>.tmp`` stand beside it while it is open.
            what: this process in words, for those who find the workspace taken.
            read_threads: threads a query may use; all cores when None.
            query_timeout: a question is ended after this long.
            clock: tells the lock and the migrations what time it is.

        Raises:
            WorkspaceLockedError: another process owns it.
            MigrationError: it is of a newer version, or no workspace.
            WorkspaceError: the path or the file cannot be used; the message says why.
        """
        file = Path(os.path.realpath(path))
        check_path(file)
        clock = clock or SystemClock()
        lock = locks.acquire(file, what, clock)
        try:
            con = connect(file, read_threads)
            try:
                migrate(con, file.name, clock.now())
                return cls(file, con, lock, query_timeout, read_threads)
            except BaseException:
                con.close()
                raise
        except BaseException:
            lock.release()
            raise

    def limit_questions(self, timeout: timedelta) -> None:
        """End questions that are asked from now on after this long."""
        self._readers.timeout = timeout

    @property
    def version(self) -> int:
        """Grows with each commit, over restarts too."""
        return self._version

    def catalogue(self) -> Catalogue:
        """What was stored so far, for the engine to start from."""
        with self._readers.snapshot() as con:
            return load_catalogue(con)

    def identify(self, origin: pa.Array, table: pa.Array, event_id: pa.Array) -> Identities:
        """Identities of events, element by element; of repeats within a call the first stands.

        The identity is the MD5 of origin, qualified table and event id: 128 bits, stable over
        versions. Null reads as empty.
        """
        self.revive()
        hi, lo = self._hasher.identities(origin, table, event_id)
        seen = repeated(hi, lo)
        maybe = np.flatnonzero(self._seen.contains(lo))
        if maybe.size:
            with self._readers.cursor() as con:
                seen[maybe[confirm(con, hi[maybe], lo[maybe])]] = True
        return Identities(hi=hi, lo=lo, seen=seen)

    def maybe_seen(self, halves: np.ndarray) -> bool:
        """Whether any identity with one of these lower halves (uint64) may be known; no query."""
        return bool(self._seen.contains(halves).any())

    def hash_texts(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Two int64 halves of the MD5 of each text; the same in every release."""
        return self._hasher.texts(texts)

    def commit(self, commit: Commit) -> int:
        """Store a batch durably in one transaction; returns the new data version.

        Raises:
            WorkspaceError: it could not be stored (disk full, damaged file); nothing changed.
        """
        with self._writing:  # nobody else writes before what is known of the file is as the file is
            with self._write() as con:
                planned = self._views.plan(commit.tables)
                write_commit(con, commit, self._version + 1, self._next_quarantine)
                apply_plan(con, planned)
                live = self._live.write(con, commit.live, commit.tables, planned.names)
            if planned.drop or planned.make or self._live.has_other_views(live):
                plan_anew(self._writer)
            self._views.done(planned)
            self._live.done(live)
        self._next_quarantine += commit.quarantine.num_rows
        for rows in (commit.log, commit.quarantine):
            self._seen.add(rows.column("identity_lo").drop_null().to_numpy())
        self._version += 1
        if self._wal_bytes() > LONGEST_LOG_BYTES:
            with self._writing:
                self._checkpoint_if_room()
        return self._version

    def read_measures(self, read: MeasureRead) -> MeasureStates:
        """Merge stored states into groups and buckets; times in the frames are UTC.

        Raises:
            InputError: it took longer than the query timeout.
        """
        with self._readers.snapshot() as con:
            return read_states(con, read)

    def measure_span(self, series: Sequence[int]) -> tuple[datetime, datetime] | None:
        """Start of the first and end of the last 1m bucket that any of the series has."""
        with self._readers.cursor() as con:
            return span_of(con, series)

    def first_states(self, appends: MeasureAppends) -> FirstStates:
        """States of closed buckets before a commit corrects them; see `store.corrections`."""
        with self._readers.snapshot() as con:
            return read_first_states(con, appends)

    def corrections(
        self, level: LevelName, series: Sequence[int], start: datetime, end: datetime
    ) -> pl.DataFrame:
        """Corrected buckets of some series, with their first states; see `store.corrections`."""
        with self._readers.cursor() as con:
            return read_corrections(con, level, series, start, end)

    def closed(self) -> dict[int, tuple[datetime, datetime | None]]:
        """By table id, until when minutes are closed, and until when the clock closed them."""
        with self._readers.cursor() as con:
            return read_closed(con)

    def closes(self, seq: int, number: int = 0) -> pl.DataFrame:
        """Control entries at or after a sequence number and after a number, in order."""
        with self._readers.cursor() as con:
            return read_closes(con, seq, number)

    def close_buckets(self, closes: pa.Table) -> None:
        """Store control entries in a transaction of their own; `core.storage.CLOSE_SCHEMA`."""
        with self._write() as con:
            append_closes(con, closes)

    def live_rows(self, table: TableInfo, keys: pl.DataFrame, fields: Sequence[str]) -> LiveRows:
        """The stored rows of some keys, gone ones too; keys that are not known are left out.

        Args:
            table: a keyed table.
            keys: ``k_hi``, ``k_lo``, distinct.
            fields: the fields wanted; those that were never stored are null.
        """
        (found,) = self.live_rows_of([LiveAsk(table, keys, fields)])
        return found

    def live_rows_of(self, asks: Sequence[LiveAsk]) -> list[LiveRows]:
        """`live_rows` of several tables, in the order of the questions; small ones together."""
        if not self._writing.acquire(blocking=False):  # a commit runs: read what was before it
            with self._live_snapshot(timed=False) as (con, tables):
                return read_rows(con, tables, asks)
        try:
            self.revive()
            return read_rows(self._writer, self._live.tables, asks)
        except duckdb.Error as error:
            raise self._failed(error, "could not be read") from error
        finally:
            self._writing.release()

    def live_scan(
        self, table: TableInfo, fields: Sequence[str], *, chunk: int = 500_000
    ) -> Iterator[LiveRows]:
        """Every current row (none that is gone), in chunks, in no order; all of one commit."""
        with self._live_snapshot(timed=False) as (con, tables):
            yield from scan_rows(con, tables.get(table.id), fields, chunk)

    def live_count(self, table: TableInfo) -> int:
        """Rows now in a keyed table; 50 ms for ten million."""
        with self._live_snapshot() as (con, tables):
            return count_rows(con, tables.get(table.id))

    def live_versions(self, table: TableInfo, keys: pl.DataFrame) -> pl.DataFrame:
        """Versions of some keys: ``k_hi``, ``k_lo`` and the `LOG_SCHEMA` columns of their events.

        In order of sequence number. Versions whose event has left the log are left out.
        """
        with self._readers.cursor() as con:
            return read_versions(con, table.id, keys)

    def read_log(
        self, table_id: int, *, after_seq: int = 0, to_seq: int | None = None, chunk: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """Applied events of a table in order of seq, in frames of at most ``chunk`` rows.

        What is committed while it is read is not given. Nothing is held open between frames.
        """
        return read_log_windows(self._readers.cursor, table_id, after_seq, to_seq, chunk)

    def read_truncates(self) -> pl.DataFrame:
        """Every TRUNCATE that the log holds, `LOG_SCHEMA` columns in order of seq."""
        with self._readers.cursor() as con:
            return read_truncates(con)

    def first_seq(self) -> int:
        """Sequence number of the oldest event that the log still holds; 1 when it never lost any.

        For an empty log, the number after the last one that it had.
        """
        with self._readers.cursor() as con:
            return read_first_seq(con)

    def newest_event(self, table_id: int) -> datetime | None:
        """The newest event time of a table's applied changes; None for none."""
        counts = self.table_counts().get(table_id)
        return None if counts is None else counts.last_ts

    def ledger(self) -> Mapping[tuple[str, str], LedgerCounts]:
        """The four counts by (source, table)."""
        with self._readers.cursor() as con:
            return read_ledger(con)

    def quarantine(
        self, *, limit: int = 100, ids: Sequence[int] = (), state: str = "waiting"
    ) -> list[QuarantineRow]:
        """Rows set aside in that state (any for ''), oldest first; only ``ids`` when given."""
        with self._readers.cursor() as con:
            return read_quarantine(con, limit=limit, ids=ids, state=state)

    def quarantine_size(self, state: str = "waiting") -> int:
        """Rows set aside in that state."""
        with self._readers.cursor() as con:
            return count_quarantine(con, state)

    def table_counts(self) -> Mapping[int, TableCounts]:
        """Events, inserts and newest times by table id; cheap enough to ask every second."""
        version = self._version
        known = self._summary.known(version)
        if known is not None:
            return known
        with self._readers.cursor() as con:
            return self._summary.tables(con, version)

    def sources(self) -> list[SourceSummary]:
        """Every source that sent something, by name; cheap enough to ask every second."""
        with self._readers.cursor() as con:
            return self._summary.sources(con)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed; it cannot be asked any more."""
        return self._closed

    def size_bytes(self) -> int:
        """Bytes of the file and its write-ahead log."""
        return self.path.stat().st_size + self._wal_bytes()

    def view_name(self, table_id: int) -> str | None:
        """Name of a table's typed view in the schema ``changes``; None when not known."""
        return self._views.name(table_id)

    @property
    def compacting(self) -> bool:
        """Whether a compaction that was begun has slices left; `compact` goes on with it."""
        return self._pass is not None or self._sorting is not None

    @property
    def much_is_new(self) -> bool:
        """Whether so many states had not settled that another compaction is worth it.

        A bucket settles with the first compaction before which it got nothing more, level by level.
        """
        if self._much_is_new is None:
            with self._readers.cursor() as con:
                self._much_is_new = appended(con) >= MUCH
        return self._much_is_new

    def compact(self, seconds: float | None = None) -> int:
        """Merge states of buckets that have several; returns rows saved. Same answers after.

        Only a sum of doubles that has no exact form may differ in its last digits.

        Works in transactions of about a fifth of a second; safe to kill. Call it every few seconds
        while data comes. Check-points at the end when the write-ahead log is long, so that a
        restart need not replay it.

        Args:
            seconds: begin no slice after so long; None to do all that was appended until now.
        """
        until = None if seconds is None else time.perf_counter() + seconds
        with self._compaction:
            return self._compact(until)

    def _compact(self, until: float | None) -> int:
        saved = 0
        if self._sorting is not None:
            self._sort(until)
            if until is not None:
                return saved
        if self._pass is None:
            with self._write(merging=True) as con:
                self._pass = Pass(con, self._compact_rows)
        begun = self._pass
        while not begun.is_over:
            with self._write(merging=True) as con:
                if self._pass is not begun:  # the file was opened anew meanwhile
                    return saved
                saved += begun.slice(con)
            if until is not None and time.perf_counter() >= until:
                break
        self._compact_rows = begun.rows
        if begun.is_over:
            self._pass = None
            self._much_is_new = begun.handled >= MUCH
            with self._write(merging=True) as con:
                saved += compact_meta(con)
            with self._writing:
                if not self._closed and self._wal_bytes() > CHECKPOINT_BYTES:
                    self._checkpoint_if_room()
            self._sort(until)
        return saved

    def _sort(self, until: float | None) -> None:
        """Put settled states in order of series: a slice, or as many as there is time for."""
        if self._sorting is None:
            with self._write(merging=True) as con:
                stretch = find_stretch(con)
            if stretch is None:
                return
            self._sorting = Sorting(stretch)
        while (begun := self._sorting) is not None:
            with self._write(merging=True) as con:
                if self._sorting is begun and not begun.slice(con):
                    self._sorting = None
            if until is not None and time.perf_counter() >= until:
                break

    def compact_live(self, horizon: datetime | None = None, *, least: int | None = None) -> int:
        """Fold live tables whose newest rows have grown many; returns how many rows it folded.

        One transaction of bounded work, safe to kill; the same questions get the same answers
        after. Call it every second or so while data comes, again at once while it returns more
        than 0.

        Args:
            horizon: no event older than this can come any more, so keys that were deleted before
                are forgotten; None keeps them for ever.
            least: fold tables with so many new rows; from where it pays when None.
        """
        with self._writing:  # as in `commit`
            with self._write() as con:
                plan, folded = self._live.compact(con, horizon, least)
            self._live.done(plan)
            if folded:
                plan_anew(self._writer)
        return folded

    def checkpoint(self) -> None:
        """Write everything into the file itself; what comes after starts a new write-ahead log.

        Raises:
            WorkspaceError: it cannot be written; nothing is lost, the write-ahead log has it all.
        """
        with self._writing:
            self.revive()
            try:
                self._writer.execute("CHECKPOINT")
            except duckdb.Error as error:
                raise self._failed(error, "could not be check-pointed", _IN_LOG) from error

    def checkpoint_if_room(self) -> None:
        """As `checkpoint` where the disk has room for it; otherwise only a line of the log."""
        with self._writing:
            if not self._closed:
                self._checkpoint_if_room()

    def revive(self) -> None:
        """Open the file anew if DuckDB has given it up; harmless otherwise.

        DuckDB refuses everything after a check-point that failed, for want of space say, although
        file and write-ahead log are whole. What was committed is there again afterwards.

        Raises:
            WorkspaceError: it cannot be opened yet; to be tried again.
        """
        if self._given_up:
            with self._writing:
                self._open_anew()

    def _open_anew(self) -> None:
        if self._given_up and not self._closed:  # nobody else did meanwhile
            self._readers.renew(self._reopened)
            self._given_up = False
            log.warning("%s was opened anew", self.path)

    def _reopened(self) -> duckdb.DuckDBPyConnection:
        self._identities.end()
        self._merger.close()
        self._writer.close()
        self._root.close()
        root = connect(self.path, self._read_threads)
        stored = load_version(root)
        if stored != self._version:
            root.close()
            raise WorkspaceError(
                f"{self.path} holds version {stored}, not {self._version} as it should.",
                hint="Restart what has it open: it goes on with what is stored.",
            )
        self._root, self._writer = root, root.cursor()
        give_slot(self._writer)
        self._merger = root.cursor()
        self._pass = self._sorting = None
        return root

    def _give_up(self) -> None:
        self._given_up = True

    def drop_before(
        self, level: LevelName, cutoffs: Mapping[int, datetime], *, archived: bool = False
    ) -> int:
        """Delete states of a level older than the cut-off of their table; gives rows deleted."""
        with self._write() as con:
            dropped = retention.drop_before(con, level, cutoffs)
            if archived:
                retention.count_step(con)
            plan_anew(con)  # it makes temporary tables
        return dropped

    def fold_sketches(
        self, level: LevelName, cutoffs: Mapping[int, datetime], finalised: pa.Table
    ) -> int:
        """Put finalised quantiles in the place of old sketches; gives rows deleted."""
        with self._write() as con:
            plan_anew(con)  # it makes temporary tables
            return retention.fold_sketches(con, level, cutoffs, finalised)

    def drop_log(self, to_seq: int, *, archived: bool = False) -> None:
        """Delete the log up to a sequence number; what it held stays counted."""
        with self._write() as con:
            retention.drop_log(con, to_seq)
            if archived:
                retention.count_step(con)

    @contextmanager
    def archiving(self, folder: Path) -> Iterator[tuple[Archive, int]]:
        """An archive and the number of the step to come, without what an interrupted one left."""
        with self._readers.cursor() as con:
            workspace, step = retention.archive_step(con)
        archive = Archive(folder, workspace)
        if not self._archived:
            archive.begin(step)
        self._archived = False  # a step that fails leaves files of the number that comes next
        yield archive, step
        self._archived = True

    def oldest_buckets(
        self, level: LevelName, cutoffs: Mapping[int, datetime], *, sketches: bool = False
    ) -> dict[int, datetime]:
        """Oldest bucket before the cut-off of its table, by table id."""
        with self._readers.cursor() as con:
            return retention.oldest_buckets(con, level, cutoffs, sketches=sketches)

    def expiring(
        self, level: LevelName, cutoffs: Mapping[int, datetime]
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Merged states of what `drop_before` would delete; see `store.retention`."""
        with self._readers.snapshot() as con:
            return retention.read_expiring(con, level, cutoffs)

    def log_span(self) -> tuple[int, int]:
        """First and last sequence number of the log; (1, 0) when it is empty."""
        with self._readers.cursor() as con:
            return retention.log_span(con)

    def log_since(self) -> tuple[datetime, datetime] | None:
        """Receipt and event time of the oldest change in the log; None when it is empty."""
        with self._readers.cursor() as con:
            return retention.log_since(con)

    def log_row_bytes(self) -> float | None:
        """Bytes on disk of a row of the log; None before the first check-point."""
        with self._readers.cursor() as con:
            return retention.log_row_bytes(con)

    def log_prefix(self, to_seq: int) -> pl.DataFrame:
        """The log up to a sequence number, with the name of each table."""
        with self._readers.cursor() as con:
            return retention.read_log_prefix(con, to_seq)

    def expired_to(self, upto: int, received: datetime) -> int:
        """Up to which sequence number all was received before a time; see `store.retention`."""
        with self._readers.cursor() as con:
            return retention.expired_to(con, upto, received)

    def derived_to(self) -> int:
        """Sequence number that every derivation is done with."""
        with self._readers.cursor() as con:
            return retention.derived_to(con)

    def close(self) -> None:
        """Check-point and release the file; running questions are ended. Harmless when repeated."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            try:
                self._readers.close()
                self._identities.end()
                self._hasher.close()
                self._checkpoint_if_room()
            finally:
                self._merger.close()
                self._writer.close()
                self._root.close()
                self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DuckStore({str(self.path)!r}, version {self._version})"

    @property
    def _seen(self) -> SeenSet:
        return self._identities.now

    @contextmanager
    def _write(self, *, merging: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writer's connection in a transaction: all or nothing.

        Args:
            merging: one of its own for compaction, whose temporary tables would have the writer's
                statements planned anew.
        """
        with self._writing:
            if self._closed:
                raise WorkspaceError(f"{self.path} is closed.", hint="Open it again.")
            self.revive()
            con = self._merger if merging else self._writer
            try:
                con.begin()
                yield con
                con.commit()
            except BaseException as error:
                self._roll_back(con)
                if isinstance(error, duckdb.Error):
                    raise self._failed(error, "could not store a batch") from error
                raise

    def _failed(self, error: duckdb.Error, what: str, hint: str = _NOT_STORED) -> WorkspaceError:
        """What to raise for an error of DuckDB while writing; notes when it has given up."""
        if isinstance(error, duckdb.FatalException):
            self._give_up()
        if isinstance(error, _OF_THE_DISK):
            return WorkspaceError(f"{self.path} {what}: {error}", hint=hint)
        return WorkspaceError(f"{self.path} {what}: {error}", details={"statement": True})

    @contextmanager
    def _live_snapshot(
        self, *, timed: bool = True
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, LiveTables]]:
        """A snapshot, and how live tables are kept in it."""
        with ExitStack() as stack:
            with self._writing:  # no commit comes between the two
                con = stack.enter_context(self._readers.snapshot(timed=timed))
                con.execute("SELECT 1 FROM meta.live_tables LIMIT 1").fetchall()
                tables = self._live.tables
            yield con, tables

    def _wal_bytes(self) -> int:
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:  # there is none after a check-point
            return 0

    def _checkpoint_if_room(self) -> None:
        """Check-point where the disk has room for it; otherwise the write-ahead log keeps all.

        One that runs out of space costs the connection, so it is not begun.
        """
        try:
            room = shutil.disk_usage(self.path.parent).free
        except FileNotFoundError:  # the folder was removed under us
            log.warning("%s is gone with its folder; nothing is check-pointed", self.path)
            return
        if self._given_up or room < _ROOM_FACTOR * self._wal_bytes() + _ROOM_BYTES:
            log.warning("%s is not check-pointed: the disk is nearly full", self.path)
            return
        try:
            # a transaction that is still open keeps it from running; the log has everything
            with suppress(duckdb.TransactionException):
                self._writer.execute("CHECKPOINT")
        except duckdb.Error as error:
            log.warning("%s", self._failed(error, "could not be check-pointed", _IN_LOG))

    @staticmethod
    def _roll_back(con: duckdb.DuckDBPyConnection) -> None:
        try:
            con.rollback()
        except (duckdb.TransactionException, duckdb.FatalException, duckdb.ConnectionException):
            return  # a commit that failed has ended the transaction already
