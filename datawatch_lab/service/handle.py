"""`Workspace`: the same object for an engine in this process and for a server elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from datawatch_lab.core.errors import WorkspaceLockedError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Role
from datawatch_lab.service import calling
from datawatch_lab.service.access import read_token
from datawatch_lab.service.answers import (
    ColumnAnswer,
    EventsAnswer,
    Fixed,
    MetricAnswer,
    OffsetAnswer,
    QuarantineAnswer,
    ReplayAnswer,
    TableAnswer,
)
from datawatch_lab.service.callers import Caller, LocalCaller
from datawatch_lab.service.methods import Operations
from datawatch_lab.service.operation import Answer, Ask, Operation
from datawatch_lab.service.operations.metrics import ComparedAnswer, MetricDetail
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.service.remote import RemoteCaller
from datawatch_lab.service.subscribing import Callback, Subscription

DEFAULT_WORKSPACE = "datawatch.duckdb"


class Workspace(Operations):
    """Operations of a workspace as methods. Use it as a context manager, or `close` it.

    Every declared operation is a method by its name (``query``, ``ledger``, ``sql_table`` …); what
    stands here are shorter names and ways of saying it.
    """

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._subscriptions: list[Subscription] = []

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

    def table(self, name: str) -> TableAnswer:
        """One table; a `NotFoundError` that names the nearest when there is none."""
        return self.tables(name=name)[0]

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
        return self.correct_column(table, column, role=role, sensitive=sensitive, reset=reset)

    def metrics(self, table: str | None = None, search: str | None = None) -> list[MetricAnswer]:
        """The metrics that can be queried."""
        return self.list_metrics(table, search=search)

    def metric(self, name: str) -> MetricDetail:
        """One metric, with its definition and coverage where a user made it."""
        return self.get_metric(name)

    def range(self, name: str, **how: Any) -> ComparedAnswer:
        """The points of a metric; see `service.operations.metrics.RangeAsk`."""
        return self.range_query(name, **how)

    def sql(self, query: str, limit: int | None = None, **how: Any) -> SqlAnswer:
        """Run one SELECT over live tables, changes and metrics.

        Args:
            query: see docs/sql.md.
            limit: most rows.
            how: ``masked``, ``parameters``, ``start``, ``end``: see `SqlAsk` of
                `service.operations.sql`.
        """
        answer: SqlAnswer = self._operation("sql")(query, limit=limit, **how)
        return answer

    def post(self, body: bytes, *, content_type: str = "", wait: bool = True) -> EventsAnswer:
        """Take events in from JSON text: one object, an array, a batch object or NDJSON."""
        return self.post_events(body, content_type=content_type, wait=wait)

    def submit_packed(self, body: bytes) -> EventsAnswer:
        """Take in what another process read of a source."""
        return self.submit_batch(body)

    def offset(self, source: str) -> OffsetAnswer:
        """How far a source has been read."""
        return self.source_offset(source)

    def quarantine(self, limit: int = 100, state: str = "waiting") -> QuarantineAnswer:
        """Events that were set aside."""
        answer: QuarantineAnswer = self._operation("quarantine")(limit=limit, state=state)
        return answer

    def replay(self, ids: Sequence[int] = (), fixed: Sequence[Fixed] = ()) -> ReplayAnswer:
        """Take quarantined events in again, corrected or as they are."""
        answer: ReplayAnswer = self._operation("replay")(ids=list(ids), fixed=list(fixed))
        return answer

    def subscribe(self, topic: str, callback: Callback) -> Subscription:
        """Call a function with each alert, anomaly, violation or schema change from now on.

        It is called in a thread of its own, with the event as plain values; see docs/client.md.

        Args:
            topic: ``alert``, ``anomaly``, ``quality`` or ``schema``.
            callback: given the event; what it raises is logged.

        Raises:
            NotFoundError: there is no such topic.
        """
        from datawatch_lab.service.subscribing import subscribe

        made = subscribe(self.caller, topic, callback)
        self._subscriptions.append(made)
        return made

    def close(self) -> None:
        """Close the engine or the connection, and end what is subscribed to."""
        for each in self._subscriptions:
            each.stop()
        self.caller.close()

    def _carry_out(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        return self.caller.call(operation, ask)

    def _operation(self, name: str) -> Any:
        """An operation whose name has a method of its own here."""
        return calling.method(self._carry_out, name, "Workspace")


def default_path() -> Path:
    """``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``."""
    return Path(os.environ.get("DATAWATCH_WORKSPACE") or DEFAULT_WORKSPACE)


def open_workspace(
    path: str | Path | None = None,
    *,
    settings: Settings | None = None,
    changed: Mapping[str, object] = MappingProxyType({}),
    what: str = "Python",
    create: bool = True,
) -> Workspace:
    """Open a workspace file, or reach the engine that owns it.

    Args:
        path: the file; by default `default_path`.
        settings: for an engine of this process; by default those that the workspace was last given.
        changed: single settings beside these, by name.
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
            LocalCaller(
                Engine.open(place, settings=settings, changed=changed, what=what, create=create)
            )
        )
    except WorkspaceLockedError as error:
        address = error.details.get("address")
        if not address:
            raise
        return Workspace(RemoteCaller(str(address), read_token(place)))


def connect(address: str, token: str | None = None) -> Workspace:
    """Reach a server by its address, such as ``http://127.0.0.1:3002``."""
    return Workspace(RemoteCaller(address, token))
