"""`Workspace`: the same object for an engine in this process and for a server elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datawatch_lab.core.errors import WorkspaceLockedError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Role
from datawatch_lab.core.watching import Finding, Unwatched, WatchState
from datawatch_lab.service.access import read_token
from datawatch_lab.service.answers import (
    ColumnAnswer,
    EventsAnswer,
    Fixed,
    HealthAnswer,
    LedgerAnswer,
    MetricAnswer,
    OffsetAnswer,
    QuarantineAnswer,
    QueryAnswer,
    ReplayAnswer,
    StatusAnswer,
    TableAnswer,
)
from datawatch_lab.service.callers import Caller, LocalCaller, RemoteCaller
from datawatch_lab.service.operation import Nothing
from datawatch_lab.service.operations import (
    columns,
    custom,
    intake,
    late,
    metrics,
    sources,
    sql,
    trust,
    workspace,
)
from datawatch_lab.service.operations.metrics import MetricDetail
from datawatch_lab.service.operations.sql import SqlAnswer

DEFAULT_WORKSPACE = "datawatch.duckdb"


class Workspace:
    """Operations of a workspace as methods. Use it as a context manager, or `close` it."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Workspace {self.place}>"

    @property
    def place(self) -> str:
        """Path of the workspace, or address of the server."""
        return self.caller.place

    @property
    def is_remote(self) -> bool:
        """Whether another process owns the workspace."""
        return not isinstance(self.caller, LocalCaller)

    def health(self) -> HealthAnswer:
        """Whether the engine takes events and answers."""
        return self.caller.call(workspace.health, Nothing())

    def status(self) -> StatusAnswer:
        """What the workspace holds, from where, and whether data still comes."""
        return self.caller.call(workspace.status, Nothing())

    def tables(self) -> list[TableAnswer]:
        """The tables found so far."""
        return self.caller.call(workspace.tables, workspace.TablesAsk())

    def table(self, name: str) -> TableAnswer:
        """One table; a `NotFoundError` that names the nearest when there is none."""
        return self.caller.call(workspace.tables, workspace.TablesAsk(name=name))[0]

    def correct(
        self,
        table: str,
        column: str,
        *,
        role: Role | None = None,
        sensitive: bool | None = None,
        reset: bool = False,
    ) -> ColumnAnswer:
        """Set a column's role or mask so that it holds, or take back what was set."""
        ask = columns.ColumnAsk(
            table=table, column=column, role=role, sensitive=sensitive, reset=reset
        )
        return self.caller.call(columns.correct_column, ask)

    def metrics(self, table: str | None = None, search: str | None = None) -> list[MetricAnswer]:
        """The metrics that can be queried."""
        return self.caller.call(
            metrics.list_metrics, metrics.MetricsAsk(table=table, search=search)
        )

    def metric(self, name: str) -> MetricDetail:
        """One metric, with its definition and coverage where a user made it."""
        return self.caller.call(metrics.get_metric, metrics.MetricAsk(name=name))

    def define_metric(self, name: str, **what: Any) -> MetricDetail:
        """Define a custom metric or a formula; see `service.operations.custom.MetricBody`."""
        return self.caller.call(custom.define_metric, custom.MetricBody(name=name, **what))

    def change_metric(self, name: str, **what: Any) -> MetricDetail:
        """Define a custom metric or a formula anew."""
        return self.caller.call(custom.change_metric, custom.MetricBody(name=name, **what))

    def drop_metric(self, name: str) -> None:
        """Drop a custom metric and what it counted, or a formula."""
        self.caller.call(custom.drop_metric, custom.DropAsk(name=name))

    def query(self, name: str, **how: Any) -> QueryAnswer:
        """The value of a metric over a range; see `service.operations.metrics.QueryAsk`."""
        return self.caller.call(metrics.query, metrics.QueryAsk(name=name, **how))

    def range(self, name: str, **how: Any) -> QueryAnswer:
        """The points of a metric; see `service.operations.metrics.RangeAsk`."""
        return self.caller.call(metrics.range_query, metrics.RangeAsk(name=name, **how))

    def sql(self, query: str, limit: int | None = None, *, masked: bool = True) -> SqlAnswer:
        """Run one SELECT over live tables, changes and metrics; see `service.operations.sql`."""
        return self.caller.call(sql.sql, sql.SqlAsk(query=query, limit=limit, masked=masked))

    def corrections(self, name: str, **how: Any) -> late.CorrectionsAnswer:
        """Closed buckets that late events changed; see `service.operations.late`."""
        return self.caller.call(late.corrections, late.CorrectionsAsk(name=name, **how))

    def watermarks(self) -> list[late.WatermarkItem]:
        """How far each source is with each table, and until when the table is closed."""
        return self.caller.call(late.watermarks, Nothing())

    def retention(self) -> late.RetentionAnswer:
        """How long what is kept, and from when on time travel and back-fill are possible."""
        return self.caller.call(late.retention, Nothing())

    def watch(self, url: str, **how: Any) -> WatchState:
        """Watch a database from now on; see `service.operations.sources.WatchAsk`."""
        return self.caller.call(sources.watch, sources.WatchAsk(url=url, **how))

    def sources(self) -> list[WatchState]:
        """The databases that are watched, and how each is doing."""
        return self.caller.call(sources.sources, Nothing())

    def unwatch(self, name: str, *, keep: bool = False) -> Unwatched:
        """Watch a database no more; take back what was made there unless it is to be kept."""
        return self.caller.call(sources.unwatch, sources.UnwatchAsk(name=name, keep=keep))

    def diagnose(self, name: str) -> list[Finding]:
        """Check what a watched database needs and has."""
        return self.caller.call(sources.diagnose, sources.DiagnoseAsk(name=name))

    def post(self, body: bytes, *, content_type: str = "", wait: bool = True) -> EventsAnswer:
        """Take events in from JSON text: one object, an array, a batch object or NDJSON."""
        ask = intake.EventsAsk(body=body, content_type=content_type, wait=wait)
        return self.caller.call(intake.post_events, ask)

    def submit_packed(self, body: bytes) -> EventsAnswer:
        """Take in what another process read of a source."""
        return self.caller.call(intake.submit_batch, intake.BatchAsk(body=body))

    def offset(self, source: str) -> OffsetAnswer:
        """How far a source has been read."""
        return self.caller.call(intake.source_offset, intake.OffsetAsk(source=source))

    def ledger(self) -> LedgerAnswer:
        """The four counts."""
        return self.caller.call(trust.ledger, Nothing())

    def quarantine(self, limit: int = 100, state: str = "waiting") -> QuarantineAnswer:
        """Events that were set aside."""
        return self.caller.call(trust.quarantine, trust.QuarantineAsk(limit=limit, state=state))

    def replay(self, ids: Sequence[int] = (), fixed: Sequence[Fixed] = ()) -> ReplayAnswer:
        """Take quarantined events in again, corrected or as they are."""
        return self.caller.call(trust.replay, trust.ReplayAsk(ids=list(ids), fixed=list(fixed)))

    def close(self) -> None:
        """Close the engine or the connection."""
        self.caller.close()


def default_path() -> Path:
    """``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``."""
    return Path(os.environ.get("DATAWATCH_WORKSPACE") or DEFAULT_WORKSPACE)


def open_workspace(
    path: str | Path | None = None,
    *,
    settings: Settings | None = None,
    what: str = "Python",
    create: bool = True,
) -> Workspace:
    """Open a workspace file, or reach the engine that owns it.

    Args:
        path: the file; by default `default_path`.
        settings: for a new engine.
        what: how this process calls itself to others that find the file taken.
        create: make the file when there is none.

    Raises:
        WorkspaceLockedError: another process owns the file and has no address to reach it by.
        WorkspaceError: the file cannot be used; says why and what to do.
    """
    from datawatch_lab.engine import Engine

    place = Path(path) if path is not None else default_path()
    owner = Engine.owner(place)
    if owner is not None and owner.address:
        return Workspace(RemoteCaller(owner.address, read_token(place)))
    try:
        return Workspace(
            LocalCaller(Engine.open(place, settings=settings, what=what, create=create))
        )
    except WorkspaceLockedError as error:
        address = error.details.get("address")
        if not address:
            raise
        return Workspace(RemoteCaller(str(address), read_token(place)))


def connect(address: str, token: str | None = None) -> Workspace:
    """Reach a server by its address, such as ``http://127.0.0.1:3002``."""
    return Workspace(RemoteCaller(address, token))
