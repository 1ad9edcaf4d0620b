"""The access file of a workspace: users, tokens, shares and the audit log, in SQLite, mode 0600.

It stands beside the workspace and not in it. Secrets do not travel with a copy of the data; the
command line can add the first user before any server runs, and remove one while it runs, though
DuckDB's file has one owner; and the log of changes is durable however the engine fares.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from datawatch_lab.core.errors import InputError, MigrationError, WorkspaceError

_VERSION = 2
_PATIENCE_SECONDS = 10.0


class AccessFile:
    """One connection to the access file, made when it is needed; any thread may use it.

    Args:
        path: of the file; it is made by the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._con: sqlite3.Connection | None = None

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query; none while there is no file.

        Raises:
            WorkspaceError: the file cannot be read.
        """
        with self._lock:
            if self._con is None and not self.path.exists():
                return []
            with self._faults("read"):
                return self._opened().execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A durable transaction, undone by an exception.

        Raises:
            WorkspaceError: the file cannot be written.
        """
        with self._lock, self._faults("written"):
            con = self._opened()
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
            except BaseException:
                con.execute("ROLLBACK")
                raise
            con.execute("COMMIT")

    def write(self, sql: str, *values: object) -> int:
        """One statement in a transaction of its own; gives how many rows it changed."""
        with self.writing() as con:
            return con.execute(sql, values).rowcount

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._con is not None:
                self._con.close()
                self._con = None

    def _opened(self) -> sqlite3.Connection:
        if self._con is None:
            _make_private(self.path)
            con = sqlite3.connect(
                self.path,
                timeout=_PATIENCE_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _prepare(con, self.path)
            except BaseException:
                con.close()
                raise
            self._con = con
        return self._con

    @contextmanager
    def _faults(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise  # what the caller did; it says so in its own words
            raise WorkspaceError(
                f"{self.path} cannot be {done}: {error}.",
                hint="It holds the users and the audit log; nothing was changed.",
            ) from error


def _make_private(path: Path) -> None:
    """Make the file with mode 0600, or bring one that is there to it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _prepare(con: sqlite3.Connection, path: Path) -> None:
    con.execute("PRAGMA foreign_keys = ON")
    con.execute("PRAGMA journal_mode = WAL")  # who reads waits for nobody
    con.execute("PRAGMA synchronous = FULL")
    found = _version(con, path)
    if found == _VERSION:
        return
    con.execute("PRAGMA secure_delete = ON")
    con.execute("BEGIN IMMEDIATE")
    try:
        _bring_up(con, _version(con, path))  # somebody else may have been first
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    if found:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log beside it holds the old pages


def _bring_up(con: sqlite3.Connection, version: int) -> None:
    """Bring a file of an earlier version, 0 for an empty one, to this one."""
    if version == 0:
        schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        for statement in _statements(schema):
            con.execute(statement)
    elif version == 1:
        from datawatch_lab.service.access.purging import purge

        purge(con)
        con.execute("ALTER TABLE tokens ADD COLUMN bounded INTEGER NOT NULL DEFAULT 1")
    con.execute(f"PRAGMA user_version = {_VERSION}")


def _version(con: sqlite3.Connection, path: Path) -> int:
    (version,) = con.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise MigrationError(
            f"{path} was written by a newer DataWatch Lab: its version is {version}, this one "
            f"reads up to {_VERSION}.",
            hint="Upgrade with: pip install --upgrade datawatch-lab",
        )
    return int(version)


def _statements(text: str) -> Iterator[str]:
    """The statements of a script; `executescript` would end the transaction."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held
            held = ""


def stamp(moment: datetime | None) -> str | None:
    """A moment as the file keeps it.

    >>> stamp(datetime(2026, 1, 1, tzinfo=UTC))
    '2026-01-01T00:00:00.000000Z'
    """
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str | None) -> datetime | None:
    """What `stamp` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def later(moment: datetime, span: timedelta) -> datetime:
    """A moment after a span.

    Raises:
        InputError: there is no such time any more.
    """
    try:
        return moment + span
    except OverflowError:
        raise InputError("that is longer than there are years; leave it out for never.") from None
