"""What the parts of a `Lab` share: the workspace, and the names that are kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from datawatch_lab.notebook.fresh import Fresh
from datawatch_lab.notebook.metric import Metric, Metrics
from datawatch_lab.notebook.names import Names
from datawatch_lab.notebook.rows import Rows
from datawatch_lab.notebook.tables import Table, Tables, role_named
from datawatch_lab.service.answers import TableAnswer

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace

Given = TypeVar("Given")

_KEPT_SECONDS = 2.0
"""How long names stay before they are asked for again: completion asks at every key."""


class Held:
    """The workspace, and its tables and metrics by name.

    Attributes:
        workspace: the service's handle, for what has no object here.
        closed: whether it was let go.
        names: what completion offers.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.closed = False
        self._kept: dict[str, tuple[float, Any]] = {}
        self.names = Names(workspace)

    def _find_tables(self) -> Tables:
        """The tables found so far, by name."""
        return self.keep("tables", self._ask_tables)

    def _find_metrics(self) -> Metrics:
        """The metrics that can be queried, by name."""
        return self.keep("metrics", self._ask_metrics)

    tables = Fresh(_find_tables)
    metrics = Fresh(_find_metrics)

    def _ask_tables(self) -> Tables:
        found = self.workspace.tables()
        made = (Table(each, self) for each in found)
        return Tables({each.name: each for each in made})

    def _ask_metrics(self) -> Metrics:
        found = self.workspace.metrics()
        return Metrics({each.name: Metric(self.workspace, each) for each in found})

    def keep(self, name: str, ask: Callable[[], Given]) -> Given:
        """What was asked for under that name a short while ago, else asked for now."""
        at, kept = self._kept.get(name, (-_KEPT_SECONDS, None))
        if kept is None or time.monotonic() - at >= _KEPT_SECONDS:
            kept = ask()
            self._kept[name] = (time.monotonic(), kept)
        found: Given = kept
        return found

    def sql(self, query: str, limit: int | None = None, *, masked: bool = True, **how: Any) -> Rows:
        """Run one query that only reads, over ``live.*``, ``changes.*`` and ``metrics.*``.

        Args:
            query: DuckDB's SQL.
            limit: most rows; None for the most there are, 100,000.
            masked: show sensitive values as ``•••``.
            how: ``parameters``: values that the query names as ``$name``; ``start`` and ``end``:
                what it names as ``$from`` and ``$to``, such as ``"-1h"`` and ``"now"``.

        Raises:
            InputError: the query is refused, or takes too long; says why.
            NotFoundError: it names what does not exist; names the nearest.
        """
        return Rows(self.workspace.sql(query, limit, masked=masked, **how))

    def correct(self, table: str, column: str, role: str | None, **said: Any) -> TableAnswer:
        """Carry a correction out; what this kept of tables and metrics is asked for again."""
        self.workspace.correct(table, column, role=role_named(role), **said)
        self.forget()
        return self.workspace.table(table)

    def forget(self) -> None:
        """Ask again for the names that were kept: something changed them."""
        self._kept.clear()
        self.names.forget()
