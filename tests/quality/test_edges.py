"""Quality through its edges: command line, notebook, HTTP; demo rows that are bad on purpose."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from datawatch_lab.cli import main
from datawatch_lab.core.quality import Rule
from datawatch_lab.engine.quality import suggesting
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.notebook.quality import Quality
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from tests.quality.test_rules import SPEC
from tests.quality.workbench import Workbench

DEMO_RULES = (
    Rule("orders", "not_null", field="customer_id"),
    Rule("orders", "positive", field="amount"),
    Rule(
        "orders",
        "in_set",
        field="status",
        values=("pending", "paid", "shipped", "cancelled"),
    ),
    Rule("payments", "in_set", field="status", values=("captured", "failed", "refunded")),
    Rule("payments", "positive", field="amount"),
    Rule("customers", "email_format", field="email"),
)


@pytest.fixture
def shop(tmp_path: Path) -> Workbench:
    """A closed workspace with orders of today, which retention leaves alone, some of them bad."""
    bench = Workbench(tmp_path / "w.duckdb", now=datetime.now(UTC))
    bench.insert("customers", *({"id": n} for n in range(9)))
    bench.insert(
        "orders",
        *(
            {"id": n, "customer_id": n % 9, "amount": n - 2, "email": "a@b.co", "status": "paid"}
            for n in range(1, 81)
        ),
    )
    bench.close()
    return bench


def test_the_command_line_adds_lists_checks_and_suggests(shop: Workbench, tmp_path: Path) -> None:
    """Listings are JSON where asked; a check that fails has exit status 1."""
    (tmp_path / "rules.yaml").write_text(SPEC)
    at = ["--workspace", str(shop.path)]

    def run(*words: str) -> str:
        found = CliRunner().invoke(main, ["quality", *words, *at])
        assert found.exit_code == 0, found.output
        return found.stdout

    listed = json.loads(run("rules", "--add", str(tmp_path / "rules.yaml"), "--json"))
    assert len(listed) == 6
    assert {each["title"]: each["failed"] for each in listed}["orders.amount positive"] == 2
    assert "orders.amount: 2.5 % values that are not positive" in run()
    assert json.loads(run("violations", "--json"))["total"] == 2
    assert "orders.id unique" in run("suggest")
    run("suggest", "--accept", "--table", "orders")
    assert len(json.loads(run("rules", "--json"))) > 6
    checked = CliRunner().invoke(main, ["quality", "check", "--json", *at])
    assert checked.exit_code == 1
    assert {each["title"]: each["failed"] for each in json.loads(checked.stdout)}[
        "orders.amount positive"
    ] == 2


def test_a_notebook_shows_rules_and_gives_failing_rows(tmp_path: Path) -> None:
    """Objects show themselves; failing rows are one call away; forms are code."""
    bench = Workbench(tmp_path / "w.duckdb")
    bench.insert("orders", *({"id": n, "amount": n - 2} for n in range(1, 61)))
    workspace = Workspace(LocalCaller(bench.engine))
    board = Quality(workspace)
    rule = board.add(Rule("orders", "positive", field="amount", description="<b>paid</b>"))
    rows = rule.failing_rows()
    assert sorted(rows["row.id"]) == [1, 2]
    assert eval(rule.code, {"Rule": Rule}).field == "amount"  # noqa: S307 — code that we made
    for each in (Quality(workspace), rule, board.suggest(), board.check()):
        assert repr(each)
        assert "<b>paid" not in each._repr_html_()
    assert rule.change(threshold="90%").raw.state == "ok"
    tried = board.backtest(Rule("orders", "in_range", field="amount", max=10))
    assert tried.df()["failed"].tolist() == [48]
    assert board.validate("orders", {"id": 99, "amount": -1})
    workspace.close()


def test_bad_rows_of_the_demo_are_found_by_the_right_rule_and_a_clean_hour_has_none(
    tmp_path: Path,
) -> None:
    """Each rule finds as many inserted rows as were planted, no more."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    simulator = Simulator(7, start, incidents=False, bad_share=0.01)
    end = start + timedelta(hours=6)
    bench = Workbench(tmp_path / "w.duckdb", keyed=())
    bench.clock.set(end)
    bench.add(*DEMO_RULES)
    for chunk in simulator.history(start, end):
        places = range(1, len(chunk) + 1)
        bench.engine.submit(decode(chunk, places, [-1] * len(chunk), source="demo")).result()
    truth = simulator.truth(start, end)
    inserted = Counter[str]()
    seen = set[tuple[str, str]]()
    for each in bench.violations():
        rule = next(r.rule for r in bench.engine.quality.rules if r.id == each.rule)
        key = (rule.table, str(each.key or each.row["id"]))
        inserted[rule.table] += key not in seen
        seen.add(key)
    planted = {name: counts.invalid for name, counts in truth.tables.items() if counts.invalid}
    assert dict(inserted) == planted
    clean = Simulator(7, start, incidents=False, bad_share=0.0)
    other = Workbench(tmp_path / "clean.duckdb", keyed=())
    other.clock.set(start + timedelta(hours=1))
    other.add(*DEMO_RULES)
    for chunk in clean.history(start, start + timedelta(hours=1)):
        places = range(1, len(chunk) + 1)
        other.engine.submit(decode(chunk, places, [-1] * len(chunk), source="demo")).result()
    assert other.violations() == []
    assert suggesting.suggest(other.engine.quality, "orders")
    bench.close()
    other.close()
