"""The thread that brings one back end up to what is closed, and keeps it there.

What waits, waits in the workspace itself: a cursor says per table which minutes were sent, and the
rest is read again from the stored states. So nothing is lost while a back end is away, however
long, nothing is kept twice, and a crash repeats at most one slice, which a back end takes as if it
came once. A late event moves the cursor of its table back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.backends import (
    MINUTE,
    Backend,
    BackendError,
    KeptFor,
    Points,
    Sent,
    SentTable,
)
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.backends.own import OwnDue, first_minute
from datawatch_lab.engine.backends.points import TablePoints, own_values
from datawatch_lab.metrics.spans import floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_log = logging.getLogger(__name__)

SLICE_ROWS = 20_000
"""States that one write carries, about."""

_HOUR = timedelta(hours=1)
_MOST_MINUTES = 720
_POLL = 5.0  # seconds; late events close nothing
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_WORKSPACE = 0  # stands for the workspace's own metrics among ids of tables


class Sender:
    """Sends to one back end; its own thread, which only reads the workspace but for its cursor.

    Args:
        engine: of the workspace.
        backend: is closed with the sender.
    """

    def __init__(self, engine: Engine, backend: Backend) -> None:
        self.backend = backend
        self._engine = engine
        self._key = f"{backend.name}@{backend.target}"
        self._sent = engine.store.sending.sent(self._key)
        self._closed = dict(_closes(engine))
        self._seen_version: int | None = None
        self._version = ""
        self._problem = ""
        self._state = "starting"
        self._errors = 0
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._forget: datetime | None = None
        self._asking = threading.Lock()
        self._own_due: OwnDue | None = None
        self._own_again: datetime | None = None  # own minutes from here on changed since
        self._thread = threading.Thread(
            target=self._run, name=f"datawatch-{backend.name}", daemon=True
        )

    @property
    def sent(self) -> Sent:
        """How far it is."""
        return self._sent

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def closed(self, table_id: int, until: datetime) -> None:
        """Minutes of a table are over; only noted, since the writer's thread says so."""
        self._closed[table_id] = until
        self._wake.set()

    def resend(self, start: datetime) -> None:
        """Send all minutes from a moment on once more."""
        with self._asking:
            whole = floor_to(start, _HOUR)  # hours that a back end makes need all of theirs
            self._forget = whole if self._forget is None else min(whole, self._forget)
            self._state = "catching up" if self._state == "current" else self._state
        self._wake.set()

    def close(self) -> None:
        """End after the write that is under way; what waits is sent next time."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(30)
        self.backend.close()

    def state(self) -> BackendState:
        """How it stands; asks nobody."""
        able = self.backend.capabilities
        sent = self._sent.tables
        waits = [
            until - sent[id_].until if id_ in sent else MINUTE
            for id_, until in tuple(self._closed.items())
        ]
        return BackendState(
            name=self.backend.name,
            address=self.backend.address,
            state=self._state,
            version=self._version,
            problem=self._problem,
            points=self._sent.points,
            refused=self._sent.refused,
            behind_seconds=max([0.0, *(each.total_seconds() for each in waits)]),
            errors=self._errors,
            aggregations=tuple(sorted(each.value for each in able.aggregations)),
            replaces=able.replaces,
            notes=able.notes,
        )

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._ended.is_set():
            self._wake.clear()
            try:
                self._note_changes()  # while it is away too: only so many commits are remembered
                self._begin()
                self._catch_up()
                pause = _FIRST_PAUSE
                self._wake.wait(_POLL if self._own_due is None else _FIRST_PAUSE)
            except BackendError as error:
                self._failed(error)
                self._ended.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 — said in the log and the state; tried again
                _log.exception("%s: sending failed; it is tried again", self._key)
                self._failed(BackendError(f"sending failed: {type(error).__name__}."))
                self._ended.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _begin(self) -> None:
        """Make sure that it is there and has what it needs."""
        if self._state in ("current", "catching up"):
            return
        self.backend.prepare()
        health = self.backend.health()
        if not health.ok:
            raise BackendError(health.problem)
        if self._problem:
            _log.info("%s is back; what waited is sent", self._key)
        self._version, self._problem, self._state = health.version, "", "catching up"
        self.backend.retain(KeptFor.of(self._engine.settings))

    def _failed(self, error: BackendError) -> None:
        if not self._problem:
            _log.warning("%s: %s Minutes wait in the workspace until it is back.", self._key, error)
        self._errors += 1
        self._problem, self._state = str(error), "away"

    def _catch_up(self) -> None:
        """Send all that is due, oldest minutes of each table first."""
        for table in self._engine.tables():
            until = self._closed.get(table.id)
            if until is not None:
                self._send_table(table, until)
        if self._closed and not self._ended.is_set():
            self._send_own()
        with self._asking:
            waits = self._forget is not None or self._wake.is_set() or self._own_due is not None
            if not waits and not self._ended.is_set():
                self._state = "current"

    def _send_table(self, table: TableInfo, until: datetime) -> None:
        made = TablePoints(self._engine, table)
        newest = max((each.id for each in made.measures), default=0)
        known = self._sent.tables.get(table.id)
        start = known.until if known is not None and known.measure >= newest else None
        if start is None:
            span = self._engine.store.measure_span(list(made.series)) if made.series else None
            start = min(span[0], until) if span is not None else until
            self._keep(table.id, SentTable(start, newest))
        minutes = max(1, min(_MOST_MINUTES, SLICE_ROWS // max(1, len(made.series))))
        for low, high in _slices(start, until, minutes * MINUTE):
            if self._ended.is_set():
                return
            self._state = "catching up" if high < until else self._state
            begun = time.thread_time()
            self._write(made.points(low, high))
            self._keep(table.id, SentTable(high, newest))
            if high < until:  # history leaves half of a core to what comes in
                self._ended.wait(time.thread_time() - begun)

    def _send_own(self) -> None:
        """Send scores and the like of what is closed, once those who make them have seen it."""
        if self._own_due is None:
            until = max(tuple(self._closed.values()))
            self._own_due = OwnDue(until, self._engine.last_seq, time.monotonic())
            self._own_again = None
        due = self._own_due
        if not due.is_seen(self._engine):
            return
        known = self._sent.tables.get(_WORKSPACE)
        start = known.until if known is not None else first_minute(self._engine, due.until)
        for low, high in _slices(start, due.until, _MOST_MINUTES * MINUTE):
            if self._ended.is_set():
                return
            self._write(own_values(self._engine, low, high))
            # what changed since it was due may not be seen yet, and is sent again
            self._keep(_WORKSPACE, SentTable(min(high, self._own_again or high)))
        self._own_due = None

    def _write(self, points: Points) -> None:
        """Give points to the back end; what it refuses for good is counted and passed over."""
        if not points.height:
            return
        refused = 0
        try:
            self.backend.write(points)
        except BackendError as error:
            if error.retry:
                raise
            refused = points.height if error.rejected is None else error.rejected
            self._errors += 1
            _log.warning("%s: %s", self._key, error)
        taken = max(points.height - refused, 0)
        self._sent = replace(
            self._sent, points=self._sent.points + taken, refused=self._sent.refused + refused
        )

    def _keep(self, table_id: int, done: SentTable) -> None:
        self._sent = replace(self._sent, tables={**self._sent.tables, table_id: done})
        self._engine.store.sending.put(self._key, self._sent, only=table_id)

    # ------------------------------------------------------------------ late events

    def _note_changes(self) -> None:
        """Move cursors back to where something has changed since the last time."""
        seq, version = self._engine.last_seq, self._engine.touched.version
        again = self._changed()
        if again:
            again[_WORKSPACE] = floor_to(min(again.values()), MINUTE)
            self._own_again = min(again[_WORKSPACE], self._own_again or again[_WORKSPACE])
        with self._asking:
            forget, self._forget = self._forget, None
        tables = dict(self._sent.tables)
        for id_, each in self._sent.tables.items():
            first = min((at for at in (again.get(id_), forget) if at is not None), default=None)
            if first is not None and first < each.until:
                tables[id_] = replace(each, until=floor_to(first, MINUTE))
        self._seen_version = version
        if tables != self._sent.tables or seq != self._sent.seq:
            self._sent = Sent(tables, seq, self._sent.points, self._sent.refused)
            self._engine.store.sending.put(self._key, self._sent)

    def _changed(self) -> dict[int, datetime]:
        """The oldest moment that has changed of each table; tables that have not are left out."""
        since = self._seen_version
        if since is not None and since == self._engine.touched.version:
            return {}
        found: dict[int, datetime] = {}
        unknown = since is None  # the workspace was just opened
        if since is not None:
            for table in self._engine.tables():
                first, is_known = self._engine.touched.first_changed(table.id, since)
                unknown = unknown or not is_known
                if first is not None:
                    found[table.id] = first
        if unknown:
            for id_, first in self._engine.store.sending.changed_from(self._sent.seq).items():
                found[id_] = min(first, found.get(id_, first))
        return found


def _slices(
    start: datetime, until: datetime, width: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    while start < until:
        end = min(start + width, until)
        yield start, end
        start = end


def _closes(engine: Engine) -> Iterator[tuple[int, datetime]]:
    for table in engine.tables():
        until = engine.closing.until(table.id)
        if until is not None:
            yield table.id, until
