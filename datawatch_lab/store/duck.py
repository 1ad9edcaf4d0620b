"""The store of a workspace in one DuckDB file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.storage import (
    Catalogue,
    Commit,
    Identities,
    LiveAsk,
    LiveRows,
    MeasureRead,
    MeasureStates,
    QuarantineRow,
)
from datawatch_lab.core.values import LedgerCounts, TableInfo
from datawatch_lab.store import lock as locks
from datawatch_lab.store.alerting import AlertStore
from datawatch_lab.store.anomalies import AnomalyStore
from datawatch_lab.store.catalogue import load_catalogue, load_tables
from datawatch_lab.store.commits import write_commit
from datawatch_lab.store.compactor import Compactor
from datawatch_lab.store.corrections import ClosingStore
from datawatch_lab.store.dashboards import (
    DashboardStore,
)
from datawatch_lab.store.definitions import (
    DefinitionStore,
)
from datawatch_lab.store.file import WorkspaceFile
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
from datawatch_lab.store.part import Part
from datawatch_lab.store.quality import QualityStore
from datawatch_lab.store.reports import ReportStore
from datawatch_lab.store.retained import RetentionStore
from datawatch_lab.store.schema_log import (
    SchemaStore,
)
from datawatch_lab.store.sending import SendingStore
from datawatch_lab.store.settings import SettingsStore
from datawatch_lab.store.sql import fetch_row, plan_anew
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

LONGEST_LOG_BYTES = 512 * 1024 * 1024
"""Write-ahead log at which a commit check-points, when compaction does not come to it.

What is not check-pointed is also held in memory.
"""


class DuckStore:
    """Keeps a workspace in a DuckDB file; implements `core.storage.Store`.

    Made by `open`. One writer at a time (a lock sees to it); any thread may ask, while it writes
    too, and sees what was committed before it asked.

    Attributes:
        path: of the file.
        lock: that it is held by.
        gate: answers SQL of users.
        compaction: what merges stored states.
        alerts, anomalies, closing, dashboards, definitions, forecasts, quality, reports, retention,
            schema, sending, settings, watches: parts with statements of their own.
    """

    def __init__(self, file: WorkspaceFile) -> None:
        self._file = file
        self.path = file.path
        self.lock = file.lock
        self.gate = Gate(file.readers)
        self.compaction = Compactor(file)
        self._summary = LogSummary()
        self._identities = SeenLater(file.writer.cursor())
        file.before_closing = self._identities.end
        self._hasher = Hasher()
        tables = load_tables(file.writer)
        self._views = ChangeViews(tables)
        self._live = LiveKeeper(file.writer, tables, self._views.names)
        (last,) = fetch_row(file.writer, "SELECT coalesce(max(id), 0) FROM meta.quarantine")
        self._next_quarantine = int(last) + 1
        self._take_parts()

    def _take_parts(self) -> None:
        part = (self._file.write, self._file.readers.cursor, self._file.readers.snapshot)
        self.alerts = AlertStore(*part)
        self.anomalies = AnomalyStore(*part)
        self.closing = ClosingStore(*part)
        self.dashboards = DashboardStore(*part)
        self.definitions = DefinitionStore(*part)
        self.forecasts = ForecastStore(*part)
        self.quality = QualityStore(*part)
        self.reports = ReportStore(*part)
        self.retention = RetentionStore(Part(*part))
        self.schema = SchemaStore(*part)
        self.sending = SendingStore(*part)
        self.settings = SettingsStore(*part)
        self.watches = WatchStore(*part)

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
                return cls(WorkspaceFile(file, con, lock, query_timeout, read_threads))
            except BaseException:
                con.close()
                raise
        except BaseException:
            lock.release()
            raise

    def limit_questions(self, timeout: timedelta) -> None:
        """End questions that are asked from now on after this long."""
        self._file.readers.timeout = timeout

    @property
    def version(self) -> int:
        """Grows with each commit, over restarts too."""
        return self._file.version

    def catalogue(self) -> Catalogue:
        """What was stored so far, for the engine to start from."""
        with self._file.readers.snapshot() as con:
            return load_catalogue(con)

    def identify(self, origin: pa.Array, table: pa.Array, event_id: pa.Array) -> Identities:
        """Identities of events, element by element; of repeats within a call the first stands.

        The identity is the MD5 of origin, qualified table and event id: 128 bits, stable over
        versions. Null reads as empty.
        """
        self._file.revive()
        hi, lo = self._hasher.identities(origin, table, event_id)
        seen = repeated(hi, lo)
        maybe = np.flatnonzero(self._seen.contains(lo))
        if maybe.size:
            with self._file.readers.cursor() as con:
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
        with self._file.turn:  # nobody else writes before what is known of the file is as it is
            with self._file.write() as con:
                planned = self._views.plan(commit.tables)
                write_commit(con, commit, self._file.version + 1, self._next_quarantine)
                apply_plan(con, planned)
                live = self._live.write(con, commit.live, commit.tables, planned.names)
            self._file.version += 1
            if planned.drop or planned.make or self._live.has_other_views(live):
                plan_anew(self._file.writer)
            self._views.done(planned)
            self._live.done(live)
            version = self._file.version
        self._next_quarantine += commit.quarantine.num_rows
        for rows in (commit.log, commit.quarantine):
            self._seen.add(rows.column("identity_lo").drop_null().to_numpy())
        self._file.checkpoint_if_room(beyond=LONGEST_LOG_BYTES)
        return version

    def read_measures(self, read: MeasureRead) -> MeasureStates:
        """Merge stored states into groups and buckets; times in the frames are UTC.

        Raises:
            InputError: it took longer than the query timeout.
        """
        with self._file.readers.snapshot() as con:
            return read_states(con, read)

    def measure_span(self, series: Sequence[int]) -> tuple[datetime, datetime] | None:
        """Start of the first and end of the last 1m bucket that any of the series has."""
        with self._file.readers.cursor() as con:
            return span_of(con, series)

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
        if not self._file.turn.acquire(blocking=False):  # a commit runs: read what was before it
            with self._live_snapshot(timed=False) as (con, tables):
                return read_rows(con, tables, asks)
        try:
            self._file.revive()
            return read_rows(self._file.writer, self._live.tables, asks)
        except duckdb.Error as error:
            raise self._file.failed(error, "could not be read") from error
        finally:
            self._file.turn.release()

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
        with self._file.readers.cursor() as con:
            return read_versions(con, table.id, keys)

    def read_log(
        self, table_id: int, *, after_seq: int = 0, to_seq: int | None = None, chunk: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """Applied events of a table in order of seq, in frames of at most ``chunk`` rows.

        What is committed while it is read is not given. Nothing is held open between frames.
        """
        return read_log_windows(self._file.readers.cursor, table_id, after_seq, to_seq, chunk)

    def read_truncates(self) -> pl.DataFrame:
        """Every TRUNCATE that the log holds, `LOG_SCHEMA` columns in order of seq."""
        with self._file.readers.cursor() as con:
            return read_truncates(con)

    def first_seq(self) -> int:
        """Sequence number of the oldest event that the log still holds; 1 when it never lost any.

        For an empty log, the number after the last one that it had.
        """
        with self._file.readers.cursor() as con:
            return read_first_seq(con)

    def newest_event(self, table_id: int) -> datetime | None:
        """The newest event time of a table's applied changes; None for none."""
        counts = self.table_counts().get(table_id)
        return None if counts is None else counts.last_ts

    def ledger(self) -> Mapping[tuple[str, str], LedgerCounts]:
        """The four counts by (source, table)."""
        with self._file.readers.cursor() as con:
            return read_ledger(con)

    def quarantine(
        self, *, limit: int = 100, ids: Sequence[int] = (), state: str = "waiting"
    ) -> list[QuarantineRow]:
        """Rows set aside in that state (any for ''), oldest first; only ``ids`` when given."""
        with self._file.readers.cursor() as con:
            return read_quarantine(con, limit=limit, ids=ids, state=state)

    def quarantine_size(self, state: str = "waiting") -> int:
        """Rows set aside in that state."""
        with self._file.readers.cursor() as con:
            return count_quarantine(con, state)

    def table_counts(self) -> Mapping[int, TableCounts]:
        """Events, inserts and newest times by table id; cheap enough to ask every second."""
        version = self._file.version
        known = self._summary.known(version)
        if known is not None:
            return known
        with self._file.readers.cursor() as con:
            return self._summary.tables(con, version)

    def sources(self) -> list[SourceSummary]:
        """Every source that sent something, by name; cheap enough to ask every second."""
        with self._file.readers.cursor() as con:
            return self._summary.sources(con)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed; it cannot be asked any more."""
        return self._file.is_closed

    def size_bytes(self) -> int:
        """Bytes of the file and its write-ahead log."""
        return self._file.size_bytes()

    def view_name(self, table_id: int) -> str | None:
        """Name of a table's typed view in the schema ``changes``; None when not known."""
        return self._views.name(table_id)

    def compact(self, seconds: float | None = None) -> int:
        """Merge states of buckets that have several; see `Compactor.run`."""
        return self.compaction.run(seconds)

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
        with self._file.turn:  # as in `commit`
            with self._file.write() as con:
                plan, folded = self._live.compact(con, horizon, least)
            self._live.done(plan)
            if folded:
                plan_anew(self._file.writer)
        return folded

    def checkpoint(self) -> None:
        """Write everything into the file itself; what comes after starts a new write-ahead log.

        Raises:
            WorkspaceError: it cannot be written; nothing is lost, the write-ahead log has it all.
        """
        self._file.checkpoint()

    def checkpoint_if_room(self) -> None:
        """As `checkpoint` where the disk has room for it; otherwise only a line of the log."""
        self._file.checkpoint_if_room()

    def revive(self) -> None:
        """Open the file anew if DuckDB has given it up; harmless otherwise.

        Raises:
            WorkspaceError: it cannot be opened yet; to be tried again.
        """
        self._file.revive()

    def close(self) -> None:
        """Check-point and release the file; running questions are ended. Harmless when repeated."""
        try:
            self._file.close()
        finally:
            self._hasher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DuckStore({str(self.path)!r}, version {self._file.version})"

    @property
    def _seen(self) -> SeenSet:
        return self._identities.now

    @contextmanager
    def _live_snapshot(
        self, *, timed: bool = True
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, LiveTables]]:
        """A snapshot, and how live tables are kept in it."""
        with ExitStack() as stack:
            with self._file.turn:  # no commit comes between the two
                con = stack.enter_context(self._file.readers.snapshot(timed=timed))
                con.execute("SELECT 1 FROM meta.live_tables LIMIT 1").fetchall()
                tables = self._live.tables
            yield con, tables
