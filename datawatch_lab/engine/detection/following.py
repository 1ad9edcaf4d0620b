"""Going through what closed, in order: score, learn, keep."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.engine.detection.ending import end_forgotten, end_unwatched
from datawatch_lab.engine.detection.feedback import feed_back
from datawatch_lab.engine.detection.keeping import Keeping
from datawatch_lab.engine.detection.revising import revise_episodes
from datawatch_lab.engine.detection.work import Changed, Closed, Moments

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.run import Detectors
    from datawatch_lab.engine.engine import Engine

_SLICE = 2_000
"""Closes that are gone through between two places where the state can be stored."""

_LONGEST = timedelta(days=2)
"""Of what one event closes: a weekend of silence is looked at, of a silence of months its end."""

_BUSY_EVENTS = 100_000


class Following(Keeping):
    """Looks at all that is closed and was not looked at.

    Args:
        engine: of the workspace.

    Attributes:
        problem: why it could not be looked at; '' when it could.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.problem = ""
        self._idle = threading.Condition()
        self._told_of = 0  # series that there were when it was last told what was said

    def catch_up(self) -> None:
        """Look at all that is closed and was not looked at; in the caller's thread."""
        with self._work:
            while self.enabled:
                try:
                    self._look()
                    break
                except Changed:  # other settings: from what is stored, with those
                    self._detectors = None
                except BaseException:
                    self._detectors = None  # half a step further than their number; made anew
                    raise
            else:
                return
            self.problem = ""
        with self._idle:
            self._idle.notify_all()

    def _look(self) -> None:
        detectors = self._ready()
        closes = self.engine.closed_since(0, self._number)
        for part in self._slices(closes):
            self._through(detectors, part)
            self._number = int(part["number"].max())  # type: ignore[arg-type]  # never empty
            self._dirty = True
            self._told_to_newcomers(detectors)
            self._keep(detectors)
        revise_episodes(detectors)
        end_unwatched(detectors)
        if self._restart_is_new:
            end_forgotten(detectors, self.active())
            self._restart_is_new = False
        self._keep(detectors)
        self.models.make(detectors.ends)

    def _slices(self, closes: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Closes in order; cut where somebody said something, so that a replay does the same."""
        cuts = sorted({mark.number for mark in self._marks if mark.number > self._number})
        here = self._number
        for cut in [*cuts, None]:
            part = closes.filter(pl.col("number") > here)
            if cut is not None:
                part = part.filter(pl.col("number") <= cut)
            for ahead in forward(part, _LONGEST):
                yield from ahead.iter_slices(_SLICE)
            if cut is not None:
                here = cut
                self._again(cut)

    def _told_to_newcomers(self, detectors: Detectors) -> None:
        """Tell series that have come what was said of them before."""
        if self._marks and len(detectors.watched) != self._told_of:
            self._told_of = len(detectors.watched)
            self._again(self._number)

    def _again(self, number: int) -> None:
        """Let the model be told again what it was told up to that close.

        What was said of a series that is not there yet waits for it: detectors that begin anew see
        no closes as old as that any more.
        """
        if self._detectors is None:
            return
        for mark in [each for each in self._marks if each.number <= number]:
            if feed_back(self._detectors, mark):
                self._marks.remove(mark)

    def _through(self, detectors: Detectors, closes: pl.DataFrame) -> None:
        """Score and learn what some closes closed, all tables together."""
        tables = {each.id: each for each in self.engine.tables()}
        merged = (
            closes.group_by("table_id", maintain_order=True)
            .agg(
                pl.col("closed_from").min(),
                pl.col("closed_until").max(),
                pl.col("closed_until").alias("ends"),
                pl.col("at").alias("moments"),
            )
            .filter(pl.col("closed_from") < pl.col("closed_until"))
        )
        closed = [
            Closed(tables[table_id], start, end, _moments(ends, moments))
            for table_id, start, end, ends, moments in merged.iter_rows()
            if table_id in tables
        ]
        if closed:
            self._wait_for_room()
            detectors.close(closed)

    def _wait_for_room(self) -> None:
        """Let much that comes in go first, for a while."""
        for _ in range(20):
            if self._closed or self.engine.backlog < _BUSY_EVENTS:
                return
            self._ended.wait(0.1)

    def _last_close(self) -> int:
        closes = self.engine.closed_since(0, self._number)
        return int(closes["number"].max() or 0) if closes.height else self._number  # type: ignore[arg-type]  # of an integer column


def forward(closes: pl.DataFrame, most: timedelta) -> list[pl.DataFrame]:
    """Closes as they can be gone through together, in order.

    They are cut where a table's minutes are closed again, since a clock was set back, and where one
    event closes a long stretch at once: of that only the end is gone through, or a table that
    changes once a year would cost half a million empty minutes.

    Args:
        closes: of the log, with ``closed_from`` and ``closed_until`` by ``table_id``.
        most: of a stretch that one close closes.
    """
    if not closes.height:
        return []
    before = pl.col("closed_until").cum_max().shift(1).over("table_id")
    back = (pl.col("closed_from") < before).fill_null(value=False)
    late = pl.col("closed_until") - most
    long = pl.col("closed_from") < late
    parts = closes.with_columns(
        (back | long).cum_sum().alias("part"),
        pl.when(long).then(late).otherwise("closed_from").alias("closed_from"),
    )
    return [part.drop("part") for part in parts.partition_by("part", maintain_order=True)]


def _moments(ends: Sequence[datetime], moments: Sequence[datetime]) -> Moments:
    """When a bucket closed: with the first close that reaches its end."""
    seconds = [each.timestamp() for each in ends]

    def at(end: int) -> datetime:
        return moments[min(bisect_left(seconds, end), len(moments) - 1)]

    return at
