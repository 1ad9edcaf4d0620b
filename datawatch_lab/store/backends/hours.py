"""Hours of states that a server makes from its minutes when it is told to, kept longer than those.

For back ends whose own views would add up a minute that is sent again, or miss one that is late. A
mark on the server says up to where hours are made. Hours before it are made anew when one of their
minutes is written; those after it are made when a later hour begins. So what stands before the mark
is right at any time, also after a crash, since a write that was not acknowledged comes again; and
what stands behind it is read from minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from datawatch_lab.core.backends import UTC_US, Asked, BackendError
from datawatch_lab.store.backends.buckets import EPOCH, HOUR, down, up

_log = logging.getLogger(__name__)
_SERIES = 1_000  # of one statement
_FIRST_SPAN, _LONGEST_SPAN = timedelta(days=1), timedelta(days=7)  # of one statement
_REST = 60.0  # seconds without another try after one that failed
_APART = timedelta(days=1)  # hours further from one another are made by themselves
_MOMENT = 2.0  # seconds that a write spends on hours that are due

Stretch = tuple[bool, datetime, datetime]
"""Whether hours are read (else minutes), from, until."""


class HoursServer(Protocol):
    """What a server is asked for; each raises `BackendError`."""

    def span(self) -> tuple[datetime, datetime] | None:
        """The oldest and the newest minute that have states; None when there is none."""
        ...

    def known_series(self) -> list[str]:
        """Keys of all series that have states."""
        ...

    def mark(self) -> datetime | None:
        """Hours before this are made; None where that was never said."""
        ...

    def put_mark(self, until: datetime) -> None:
        """Say so."""
        ...

    def make_hours(self, series: Sequence[str], start: datetime, end: datetime) -> None:
        """Make the hours of these series from their minutes, in place of what is there."""
        ...


class Hours:
    """Which hours are made, and what a write makes due. One thread writes, any may ask.

    Args:
        server: that has the minutes.
    """

    def __init__(self, server: HoursServer) -> None:
        self._server = server
        self._lock = threading.RLock()
        self._mark: datetime | None = None
        self._is_known = False
        self._waiting = _NOBODY
        self._stretch = _FIRST_SPAN
        self._not_before = 0.0

    def forget(self) -> None:
        """Ask the server anew how far it is."""
        with self._lock:
            self._is_known = False

    def until(self) -> datetime | None:
        """Hours before this can be read; None for none."""
        if not self._is_known:
            with self._lock:
                self._learn()
        return self._mark

    def wrote(self, states: pl.DataFrame) -> None:
        """Hear of minutes that were stored; ``series`` and ``minute`` matter.

        Raises:
            BackendError: hours that are read are not right, and the server did not take that they
                are not to be read; to be written again.
        """
        if not states.height:
            return
        hours = states.select("series", pl.col("minute").dt.truncate("1h").alias("hour")).unique()
        with self._lock:
            self._learn()
            if self._mark is None:
                self._begin()
            mark = self._mark
            self._waiting = _newest(pl.concat([self._waiting, hours]))
            self._correct(hours.filter(pl.col("hour") < mark))
            self._go_on()

    def _learn(self) -> None:
        if not self._is_known:
            self._mark = self._server.mark()
            self._waiting = _NOBODY if self._mark is None else self._everybody()
            self._is_known = True

    def _begin(self) -> None:
        span = self._server.span()
        if span is not None:
            self._waiting = self._everybody()
            self._mark = down(span[0], HOUR)

    def _everybody(self) -> pl.DataFrame:
        """All series, as if each had states in the newest hour."""
        span = self._server.span()
        keys = [] if span is None else self._server.known_series()
        newest = [] if span is None else [down(span[1], HOUR)] * len(keys)
        return pl.DataFrame({"series": keys, "hour": newest}, schema=_NOBODY.schema)

    def _correct(self, changed: pl.DataFrame) -> None:
        """Make hours anew; where that fails, have them read from minutes until it does not."""
        try:
            for part in _together(changed):
                low, high = _span(part)
                self._make(part["series"].unique(), low, high + HOUR)
        except BackendError as error:
            back, _ = _span(changed)
            _log.warning("hours are not made anew, minutes are read from %s on: %s", back, error)
            self._ask_less()
            self._is_known = False
            self._server.put_mark(back)
            self._learn()

    def _go_on(self) -> None:
        """Make hours that are over, a few seconds of them; the next write goes on."""
        _, newest = _span(self._waiting)
        now = time.monotonic()
        deadline = now + _MOMENT if now >= self._not_before else now
        try:
            while self._mark is not None and self._mark < newest and time.monotonic() < deadline:
                end = min(newest, self._mark + self._stretch)
                self._make(self._waiting["series"], self._mark, end)
                self._server.put_mark(end)
                self._mark = end
                self._stretch = min(_LONGEST_SPAN, self._stretch * 2)
        except BackendError as error:
            _log.warning("hours are not made yet, minutes are read: %s", error)
            self._ask_less()
        self._waiting = self._waiting.filter(pl.col("hour") >= self._mark)

    def _ask_less(self) -> None:
        """A statement may have been too much: the next ones are smaller, and later."""
        self._stretch = max(HOUR, down(EPOCH + self._stretch / 4, HOUR) - EPOCH)
        self._not_before = time.monotonic() + _REST

    def _make(self, series: Iterable[str], start: datetime, end: datetime) -> None:
        keys = list(series)
        for place in range(0, len(keys), _SERIES):
            some, low = keys[place : place + _SERIES], start
            while low < end:
                self._server.make_hours(some, low, min(low + self._stretch, end))
                low += self._stretch


def stretches(asked: Asked, until: datetime | None) -> list[Stretch]:
    """What is read for a question: minutes, whole hours, and minutes again.

    Args:
        asked: the question.
        until: hours before this are made; None for none.
    """
    start = up(asked.start, HOUR)
    fits = asked.step is None or (not asked.step % HOUR and start == asked.start)
    end = start if until is None else down(min(asked.end, until), HOUR)
    if not fits or start >= end:
        return [(False, asked.start, asked.end)]
    parts = [(False, asked.start, start), (True, start, end), (False, end, asked.end)]
    return [part for part in parts if part[1] < part[2]]


_NOBODY = pl.DataFrame(schema={"series": pl.String(), "hour": UTC_US})


def _newest(hours: pl.DataFrame) -> pl.DataFrame:
    """The newest hour of each series."""
    return hours.group_by("series").agg(pl.col("hour").max())


def _span(hours: pl.DataFrame) -> tuple[datetime, datetime]:
    low, high = hours["hour"].min(), hours["hour"].max()
    if not isinstance(low, datetime) or not isinstance(high, datetime):
        raise TypeError("no hours")
    return low, high


def _together(hours: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Parts whose hours are not far apart."""
    if not hours.height:
        return
    ordered = hours.sort("hour")
    part = (ordered["hour"].diff().fill_null(timedelta()) > _APART).cum_sum()
    yield from ordered.with_columns(part.alias("part")).partition_by("part", maintain_order=True)
