"""Connections for questions: one a call, so that any thread may ask while the writer commits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Condition, Thread

import duckdb

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError, WorkspaceError

_AGAIN = 0.05  # seconds; an interrupt between two statements is lost, so it is repeated
_CLOSE_TRIES = 200  # closing waits ten seconds for interrupted questions


class Readers:
    """Gives out cursors, ends those that take too long, and ends all at closing.

    An open result owns its connection in DuckDB, hence a cursor a question. One thread watches all
    of them: a timer each would cost more than many a question does.

    Attributes:
        timeout: a question that is asked from now on is ended after this long.
        on_fatal: called when DuckDB has given the file up, so that it must be opened anew.
    """

    def __init__(self, root: duckdb.DuckDBPyConnection, timeout: timedelta) -> None:
        self._root = root
        self.timeout = timeout
        self._active: dict[duckdb.DuckDBPyConnection, float | None] = {}  # when each is to be over
        self._expired: set[duckdb.DuckDBPyConnection] = set()
        self._changed = Condition()
        self._watch: Thread | None = None
        self._looks = math.inf  # when the watch looks again, unless it is told to
        self._closed = False
        self._moving = False
        self.on_fatal: Callable[[], object] = lambda: None

    @contextmanager
    def cursor(self, *, timed: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for the length of a ``with`` block.

        Args:
            timed: end it at the timeout; not for what the engine itself reads through.

        Raises:
            InputError: the block ran into the timeout.
            WorkspaceError: the store is closed, or the file could not be read.
        """
        con = self._begin(timed=timed)
        try:
            yield con
        except duckdb.InterruptException as error:
            if con not in self._expired:
                raise WorkspaceError("The workspace was closed during a query.") from error
            limit = format_duration(self.timeout)
            raise InputError(
                f"The query was ended: it took longer than {limit} (query_timeout).",
                hint="Ask for a shorter range, a longer step or fewer series.",
            ) from error
        except duckdb.Error as error:
            if isinstance(error, duckdb.FatalException):
                self.on_fatal()
            raise WorkspaceError(f"The workspace could not be read: {error}") from error
        finally:
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
            self._changed.notify_all()  # the watch ends
            self._end_all()

    def renew(self, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Go on with another connection, made when no question runs on the old one any more.

        Questions that are asked in between wait. When ``connect`` raises, all that follow fail
        until it is tried again.
        """
        with self._changed:
            self._moving = True
            try:
                self._end_all()
                self._root = connect()
            finally:
                self._moving = False
                self._changed.notify_all()

    def _end_all(self) -> None:
        for _ in range(_CLOSE_TRIES):
            if not self._active:
                return
            for con in self._active:
                con.interrupt()
            self._changed.wait(_AGAIN)

    def _begin(self, *, timed: bool) -> duckdb.DuckDBPyConnection:
        with self._changed:
            self._changed.wait_for(lambda: not self._moving)
            if self._closed:
                raise WorkspaceError("The workspace is closed.", hint="Open it again.")
            try:
                con = self._root.cursor()
            except duckdb.Error as error:
                raise WorkspaceError(f"The workspace could not be read: {error}") from error
            end = self._now() + self.timeout.total_seconds() if timed else None
            self._active[con] = end
            if end is not None and self._watch is None:
                self._watch = Thread(target=self._end_late, name="query-timeouts", daemon=True)
                self._watch.start()
            elif end is not None and end < self._looks:  # the first, or the timeout is shorter now
                self._looks = end
                self._changed.notify_all()
            return con

    def _end(self, con: duckdb.DuckDBPyConnection) -> None:
        with self._changed:
            self._active.pop(con, None)
            self._expired.discard(con)
            con.close()
            if self._closed or self._moving:
                self._changed.notify_all()

    def _end_late(self) -> None:
        """Interrupt what runs too long, until the store is closed."""
        with self._changed:
            while not self._closed:
                now = self._now()
                due = [end for end in self._active.values() if end is not None]
                late = {con for con, end in self._active.items() if end is not None and end <= now}
                self._expired |= late
                for con in late:
                    con.interrupt()
                self._looks = now + _AGAIN if late else min(due, default=math.inf)
                self._changed.wait(self._looks - now if due else None)

    @staticmethod
    def _now() -> float:
        return time.monotonic()
