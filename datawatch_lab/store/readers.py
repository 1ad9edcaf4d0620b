"""Connections for questions: one a call, so that any thread may ask while the writer commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Condition, Timer

import duckdb

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError, WorkspaceError

_AGAIN = 0.05  # seconds; an interrupt between two statements is lost, so it is repeated
_CLOSE_TRIES = 200  # closing waits ten seconds for interrupted questions


class Readers:
    """Gives out cursors, ends those that take too long, and ends all at closing.

    An open result owns its connection in DuckDB, hence a cursor a question.
    """

    def __init__(self, root: duckdb.DuckDBPyConnection, timeout: timedelta) -> None:
        self._root = root
        self._timeout = timeout
        self._active: set[duckdb.DuckDBPyConnection] = set()
        self._changed = Condition()
        self._closed = False

    @contextmanager
    def cursor(self, *, timed: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for the length of a ``with`` block.

        Args:
            timed: end it at the timeout; not for what the engine itself reads through.

        Raises:
            InputError: the block ran into the timeout.
            WorkspaceError: the store is closed, or the file could not be read.
        """
        con = self._begin()
        expired: list[bool] = []
        timer = Timer(self._timeout.total_seconds(), self._expire, [con, expired])
        timer.daemon = True
        if timed:
            timer.start()
        try:
            yield con
        except duckdb.InterruptException as error:
            if not expired:
                raise WorkspaceError("The workspace was closed during a query.") from error
            limit = format_duration(self._timeout)
            raise InputError(
                f"The query was ended: it took longer than {limit} (query_timeout).",
                hint="Ask for a shorter range, a longer step or fewer series.",
            ) from error
        except duckdb.Error as error:
            raise WorkspaceError(f"The workspace could not be read: {error}") from error
        finally:
            timer.cancel()
            self._end(con)

    @contextmanager
    def snapshot(self, *, timed: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `cursor`, in a transaction: its statements all see the same commit."""
        with self.cursor(timed=timed) as con:
            con.begin()
            yield con

    def close(self) -> None:
        """Give out no more, interrupt those that run, and wait for them to end."""
        with self._changed:
            self._closed = True
            for _ in range(_CLOSE_TRIES):
                if not self._active:
                    return
                for con in self._active:
                    con.interrupt()
                self._changed.wait(_AGAIN)

    def _begin(self) -> duckdb.DuckDBPyConnection:
        with self._changed:
            if self._closed:
                raise WorkspaceError("The workspace is closed.", hint="Open it again.")
            con = self._root.cursor()
            self._active.add(con)
            return con

    def _end(self, con: duckdb.DuckDBPyConnection) -> None:
        with self._changed:
            self._active.discard(con)
            con.close()
            self._changed.notify_all()

    def _expire(self, con: duckdb.DuckDBPyConnection, expired: list[bool]) -> None:
        with self._changed:
            while con in self._active:
                expired.append(True)
                con.interrupt()
                self._changed.wait(_AGAIN)
