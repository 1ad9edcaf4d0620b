"""Rules on what is no metric: quality, schema changes, services, errors, anomalies, forecasts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.alerting import AlertRule, StoredRule
from datawatch_lab.core.anomalies import Anomaly, AnomalySettings, Expected
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.quality import Rule
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.alerting.past import backtest
from datawatch_lab.engine.detection import Detection
from datawatch_lab.engine.intake import take_http
from datawatch_lab.engine.quality.rules import add
from datawatch_lab.engine.schema.asking import dry_run
from datawatch_lab.engine.telemetry import take_rows
from datawatch_lab.service.alerting import BREAKING
from tests.alerts.bench import MINUTE, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own."""
    made = Bench(tmp_path / "w.duckdb")
    yield made
    made.close()


def _agrees(bench: Bench, stored: StoredRule, first: datetime, clock: str = "orders") -> int:
    """Whether a back-test from that evaluation on has the states that were stored; how many."""
    steps, *_ = bench.engine.store.alerts.trace("", stored.id)
    live = [(each.at, each.labels, each.what.split(" → ")[1]) for each in steps if "→" in each.what]
    end = bench.alerting._cursors[clock]
    found = backtest(bench.alerting, stored.rule, first - MINUTE, end)
    tested = [(each.at, each.labels, each.state) for each in found.states]
    begins = [each for each in tested if each[0] == first and each[2] == "normal"]
    assert [each for each in tested if each not in begins] == live
    return len(live)


def test_a_broken_quality_rule_is_told_with_what_broke(bench: Bench) -> None:
    """One bad row breaks its rule: the alert says which and how often; back-test and live agree."""
    bench.minutes(5, 5, tell=False)
    rules = (
        Rule("orders", "positive", field="amount", alert_on="any_violation"),
        Rule("orders", "in_set", field="status", values=("paid",)),
    )
    add(bench.engine.quality, rules, known=False)
    given = {"type": "quality", "table": "orders", "metric": ""}
    one = bench.rule("failing over 2m > 0", name="Broken", group_by=("rule",), **given)
    score = bench.rule("< 90% over 2m", name="Score", **given)
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors["orders"]
    for amount in (1, 1, -1, 1, 1, 1, 1):
        bench.orders(4, amount=amount)
        bench.alerting.evaluate_due()
    (alert,) = bench.engine.store.alerts.history(None, one, 10)
    assert alert.labels == (("rule", "orders.amount positive"),)
    assert alert.description == "orders.amount positive: 4 of 8 rows"
    assert "(table orders)" in alert.reading
    (low,) = bench.engine.store.alerts.history(None, score, 10)
    assert (low.value, low.resolved is not None) == (75.0, True)
    changes = sum(_agrees(bench, bench.alerting.rule(each), first) for each in (one, score))
    assert changes == 4


def test_a_metric_of_quality_can_be_alerted_on(bench: Bench) -> None:
    """``dq_score_orders`` has the values that a chart of it shows, decided minute by minute."""
    bench.minutes(5, 5, tell=False)
    add(bench.engine.quality, [Rule("orders", "positive", field="amount")], known=False)
    bench.rule("< 90%", metric="dq_score_orders", lasting=MINUTE)
    for amount in (1, -1, -1, -1):
        bench.orders(4, amount=amount)
        bench.alerting.evaluate_due()
    (alert,) = bench.alerting.active()
    assert alert.low == 90.0
    assert alert.value is not None
    assert alert.value < 90


def test_a_breaking_change_is_told_by_name(bench: Bench) -> None:
    """A dropped column fires the rule on breaking changes once, and only that."""
    bench.minutes(5, 5, tell=False)
    rule = bench.rule("", type="schema", metric="", name="Breaking")
    other = bench.rule("> 0 over 5m", type="schema", metric="", name="Users", table="users")
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors[""]
    assert bench.alerting.active() == []
    at = bench.clock.now()
    event = {
        "type": "DDL",
        "table": "orders",
        "timestamp": at.isoformat(),
        "id": "d1",
        "ddl_command": "ALTER TABLE orders DROP COLUMN status",
    }
    body = json.dumps(event).encode()
    take_http(bench.engine, body, content_type="application/json", content_encoding="", wait=True)
    bench.minutes(5, 5, 5)
    (alert,) = bench.alerting.active()
    assert (alert.rule_id, alert.value) == (rule, 1.0)
    assert alert.description.startswith("orders.status drop_column (breaking: ")
    assert bench.told == [("hook", "firing")]
    assert _agrees(bench, bench.alerting.rule(rule), first, "") == 1
    assert _agrees(bench, bench.alerting.rule(other), first, "") == 0


def _drop_column(bench: Bench, number: int, table: str, column: str) -> None:
    event = {
        "type": "DDL",
        "table": table,
        "timestamp": bench.clock.now().isoformat(),
        "id": f"drop{number}",
        "ddl_command": f"ALTER TABLE {table} DROP COLUMN {column}",
    }
    body = json.dumps(event).encode()
    take_http(bench.engine, body, content_type="application/json", content_encoding="", wait=True)


def test_a_grouped_rule_on_schemas_is_over_when_its_changes_are(bench: Bench) -> None:
    """Once a window holds no change of a table any more, its alert is resolved, live as tested."""
    bench.minutes(5, 5, tell=False)
    given = {"type": "schema", "metric": "", "group_by": ("table",)}
    rule = bench.rule("breaking > 0 over 2m", **given)
    slow = bench.rule("breaking > 0 over 1m", name="Slow", lasting=2 * MINUTE, **given)
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors[""]
    _drop_column(bench, 1, "orders", "status")
    bench.minutes(5, 5, tell=False)
    bench.restart()
    bench.minutes(5, 5, 5, tell=False)
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    assert alert.labels == (("table", "orders"),)
    assert alert.resolved is not None
    assert alert.last_value == 0.0
    assert _agrees(bench, bench.alerting.rule(rule), first, "") == 2
    assert _agrees(bench, bench.alerting.rule(slow), first, "") == 2  # pending, and normal again


def test_each_table_that_breaks_is_told(bench: Bench) -> None:
    """The rule of ``schema.alert_on_breaking`` tells a second change while the first is open."""
    bench.minutes(5, 5)
    bench.alerting.put(msgspec.structs.replace(BREAKING, channels=("hook",)))
    bench.minutes(5)
    _drop_column(bench, 1, "orders", "status")
    bench.minutes(5, 5)
    _drop_column(bench, 2, "users", "email")
    bench.minutes(5, 5)
    told = [
        dict(each.alert.labels)["table"] for _, message in bench.sent for each in message.alerts
    ]
    assert told == ["orders", "users"]
    bench.minutes(*[5] * 7)
    assert bench.alerting.active() == []


def _beat(bench: Bench, service: str, status: str) -> None:
    at = bench.clock.now() - timedelta(seconds=20)
    body = {"service": service, "status": status, "timestamp": at.isoformat()}
    take_rows(bench.engine, "heartbeats", json.dumps(body).encode(), wait=True)


def test_a_service_that_is_down_or_silent_fires(bench: Bench) -> None:
    """Each service has a state of its own: what it says, and that it says nothing."""
    bench.clock.advance(MINUTE)
    for name in ("api", "db"):
        _beat(bench, name, "healthy")
    rule = bench.rule("status >= 2 over 2m", type="service", metric="", group_by=("service",))
    for word in ("ok", "down", "ok", "ok", "ok"):
        bench.clock.advance(MINUTE)
        _beat(bench, "api", word)
        bench.alerting.evaluate_due()
    history = bench.engine.store.alerts.history(None, rule, 10)
    told = {each.labels: (each.value, each.description) for each in history}
    assert told == {
        (("service", "api"),): (2.0, "api is unhealthy"),
        (("service", "db"),): (3.0, "db is silent"),
    }
    assert [each.labels for each in bench.alerting.active()] == [(("service", "db"),)]


def test_errors_of_services_are_counted(bench: Bench) -> None:
    """Requests that failed, by a code that comes later too, against all requests."""
    bench.clock.advance(MINUTE)

    def calls(*codes: int | None) -> None:
        bench.clock.advance(MINUTE)
        at = (bench.clock.now() - timedelta(seconds=20)).isoformat()
        rows = [
            {"type": "request", "service": "api", "timestamp": at}
            | ({} if code is None else {"status_code": code})
            for code in codes
        ]
        take_rows(bench.engine, "events", json.dumps(rows).encode(), wait=True)
        bench.alerting.evaluate_due()

    calls(None, None)
    rule = bench.rule("rate > 25% over 1m", type="errors", metric="", group_by=("service",))
    calls(200, 200, 500)
    calls(200, 200)
    calls(200, 404)
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    assert alert.value == pytest.approx(1 / 3)
    assert alert.description == "api: 1 errors"
    assert alert.resolved is not None


def _episode(start: datetime, end: datetime | None) -> Anomaly:
    return Anomaly(
        id=start.isoformat(),
        metric_name="orders_created_rate",
        table="orders",
        labels={},
        type="drop",
        severity="high",
        value=1.0,
        expected=Expected(5.0, 9.0),
        deviation=-6.0,
        score=0.99,
        step=60,
        detected_at=start,
        started_at=start,
        peak_at=start,
        ended_at=end,
        buckets=2,
        description="orders_created_rate dropped to 1.",
        algorithms=("statistical",),
    )


def test_anomalies_fire_while_they_go_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule on anomalies follows an episode; without detection it is refused with a sentence."""
    bench.minutes(5, 5, tell=False)
    given = {"type": "anomaly", "metric": "", "table": "orders"}
    detection = bench.engine.beside(Detection)
    detection.configure(AnomalySettings(enabled=False))
    with pytest.raises(InputError, match="nothing looks for anomalies"):
        bench.rule("", **given)
    detection.configure(AnomalySettings())
    start = bench.clock.now()
    episode = _episode(start, start + 2 * MINUTE)
    monkeypatch.setattr(detection, "between", lambda *_: [episode])
    rule = bench.rule("severity over 1m >= 3", **given)
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors[""]
    bench.minutes(5, 5, 5, 5, 5, tell=False)
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    assert (alert.value, alert.description) == (3.0, episode.description)
    assert alert.resolved is not None
    assert _agrees(bench, bench.alerting.rule(rule), first, "") == 2


def test_an_incident_is_over_when_its_episodes_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grouped by incident too: what is not seen any more is 0 anomalies, not nothing."""
    bench.minutes(5, 5, tell=False)
    detection = bench.engine.beside(Detection)
    detection.configure(AnomalySettings())
    start = bench.clock.now()
    episode = _episode(start, start + 2 * MINUTE)
    seen = lambda low, high: [episode] if low < start + 2 * MINUTE and high > start else []  # noqa: E731
    monkeypatch.setattr(detection, "between", seen)
    given = {"type": "anomaly", "metric": "", "group_by": ("incident",)}
    rule = bench.rule("active over 1m > 0", **given)
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors[""]
    bench.minutes(5, 5, 5, 5, 5, tell=False)
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    assert alert.resolved is not None
    assert _agrees(bench, bench.alerting.rule(rule), first, "") == 2


def test_a_prediction_warns_ahead(bench: Bench) -> None:
    """What grows steadily is told before it passes; its past cannot be tested, and that is said."""
    for count in range(5, 35):
        bench.orders(count)
    bench.alerting.evaluate_due()
    above = bench.rule("predicted orders_inserts_total > 45 in 15m", metric="", name="Soon")
    bench.rule("predicted > 90 in 15m", name="Far")
    bench.minutes(35, tell=False)
    (alert,) = bench.alerting.active()
    assert alert.rule_id == above
    assert alert.value is not None
    assert alert.value > 45
    with pytest.raises(InputError, match="cannot be back-tested"):
        backtest(
            bench.alerting,
            bench.alerting.rule(above).rule,
            bench.clock.now() - 9 * MINUTE,
            bench.clock.now(),
        )
    with pytest.raises(InputError, match="not taken over a width"):
        bench.rule("predicted over 5m > 3 in 15m", name="c")


def test_what_a_signal_lacks_is_refused(bench: Bench) -> None:
    """Names, labels, aggregations and forecasts of signals that there are not are named."""
    bench.minutes(5, 5, tell=False)
    given = {"type": "quality", "metric": "", "name": "x"}
    with pytest.raises(NotFoundError, match=r"no signal 'scores'.*did you mean 'score'"):
        bench.rule("scores < 3", **given)
    with pytest.raises(NotFoundError, match="no label 'city'"):
        bench.rule("score < 3", group_by=("city",), **given)
    with pytest.raises(InputError, match=r"quality\.score has no p99"):
        bench.rule("p99(score) < 3", **given)
    with pytest.raises(InputError, match="is not forecast"):
        bench.rule("predicted score < 3 in 5m", **given)
    assert bench.alerting.check(AlertRule(name="s", type="service", condition="")) is not None


def test_the_reach_of_a_change_names_rules(bench: Bench) -> None:
    """What a dropped column touches: the rules of quality and the alert rules that rest on it."""
    bench.minutes(5, 5, tell=False)
    add(bench.engine.quality, [Rule("orders", "positive", field="amount")], known=False)
    bench.engine.beside(Alerting).put(
        AlertRule(name="Low", metric="orders_amount_sum", condition="< 5")
    )
    found = dry_run(bench.engine, "ALTER TABLE orders DROP COLUMN amount", "postgres", "orders")
    named = {(each.kind, each.name) for each in found[0].references}
    assert {("quality rule", "orders.amount positive"), ("alert", "Low")} <= named
    other = dry_run(bench.engine, "ALTER TABLE orders DROP COLUMN status", "postgres", "orders")
    assert not {each.kind for each in other[0].references} & {"quality rule", "alert"}
