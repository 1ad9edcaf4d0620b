"""The half of a client that sends: telemetry, row changes, frames; all of it in the background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, overload

from datawatch_lab.client import events
from datawatch_lab.client.events import STREAMS, Row
from datawatch_lab.client.frames import frame_lines, is_frame
from datawatch_lab.client.sender import Sender
from datawatch_lab.client.stats import Stats
from datawatch_lab.client.tracking import Function, Tracked
from datawatch_lab.core.errors import InputError


class Sending:
    """Methods that hand events over and return at once.

    Attributes:
        service: what the events of this client are of, where a call does not say.
    """

    def __init__(self, sender: Sender, service: str) -> None:
        self._sender = sender
        self.service = service

    @property
    def stats(self) -> Stats:
        """What became of the events so far; nothing is dropped without being counted."""
        return self._sender.stats

    def track_event(
        self,
        type: str,  # noqa: A002 — its name in the stream
        *,
        service: str | None = None,
        user_id: str | int | None = None,
        data: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
        **fields: Any,
    ) -> None:
        """Tell that something happened: a request, an error, a purchase, a page view.

        Args:
            type: what happened; request, error, purchase, product_view, search, cart_add or a word
                of your own.
            service: where; the client's `service` when None.
            user_id: to whom.
            data: what there is to say of it.
            tags: to group by.
            timestamp: when; now when None.
            fields: further columns of ``datawatch.events``, such as ``endpoint``, ``duration_ms``,
                ``status_code``, ``success``, ``session_id``.
        """
        row = {"type": type, "service": service or self.service, "user_id": user_id}
        self._record("events", {**row, "data": data, "tags": tags, **fields}, timestamp)

    def record_metric(
        self,
        name: str,
        value: float,
        unit: str | None = None,
        *,
        service: str | None = None,
        tags: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """One measurement, such as ``record_metric("queue_length", 12)``."""
        row = {"name": name, "service": service or self.service, "value": value, "unit": unit}
        self._record("measurements", {**row, "tags": tags}, timestamp)

    def heartbeat(
        self,
        service: str | None = None,
        *,
        status: str = "healthy",
        request_count: int | None = None,
        error_count: int | None = None,
        avg_latency: float | None = None,
        uptime: float | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """A service is there; one that says nothing for two minutes is stale.

        Args:
            service: which; the client's `service` when None.
            status: healthy, degraded or unhealthy.
            request_count: requests since its last heartbeat.
            error_count: errors since then.
            avg_latency: ms.
            uptime: seconds.
            timestamp: when; now when None.
        """
        row = {
            "service": service or self.service,
            "status": status,
            "request_count": request_count,
            "error_count": error_count,
            "avg_latency": avg_latency,
            "uptime": uptime,
        }
        self._record("heartbeats", row, timestamp)

    def task_run(
        self,
        task_type: str,
        *,
        task_id: str | None = None,
        status: str = "success",
        start: datetime | None = None,
        end: datetime | None = None,
        duration_ms: float | None = None,
        timestamp: datetime | None = None,
        **fields: Any,
    ) -> None:
        """A background task ran.

        Args:
            task_type: what kind of task.
            task_id: which run of it; made when None.
            status: success, failed or a word of your own.
            start: when it began.
            end: when it was over.
            duration_ms: how long; by ``start`` and ``end`` when None.
            timestamp: of the event; ``end``, else now, when None.
            fields: ``cpu_usage_percent``, ``memory_usage_mb``, ``error_message``, ``context``,
                ``queue_depth``.
        """
        if duration_ms is None and start is not None and end is not None:
            duration_ms = (end - start).total_seconds() * 1_000
        row = {
            "task_id": task_id or events.fresh_id(),
            "task_type": task_type,
            "status": status,
            "start": start,
            "end": end,
            "duration_ms": duration_ms,
        }
        self._record("task_runs", {**row, **fields}, timestamp or end)

    def record(self, stream: str, *, timestamp: datetime | None = None, **fields: Any) -> None:
        """A row of a telemetry stream, such as ``business`` or ``user_actions``.

        Raises:
            InputError: there is no such stream; says which there are.
        """
        if stream not in STREAMS:
            raise InputError(
                f"no stream {stream!r}. Streams: {', '.join(STREAMS)}.",
                hint="To send a row of a table of yours, use insert(table, row).",
            )
        self._record(stream, fields, timestamp)

    def insert(
        self,
        table: str,
        row: Row,
        *,
        id: str | None = None,  # noqa: A002 — its name in the event
        timestamp: datetime | None = None,
    ) -> None:
        """A row of a table came into being.

        Args:
            table: its name, with the schema before a dot where there is one.
            row: its columns.
            id: makes a second delivery a duplicate; made when None.
            timestamp: when; now when None.
        """
        self._sender.put(events.line("INSERT", table, row, id=id, timestamp=timestamp))

    def update(
        self,
        table: str,
        row: Row,
        before: Row | None = None,
        *,
        id: str | None = None,  # noqa: A002 — its name in the event
        timestamp: datetime | None = None,
    ) -> None:
        """A row changed: as it is now, and as it was where that is known."""
        self._sender.put(events.line("UPDATE", table, row, before, id=id, timestamp=timestamp))

    def delete(
        self,
        table: str,
        row: Row,
        *,
        id: str | None = None,  # noqa: A002 — its name in the event
        timestamp: datetime | None = None,
    ) -> None:
        """A row was deleted: as it was, its key at least."""
        self._sender.put(events.line("DELETE", table, None, row, id=id, timestamp=timestamp))

    def send(
        self,
        what: Row | Iterable[Row] | Any,
        table: str | None = None,
        *,
        time_column: str | None = None,
    ) -> int:
        """Send events as they are, or the rows of a frame or list as inserts; gives how many.

        Of many it waits for room in the buffer while the server takes them.

        Args:
            what: an event of any known format, or several; a frame of pandas or polars, or an
                Arrow table. With ``table``, rows.
            table: the rows are inserted there; a frame needs it.
            time_column: of a frame, when each row happened.

        Raises:
            InputError: it is neither, or ``table`` is missing.
        """
        if is_frame(what):
            if table is None:
                raise InputError("send: a frame needs table='…'.")
            lines = frame_lines(what, table, time_column=time_column)
        elif time_column is not None:
            raise InputError("send: time_column goes with a frame.")
        else:
            lines = [self._line(each, table) for each in _several(what)]
        self._sender.put_many(lines)
        return len(lines)

    @overload
    def track(self, what: Function) -> Function: ...

    @overload
    def track(self, what: str | None = None, *, service: str | None = None) -> Tracked: ...

    def track(
        self, what: Function | str | None = None, *, service: str | None = None
    ) -> Function | Tracked:
        """Time a function or a block, into ``datawatch.performance``.

        ``@client.track``, ``@client.track("name")`` and ``with client.track("name"):`` record
        duration, CPU time, memory growth, outcome and the type of an exception; see `tracking`.
        """
        put = self._sender.put
        if callable(what):
            return Tracked(put, None, service or self.service)(what)
        return Tracked(put, what, service or self.service)

    def _record(self, stream: str, row: Row, timestamp: datetime | None) -> None:
        known = {name: value for name, value in row.items() if value is not None}
        self._sender.put(events.line("INSERT", STREAMS[stream], known, timestamp=timestamp))

    @staticmethod
    def _line(row: object, table: str | None) -> bytes:
        if not isinstance(row, Mapping):
            raise InputError(f"send: {type(row).__name__} is neither an event nor a frame.")
        return events.given(row) if table is None else events.line("INSERT", table, row)


def _several(what: Any) -> Iterable[Any]:
    if isinstance(what, Mapping):
        return [what]
    if isinstance(what, str | bytes) or not isinstance(what, Iterable):
        raise InputError(
            f"send: {type(what).__name__} is neither an event nor a frame.",
            hint="Give a dictionary, a list of them, or a data frame with table='…'.",
        )
    return what
