"""Names that completion offers: known beforehand, so that a key pressed waits for nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.service.answers import MetricAnswer
    from datawatch_lab.service.handle import Workspace

KEPT_SECONDS = 30.0
WAIT_SECONDS = 0.08
"""How long a key may wait for names that were never asked for."""
_MOST_VALUES = 100

Spawn = Callable[[Callable[[], None]], None]


def in_thread(work: Callable[[], None]) -> None:
    """Do something beside what the kernel does."""
    threading.Thread(target=work, name="datawatch-names", daemon=True).start()


@dataclass
class _Known:
    """What is known of one kind of names."""

    found: Any = None
    at: float = -KEPT_SECONDS
    asking: bool = False


class Names:
    """The names of one workspace.

    Each kind is one question. It is asked in a thread: the first time a key waits for it, for 80 ms
    at most; later, names that are older than 30 seconds are given as they are, and asked for again
    beside. A question that is refused leaves what was known: completion is no place for errors.

    Args:
        workspace: the service's handle.
        spawn: runs a question; in a thread.
    """

    def __init__(self, workspace: Workspace, spawn: Spawn = in_thread) -> None:
        self._workspace = workspace
        self._spawn = spawn
        self._known: dict[str, _Known] = {}
        self._changed = threading.Condition()

    def forget(self) -> None:
        """Ask for everything again when it is needed."""
        with self._changed:
            for each in self._known.values():
                each.at = -KEPT_SECONDS

    def warm(self) -> None:
        """Ask for the names that are needed first, without waiting."""
        self._get("metrics", self._ask_metrics, {}, waits=False)

    # ---------------------------------------------------------------- what there is

    def metrics(self) -> list[str]:
        """All metrics."""
        return list(self._metrics())

    def tables(self) -> list[str]:
        """All tables; each has metrics, so that these are all there is to ask for."""
        return sorted({each.table for each in self._metrics().values()} - {""})

    def columns(self, table: str) -> list[str]:
        """Columns of a table; none for one that there is not."""
        if table not in self.tables():
            return []

        def ask() -> list[str]:
            return [each.name for each in self._workspace.table(table).columns]

        return list(self._get(f"columns {table}", ask, []))

    def labels(self, metric: str) -> list[str]:
        """Labels of a metric."""
        found = self._metrics().get(metric)
        return [] if found is None else list(found.labels)

    def aggregations(self, metric: str) -> list[str]:
        """What a metric can be asked for."""
        found = self._metrics().get(metric)
        return [] if found is None else list(found.aggregations)

    def alert_rules(self) -> list[str]:
        """Names of alert rules."""
        return self._listed("alert rules", lambda: (e.name for e in self._workspace.alert_rules()))

    def quality_rules(self) -> list[str]:
        """Titles of quality rules."""
        return self._listed(
            "quality rules", lambda: (each.title for each in self._workspace.quality_rules())
        )

    def dashboards(self) -> list[str]:
        """Names of dashboards."""
        return self._listed(
            "dashboards", lambda: (each.name for each in self._workspace.list_dashboards())
        )

    def backends(self) -> list[str]:
        """Names of metric back ends."""
        return self._listed("backends", lambda: (each.name for each in self._workspace.backends()))

    def values(self, metric: str, label: str) -> list[str]:
        """Values of a label, those with most first; none for a label that there is not."""
        if label not in self.labels(metric):
            return []

        def ask() -> Iterable[str]:
            found = self._workspace.query(metric, group_by=label)
            return (each.labels.get(label, "") for each in found.series[:_MOST_VALUES])

        return self._listed(f"values {metric} {label}", ask)

    def values_of_column(self, table: str, column: str) -> list[str]:
        """Values of a column that is a label of a metric of its table."""
        every = self._metrics()
        by = f"{table}_by_{column}"
        if by in every:
            return self.values(by, column)
        found = (m.name for m in every.values() if m.table == table and column in m.labels)
        metric = next(found, None)
        return [] if metric is None else self.values(metric, column)

    # ---------------------------------------------------------------- how it is asked for

    def _ask_metrics(self) -> dict[str, MetricAnswer]:
        return {each.name: each for each in self._workspace.metrics()}

    def _metrics(self) -> dict[str, MetricAnswer]:
        found: dict[str, MetricAnswer] = self._get("metrics", self._ask_metrics, {})
        return found

    def _listed(self, name: str, ask: Callable[[], Iterable[str]]) -> list[str]:
        return list(self._get(name, lambda: [each for each in ask() if each], []))

    def _get(self, name: str, ask: Callable[[], Any], nothing: Any, *, waits: bool = True) -> Any:
        """What is known under a name; asked for beside when that is nothing, or old."""
        with self._changed:
            known = self._known.setdefault(name, _Known())
            old = time.monotonic() - known.at >= KEPT_SECONDS
            if old and not known.asking:
                known.asking = True
                start = True
            else:
                start = False
        if start:
            self._spawn(lambda: self._asked(known, ask))
        with self._changed:
            if known.found is None and waits:
                self._changed.wait_for(lambda: not known.asking, WAIT_SECONDS)
            return nothing if known.found is None else known.found

    def _asked(self, known: _Known, ask: Callable[[], Any]) -> None:
        found = known.found
        try:
            found = ask()
        except DataWatchError:
            pass  # what was known stays; the next key asks again
        finally:
            with self._changed:
                known.found, known.asking = found, False
                known.at = time.monotonic() if found is not None else known.at
                self._changed.notify_all()
