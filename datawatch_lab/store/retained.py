"""Retention over the connections of a workspace: a transaction a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from datawatch_lab.core.values import LevelName
from datawatch_lab.store import retention
from datawatch_lab.store.archive import Archive
from datawatch_lab.store.compaction import Settled
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import plan_anew


class RetentionStore:
    """What is dropped, and what was dropped; see `store.retention`."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._archived = False

    def drop_before(
        self, level: LevelName, cutoffs: Mapping[int, datetime], *, archived: bool = False
    ) -> int:
        """Delete states of a level older than the cut-off of their table; gives rows deleted."""
        with self._part.writing() as con:
            dropped = retention.drop_before(con, level, cutoffs)
            if archived:
                retention.count_step(con)
            plan_anew(con)  # it makes temporary tables
        return dropped

    def settle(
        self, level: LevelName, cutoffs: Mapping[int, datetime], rows: int, *, sketches: bool
    ) -> Settled:
        """Settle some of what the next two would have to settle first; same answers after."""
        with self._part.writing() as con:
            plan_anew(con)  # it makes temporary tables
            return retention.settle_before(con, level, cutoffs, rows, sketches=sketches)

    def fold_sketches(
        self, level: LevelName, cutoffs: Mapping[int, datetime], finalised: pa.Table
    ) -> int:
        """Put finalised quantiles in the place of old sketches; gives rows deleted."""
        with self._part.writing() as con:
            plan_anew(con)  # it makes temporary tables
            return retention.fold_sketches(con, level, cutoffs, finalised)

    def drop_log(self, to_seq: int, *, archived: bool = False) -> None:
        """Delete the log up to a sequence number; what it held stays counted."""
        with self._part.writing() as con:
            retention.drop_log(con, to_seq)
            if archived:
                retention.count_step(con)

    @contextmanager
    def archiving(self, folder: Path) -> Iterator[tuple[Archive, int]]:
        """An archive and the number of the step to come, without what an interrupted one left."""
        with self._part.reading() as con:
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
        with self._part.reading() as con:
            return retention.oldest_buckets(con, level, cutoffs, sketches=sketches)

    def expiring(
        self, level: LevelName, cutoffs: Mapping[int, datetime]
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Merged states of what `drop_before` would delete; see `store.retention`."""
        with self._part.snapshot() as con:
            return retention.read_expiring(con, level, cutoffs)

    def log_span(self) -> tuple[int, int]:
        """First and last sequence number of the log; (1, 0) when it is empty."""
        with self._part.reading() as con:
            return retention.log_span(con)

    def log_since(self) -> tuple[datetime, datetime] | None:
        """Receipt and event time of the oldest change in the log; None when it is empty."""
        with self._part.reading() as con:
            return retention.log_since(con)

    def log_row_bytes(self) -> float | None:
        """Bytes on disk of a row of the log; None before the first check-point."""
        with self._part.reading() as con:
            return retention.log_row_bytes(con)

    def log_prefix(self, to_seq: int) -> pl.DataFrame:
        """The log up to a sequence number, with the name of each table."""
        with self._part.reading() as con:
            return retention.read_log_prefix(con, to_seq)

    def expired_to(self, upto: int, received: datetime) -> int:
        """Up to which sequence number all was received before a time; see `store.retention`."""
        with self._part.reading() as con:
            return retention.expired_to(con, upto, received)

    def derived_to(self) -> int:
        """Sequence number that every derivation is done with."""
        with self._part.reading() as con:
            return retention.derived_to(con)
