"""The verb alerts: rules, back-tests, silences, tests, as people and as programs read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from datawatch_lab.cli import main


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with six hours of orders: one a minute, five a minute in one half hour."""
    source, path = tmp_path / "orders.ndjson", tmp_path / "w.duckdb"
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=6)
    lines = []
    for minute in range(360):
        for n in range(5 if 120 <= minute < 150 else 1):
            at = start + timedelta(minutes=minute, seconds=10 * n)
            row = {"id": f"{minute}-{n}", "amount": 2.5}
            event = {"table": "orders", "operation": "INSERT", "timestamp": at.isoformat()}
            lines.append(json.dumps({**event, "id": row["id"], "after": row}))
    source.write_text("\n".join(lines))
    assert ask(path, "ingest", str(source)).exit_code == 0
    return path


def ask(workspace: Path, *words: str) -> Result:
    """Run a verb on the workspace."""
    return CliRunner().invoke(main, [*words, "--workspace", str(workspace)])


def alerts(workspace: Path, *words: str) -> Result:
    """Run a command of the verb alerts."""
    return ask(workspace, "alerts", *words)


def test_a_rule_is_added_tested_on_the_past_and_dropped(workspace: Path) -> None:
    """Its reading is said, its back-test finds the busy half hour, and JSON is JSON only."""
    assert "There are no rules yet." in alerts(workspace).output
    made = alerts(
        workspace,
        *("add", "Busy", "--metric", "orders_inserts_total", "--condition", "over 5m > 15"),
        *("--for", "2m", "--severity", "critical"),
    )
    assert made.exit_code == 0, made.output
    assert "orders_inserts_total (sum) over 5 minutes is above 15" in made.output
    listed = json.loads(alerts(workspace, "rules", "--json").stdout)
    assert [(each["name"], each["severity"]) for each in listed] == [("Busy", "critical")]
    tested = json.loads(alerts(workspace, "backtest", "Busy", "--from", "-6h", "--json").stdout)
    (episode,) = tested["episodes"]
    assert episode["value"] > 15
    assert "1 episodes" in alerts(workspace, "backtest", "Busy", "--from", "-6h").output
    assert "it is" in alerts(workspace, "trace", "Busy").output
    assert "Busy is dropped." in alerts(workspace, "drop", "Busy").output
    assert alerts(workspace, "drop", "Busy").exit_code == 1


def test_a_rule_on_what_is_no_metric_needs_no_condition(workspace: Path) -> None:
    """A type has a condition of its own; what it lacks is refused with a sentence."""
    made = alerts(workspace, "add", "Breaking", "--type", "schema", "--table", "orders", "--json")
    said = json.loads(made.stdout)
    assert said["rule"] == {"name": "Breaking", "type": "schema", "table": "orders"}
    assert said["reading"] == "schema.breaking over 1 hour is above 0 (table orders)"
    wrong = alerts(workspace, "add", "Old", "--type", "freshness")
    assert wrong.exit_code == 1
    assert "needs a condition" in wrong.output
    assert alerts(workspace, "add", "x", "--type", "weather").exit_code == 2


def test_a_fault_in_a_condition_is_pointed_at(workspace: Path) -> None:
    """On standard error, with a caret under it."""
    wrong = alerts(
        workspace, "add", "x", "--metric", "orders_inserts_total", "--condition", "> 5 %% 3"
    )
    assert wrong.exit_code == 1
    assert wrong.stdout == ""
    assert "^" in wrong.stderr


def test_silences_are_made_listed_and_ended(workspace: Path) -> None:
    """Each is listed with what it hides; one that is not of the form NAME=VALUE is refused."""
    made = alerts(workspace, "silences", "--add", "severity=warning", "--for", "2h", "--json")
    (silence,) = json.loads(made.stdout)
    assert silence["matchers"] == {"severity": "warning"}
    assert "severity=warning" in alerts(workspace, "silences").output
    assert json.loads(alerts(workspace, "silences", "--end", silence["id"], "--json").stdout) == []
    assert alerts(workspace, "silences", "--add", "severity").exit_code == 2


def test_what_there_is_not_is_said(workspace: Path) -> None:
    """No open alert, no history, no channel: each in words, and as an empty list."""
    assert "No alert is open." in alerts(workspace, "active").output
    assert "No alert fired." in alerts(workspace, "history", "--from", "-1d").output
    assert "There are no channels." in alerts(workspace, "test").output
    assert json.loads(alerts(workspace, "active", "--json").stdout) == []
    missing = alerts(workspace, "test", "pager")
    assert missing.exit_code == 1
    assert "no channel 'pager'" in missing.output
