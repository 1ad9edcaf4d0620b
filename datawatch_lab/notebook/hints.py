"""What may stand in a string of one of our calls: ``lab.metric("…``, ``by="…``, ``where={"…``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from datawatch_lab.core.values import Role
from datawatch_lab.notebook.calls import Spot, spot_of
from datawatch_lab.notebook.completion import beginning, suggest
from datawatch_lab.notebook.lab import Lab
from datawatch_lab.notebook.metric import Metric
from datawatch_lab.notebook.names import Names
from datawatch_lab.notebook.tables import Table

_METRIC_CALLS = frozenset(
    {"metric", "query", "range", "corrections", "drop_metric", "detector", "forecast"}
)
_TABLE_CALLS = frozenset({"table", "suggest", "validate", "check", "of", "history"})
_RULE_CALLS = frozenset({"rule", "edit", "backtest", "why"})
_FIXED: Mapping[str, tuple[str, ...]] = {
    "compare": ("previous_period", "same_hour_yesterday", "same_hour_last_week"),
    "severity": ("info", "warning", "critical"),
    "role": tuple(each.value for each in Role),
    "kind": ("line", "bar"),
    "sensitivity": ("low", "medium", "high"),
}
_TOPICS = ("anomaly", "alert", "schema", "quality")
_NAMED_METRIC = re.compile(r"""\bmetrics?[(\[]\s*['"]([^'"]+)['"]\s*[)\]]|\bmetrics\.(\w+)""")
_NAMED_TABLE = re.compile(r"""\btables?[(\[]\s*['"]([^'"]+)['"]\s*[)\]]|\btables\.(\w+)""")


def hints(text: str, known: Mapping[str, Any], lab: Lab | None) -> tuple[str, list[str]]:
    """The fragment at the end of a text and what may stand in its place; no words for foreign code.

    Args:
        text: Python up to the cursor.
        known: the user's names; nothing in them is run.
        lab: the workspace when the object does not say which.
    """
    spot = spot_of(text)
    thing = None if spot is None else known.get(spot.root)
    if spot is None or not type(thing).__module__.startswith("datawatch_lab."):
        return "", []
    workspace = thing if isinstance(thing, Lab) else lab
    if workspace is None or workspace.closed:
        return "", []
    return _Hints(spot, thing, workspace.names).found()


class _Hints:
    """What may stand at one spot."""

    def __init__(self, spot: Spot, thing: Any, names: Names) -> None:
        self.spot = spot
        self.thing = thing
        self.names = names

    def found(self) -> tuple[str, list[str]]:
        spot = self.spot
        if spot.subscript:
            return spot.fragment, beginning(spot.fragment, self._named_by_key())
        if spot.method == "sql" and spot.place == 0:
            return suggest(spot.fragment, spot.fragment, self.names)
        if spot.keyword in ("where", "order") and self.table and not self.metric:
            return self._columns()
        return spot.fragment, beginning(spot.fragment, self._words())

    def _named_by_key(self) -> Iterable[str]:
        """Keys of ``lab.metrics["…`` and the like, without asking for the things."""
        names = self.names
        keys = {"metrics": names.metrics, "tables": names.tables, "backends": names.backends}
        ask = keys.get(self.spot.subscript.rpartition(".")[2])
        is_own = isinstance(self.thing, Lab) and self.spot.subscript.count(".") == 1
        return ask() if ask and is_own else ()

    def _columns(self) -> tuple[str, list[str]]:
        """Columns in a condition of SQL."""
        found = re.search(r"\w*$", self.spot.fragment)
        fragment = found[0] if found else ""
        return fragment, beginning(fragment, self.names.columns(self.table))

    def _words(self) -> Iterable[str]:
        spot, names = self.spot, self.names
        keywords: dict[str, Callable[[], Iterable[str]]] = {
            "metric": names.metrics,
            "name": lambda: names.metrics() if spot.method in _METRIC_CALLS else [],
            "table": names.tables,
            "by": lambda: names.labels(self.metric) or names.columns(self.table),
            "where": self._where,
            "aggregation": lambda: names.aggregations(self.metric),
            "field": lambda: names.columns(self.table),
            "column": lambda: names.columns(self.table),
            "rule": self._rules,
            "backend": names.backends,
        }
        if spot.keyword:
            ask = keywords.get(spot.keyword)
            return ask() if ask else _FIXED.get(spot.keyword, ())
        if spot.place:
            return ()
        return self._first()

    def _first(self) -> Iterable[str]:
        """Of the first argument, by what is called."""
        method, names = self.spot.method, self.names
        if method in _METRIC_CALLS:
            return () if isinstance(self.thing, Metric) else names.metrics()
        if method in _RULE_CALLS:
            return self._rules()
        if method in _TABLE_CALLS:
            return names.tables()
        others: dict[str, Callable[[], Iterable[str]]] = {
            "dashboard": names.dashboards,
            "correct": lambda: names.columns(self.table),
            "compare": lambda: _FIXED["compare"],
            "subscribe": lambda: _TOPICS,
        }
        return others[method]() if method in others else ()

    def _rules(self) -> Iterable[str]:
        callee = self.spot.call.callee + type(self.thing).__module__
        if "quality" in callee:
            return self.names.quality_rules()
        if "alert" in callee:
            return self.names.alert_rules()
        return [*self.names.alert_rules(), *self.names.quality_rules()]

    def _where(self) -> Iterable[str]:
        spot = self.spot
        if spot.is_key:
            return self.names.labels(self.metric)
        return self.names.values(self.metric, spot.key) if spot.key is not None else ()

    @property
    def metric(self) -> str:
        """The metric that the call is about; '' when it does not say."""
        if isinstance(self.thing, Metric):
            return self.thing.name
        return self._named(_NAMED_METRIC) or self._first_of(_METRIC_CALLS)

    @property
    def table(self) -> str:
        """The table that the call is about; '' when it does not say."""
        if isinstance(self.thing, Table):
            return self.thing.name
        return self._named(_NAMED_TABLE) or self._first_of(_TABLE_CALLS)

    def _named(self, pattern: re.Pattern[str]) -> str:
        found = pattern.search(self.spot.call.callee)
        return (found[1] or found[2]) if found else ""

    def _first_of(self, methods: frozenset[str]) -> str:
        return self.spot.first if self.spot.method in methods else ""
