"""A workspace that answers tiles with what a test says, and counts what it is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import TILE_KINDS, Dashboard, Tile, TileQuery
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import DataWatchError, not_found
from datawatch_lab.service.answers import Counts, LedgerAnswer, MetricAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operations.alerts_open import AlertAnswer
from datawatch_lab.service.operations.forecasts import (
    ForecastAnswer,
    ForecastPoint,
    ForecastSeries,
)
from datawatch_lab.service.operations.metrics import (
    ComparedAnswer,
    ComparedSeries,
    ComparisonAnswer,
)
from datawatch_lab.service.operations.schema import SchemaChangeItem, SchemaChangesAnswer
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from datawatch_lab.service.quality import ScoreAnswer, TableItem
from datawatch_lab.service.telemetry.shapes import Service
from tests.views.fakes import NOW, status, table

HOSTILE = "<img src=x onerror=alert(1)>\"&'"

Values = Callable[[int], float | None]


@dataclass
class Scenario:
    """What there is.

    Attributes:
        count: points of a series, services, alerts …; 0 for nothing.
        value: of each point.
        names: of labels.
        fault: what every question is refused with.
    """

    count: int = 24
    value: Values = float
    names: tuple[str, ...] = ("DE", "FR", "US")
    fault: DataWatchError | None = None
    unit: str = "1"
    status: dict[str, Any] = field(default_factory=dict)


class BoardWorkspace:
    """Answers from a scenario; counts what it is asked."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or Scenario()
        self.asked: Counter[str] = Counter()

    def _note(self, what: str) -> Scenario:
        self.asked[what] += 1
        if self.scenario.fault is not None:
            raise self.scenario.fault
        return self.scenario

    def status(self) -> Any:
        """A live workspace, unless the scenario says otherwise."""
        self.asked["status"] += 1
        return status(**self.scenario.status)

    def tables(self) -> list[Any]:
        """One table, in the state of the workspace."""
        state = self.scenario.status.get("status", "live")
        message = self.scenario.status.get("message", "live")
        return [msgspec.structs.replace(table(), status=state, message=message)]

    def metrics(self) -> list[MetricAnswer]:
        """One metric with a label."""
        unit = self.scenario.unit
        labels = ["country", "status"]
        return [MetricAnswer("sales", "orders", "amount", "sum", unit, labels, True, "Sales")]

    def metric(self, name: str) -> MetricAnswer:
        """That metric."""
        if name != "sales":
            raise not_found("metric", name, ["sales"])
        return self.metrics()[0]

    def range(self, name: str, **how: Any) -> ComparedAnswer:
        """Points on the steps that were asked for, the newest last."""
        found = self._note("range")
        step = parse_duration(how["step"])
        end = datetime.fromisoformat(how["end"])
        starts = [end - step * (found.count - at) for at in range(found.count)]
        points = [(iso(at) or "", found.value(place)) for place, at in enumerate(starts)]
        series = [SeriesAnswer(each, points) for each in self._labels(how)] if points else []
        return self._answer(name, how, series, how["step"])

    def query(self, name: str, **how: Any) -> ComparedAnswer:
        """One value a series."""
        found = self._note("query")
        series = [
            SeriesAnswer(each, [(how["start"], found.value(place + 1))])
            for place, each in enumerate(self._labels(how))
        ]
        return self._answer(name, how, series if found.count else [], None)

    def _labels(self, how: dict[str, Any]) -> list[dict[str, str]]:
        if not how.get("group_by"):
            return [{}]
        return [{how["group_by"].split(",")[0]: name} for name in self.scenario.names]

    def _answer(
        self, name: str, how: dict[str, Any], series: list[SeriesAnswer], step: str | None
    ) -> ComparedAnswer:
        comparison: Any = msgspec.UNSET
        if how.get("compare") and series:
            before = [ComparedSeries({}, [(how["start"], 1.0)], [None], [None])]
            comparison = ComparisonAnswer(how["compare"], how["start"], how["end"], [], before)
        return ComparedAnswer(
            name,
            how.get("aggregation") or "sum",
            how["start"],
            how["end"],
            step,
            series,
            self.scenario.unit,
            1,
            None,
            comparison,
        )

    def sql(self, query: str, limit: int | None = None, **how: Any) -> SqlAnswer:
        """Rows with a name, a number, two coordinates and a time."""
        del query, how
        found = self._note("sql")
        kinds = {"name": "text", "amount": "number", "latitude": "number", "longitude": "number"}
        columns = [SqlColumn(name, kind) for name, kind in kinds.items()]
        rows = [
            [found.names[at % len(found.names)], found.value(at), at % 80, at % 170]
            for at in range(min(found.count, limit or 100))
        ]
        return SqlAnswer(columns, rows, False, 1.0)

    def forecast(self, metric: str, **how: Any) -> ForecastAnswer:
        """Three steps ahead."""
        del how
        found = self._note("forecast")
        history = [
            (iso(NOW - timedelta(hours=found.count - at)) or "", found.value(at))
            for at in range(found.count)
        ]
        ahead = [
            ForecastPoint(iso(NOW + timedelta(hours=at)) or "", 5.0, 4.0, 6.0) for at in range(3)
        ]
        series = ForecastSeries(
            labels={}, state="ready", missing=0, recommendation="", points=ahead, history=history
        )
        return ForecastAnswer(
            metric=metric,
            aggregation="sum",
            unit=found.unit,
            horizon="3h",
            step="1h",
            level=0.8,
            made=iso(NOW) or "",
            series=[series] if found.count else [],
            left_out=0,
            version=1,
        )

    def quality_score(self, window: str, end: str | None = None) -> ScoreAnswer:
        """Scores of as many tables as there are names."""
        del window, end
        found = self._note("quality_score")
        score = None if not found.count else 97.5
        tables = [
            TableItem(
                each, "good", score, 96.0, 1.5, 99.0, 98.0, 97.0, None, None, None, 3, 1, ["x"]
            )
            for each in found.names
        ]
        return ScoreAnswer(score, 96.0, 1.5, "good", 95.0, "", "", tables if found.count else [])

    def list_services(self) -> list[Service]:
        """As many services as there are names."""
        found = self._note("services")
        names = found.names if found.count else ()
        return [Service(each, "healthy", 1.0, 10, 0, 12.5, None) for each in names]

    def ledger(self) -> LedgerAnswer:
        """A ledger that balances."""
        found = self._note("ledger")
        counts = Counts(found.count, found.count, 0, 0, 0)
        return LedgerAnswer(
            **msgspec.structs.asdict(counts), tables={"orders": counts}, sources={"test": counts}
        )

    def schema_changes(self, **how: Any) -> SchemaChangesAnswer:
        """A change for each name."""
        del how
        found = self._note("schema")
        changes = [
            SchemaChangeItem(
                id=each,
                at=iso(NOW) or "",
                title=f"column {each} dropped",
                kind="drop_column",
                impact="breaking",
                reason="readers fail",
                table="orders",
            )
            for each in (found.names if found.count else ())
        ]
        return SchemaChangesAnswer(changes, len(changes))

    def anomalies(self, **how: Any) -> list[Any]:
        """Nothing unusual."""
        del how
        self._note("anomalies")
        return []

    def active_alerts(self) -> list[AlertAnswer]:
        """An alert for each name."""
        found = self._note("alerts")
        return [alert(each) for each in (found.names if found.count else ())]

    def alert_history(self, **how: Any) -> list[AlertAnswer]:
        """The same."""
        del how
        return self.active_alerts()


def alert(name: str) -> AlertAnswer:
    """An open alert."""
    return AlertAnswer(
        **dict.fromkeys(("low", "high", "last_value", "resolved", "at", "snoozed_until")),
        id=name,
        rule_id=name,
        rule=name,
        severity="critical",
        labels={},
        metric="sales",
        condition="sales > 5",
        value=7.0,
        unit="1",
        status="open",
        started=iso(NOW),
        fired=iso(NOW - timedelta(minutes=5)),
        by="",
        note="",
        resolved_by="",
        channels=[],
        description="",
    )


def anomaly(**changes: Any) -> Any:
    """An episode that goes on."""
    made = {
        "id": "a1",
        "incident": "",
        "metric_name": "sales",
        "table": "orders",
        "labels": {},
        "type": "spike",
        "severity": "high",
        "value": 9.0,
        "started_at": iso(NOW - timedelta(minutes=10)),
        "peak_at": iso(NOW - timedelta(minutes=10)),
        "ended_at": None,
        "active": True,
        "description": "sales is 9, expected 1 to 3",
        "withdrawn": False,
        "past": False,
    }
    return SimpleNamespace(**{**made, **changes})


def tile_of(kind: str, **changes: Any) -> Tile:
    """A tile of a kind with the query that it wants."""
    sales = TileQuery(metric="sales")
    by = TileQuery(metric="sales", by=("country",))
    queries: dict[str, dict[str, Any]] = {
        "donut": {"query": by},
        "top": {"query": by},
        "map": {"query": by},
        "bar": {"query": by},
        "table": {"query": by},
        "scatter": {"query": sales, "queries": (sales,)},
        "text": {"note": f"**words** {HOSTILE}"},
        "custom": {"options": {"object": HOSTILE}},
    }
    given: dict[str, Any] = {"kind": kind, "title": kind, "id": kind}
    if TILE_KINDS[kind].needs_query:
        given["query"] = sales
    given.update(queries.get(kind, {}))
    return Tile(**{**given, **changes})


def board_of(*tiles: Tile, **changes: Any) -> Dashboard:
    """A dashboard of these tiles, with a range of its own."""
    how: dict[str, Any] = {"name": "Shop", "id": "shop", "time_range": "24h", "refresh": "1s"}
    return Dashboard(**{**how, **changes, "tiles": tiles})


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).astimezone(UTC)
