"""The window of one engine: what its streams brought, read once and kept as small tables.

Each row of a stream is read once, some milliseconds after it is stored. A restart reads the newest
part of the log again.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import MeasureKind
from datawatch_lab.engine import queries
from datawatch_lab.engine.telemetry import STREAMS, newest_rows, rows_after, stream_table
from datawatch_lab.service.telemetry.behaviour import actions_of
from datawatch_lab.service.telemetry.calls import CALLS, REQUEST, failures_of, number, text
from datawatch_lab.service.telemetry.cells import Cells
from datawatch_lab.service.telemetry.latest import add_failures, add_users, newest
from datawatch_lab.service.telemetry.tasks import reports_of

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

MOST_READ_AGAIN = 500_000
"""Events of the log that a restart reads again at most."""

RECENT_EVENTS = 20

_KEPT_BEYOND = {
    "users": timedelta(hours=1),
    "failures": timedelta(hours=1),
    "heartbeats": timedelta(0),
    "service_metrics": timedelta(0),
    "measurements": timedelta(0),
}
"""Tables that are cut to the window, and how much longer their rows may wait for it."""

_SERVICE_FIELDS = (
    *("cpu_usage", "memory_usage", "disk_usage", "request_rate"),
    *("error_rate", "latency", "cache_hit_rate"),
)


class Window:
    """What is known of the streams of an engine; any thread may bring it up to date.

    Read its tables under `lock`, after `update`.

    Attributes:
        cells: calls by time, service, kind and endpoint.
        users, failures: by hour, see `latest`.
        heartbeats: newest by service: status, request_count, error_count, avg_latency, uptime.
        service_metrics: newest by service.
        measurements: newest by service and name: value, unit.
        actions, reports: newest rows of the window, see `behaviour` and `tasks`.
        recent: the newest events as they came.
    """

    def __init__(self, engine: Engine) -> None:
        self.lock = threading.RLock()
        self._engine = engine
        self._done: dict[str, tuple[int, int]] = {}  # by stream: read up to, rows there were then
        self._base = 0.0  # requests that were before what was read
        self._is_based = False
        self._requests = 0.0
        self.cells = Cells()
        self.users: pl.DataFrame | None = None
        self.failures: pl.DataFrame | None = None
        self.heartbeats: pl.DataFrame | None = None
        self.service_metrics: pl.DataFrame | None = None
        self.measurements: pl.DataFrame | None = None
        self.actions: pl.DataFrame | None = None
        self.reports: pl.DataFrame | None = None
        self.recent: list[dict[str, object]] = []

    @property
    def requests(self) -> float:
        """Events of type request as long as log and roll-ups reach back."""
        return self._base + self._requests

    def since(self, now: datetime) -> datetime:
        """Start of the window: a full hour."""
        start = now - self._engine.settings.telemetry_window
        return start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

    def update(self, now: datetime) -> None:
        """Read what has been stored since the last time."""
        with self.lock:
            counts = self._engine.store.table_counts()  # before the log: what comes between is next
            upto = self._engine.last_seq
            first = max(self._engine.store.first_seq() - 1, upto - MOST_READ_AGAIN, 0)
            for stream in STREAMS:
                table = stream_table(self._engine, stream)
                seen = counts[table.id].events if table and table.id in counts else 0
                done, before = self._done.get(stream, (first, 0))
                if seen == before:
                    continue
                for rows in rows_after(self._engine, stream, done, upto):
                    # Noted first: rows that cannot be taken are not counted twice, nor for ever.
                    self._done[stream] = (int(rows["_seq"][-1]), before)
                    self._take(stream, rows, now)
                self._done[stream] = (upto, seen)
            if self._done and not self._is_based:
                self._is_based = True
                if first > 0:
                    self._base = max(0.0, _requests_of_all_time(self._engine) - self._requests)
            self._forget(now)

    def _take(self, stream: str, rows: pl.DataFrame, now: datetime) -> None:
        if stream in CALLS:
            self._count(stream, rows, now)
        failures = failures_of(stream, rows)
        if failures.height:
            self.failures = add_failures(self.failures, failures)
        if stream in ("user_actions", "events"):
            actions = actions_of(stream, rows)
            self.actions = _joined(self.actions, actions)
            if stream == "user_actions":
                self.users = add_users(self.users, _as_calls(actions))
        if stream == "task_runs":
            self.reports = _joined(self.reports, reports_of(rows))
        self._remember(stream, rows)
        if stream == "events":
            self.recent = newest_rows(self._engine, stream, lambda found: found, RECENT_EVENTS)

    def _count(self, stream: str, rows: pl.DataFrame, now: datetime) -> None:
        calls = CALLS[stream](rows)
        self.cells.add(calls, now)
        if stream == "events":
            self._requests += float((calls["kind"] == REQUEST).sum())
            self.users = add_users(self.users, calls)

    def _remember(self, stream: str, rows: pl.DataFrame) -> None:
        """Keep the newest word on services and measurements."""
        if stream == "heartbeats":
            fields = ("request_count", "error_count", "avg_latency", "uptime")
            words = {"status": text(rows, "status")}
            self.heartbeats = _newest(self.heartbeats, rows, ("service",), words, fields)
        elif stream == "service_metrics":
            self.service_metrics = _newest(
                self.service_metrics, rows, ("service_id",), {}, _SERVICE_FIELDS
            )
        elif stream == "measurements":
            words = {"unit": text(rows, "unit")}
            self.measurements = _newest(
                self.measurements, rows, ("service", "name"), words, ("value",)
            )

    def _forget(self, now: datetime) -> None:
        """Let go of what lies before the window."""
        since = self.since(now)
        self.cells.drop(since, now)
        most = self._engine.settings.telemetry_rows
        for name in ("actions", "reports"):
            table: pl.DataFrame | None = getattr(self, name)
            if table is not None and table.height > most:
                setattr(self, name, table.filter(pl.col("at") >= since).top_k(most, by="seq"))
        for name, slack in _KEPT_BEYOND.items():
            table = getattr(self, name)
            if table is not None and table.height:
                oldest = table["at"].min()
                if isinstance(oldest, datetime) and oldest < since - slack:
                    setattr(self, name, table.filter(pl.col("at") >= since))


def _joined(known: pl.DataFrame | None, rows: pl.DataFrame) -> pl.DataFrame:
    return rows if known is None else pl.concat([known, rows])


def _as_calls(actions: pl.DataFrame) -> pl.DataFrame:
    failed = (~pl.col("success")).fill_null(value=False).cast(pl.Float64)
    return actions.select("at", "user", weight=pl.lit(1.0), errors=failed)


def _newest(
    known: pl.DataFrame | None,
    rows: pl.DataFrame,
    keys: tuple[str, ...],
    words: dict[str, pl.Expr],
    numbers: tuple[str, ...],
) -> pl.DataFrame:
    made: dict[str, Any] = {"at": pl.col("_ts"), "first": pl.col("_ts"), "seq": pl.col("_seq")}
    made |= {name: text(rows, name).fill_null("") for name in keys}
    made |= words | {name: number(rows, name) for name in numbers}
    return newest(known, rows.select(**made), keys)


def _requests_of_all_time(engine: Engine) -> float:
    """Events of type request by the roll-ups; 0 where they are not split by type."""
    table = stream_table(engine, "events")
    if table is None:
        return 0.0
    metric = next(
        each.name
        for each in engine.metrics().values()
        if each.table == table.name and each.measure is MeasureKind.CHANGES and each.op == "c"
    )
    counts = engine.table_counts(table)
    if counts.first_ts is None or counts.last_ts is None:
        return 0.0
    request = queries.QueryRequest(
        metric=metric,
        start=counts.first_ts,
        end=counts.last_ts + timedelta(days=1),
        aggregation="sum",
        filters=(("type", REQUEST),),
        stepped=False,
    )
    try:
        series = queries.run(engine, request).series
    except InputError:  # somebody gave the field another role
        return 0.0
    return sum(value or 0.0 for each in series for _, value in each.points)
