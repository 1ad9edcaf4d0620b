"""Rules evaluated as minutes close: states, alerts, notices; live and back-test alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Thread

import msgspec
import pytest

from datawatch_lab.core.alerting import Alert, AlertRule
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.engine.alerting import actions, grid
from datawatch_lab.engine.alerting.past import backtest
from datawatch_lab.engine.alerting.windows import Windows
from datawatch_lab.engine.queries import QueryRequest, run
from tests.alerts.bench import MINUTE, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own."""
    made = Bench(tmp_path / "w.duckdb")
    yield made
    made.close()


def test_a_rule_fires_once_and_is_resolved(bench: Bench) -> None:
    """Above for two minutes it fires, with evidence; below again it is over; each is told once."""
    bench.minutes(5, 5, 5)
    bench.rule("over 5m > 40", lasting=2 * MINUTE)
    bench.minutes(20, 20, 20, 20, 20, 20, 20)
    (alert,) = bench.alerting.active()
    assert (alert.value, alert.high, alert.low) == (85.0, 40.0, None)
    assert alert.fired - alert.started == 2 * MINUTE
    assert bench.told == [("hook", "firing")]
    bench.minutes(5, 5, 5, 5, 5, 5, 5)
    assert bench.alerting.active() == []
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]


def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    """Pending and firing survive a restart, and nothing is told a second time."""
    bench.minutes(5, 5)
    rule = bench.rule("over 1m > 10", lasting=2 * MINUTE)
    bench.minutes(20)
    bench.minutes(20)
    bench.restart()
    bench.minutes(20, 20)
    assert bench.told == [("hook", "firing")]
    bench.restart()
    bench.minutes(20, 20)
    assert bench.told == [("hook", "firing")]
    assert len(bench.engine.store.alerts.history(None, rule, 10)) == 1


def test_missed_minutes_are_decided_in_order(bench: Bench) -> None:
    """What closed while nobody evaluated is decided minute by minute; what is over is not told."""
    bench.minutes(5, 5)
    rule = bench.rule("over 1m > 10")
    bench.alerting.evaluate_due()
    for count in (20, 20, 5, 5, 5):
        bench.orders(count)
    assert bench.alerting.evaluate_due() == 5
    bench.telling.round()
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    assert alert.status == "resolved"
    assert bench.told == []
    lines = actions.trace(bench.alerting, alert.id)
    assert any(each.detail == "it was over before it was told" for each in lines)


CONDITIONS = (
    "over 5m > 60",
    "orders_amount_sum over 3m > 300 and > 5",
    "< 60% of previous_hour",
    "change in 10m > 80%",
    "over 1m outside band",
    "> 150% of baseline over 1m",
    "p95(orders_amount_sum) over 2m > 9",
    "no data for 3m",
    "orders_created_at_freshness_seconds over 1m > 100",
    "orders_rows > 200",
)


def test_live_and_back_test_agree(bench: Bench) -> None:
    """State by state, a back-test over the same minutes does what was done live."""
    random = Random(8)
    bench.minutes(5, 5, tell=False)
    rules = {
        each: bench.rule(each, name=each, lasting=MINUTE, keep_firing_for=MINUTE)
        for each in CONDITIONS
    }
    bench.alerting.evaluate_due()
    first = bench.alerting._cursors["orders"]
    for count in [random.choice([0, 0, 5, 6, 20, 40]) for _ in range(10)] + [0] * 4 + [7] * 4:
        bench.orders(count, amount=random.choice([1.5, 10.1]))
        bench.alerting.evaluate_due()
    end = bench.alerting._cursors["orders"]
    changes = 0
    for condition, rule in rules.items():
        steps, *_ = bench.engine.store.alerts.trace("", rule)
        live = [(each.at, each.what.split(" → ")[1]) for each in steps if "→" in each.what]
        found = backtest(bench.alerting, bench.alerting.rule(rule).rule, first - MINUTE, end)
        tested = [(each.at, each.state) for each in found.states]
        if tested[0] == (first, "normal"):
            tested = tested[1:]  # where a history begins is no change
        assert tested == live, condition
        changes += len(live)
    assert changes > 20


def test_a_back_test_takes_no_more_than_there_is_and_fits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with the first event, and one with too many values says what to narrow."""
    bench.minutes(5, 5, 20, 20, 5, tell=False)
    rule = AlertRule(name="x", metric="orders_amount_sum", condition="over 1h > 100")
    first, end = bench.engine.span()[0], bench.clock.now()
    assert first is not None
    ages = backtest(bench.alerting, rule, datetime(1970, 1, 1, tzinfo=UTC), end)
    assert (ages.start, ages.evaluations) == (first, 5)
    assert ages.episodes == backtest(bench.alerting, rule, first, end).episodes
    monkeypatch.setattr(grid, "MOST_VALUES", 3)
    with pytest.raises(InputError, match="1 series over 5 windows are too many") as error:
        backtest(bench.alerting, rule, first, end)
    assert "shorter range" in (error.value.hint or "")


def test_a_split_rule_has_a_state_for_each_value(bench: Bench) -> None:
    """With group_by each value fires on its own, and its alert carries the label."""
    bench.orders(3, city="paid")
    bench.orders(3, city="open")
    bench.alerting.evaluate_due()
    bench.rule("over 1m > 10", group_by=("status",))
    bench.orders(30, city="open")
    bench.orders(4, city="paid")
    bench.alerting.evaluate_due()
    history = bench.engine.store.alerts.history(None, "", 10)
    assert [each.labels for each in history] == [(("status", "open"),)]


def test_a_rule_that_is_about_something_else_begins_anew(bench: Bench) -> None:
    """What was open and pending by the old labels is over; the new ones are decided."""
    bench.orders(3, city="paid")
    bench.orders(3, city="open")
    bench.alerting.evaluate_due()
    split = {"group_by": ("status",), "metric": "orders_inserts_total", "channels": ("hook",)}
    rule = bench.rule("over 1m > 10", **split)
    slow = bench.rule("over 1m > 10", name="Slow", lasting=5 * MINUTE, **split)
    bench.orders(30, city="open")
    bench.orders(30, city="open")
    bench.alerting.evaluate_due()
    (split_alert,) = bench.alerting.active()
    for id_ in (rule, slow):
        before = bench.alerting.rule(id_).rule
        bench.alerting.put(msgspec.structs.replace(before, group_by=()), id_)
    ended = bench.engine.store.alerts.one(split_alert.id)
    assert ended is not None
    assert (ended.status, ended.resolved_by) == ("resolved", "the rule was changed")
    assert {each.state for each in bench.alerting.standings(slow).values()} == {"normal"}
    bench.orders(30, city="open")
    bench.alerting.evaluate_due()
    (alert,) = bench.alerting.active()
    assert alert.labels == ()
    described = msgspec.structs.replace(bench.alerting.rule(rule).rule, description="other words")
    bench.alerting.put(described, rule)
    assert bench.alerting.active() == [alert]


def test_a_split_rule_that_could_not_be_evaluated_is_in_error_no_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its values can be read again, the fault of the whole rule is over."""
    bench.orders(3)
    bench.alerting.evaluate_due()
    rule = bench.rule("over 1m > 10", group_by=("status",))

    def fails(*_: object) -> None:
        raise InputError("nothing can be read.")

    with monkeypatch.context() as broken:
        broken.setattr(Windows, "prepare", fails)
        bench.minutes(3, 3)
    assert bench.alerting.state_of(bench.alerting.rule(rule)) == ("error", "nothing can be read.")
    bench.minutes(3)
    assert bench.alerting.state_of(bench.alerting.rule(rule)) == ("normal", "")


def test_people_act_on_alerts(bench: Bench) -> None:
    """Acknowledged it is kept; resolved by hand it is over; snoozed it waits and is told after."""
    bench.minutes(5, 5)
    bench.rule("over 1m > 10")
    bench.orders(20)
    bench.alerting.evaluate_due()
    bench.orders(20)
    bench.alerting.evaluate_due()
    (alert,) = bench.alerting.active()
    actions.snooze(bench.alerting, alert.id, "ada", bench.clock.now() + 2 * MINUTE)
    bench.telling.round()
    assert bench.told == []
    bench.clock.advance(3 * MINUTE)
    bench.telling.round()
    assert bench.told == [("hook", "firing")]
    done = actions.acknowledge(bench.alerting, alert.id, "ada", "looking")
    assert (done.status, done.by, done.note) == ("acknowledged", "ada", "looking")
    bench.clock.advance(timedelta(hours=9))
    bench.telling.round()
    assert bench.told == [("hook", "firing")]
    assert actions.resolve(bench.alerting, alert.id, "ada").resolved_by == "ada"
    with pytest.raises(InputError, match="is over since"):
        actions.resolve(bench.alerting, alert.id, "ada")


@pytest.mark.parametrize("what", ["acknowledge", "resolve"])
def test_what_ends_while_somebody_acts_on_it_stays_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """An evaluation cannot come between the reading of an alert and the storing of what is said."""
    bench.minutes(5, 5)
    bench.rule("over 1m > 10")
    bench.minutes(20, 20)
    bench.orders(5)
    bench.orders(5)
    alerting, read = bench.alerting, bench.alerting.alert

    def evaluate() -> None:
        if alerting._work.acquire(blocking=False):
            alerting.evaluate_due()
            alerting._work.release()

    def reading(id_: str) -> Alert:
        found = read(id_)
        thread = Thread(target=evaluate)
        thread.start()
        thread.join()
        return found

    (alert,) = alerting.active()
    monkeypatch.setattr(alerting, "alert", reading)
    getattr(actions, what)(alerting, alert.id, "ada")
    alerting.evaluate_due()
    assert alerting.active() == []
    after = bench.engine.store.alerts.one(alert.id)
    assert after is not None
    assert (after.status, after.by) == ("resolved", "ada")


def test_rules_are_checked_when_they_are_saved(bench: Bench) -> None:
    """A metric, label, name or stage that is not there is refused with a sentence."""
    bench.minutes(5, 5)
    bench.rule("> 5")
    with pytest.raises(NotFoundError, match="did you mean 'orders_inserts_total'"):
        bench.alerting.put(AlertRule(name="a", metric="orders_insert_total", condition="> 5"))
    with pytest.raises(InputError, match="there is an alert rule 'Rule' already"):
        bench.rule("> 6")
    with pytest.raises(NotFoundError, match="no label 'town'"):
        bench.rule("> 6", name="b", group_by=("town",))


def test_freshness_is_a_rule_of_its_own(bench: Bench) -> None:
    """A table that falls silent gets older than its rule allows, closed by the clock."""
    bench.minutes(5, 5)
    bench.rule("> 3m", type="freshness", table="orders", metric="", name="Stale")
    bench.minutes(0, 0, 0, 0, 0, 0, 0)
    bench.engine._writer.run(lambda: bench.engine._upkeep.run(True))
    bench.alerting.evaluate_due()
    (alert,) = bench.alerting.active()
    assert alert.metric == "orders_created_at_freshness_seconds"
    assert alert.value is not None
    assert alert.value > 180


def test_a_rule_without_its_metric_says_so(bench: Bench) -> None:
    """The rules of the configuration stand even before their metrics are there."""
    bench.minutes(5)
    rule = AlertRule(name="q", metric="dq_score_payments", condition="< 90%")
    stored = bench.alerting.put(rule, configured=True)
    state, reason = bench.alerting.state_of(stored)
    assert state == "error"
    assert "dq_score_payments" in reason


def test_alerts_are_counted_by_a_metric(bench: Bench) -> None:
    """``alerts_triggered`` has those that fired, by rule; no rule can be about it."""
    bench.minutes(5, 5, tell=False)
    assert "alerts_triggered" not in bench.engine.metrics()
    bench.rule("over 1m > 10", name="Many")
    bench.rule("over 1m < 3", name="Few", severity="info")
    assert bench.engine.metrics() is bench.engine.metrics()
    bench.minutes(20, 1, 20, 1, 20, 5, tell=False)
    fired = bench.engine.store.alerts.history(None, "", 100)
    asked = QueryRequest(
        metric="alerts_triggered",
        start=bench.clock.now() - 20 * MINUTE,
        end=bench.clock.now(),
        group_by=("rule",),
        step="1m",
    )
    found = {
        each.labels["rule"]: [at for at, value in each.points if value]
        for each in run(bench.engine, asked).series
    }
    assert found == {
        name: sorted(each.fired for each in fired if each.rule == name) for name in ("Many", "Few")
    }
    assert len(fired) == 5
    with pytest.raises(InputError, match="cannot be about alerts themselves"):
        bench.rule("> 3", metric="alerts_triggered", name="c")


def test_what_is_over_for_long_is_dropped(bench: Bench) -> None:
    """Alerts, their steps and messages go after the time that they are kept; open ones stay."""
    bench.minutes(5, 5)
    bench.rule("over 1m > 10", name="Gone")
    bench.minutes(20, 5, 20, 20)
    bench.clock.advance(timedelta(days=89))
    bench.telling.round()
    count = "SELECT count(*) FROM meta.alert_"
    assert len(bench.engine.store.alerts.history(None, "", 9)) == 2
    bench.clock.advance(timedelta(days=2))
    bench.telling.round()
    (left,) = bench.engine.store.alerts.history(None, "", 9)
    assert left.is_open
    with bench.engine.store._file.readers.cursor() as con:
        for table in ("notices", "deliveries", "attempts"):
            (rows,) = con.execute(f"{count}{table}").fetchone() or (None,)
            assert rows, table
            assert rows < 4, table
