"""The rules of the specification on the demo shop: what was planted is told, and nothing else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.alerting import Alert, AlertRule
from datawatch_lab.core.anomalies import AnomalySettings
from datawatch_lab.core.config import load_config
from datawatch_lab.core.config.alerts import rules_of
from datawatch_lab.core.quality import Rule
from datawatch_lab.core.quality_results import Violation
from datawatch_lab.engine.detection import Detection
from datawatch_lab.engine.quality.rules import configure
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.demo_simulator import Simulator
from datawatch_lab.ingest.sources.demo_truth import Incident, IncidentKind
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
# What the YAML of the specification leaves to say: rules on payments, and on other incidents.
PAYMENTS = Rule(
    "payments", "in_set", field="status", values=("captured", "refunded"), threshold="90%"
)
MORE = (
    AlertRule(name="Lag", metric="orders_lag_seconds", condition="> 90"),
    AlertRule(name="Prices", metric="orders_amount_avg", condition="over 15m > 500% of baseline"),
    AlertRule(
        name="Growth",
        metric="orders_created_rate",
        condition="over 1h > 120% of same_hour_last_week",
    ),
)
POSITIVE, NOT_NULL = "orders.amount positive", "orders.customer_id not_null"
NOT_EMPTY, IN_SET = "orders.email not_empty", "orders.status in_set"
BREAKING = "ALTER TABLE customers DROP COLUMN email"
HOUR, WEEK, AGO = timedelta(hours=1), timedelta(days=7), 6 * MINUTE
KNOWN = HOUR + 15 * MINUTE


PLAIN: dict[str, Any] = {
    "orders_per_minute": 4.0,
    "bad_share": 0,
    "duplicate_share": 0,
    "late_share": 0,
    "incidents": False,
}


class Shop:
    """A demo shop whose events come minute by minute to a bench with the specification's rules.

    Args:
        bench: takes them; its clock is where the stretch that is looked at begins.
        known: how long before it, and a week before it, events came already.
        how: of the simulator.
    """

    def __init__(self, bench: Bench, known: timedelta = 10 * MINUTE, **how: Any) -> None:
        self.bench = bench
        self.rows: list[dict[str, Any]] = []
        self.seen: dict[str, datetime] = {}
        self.customers = 0
        bench.engine.beside(Detection).configure(AnomalySettings(enabled=False))
        begin = bench.clock.now()
        self.simulator = Simulator(7, begin - WEEK - known, **{**PLAIN, **how})
        if known > HOUR:
            self._hear(begin - WEEK - known, begin - WEEK + KNOWN + 40 * MINUTE)
        self._hear(begin - known, begin - AGO)
        bench.clock.set(begin - AGO)
        self.go(AGO)
        self.rows.clear()

    def _hear(self, start: datetime, end: datetime) -> None:
        """Take in what came in a stretch of the past, after the customers of before."""
        self.bench.clock.set(end)
        lines = [each for chunk in self.simulator.history(start, end) for each in chunk]
        news = [_parsed(each) for each in lines if b'"table":"customers"' in each]
        rows = [each.get("after") for each in news if each.get("operation") == "INSERT"]
        ids = [row["id"] for row in rows if isinstance(row, dict)]  # a planted line has no row
        self.post([_joined(number, start) for number in range(self.customers + 1, min(ids))])
        self.customers = max(ids)
        self.post(lines)

    def rules(self, *more: AlertRule, quality: tuple[Rule, ...] = ()) -> Shop:
        """Put the rules of the specification, and more; gives itself."""
        bench = self.bench
        path = bench.path.with_suffix(".yaml")
        path.write_text(SPEC, "utf-8")
        config = load_config(path, {})
        told = [*map(Rule.of_config, config.data_quality_rules), *quality]
        configure(bench.engine.quality, told)
        bench.engine.quality.problems.clear()
        for rule in (*rules_of(config.alert_rules), *more):
            told_to = msgspec.structs.replace(rule, channels=("hook",))
            bench.alerting.put(told_to, configured=True)
        bench.alerting.evaluate_due()
        return self

    def go(self, span: timedelta, step: timedelta = MINUTE) -> None:
        """Let time pass; after each step, what is closed is decided and told."""
        bench = self.bench
        until = bench.clock.now() + span
        while bench.clock.now() < until:
            lines = self.simulator.live(bench.clock.now() + step)
            bench.clock.advance(step)
            self.post(lines)
            self.rows += map(_parsed, lines)
            bench.engine._writer.run(lambda: bench.engine._upkeep.run(True))
            bench.engine.quality.tick()
            bench.alerting.evaluate_due()
            bench.telling.round()
            for each in bench.alerting.active():
                self.seen.setdefault(each.id, bench.clock.now())

    def post(self, lines: list[bytes]) -> None:
        """Take events in."""
        if lines:
            numbers = range(1, len(lines) + 1)
            self.bench.engine.submit(decode(lines, numbers, numbers, source="demo")).result()

    def alerts(self) -> list[Alert]:
        """All that fired."""
        return self.bench.engine.store.alerts.history(None, "", 1_000)

    def planted(self) -> dict[str, dict[int, datetime]]:
        """Event time of each planted bad order, by key, by the rule that it breaks."""
        found: dict[str, dict[int, datetime]] = {
            each: {} for each in (POSITIVE, NOT_NULL, NOT_EMPTY, IN_SET)
        }
        for event in self.rows:
            row = event.get("after")
            if event.get("table") != "orders" or event.get("operation") != "INSERT" or not row:
                continue
            breaks = {
                POSITIVE: float(row["amount"]) <= 0,
                NOT_NULL: row["customer_id"] is None,
                NOT_EMPTY: not row["email"],
                IN_SET: row["status"].endswith("?"),
            }
            for rule in (name for name, is_broken in breaks.items() if is_broken):
                found[rule][row["id"]] = datetime.fromisoformat(event["timestamp"])
        return found


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
        datetime.fromisoformat(event["timestamp"])
    except (ValueError, KeyError, TypeError):
        return {}
    return event if isinstance(event, dict) else {}


def _joined(customer: int, at: datetime) -> bytes:
    """The line of a customer from before what is heard of the shop."""
    said = {"id": f"c{customer}", "table": "customers", "operation": "INSERT"}
    row = {"id": customer, "email": f"c{customer}@example.com"}
    return json.dumps({**said, "timestamp": at.isoformat(), "after": row}).encode()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own."""
    made = Bench(tmp_path / "w.duckdb")
    yield made
    made.close()


def _violations(bench: Bench, title: str = "") -> list[Violation]:
    """What rules found; those of one title, or all."""
    mine = [each.rule.id for each in bench.engine.quality.rules if title in ("", each.rule.title)]
    asked = ViolationsAsked(rules=mine, state="open", limit=1_000)
    bench.engine.quality.evaluate()
    return bench.engine.quality.store.violations(asked)[0]


BAD_ROWS = AlertRule(
    name="Bad rows",
    type="quality",
    table="orders",
    condition="failing > 0 over 10m",
    group_by=("rule",),
)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_each_planted_row_is_told_within_one_evaluation(bench: Bench) -> None:
    """Each bad row is a violation of the right rule, and its rule's alert is open at its minute."""
    shop = Shop(bench, bad_share=0.1, orders_per_minute=30).rules(BAD_ROWS)
    shop.go(12 * MINUTE)
    decided = bench.alerting._cursors["orders"]
    alerts = [each for each in shop.alerts() if each.rule == "Bad rows"]
    planted = shop.planted()
    assert all(planted.values())
    for title, rows in planted.items():
        closed = {key: at for key, at in rows.items() if at + MINUTE <= decided}
        assert closed.keys() <= {each.row["id"] for each in _violations(bench, title)}, title
        if title == NOT_EMPTY:  # one in twenty may be empty, so not each is told
            continue
        mine = [each for each in alerts if each.labels == (("rule", title),)]
        for at in closed.values():
            end = at.replace(second=0, microsecond=0) + MINUTE
            assert any(
                each.fired <= end and (each.resolved is None or each.resolved > end)
                for each in mine
            ), (title, at)
    assert any(message.kind == "firing" for _, message in bench.sent)


BREAKS = AlertRule(name="Breaking", type="schema")


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (HOUR / 3, 4 * MINUTE),
        pytest.param(HOUR, MINUTE, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_a_clean_hour_pages_no_one_and_breaking_ddl_does(
    bench: Bench, span: timedelta, step: timedelta
) -> None:
    """No violation and no alert while there are no faults; then one DROP COLUMN is told at once."""
    bench.alerting.settings = msgspec.structs.replace(
        bench.alerting.settings, evaluation_interval=step
    )
    shop = Shop(bench, KNOWN).rules(BAD_ROWS, BREAKS)
    shop.go(span, step)
    assert bench.alerting._cursors["orders"] >= bench.clock.now() - step - MINUTE
    assert _violations(bench) == []
    assert shop.alerts() == []
    assert bench.sent == []
    looked = bench.engine.quality.store.counts(NOW, bench.clock.now(), None)["rule"]
    titles = {each.rule.title for each in bench.engine.quality.rules if each.rule.id not in looked}
    assert titles == set()  # each rule had rows to look at
    at = bench.clock.now()
    ddl = {"id": "ddl-1", "type": "DDL", "table": "customers", "timestamp": at.isoformat()}
    shop.post([json.dumps({**ddl, "ddl_command": BREAKING}).encode()])
    shop.go(step + MINUTE)
    (alert,) = shop.alerts()
    assert alert.rule == "Breaking"
    assert at < alert.fired <= at + step
    assert "customers.email drop_column (breaking" in alert.description
    assert bench.told == [("hook", "firing")]


LONG = [pytest.mark.soak, pytest.mark.timeout(600)]
INCIDENTS = (
    ("spike", 4.0, 9, "Order Spike"),
    pytest.param("outage", 0.0, 60, "Revenue Drop", marks=LONG),
    pytest.param("drop", 0.1, 60, "Revenue Drop", marks=LONG),
    pytest.param("payment_failures", 0.6, 20, "Data Quality Issue", marks=LONG),
    pytest.param("lag", 200.0, 20, "Lag", marks=LONG),
    pytest.param("price_error", 100.0, 15, "Prices", marks=LONG),
    pytest.param("trend", 1.4, 75, "Growth", marks=LONG),
)


@pytest.mark.parametrize(("kind", "size", "minutes", "rule"), INCIDENTS)
def test_an_incident_is_told_by_its_rule_within_one_evaluation(
    bench: Bench, kind: IncidentKind, size: float, minutes: int, rule: str
) -> None:
    """The right rule fires, told in the round after the minute that decides it; others are quiet.

    For the rules of the specification that minute is worked out here from the rows alone.
    """
    start = NOW + 2 * MINUTE
    incident = Incident(
        id="x",
        kind=kind,
        table="orders",
        metric="",
        start=start,
        end=start + minutes * MINUTE,
        magnitude=size,
        description="",
    )
    rate = 4.0 if kind == "spike" else 16.0
    shop = Shop(bench, KNOWN, incidents=(incident,), orders_per_minute=rate)
    shop.rules(*MORE, quality=(PAYMENTS,))
    due = _due(incident, shop, rate)
    shop.go(minutes * MINUTE + 2 * MINUTE, MINUTE)
    found = {each.rule: each for each in shop.alerts()}
    assert rule in found
    alert = found.pop(rule)
    assert found.keys() <= ALSO.get(kind, set())
    assert start < alert.fired <= incident.end + MINUTE
    if due is not None:
        assert alert.fired == due
    delay = timedelta(seconds=size) if kind == "lag" else timedelta()  # so late its minute closes
    assert shop.seen[alert.id] - alert.fired <= 2 * MINUTE + delay
    assert alert.id in {told.alert.id for _, message in bench.sent for told in message.alerts}


ALSO: dict[str, set[str]] = {
    "spike": {"Growth"},
}
"""Rules that are right about an incident too."""


def _due(incident: Incident, shop: Shop, rate: float) -> datetime | None:
    """The minute at whose end a rule of the specification fires, from the rows themselves."""
    if incident.kind not in ("spike", "outage", "drop"):
        return None
    how = {**PLAIN, "incidents": (incident,), "orders_per_minute": rate}
    simulator = Simulator(7, shop.simulator.start, **how)
    orders, revenue = defaultdict[datetime, float](float), defaultdict[datetime, float](float)
    for begin in (NOW - WEEK - KNOWN, NOW - KNOWN):
        for lines in simulator.history(begin, begin + KNOWN + HOUR + MINUTE):
            for event in map(_parsed, lines):
                if (event["table"], event["operation"]) == ("orders", "INSERT"):
                    minute = datetime.fromisoformat(event["timestamp"])
                    minute = minute.replace(second=0, microsecond=0)
                    orders[minute] += 1
                    revenue[minute] += float(event["after"]["amount"])

    def total(counted: dict[datetime, float], end: datetime, width: int) -> float:
        return sum(counted[end - n * MINUTE] for n in range(1, width + 1))

    def spikes(end: datetime) -> bool:
        around = [total(orders, end - WEEK + 5 * n * MINUTE, 5) for n in range(-6, 6)]
        return total(orders, end, 5) > 2 * median(around)

    def drops(end: datetime) -> bool:
        return total(revenue, end, 60) < 0.5 * total(revenue, end - WEEK, 60)

    holds, lasting = (spikes, 5) if incident.kind == "spike" else (drops, 15)
    ends = [NOW + n * MINUTE for n in range(1, 60)]
    return next(at for at in ends if all(holds(at - n * MINUTE) for n in range(lasting + 1)))
