"""Plans: the table of limits, and that each holds where the thing exists."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.config import load_config
from datawatch_lab.core.errors import ConfigError, PlanError
from datawatch_lab.core.plans import PLANS, check_feature, check_room, plan_named, within
from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import open_workspace

DAY = timedelta(days=1)


def test_without_a_plan_there_are_no_limits() -> None:
    """The default allows everything and changes no setting."""
    settings = Settings()
    assert settings.plan == "none"
    assert within(settings) is settings
    check_room("none", "dashboards", 10_000)
    check_feature("none", "api_export")


@pytest.mark.parametrize(
    ("plan", "tables", "dashboards", "rules", "retention"),
    [
        ("community", 5, 1, 0, DAY),
        ("pro", None, 10, 10, 30 * DAY),
        ("enterprise", None, None, None, None),
    ],
)
def test_the_numbers_of_each_plan(
    plan: str, tables: int | None, dashboards: int | None, rules: int | None, retention: timedelta
) -> None:
    """As they stand in the description of the product."""
    found = PLANS[plan]
    assert (found.tables, found.dashboards, found.alert_rules) == (tables, dashboards, rules)
    assert found.retention == retention


@pytest.mark.parametrize(
    ("plan", "features"),
    [
        ("community", set()),
        ("pro", {"anomalies", "schema", "quality", "csv_export"}),
        (
            "enterprise",
            {"anomalies", "schema", "quality", "custom_quality", "csv_export", "api_export"},
        ),
    ],
)
def test_what_each_plan_includes(plan: str, features: set[str]) -> None:
    """Community has neither anomalies nor export; custom checks and API export are enterprise."""
    assert PLANS[plan].features == features


def test_the_last_that_fits_and_the_first_that_does_not() -> None:
    """The error names the plan and the number, with values for programs."""
    check_room("pro", "dashboards", 9)
    with pytest.raises(PlanError, match="at most 10 dashboards") as caught:
        check_room("pro", "dashboards", 10)
    assert (caught.value.status, caught.value.code) == (403, "plan_limit")
    assert caught.value.details == {"plan": "pro", "limit": "dashboards", "most": 10}
    with pytest.raises(PlanError, match="no alert rules"):
        check_room("community", "alert_rules", 0)
    with pytest.raises(PlanError, match="does not include CSV export"):
        check_feature("community", "csv_export")


def test_nothing_is_kept_longer_than_the_plan_allows() -> None:
    """Retention is cut to the plan's; what is shorter already stays."""
    given = Settings(plan="community", seconds_kept=timedelta(hours=6))
    found = within(given)
    kept = {name: value for name, value in msgspec.structs.asdict(found).items() if "_kept" in name}
    assert kept.pop("seconds_kept") == timedelta(hours=6)
    assert kept.pop("alerts_kept") == given.alerts_kept  # no data: plans say nothing of it
    assert set(kept.values()) == {DAY}


def test_a_plan_is_a_setting(tmp_path: Path) -> None:
    """From a file or the environment; a name that is none is refused with the names there are."""
    path = tmp_path / "c.yaml"
    path.write_text("plan: community\n", encoding="utf-8")
    assert load_config(path, {}).settings.plan == "community"
    assert load_config(path, {"DATAWATCH_PLAN": "PRO"}).settings.plan == "pro"
    with pytest.raises(ConfigError, match="Plans: none, community, pro, enterprise"):
        load_config(None, {"DATAWATCH_PLAN": "gold"})
    with pytest.raises(ConfigError):
        plan_named("gold")


def test_the_sixth_table_has_no_automatic_metrics(tmp_path: Path) -> None:
    """Community: five tables have metrics, in order of appearance; all rows are stored the same."""
    events = [
        {
            "id": f"{table}-{row}",
            "table": f"t{table}",
            "operation": "INSERT",
            "timestamp": "2026-01-05T12:00:00Z",
            "after": {"id": row, "amount": row * 1.5},
        }
        for table in range(7)
        for row in range(3)
    ]
    settings = Settings(plan="community", raw_kept=timedelta(days=9_000))
    with open_workspace(tmp_path / "w.duckdb", settings=settings) as workspace:
        workspace.post(json.dumps(events).encode())
        assert {each.table for each in workspace.metrics() if each.table} == {
            f"t{n}" for n in range(5)
        }
        assert len(workspace.tables()) == 7
        assert workspace.retention().raw == "1d"
        assert workspace.sql("SELECT count(*) FROM live.t6").rows == [[3]]
    with open_workspace(tmp_path / "w.duckdb", settings=Settings()) as workspace:
        assert {each.table for each in workspace.metrics() if each.table} == {
            f"t{n}" for n in range(7)
        }
