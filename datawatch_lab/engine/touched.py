"""What each commit changed: for a table, the stretch of event time that its states changed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.storage import Catalogue, Commit
from datawatch_lab.core.values import MeasureDef, SeriesDef

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_REMEMBERED = 512  # commits of a table; of older ones only that they were is known
_NOWHERE = -1


@dataclass
class _History:
    """Commits that changed a table, oldest first: version, first and last bucket in µs."""

    commits: deque[tuple[int, int, int]] = field(default_factory=deque)
    forgotten: int = 0  # version of the newest commit that changed no one knows what

    def add(self, version: int, first: int, last: int) -> None:
        self.commits.append((version, first, last))
        if len(self.commits) > _REMEMBERED:
            self.forgotten = self.commits.popleft()[0]

    def changed(self, since: int, first: int, last: int) -> bool:
        if self.forgotten > since:
            return True
        for version, low, high in reversed(self.commits):
            if version <= since:
                return False
            if low <= last and high >= first:
                return True
        return False


class Touched:
    """Tells whether an answer of an earlier data version still holds.

    One thread notes commits, in order; any thread may ask.

    Attributes:
        generation: answers of different ones have nothing to do with one another.
    """

    def __init__(self, known: Catalogue, version: int) -> None:
        self._lock = Lock()
        self._version = version
        self.generation = 0
        self._histories: dict[int, _History] = {}
        self._all = version  # version of the newest commit that may have changed everything
        self._table_of = {each.id: each.table_id for each in known.measures}
        self._tables = np.full(0, _NOWHERE, dtype=np.int64)  # by id of series
        self._enter(known.measures, known.series)

    @property
    def version(self) -> int:
        """The newest data version that is known here."""
        return self._version

    def note(self, version: int, commit: Commit) -> None:
        """Remember what a commit changed, once it is stored."""
        with self._lock:
            self._enter(commit.measures, commit.series)
            if commit.dropped_measures or commit.dropped_series:
                self._all = version
            for table in {*(each.id for each in commit.tables), *_owners(commit.measures)}:
                self._history(table).forgotten = version
            for table, first, last in self._stretches(commit):
                self._history(table).add(version, first, last)
            self._version = version

    def forget(self, *_: object) -> None:
        """Something else than a commit has changed the states: no earlier answer holds any more."""
        self.generation += 1

    def holds(
        self, since: int, tables: Iterable[int] | None, start: datetime, end: datetime
    ) -> bool:
        """Whether nothing has changed in a stretch of time.

        Args:
            since: data version of the answer.
            tables: ids of those that it is made of; None for all.
            start: of what it is made of, UTC; a bucket begins there.
            end: the end of it, not included.
        """
        with self._lock:
            if self._all > since:
                return False
            first, last = (start - _EPOCH) // _US, (end - _EPOCH) // _US - 1
            mine = self._histories if tables is None else tables
            histories = (self._histories.get(each) for each in mine)
            return not any(each.changed(since, first, last) for each in histories if each)

    def first_changed(self, table: int, since: int) -> tuple[datetime | None, bool]:
        """The oldest bucket of a table that commits after a version changed; None for none.

        Beside it, whether all of these commits are remembered.
        """
        with self._lock:
            history = self._histories.get(table)
            if history is None:
                return None, self._all <= since
            lows = [low for version, low, _ in history.commits if version > since]
            first = _EPOCH + min(lows) * _US if lows else None
            return first, max(self._all, history.forgotten) <= since

    def _history(self, table: int) -> _History:
        return self._histories.setdefault(table, _History())

    def _enter(self, measures: Sequence[MeasureDef], series: Sequence[SeriesDef]) -> None:
        self._table_of |= {each.id: each.table_id for each in measures}
        if not series:
            return
        ids = np.fromiter((each.id for each in series), np.int64, len(series))
        size = int(ids.max()) + 1
        if size > self._tables.size:
            grown = np.full(max(size, 2 * self._tables.size), _NOWHERE, dtype=np.int64)
            grown[: self._tables.size] = self._tables
            self._tables = grown
        self._tables[ids] = [self._table_of.get(each.measure_id, _NOWHERE) for each in series]

    def _stretches(self, commit: Commit) -> Iterator[tuple[int, int, int]]:
        """Table, first and last bucket (µs) of what a commit appends."""
        if commit.appends is None or not commit.appends.partials.num_rows:
            return
        partials = commit.appends.partials
        tables = self._tables[partials.column("series").to_numpy()]
        buckets = _micros(partials.column("bucket"))
        place = tables - _NOWHERE
        low = np.full(int(place.max()) + 1, np.iinfo(np.int64).max)
        high = np.full(len(low), np.iinfo(np.int64).min)
        np.minimum.at(low, place, buckets)
        np.maximum.at(high, place, buckets)
        there = np.flatnonzero(low <= high)
        found = (there + _NOWHERE, low[there], high[there])
        yield from zip(*(each.tolist() for each in found), strict=True)


def _owners(measures: Sequence[MeasureDef]) -> set[int]:
    return {each.table_id for each in measures}


def _micros(times: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(times.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy())
