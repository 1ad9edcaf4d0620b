"""Settings that switch a part of the engine off."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import open_workspace

EVENT = {
    "id": "e-1",
    "source": "shop",
    "table": "orders",
    "operation": "INSERT",
    "timestamp": "2026-01-05T12:00:00Z",
    "after": {"id": 1, "amount": 2.5},
}


def test_without_discovery_only_custom_metrics_are_there(tmp_path: Path) -> None:
    """Tables and rows are taken in as ever; a metric that is asked for works."""
    settings = Settings(auto_discover=False)
    with open_workspace(tmp_path / "w.duckdb", settings=settings) as workspace:
        assert workspace.post(json.dumps(EVENT).encode()).applied == 1
        assert [each.name for each in workspace.tables()] == ["orders"]
        assert "orders_amount_sum" not in {each.name for each in workspace.list_metrics()}
        workspace.define_metric("paid", table="orders", aggregation="sum", expression="amount")
        assert "paid" in {each.name for each in workspace.list_metrics()}


def test_without_a_cache_answers_are_the_same(tmp_path: Path) -> None:
    """Asked twice, with data in between, a question is answered from what is there."""
    none = timedelta(0)
    settings = Settings(cache_live=none, cache_aggregates=none, cache_dashboards=none)
    asked = {"start": "2026-01-05T12:00:00Z", "end": "2026-01-05T13:00:00Z"}
    with open_workspace(tmp_path / "w.duckdb", settings=settings) as workspace:
        for number in (1, 2):
            event = EVENT | {"id": f"e-{number}"}
            workspace.post(json.dumps(event).encode(), wait=True)
            answer = workspace.query("orders_amount_sum", **asked)
            assert answer.series[0].points[0][1] == 2.5 * number
