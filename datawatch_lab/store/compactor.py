"""When stored states are compacted and sorted: slice by slice, one caller at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import duckdb

from datawatch_lab.store.compaction import MUCH, SLICE_ROWS, Pass, appended, compact_meta
from datawatch_lab.store.file import WorkspaceFile
from datawatch_lab.store.sorting import Sorting, find_stretch

CHECKPOINT_BYTES = 256 * 1024 * 1024
"""Write-ahead log at which compaction check-points: replaying as much takes about a second."""


class Compactor:
    """Merges the stored states of a workspace; any thread may ask for it."""

    def __init__(self, file: WorkspaceFile) -> None:
        self._file = file
        self._opened = file.opened
        self._turn = Lock()
        self._pass: Pass | None = None
        self._sorting: Sorting | None = None
        self._rows = SLICE_ROWS
        self._much_is_new: bool | None = None  # not known before the first pass

    @property
    def under_way(self) -> bool:
        """Whether a compaction that was begun has slices left; `run` goes on with it."""
        return self._pass is not None or self._sorting is not None

    @property
    def much_is_new(self) -> bool:
        """Whether so many states had not settled that another compaction is worth it.

        A bucket settles with the first compaction before which it got nothing more, level by level.
        """
        if self._much_is_new is None:
            with self._file.readers.cursor() as con:
                self._much_is_new = appended(con) >= MUCH
        return self._much_is_new

    def run(self, seconds: float | None = None) -> int:
        """Merge states of buckets that have several; returns rows saved. Same answers after.

        Only a sum of doubles that has no exact form may differ in its last digits.

        Works in transactions of about a fifth of a second; safe to kill. Call it every few seconds
        while data comes. Check-points at the end when the write-ahead log is long, so that a
        restart need not replay it.

        Args:
            seconds: begin no slice after so long; None to do all that was appended until now.

        Raises:
            WorkspaceError: the file is closed or cannot be written; what was merged stays merged.
        """
        until = None if seconds is None else time.perf_counter() + seconds
        with self._turn:
            return self._run(until)

    def _run(self, until: float | None) -> int:
        saved = 0
        if self._sorting is not None:
            self._sort(until)
            if until is not None:
                return saved
        if self._pass is None:
            with self._write() as con:
                self._pass = Pass(con, self._rows)
        begun = self._pass
        while not begun.is_over:
            with self._write() as con:
                if self._pass is not begun:
                    return saved
                saved += begun.slice(con)
            if until is not None and time.perf_counter() >= until:
                break
        self._rows = begun.rows
        if begun.is_over:
            self._pass = None
            self._much_is_new = begun.handled >= MUCH
            with self._write() as con:
                saved += compact_meta(con)
            self._file.checkpoint_if_room(beyond=CHECKPOINT_BYTES)
            self._sort(until)
        return saved

    def _sort(self, until: float | None) -> None:
        """Put settled states in order of series: a slice, or as many as there is time for."""
        if self._sorting is None:
            with self._write() as con:
                stretch = find_stretch(con)
            if stretch is None:
                return
            self._sorting = Sorting(stretch)
        while (begun := self._sorting) is not None:
            with self._write() as con:
                if self._sorting is begun and not begun.slice(con):
                    self._sorting = None
            if until is not None and time.perf_counter() >= until:
                break

    @contextmanager
    def _write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction; forgets what was begun when the file was opened anew meanwhile."""
        with self._file.write(merging=True) as con:
            if self._opened != self._file.opened:
                self._pass = self._sorting = None
                self._opened = self._file.opened
            yield con
