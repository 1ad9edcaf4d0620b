"""`Lab`: a workspace in a notebook. ``open`` a file or ``connect`` to a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.notebook.listings import Listing, Table, metric_listing, table_listing
from datawatch_lab.notebook.metric import Metric
from datawatch_lab.notebook.trust import Ledger, Quarantine, Status
from datawatch_lab.service import handle
from datawatch_lab.service.answers import EventsAnswer, Fixed, QueryAnswer, ReplayAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.intake import Progress, file_source, ingest_source


class Lab:
    """A workspace whose tables and metrics show themselves.

    Use it as a context manager or `close` it; a file that this kernel owns is free again then.

    Attributes:
        workspace: the operations as plain methods.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Path of the workspace, or address of its server."""
        return self.workspace.place

    @property
    def tables(self) -> Listing[Table]:
        """The tables: ``lab.tables.orders``, ``lab.tables["orders"]``."""
        return table_listing(self.workspace)

    @property
    def metrics(self) -> Listing[Metric]:
        """The metrics: ``lab.metrics["orders_amount_sum"]``."""
        return metric_listing(self.workspace)

    @property
    def status(self) -> Status:
        """The workspace at a glance."""
        return Status(self.workspace.status())

    def table(self, name: str) -> Table:
        """One table; the error for an unknown name names the nearest."""
        return Table(self.workspace, self.workspace.table(name))

    def metric(self, name: str) -> Metric:
        """One metric; the error for an unknown name names the nearest."""
        return Metric(self.workspace, self.workspace.metric(name))

    def ledger(self) -> Ledger:
        """What became of everything received."""
        return Ledger(self.workspace.ledger())

    def quarantine(self, limit: int = 100, state: str = "waiting") -> Quarantine:
        """Events that were set aside, oldest first."""
        sensitive = {
            column.name
            for table in self.workspace.tables()
            for column in table.columns
            if column.sensitive
        }
        return Quarantine(self.workspace.quarantine(limit=limit, state=state), sensitive)

    def replay(self, ids: Sequence[int] = (), fixed: Sequence[Fixed] = ()) -> ReplayAnswer:
        """Take quarantined events in again, corrected or as they are."""
        return self.workspace.replay(ids, fixed)

    def query(self, name: str, **how: Any) -> QueryAnswer:
        """The value of a metric, as the service answers it; see `Metric.value` for more comfort."""
        return self.workspace.query(name, **how)

    def range(self, name: str, **how: Any) -> QueryAnswer:
        """The points of a metric, as the service answers them; see `Metric.df`."""
        return self.workspace.range(name, **how)

    def ingest(self, path: str | Path, progress: Progress | None = None) -> LedgerCounts:
        """Read a file of change events to its end, exactly once; read again, it is all duplicates.

        Args:
            path: NDJSON or a JSON array, also gzip or zstd.
            progress: called with the counts so far.
        """
        return ingest_source(self.workspace, file_source(str(path)), progress)

    def post(self, body: bytes, *, content_type: str = "", wait: bool = True) -> EventsAnswer:
        """Take events in from JSON text: one object, an array, a batch object or NDJSON."""
        return self.workspace.post(body, content_type=content_type, wait=wait)

    def close(self) -> None:
        """Let go of the workspace."""
        self.workspace.close()

    def __repr__(self) -> str:
        return f"<Lab {self.place}>  try .status, .tables, .metrics, .ledger(), .quarantine()"


def open(  # noqa: A001 — the name that users say: dw.open(path)
    path: str | Path | None = None,
    *,
    settings: Settings | None = None,
    create: bool = True,
) -> Lab:
    """Open a workspace file, or attach to the engine that has it open.

    Args:
        path: the file; by default ``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``.
        settings: for an engine of this process.
        create: make the file when there is none.

    Raises:
        WorkspaceError: the file cannot be used; says why and what to do.
    """
    return Lab(handle.open_workspace(path, settings=settings, what="notebook", create=create))


def connect(address: str, token: str | None = None) -> Lab:
    """Reach a server by its address, such as ``http://127.0.0.1:3002``."""
    return Lab(handle.connect(address, token))
