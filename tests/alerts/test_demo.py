"""The rules of the specification on the demo shop: what was planted is told, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.alerting import Alert, AlertRule
from datawatch_lab.core.config import load_config
from datawatch_lab.core.config.alerts import rules_of
from datawatch_lab.core.quality import Rule
from datawatch_lab.engine.quality.rules import configure
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.store.quality import ViolationsAsked
from tests.alerts.bench import MINUTE, NOW, Bench

# ruff: noqa: E501 — verbatim
SPEC = """
data_quality_rules:
  orders:
    completeness:
      - {field: customer_id, rule: not_null, threshold: 99.9%}
      - {field: email, rule: not_empty, threshold: 95%}
    validity:
      - {field: amount, rule: positive, alert_on: any_violation}   # each rule may have a description
      - {field: status, rule: in_set, values: [pending, paid, shipped, cancelled]}
    freshness:
      - {rule: max_age, threshold: 5m}
    consistency:
      - {rule: referential_integrity, field: customer_id, references: customers.id}
alert_rules:
  - {name: "Order Spike", metric: orders_created_rate, condition: "> 200% of baseline", for: 5m, severity: warning, channels: [slack, email]}
  - {name: "Revenue Drop", metric: orders_amount_sum, condition: "< 50% of same_hour_last_week", for: 15m, severity: critical, channels: [pagerduty, slack]}
  - {name: "Data Quality Issue", metric: dq_score_payments, condition: "< 90%", for: 10m, severity: warning, channels: [slack]}
"""
POSITIVE, NOT_NULL = "orders.amount positive", "orders.customer_id not_null"
BREAKING = "ALTER TABLE customers DROP COLUMN email"


class Shop:
    """A demo shop whose events come minute by minute to a bench with the specification's rules.

    Args:
        bench: takes them.
        how: of the simulator.
    """

    def __init__(self, bench: Bench, begin: datetime, **how: Any) -> None:
        self.bench = bench
        self.simulator = Simulator(7, begin, **how)
        self.rows: list[dict[str, Any]] = []
        bench.clock.set(begin)
        self.hour(timedelta(minutes=2))

    def rules(self) -> Shop:
        """Put the rules of the specification, and those on quality and schemas; gives itself."""
        bench = self.bench
        path = bench.path.with_suffix(".yaml")
        path.write_text(SPEC, "utf-8")
        config = load_config(path, {})
        configure(bench.engine.quality, map(Rule.of_config, config.data_quality_rules))
        bench.engine.quality.problems.clear()
        own = [
            AlertRule(
                name="Bad rows",
                type="quality",
                table="orders",
                condition="failing > 0 over 10m",
                group_by=("rule",),
                channels=("hook",),
            ),
            AlertRule(name="Breaking", type="schema", channels=("hook",)),
        ]
        for rule in (*rules_of(config.alert_rules), *own):
            told = msgspec.structs.replace(rule, channels=("hook",))
            bench.alerting.put(told, configured=True)
        bench.alerting.evaluate_due()
        return self

    def hour(self, span: timedelta = timedelta(hours=1)) -> None:
        """Let a stretch of time pass at once; each of its minutes is decided after it."""
        until = self.bench.clock.now() + span
        lines = self.simulator.live(until)
        self.bench.clock.set(until)
        self.post(lines)
        self.bench.alerting.evaluate_due()

    def go(self, until: datetime) -> None:
        """Let minutes pass; after each, what is closed is decided and told."""
        bench = self.bench
        while bench.clock.now() < until:
            lines = self.simulator.live(bench.clock.now() + MINUTE)
            self.post(lines)
            self.rows += map(_parsed, lines)
            bench.clock.advance(MINUTE)
            bench.alerting.evaluate_due()
            bench.telling.round()

    def post(self, lines: list[bytes]) -> None:
        """Take events in."""
        if lines:
            numbers = range(1, len(lines) + 1)
            self.bench.engine.submit(decode(lines, numbers, numbers, source="demo")).result()

    def alerts(self) -> list[Alert]:
        """All that fired."""
        return self.bench.engine.store.alerts.history(None, "", 1_000)

    def planted(self, since: datetime) -> dict[str, dict[int, datetime]]:
        """Event time of each planted bad order, by key, by the rule that it breaks."""
        found: dict[str, dict[int, datetime]] = {POSITIVE: {}, NOT_NULL: {}}
        for event in self.rows:
            row = event.get("after")
            if event.get("table") != "orders" or event.get("operation") != "INSERT" or not row:
                continue
            at = datetime.fromisoformat(event["timestamp"])
            if at < since:
                continue
            if float(row["amount"]) <= 0:
                found[POSITIVE][row["id"]] = at
            if row.get("customer_id") is None:
                found[NOT_NULL][row["id"]] = at
        return found


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
        datetime.fromisoformat(event["timestamp"])
    except (ValueError, KeyError, TypeError):
        return {}
    return event if isinstance(event, dict) else {}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own."""
    made = Bench(tmp_path / "w.duckdb")
    yield made
    made.close()


def _violating(bench: Bench, title: str) -> set[int]:
    """Keys of the rows that a rule found."""
    (rule,) = [each for each in bench.engine.quality.rules if each.rule.title == title]
    found, _ = bench.engine.quality.store.violations(
        ViolationsAsked(rules=[rule.id], state="open", limit=1_000)
    )
    return {each.row["id"] for each in found}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_each_planted_row_is_told_within_one_evaluation(bench: Bench) -> None:
    """Each bad row is a violation of the right rule, and its rule's alert is open at its minute."""
    shop = Shop(bench, NOW, bad_share=0.1, duplicate_share=0, late_share=0, incidents=False).rules()
    since = bench.clock.now()
    shop.go(since + 12 * MINUTE)
    decided = bench.alerting._cursors["orders"]
    alerts = [each for each in shop.alerts() if each.rule == "Bad rows"]
    planted = shop.planted(since)
    for title, rows in planted.items():
        closed = {key: at for key, at in rows.items() if at + MINUTE <= decided}
        assert closed.keys() <= _violating(bench, title), title
        mine = [each for each in alerts if each.labels == (("rule", title),)]
        for at in closed.values():
            end = at.replace(second=0, microsecond=0) + MINUTE
            assert any(
                each.fired <= end and (each.resolved is None or each.resolved > end)
                for each in mine
            ), (title, at)
    assert all(planted.values())
    assert any(message.kind == "firing" for _, message in bench.sent)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_breaking_ddl_is_told_and_a_clean_hour_is_not(bench: Bench) -> None:
    """A clean stretch tells nobody, but of statuses that the rule does not know; DDL is told."""
    shop = Shop(bench, NOW, bad_share=0, duplicate_share=0, late_share=0, incidents=False).rules()
    shop.go(bench.clock.now() + 12 * MINUTE)
    unknown = (("rule", "orders.status in_set"),)  # the specification's set lacks `delivered`
    assert [each for each in shop.alerts() if each.labels != unknown] == []
    at = bench.clock.now()
    ddl = {
        "id": "ddl-1",
        "type": "DDL",
        "table": "customers",
        "timestamp": at.isoformat(),
        "ddl_command": BREAKING,
    }
    shop.post([json.dumps(ddl).encode()])
    shop.go(at + 3 * MINUTE)
    (alert,) = [each for each in shop.alerts() if each.rule == "Breaking"]
    assert alert.fired <= at + 2 * MINUTE
    assert "customers.email drop_column (breaking" in alert.description
