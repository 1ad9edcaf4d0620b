"""The store of a workspace in one DuckDB file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Self

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.storage import (
    Catalogue,
    Commit,
    Identities,
    MeasureRead,
    MeasureStates,
    QuarantineRow,
)
from datawatch_lab.core.values import LedgerCounts, LevelName
from datawatch_lab.store import lock as locks
from datawatch_lab.store.catalogue import load_catalogue, load_tables, load_version
from datawatch_lab.store.commits import write_commit
from datawatch_lab.store.compaction import compact_meta, compact_states
from datawatch_lab.store.identity import confirm, hash_identities, load_seen, repeated
from datawatch_lab.store.logs import read_log_windows
from datawatch_lab.store.measures import read_states, span_of
from datawatch_lab.store.migrations import migrate
from datawatch_lab.store.opening import check_path, connect
from datawatch_lab.store.readers import Readers
from datawatch_lab.store.retention import drop_before
from datawatch_lab.store.sql import fetch_row
from datawatch_lab.store.summaries import (
    LogSummary,
    SourceSummary,
    TableCounts,
    count_quarantine,
    read_ledger,
    read_quarantine,
)
from datawatch_lab.store.views import ChangeViews, apply_plan

CHECKPOINT_BYTES = 256 * 1024 * 1024
"""Write-ahead log at which compaction check-points: replaying as much takes about a second."""


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
    ) -> None:
        self.path = path
        self.lock = lock
        self._root = con
        self._writer = con.cursor()
        self._writing = RLock()
        self._readers = Readers(con, query_timeout)
        self._summary = LogSummary()
        self._seen = load_seen(self._writer)
        self._views = ChangeViews(load_tables(self._writer))
        self._version = load_version(self._writer)
        (last,) = fetch_row(self._writer, "SELECT coalesce(max(id), 0) FROM meta.quarantine")
        self._next_quarantine = int(last) + 1
        self._closed = False

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
                return cls(file, con, lock, query_timeout)
            except BaseException:
                con.close()
                raise
        except BaseException:
            lock.release()
            raise

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
        with self._readers.cursor() as con:
            hi, lo = hash_identities(con, origin, table, event_id)
            seen = repeated(hi, lo)
            maybe = np.flatnonzero(self._seen.contains(lo))
            if maybe.size:
                seen[maybe[confirm(con, hi[maybe], lo[maybe])]] = True
        return Identities(hi=hi, lo=lo, seen=seen)

    def commit(self, commit: Commit) -> int:
        """Store a batch durably in one transaction; returns the new data version.

        Raises:
            WorkspaceError: it could not be stored (disk full, damaged file); nothing changed.
        """
        with self._write() as con:
            planned = self._views.plan(commit.tables)
            write_commit(con, commit, self._version + 1, self._next_quarantine)
            apply_plan(con, planned)
        self._views.done(planned)
        self._next_quarantine += commit.quarantine.num_rows
        for rows in (commit.log, commit.quarantine):
            self._seen.add(rows.column("identity_lo").drop_null().to_numpy())
        self._version += 1
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

    def read_log(
        self, table_id: int, *, after_seq: int = 0, to_seq: int | None = None, chunk: int = 50_000
    ) -> Iterator[pl.DataFrame]:
        """Applied events of a table in order of seq, in frames of at most ``chunk`` rows.

        What is committed while it is read is not given. Nothing is held open between frames.
        """
        return read_log_windows(self._readers.cursor, table_id, after_seq, to_seq, chunk)

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

    def table_counts(self) -> dict[int, TableCounts]:
        """Events, inserts and newest times by table id; cheap enough to ask every second."""
        with self._readers.cursor() as con:
            return self._summary.tables(con)

    def sources(self) -> list[SourceSummary]:
        """Every source that sent something, by name; cheap enough to ask every second."""
        with self._readers.cursor() as con:
            return self._summary.sources(con)

    def size_bytes(self) -> int:
        """Bytes of the file and its write-ahead log."""
        return self.path.stat().st_size + self._wal_bytes()

    def view_name(self, table_id: int) -> str | None:
        """Name of a table's typed view in the schema ``changes``; None when not known."""
        return self._views.name(table_id)

    def compact(self) -> int:
        """Merge states of buckets that have several; returns rows saved. Same answers after.

        One transaction of bounded work; safe to kill. Call it every few seconds while data comes.
        Check-points when the write-ahead log is long, so that a restart need not replay it.
        """
        with self._write() as con:
            saved = compact_states(con) + compact_meta(con)
        with self._writing:
            if not self._closed and self._wal_bytes() > CHECKPOINT_BYTES:
                self._checkpoint()
        return saved

    def checkpoint(self) -> None:
        """Write everything into the file itself; what comes after starts a new write-ahead log."""
        with self._writing:
            self._writer.execute("CHECKPOINT")

    def drop_before(self, level: LevelName, cutoffs: Mapping[int, datetime]) -> None:
        """Delete states of a level older than the cut-off of their table (by table id)."""
        with self._write() as con:
            drop_before(con, level, cutoffs)

    def close(self) -> None:
        """Check-point and release the file; running questions are ended. Harmless when repeated."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            try:
                self._readers.close()
                self._checkpoint()
            finally:
                self._writer.close()
                self._root.close()
                self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DuckStore({str(self.path)!r}, version {self._version})"

    @contextmanager
    def _write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writer's connection in a transaction: all or nothing."""
        with self._writing:
            if self._closed:
                raise WorkspaceError(f"{self.path} is closed.", hint="Open it again.")
            self._writer.begin()
            try:
                yield self._writer
                self._writer.commit()
            except BaseException as error:
                self._roll_back()
                if isinstance(error, duckdb.Error):
                    raise WorkspaceError(
                        f"{self.path} could not store a batch: {error}",
                        hint="Nothing of it was stored. Check the disk, then try again.",
                    ) from error
                raise

    def _wal_bytes(self) -> int:
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:  # there is none after a check-point
            return 0

    def _checkpoint(self) -> None:
        # a transaction that is still open keeps it from running; the log has everything
        with suppress(duckdb.TransactionException):
            self._writer.execute("CHECKPOINT")

    def _roll_back(self) -> None:
        try:
            self._writer.rollback()
        except duckdb.TransactionException:
            return  # a commit that failed has ended the transaction already
