"""The verb metric, and comparisons of the verb query."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from datawatch_lab.cli import main

EVENTS = [
    {
        "id": f"e{n}",
        "table": "orders",
        "operation": "INSERT",
        "timestamp": f"2026-01-{1 + n // 24:02}T{n % 24:02}:10:00Z",
        "after": {"id": n, "amount": f"{n}.50", "quantity": n % 3, "city": "Paris, Texas"},
    }
    for n in range(72)
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with an order an hour for three days."""
    source, path = tmp_path / "orders.ndjson", tmp_path / "w.duckdb"
    source.write_text("\n".join(json.dumps(each) for each in EVENTS))
    assert ask(path, "ingest", str(source)).exit_code == 0
    return path


def ask(workspace: Path, *words: str) -> Result:
    """Run a verb on the workspace."""
    return CliRunner().invoke(main, [*words, "--workspace", str(workspace)])


def test_a_metric_is_defined_shown_asked_for_and_dropped(workspace: Path) -> None:
    """It is filled from the log when the command ends."""
    made = ask(
        workspace,
        *("metric", "define", "volume", "--table", "orders", "--aggregation", "sum"),
        *("--expression", "amount * quantity", "--filter", "amount > 10", "--unit", "EUR"),
    )
    assert made.exit_code == 0, made.output
    assert "all of the log" in made.output
    shown = json.loads(ask(workspace, "metric", "show", "volume", "--json").stdout)
    assert shown["definition"]["expression"] == "amount * quantity"
    assert shown["backfill"]["complete"]
    found = json.loads(ask(workspace, "query", "volume", "--json").stdout)
    expected = sum((n + 0.5) * (n % 3) for n in range(10, 72))
    assert found["series"][0]["points"][0][1] == expected
    assert ask(workspace, "metric", "drop", "volume").exit_code == 0
    assert ask(workspace, "query", "volume").exit_code == 1


def test_a_fault_is_pointed_at(workspace: Path) -> None:
    """On standard error, with carets under it."""
    wrong = ask(workspace, "metric", "define", "x", "--table", "orders", "--filter", "amuont > 1")
    assert wrong.exit_code == 1
    assert "  amuont > 1\n  ^^^^^^" in wrong.output


def test_a_formula_is_defined_and_changed(workspace: Path) -> None:
    """It has no table."""
    formula = ["--formula", "orders_amount_sum / orders_inserts_total"]
    assert ask(workspace, "metric", "define", "mean", *formula).exit_code == 0
    changed = ask(workspace, "metric", "change", "mean", "--formula", "2 * orders_inserts_total")
    assert changed.exit_code == 0
    found = json.loads(ask(workspace, "query", "mean", "--json").stdout)
    assert (found["aggregation"], found["series"][0]["points"][0][1]) == ("formula", 144)


def test_a_query_is_compared(workspace: Path) -> None:
    """As a table for people, and whole in JSON."""
    how = ["query", "orders_inserts_total", "--from", "2026-01-02", "--to", "2026-01-03"]
    shown = ask(workspace, *how, "--step", "12h", "--compare", "same_hour_yesterday")
    assert shown.exit_code == 0, shown.output
    assert "same hour yesterday" in shown.output
    assert "+0.0 %" in shown.output
    raw = json.loads(ask(workspace, *how, "--compare", "previous_period", "--json").stdout)
    (series,) = raw["comparison"]["series"]
    assert (series["points"][0][1], series["difference"], series["ratio"]) == (24, [0], [1])
    assert "comparison" not in json.loads(ask(workspace, *how, "--json").stdout)


def test_a_filter_value_may_hold_a_comma(workspace: Path) -> None:
    """It is one filter, and matches the value as it is."""
    made = ["metric", "define", "by_city", "--table", "orders", "--by", "city"]
    assert ask(workspace, *made).exit_code == 0
    for city, count in (("Paris, Texas", 72), ("Paris", None)):
        found = ask(workspace, "query", "by_city", "--filter", f"city={city}", "--json")
        series = json.loads(found.stdout)["series"]
        assert [each["points"][0][1] for each in series] in ([count], [0])
