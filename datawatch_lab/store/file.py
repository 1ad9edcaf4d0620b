"""The open file of a workspace: its connections, its one writer at a time, its check-points."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import RLock

import duckdb

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.store import lock as locks
from datawatch_lab.store.catalogue import load_version
from datawatch_lab.store.opening import connect
from datawatch_lab.store.readers import Readers
from datawatch_lab.store.sql import give_slot

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


class WorkspaceFile:
    """A workspace's DuckDB file, locked and open; any thread may ask, one at a time writes.

    DuckDB refuses everything after a check-point that failed, for want of space say, although file
    and write-ahead log are whole. The file is opened anew then, by whoever comes next.

    Args:
        path: of the file.
        root: an open connection to it.
        lock: that it is held by; released at the end.
        query_timeout: a question is ended after this long.
        read_threads: threads a query may use; all cores when None.

    Attributes:
        turn: held by whoever writes, so that what is known of the file is as the file is.
        writer: the connection of commits; in a transaction only under ``turn``.
        version: of the data; grows with each commit.
        opened: how often the file was opened.
        before_closing: called before its connections are closed, to open it anew too.
    """

    def __init__(
        self,
        path: Path,
        root: duckdb.DuckDBPyConnection,
        lock: locks.Lock,
        query_timeout: timedelta,
        read_threads: int | None,
    ) -> None:
        self.path = path
        self.lock = lock
        self.readers = Readers(root, query_timeout)
        self.readers.on_fatal = self.give_up
        self.turn = RLock()
        self.version = load_version(root)
        self.opened = 0
        self.before_closing: Callable[[], object] = lambda: None
        self.is_closed = False
        self._read_threads = read_threads
        self._given_up = False
        self._take(root)

    @contextmanager
    def write(self, *, merging: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection in a transaction: all of the block is stored, or nothing.

        Args:
            merging: one of its own for compaction, whose temporary tables would have the writer's
                statements planned anew.

        Raises:
            WorkspaceError: it is closed, or the block could not be stored.
        """
        with self.turn:
            if self.is_closed:
                raise WorkspaceError(f"{self.path} is closed.", hint="Open it again.")
            self.revive()
            con = self._merger if merging else self.writer
            try:
                con.begin()
                yield con
                con.commit()
            except BaseException as error:
                self._roll_back(con)
                if isinstance(error, duckdb.Error):
                    raise self.failed(error, "could not store a batch") from error
                raise

    def failed(self, error: duckdb.Error, what: str, hint: str = _NOT_STORED) -> WorkspaceError:
        """What to raise for an error of DuckDB while writing; notes when it has given up."""
        if isinstance(error, duckdb.FatalException):
            self.give_up()
        if isinstance(error, _OF_THE_DISK):
            return WorkspaceError(f"{self.path} {what}: {error}", hint=hint)
        return WorkspaceError(f"{self.path} {what}: {error}", details={"statement": True})

    def give_up(self) -> None:
        """Note that DuckDB refuses the file from now on."""
        self._given_up = True

    def revive(self) -> None:
        """Open the file anew if DuckDB has given it up; harmless otherwise.

        What was committed is there again afterwards.

        Raises:
            WorkspaceError: it cannot be opened yet; to be tried again.
        """
        if self._given_up:
            with self.turn:
                self._open_anew()

    def wal_bytes(self) -> int:
        """Bytes of the write-ahead log."""
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:  # there is none after a check-point
            return 0

    def size_bytes(self) -> int:
        """Bytes of the file and its write-ahead log."""
        return self.path.stat().st_size + self.wal_bytes()

    def checkpoint(self) -> None:
        """Write everything into the file itself; what comes after starts a new write-ahead log.

        Raises:
            WorkspaceError: it cannot be written; nothing is lost, the write-ahead log has it all.
        """
        with self.turn:
            self.revive()
            try:
                self.writer.execute("CHECKPOINT")
            except duckdb.Error as error:
                raise self.failed(error, "could not be check-pointed", _IN_LOG) from error

    def checkpoint_if_room(self, *, beyond: int = 0) -> None:
        """Check-point where the disk has room for it; otherwise the write-ahead log keeps all.

        One that runs out of space costs the connection, so it is not begun.

        Args:
            beyond: only when the write-ahead log is longer than so many bytes.
        """
        with self.turn:
            if not self.is_closed and self.wal_bytes() >= beyond:
                self._checkpoint_if_room()

    def close(self) -> None:
        """Check-point and release the file; running questions are ended. Harmless when repeated."""
        with self.turn:
            if self.is_closed:
                return
            self.is_closed = True
            try:
                self.readers.close()
                self.before_closing()
                self._checkpoint_if_room()
            finally:
                self._let_go()
                self.lock.release()

    def _take(self, root: duckdb.DuckDBPyConnection) -> None:
        self.root, self.writer, self._merger = root, root.cursor(), root.cursor()
        give_slot(self.writer)
        self.opened += 1

    def _let_go(self) -> None:
        for con in (self._merger, self.writer, self.root):
            con.close()

    def _open_anew(self) -> None:
        if self._given_up and not self.is_closed:  # nobody else did meanwhile
            self.readers.renew(self._reopened)
            self._given_up = False
            log.warning("%s was opened anew", self.path)

    def _reopened(self) -> duckdb.DuckDBPyConnection:
        self.before_closing()
        self._let_go()
        root = connect(self.path, self._read_threads)
        stored = load_version(root)
        if stored != self.version:
            root.close()
            raise WorkspaceError(
                f"{self.path} holds version {stored}, not {self.version} as it should.",
                hint="Restart what has it open: it goes on with what is stored.",
            )
        self._take(root)
        return root

    def _checkpoint_if_room(self) -> None:
        try:
            room = shutil.disk_usage(self.path.parent).free
        except FileNotFoundError:  # the folder was removed under us
            log.warning("%s is gone with its folder; nothing is check-pointed", self.path)
            return
        if self._given_up or room < _ROOM_FACTOR * self.wal_bytes() + _ROOM_BYTES:
            log.warning("%s is not check-pointed: the disk is nearly full", self.path)
            return
        try:
            # a transaction that is still open keeps it from running; the log has everything
            with suppress(duckdb.TransactionException):
                self.writer.execute("CHECKPOINT")
        except duckdb.Error as error:
            log.warning("%s", self.failed(error, "could not be check-pointed", _IN_LOG))

    @staticmethod
    def _roll_back(con: duckdb.DuckDBPyConnection) -> None:
        try:
            con.rollback()
        except (duckdb.TransactionException, duckdb.FatalException, duckdb.ConnectionException):
            return  # a commit that failed has ended the transaction already
