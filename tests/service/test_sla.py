"""Objectives over a month, against plain Python over the rows that were posted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.alerting import Alert
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import AccessError, DataWatchError, InputError
from datawatch_lab.core.objectives import Objective, read_objective
from datawatch_lab.core.settings import Settings, TableSettings
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine import Engine
from datawatch_lab.engine.objectives import Measured, Objectives
from datawatch_lab.service.operations import named
from datawatch_lab.service.sla.figures import figures
from datawatch_lab.service.sla.month import month_of, plain
from datawatch_lab.store.alerting import AlertChange

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
FIRST = datetime(2026, 2, 27, 0, 30, tzinfo=UTC)
STEP = timedelta(minutes=5)


def posted() -> list[dict[str, Any]]:
    """Ten days of events: mostly good, a bad hour on 5 March, silence on 7 March (Berlin)."""
    chance = random.Random(4)
    rows, at = [], FIRST
    while at < NOW - timedelta(minutes=1):
        bad_hour = at.day == 5 and at.hour == 14
        if at.astimezone(ZoneInfo("Europe/Berlin")).day != 7:
            failed = chance.random() < (0.6 if bad_hour else 0.01)
            rows.append(
                {
                    "type": "error" if failed else "request",
                    "service": chance.choice(["api", "web"]),
                    "timestamp": at.isoformat(),
                    "duration_ms": chance.choice([20, 80]) + (900 if bad_hour else 0),
                }
            )
        at += timedelta(seconds=chance.choice([60, 120, 180]))
    return rows


ROWS = posted()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has the rows, in Berlin, whose clock stands still."""
    hidden = {"datawatch.events": TableSettings(sensitive=("service",))}
    made = Engine.open(
        tmp_path_factory.mktemp("sla") / "w.duckdb",
        clock=ManualClock(NOW),
        settings=Settings(
            timezone="Europe/Berlin", tables=hidden, allowed_lateness=30 * STEP * 288
        ),
    )
    post = named("track_events")
    post.function(made, post.ask(body=msgspec.json.encode(ROWS), wait=True))
    yield made
    made.close()


def report(engine: Engine, *objectives: object, month: str = "") -> Any:
    """The answer, as JSON has it."""
    ask = named("measure_sla")
    found = ask.function(engine, ask.ask(objectives=list(objectives), month=month))
    return msgspec.json.decode(msgspec.json.encode(found))


def in_march() -> list[dict[str, Any]]:
    """Rows of March by the clock of Berlin, up to the last whole step."""
    start, end = "2026-02-28T23:00:00+00:00", "2026-03-09T11:55:00+00:00"
    return [row for row in ROWS if start <= row["timestamp"] < end]


def test_events_are_counted_as_plain_python_counts_them(engine: Engine) -> None:
    """Total, bad, the share that was good, the budget that is used, by the month of the zone."""
    found = report(engine, "up: events_inserts_total except type=error, 98%")
    (one,), rows = found["objectives"], in_march()
    bad = sum(row["type"] == "error" for row in rows)
    assert (one["total"], one["bad"]) == (len(rows), bad)
    assert one["measured"] == pytest.approx(1 - bad / len(rows))
    assert found["from"] == "2026-02-28T23:00:00Z"
    assert found["to"] == "2026-03-31T22:00:00Z"  # summer time by then: a month of 743 hours
    steps, elapsed = 743 * 12, (datetime(2026, 3, 9, 11, 55, tzinfo=UTC) - plus(0)) / STEP
    assert one["budget"] == pytest.approx(0.02 * len(rows) * steps / elapsed, rel=0.01)
    assert one["used"] == pytest.approx(bad / one["budget"])
    assert len(one["days"]) == 9
    assert one["days"][-1]["left"] == pytest.approx(1 - one["used"])
    assert one["days"][6]["good"] is None  # silence


def plus(days: float) -> datetime:
    """A moment after the start of the month in Berlin."""
    return datetime(2026, 2, 28, 23, tzinfo=UTC) + timedelta(days=days)


def test_steps_are_judged_as_plain_python_judges_them(engine: Engine) -> None:
    """Five minutes with a mean above the limit are bad; silence is as no_data says."""
    means: dict[datetime, list[float]] = {}
    for row in in_march():
        at = datetime.fromisoformat(row["timestamp"])
        means.setdefault(at - (at - plus(0)) % STEP, []).append(row["duration_ms"])
    bad = sum(sum(each) / len(each) > 500 for each in means.values())
    said = {"name": "fast", "target": 0.99, "condition": "events_duration_ms_avg <= 500ms"}
    steps = {
        rule: report(engine, said | {"no_data": rule})["objectives"][0]
        for rule in ("skip", "good", "bad")
    }
    whole = (datetime(2026, 3, 9, 11, 55, tzinfo=UTC) - plus(0)) // STEP
    assert (steps["skip"]["total"], steps["skip"]["bad"]) == (len(means), bad)
    assert (steps["good"]["total"], steps["good"]["bad"]) == (whole, bad)
    assert steps["bad"]["bad"] == whole - len(means) + bad
    worst = steps["skip"]["spells"][0]
    assert (worst["start"], worst["end"]) == ("2026-03-05T14:00:00Z", "2026-03-05T15:00:00Z")


def test_conditions_are_joined_as_they_say(engine: Engine) -> None:
    """And, or and not of comparisons, over several metrics."""

    def bad(condition: str) -> float:
        found = report(engine, {"name": "x", "target": "99%", "condition": condition})
        amount: float = found["objectives"][0]["bad"]
        return amount

    slow, fast = "events_duration_ms_avg > 500", "events_duration_ms_avg <= 500"
    always = "events_inserts_total >= 0"
    assert bad(f"not {slow}") == bad(fast) == bad(f"{fast} and {always}")
    assert bad(f"{fast} or {always}") == 0


def test_a_month_before_the_data_has_none(engine: Engine) -> None:
    """It is said, and is not a promise kept; the month that is over may be."""
    up = "up: events_inserts_total except type=error, 90%"
    assert report(engine, up, month="2025-12")["state"] == "no data"
    over = report(engine, up, month="last")
    assert (over["month"], over["state"]) == ("2026-02", "kept")
    assert over["objectives"][0]["projected"] == over["objectives"][0]["used"]


def test_the_usual_and_the_configured_objectives(engine: Engine) -> None:
    """Without any, the usual ones that there are metrics for; else those of the configuration."""
    ask = named("sla")
    usual = ask.function(engine, ask.ask())
    assert usual.suggested
    assert {"availability", "latency"} <= {each.name for each in usual.objectives}
    engine.beside(Objectives).configured = (
        read_objective("up: events_inserts_total except type=error, 90%"),
    )
    mine = ask.function(engine, ask.ask())
    engine.beside(Objectives).configured = ()
    assert not mine.suggested
    assert [each.name for each in mine.objectives] == ["up"]


def test_a_viewer_filters_by_no_sensitive_label(engine: Engine) -> None:
    """It would tell whether a value is there."""
    up = "up: events_inserts_total except service=api, 90%"
    assert report(engine, up)["objectives"][0]["bad"] > 0
    with acting(Who("eve", "viewer", via="session")), pytest.raises(AccessError, match="service"):
        report(engine, up)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nothing", "no objective"),
        ("a: events_inserts_total > 0, 100%", "less than 100"),
        ("a: events_inserts_total > 0, zero%", "target"),
        ("a: no_such_metric > 0, 99%", "no_such_metric"),
        ("a: events_inserts_total > 150% of baseline, 99%", "comparisons"),
        ("a: events_inserts_total over 1h > 0, 99%", "step"),
        ({"name": "a", "target": 0.9, "condition": "events_total > 0", "step": "7m"}, "divide"),
        ({"name": "a", "target": 0.9, "bad": {"type": "error"}}, "metric"),
        ({"name": "a", "target": 0.9, "condition": "x > 0", "goal": 1}, "goal"),
    ],
)
def test_a_wrong_objective_is_refused(engine: Engine, given: object, said: str) -> None:
    """The message names the fault."""
    with pytest.raises(InputError) as error:
        report(engine, given)
    assert said in str(error.value)


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=8), st.integers() | st.text()))
def test_any_objective_is_read_or_refused(given: object) -> None:
    """No input ends in another error, and what was read has a target inside (0, 1)."""
    try:
        found = read_objective(given)
    except DataWatchError:
        return
    assert isinstance(found, Objective)
    assert 0 < found.target < 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=400),
    st.floats(0.5, 0.999),
    st.integers(0, 300),
)
def test_figures_of_any_steps_agree_with_each_other(
    pairs: list[tuple[int, int]], target: float, hours: int
) -> None:
    """What is used, what is left at the end, the spells and the state tell the same story."""
    month = month_of("2026-03", NOW, "Europe/Berlin")
    start = month.start + timedelta(hours=hours)
    times = np.array([plain(start + STEP * place) for place in range(len(pairs))])
    total = np.array([float(max(pair)) for pair in pairs])
    bad = np.array([float(min(pair)) for pair in pairs])
    times = times.astype("datetime64[us]")
    found = Measured(times, total, bad, STEP, frozenset(), frozenset({"events"}))
    until = start + STEP * len(pairs)
    got = figures(found, target, month, until)
    assert got.total == total.sum()
    assert got.used == pytest.approx(got.bad / got.budget if got.budget else 0)
    assert got.projected >= got.used
    assert sum(each.bad for each in got.spells) <= got.bad
    if len(got.spells) < 5:
        assert sum(each.bad for each in got.spells) == got.bad
    if got.days:
        assert got.days[-1][2] == pytest.approx(1 - got.used)
    assert (got.state == "no data") == (got.total == 0)
    assert (got.state == "missed") == (got.used > 1 + 1e-9)


def test_an_objective_that_is_just_met_is_not_missed() -> None:
    """One bad of a thousand is within 99.9 %, however the fractions are rounded."""
    month = month_of("2026-03", NOW, "UTC")
    times = np.array([plain(each) for each in month.days]).astype("datetime64[us]")
    for target, count, wrong in (
        ("99.9%", 1_000, 1),
        ("99.3", 1_000, 7),
        ("0.999", 7_000, 7),
        ("99.99%", 30_000, 3),
    ):
        objective = read_objective(f"a: x > 0, {target}")
        total, bad = np.zeros(31), np.zeros(31)
        total[0], bad[0] = count, wrong
        found = Measured(times, total, bad, timedelta(days=1), frozenset(), frozenset())
        assert figures(found, objective.target, month, month.end).state == "kept"
    assert read_objective("a: x > 0, 99.9%").target == 0.999


def test_incidents_are_those_of_the_month(tmp_path: Path) -> None:
    """An alert that goes on from the month before is one; the plan community has no anomalies."""
    clock = ManualClock(NOW)
    plan = Settings(plan="community", allowed_lateness=30 * STEP * 288)
    made = Engine.open(tmp_path / "w.duckdb", clock=clock, settings=plan)
    march = datetime(2026, 3, 1, tzinfo=UTC)
    days = {"old": (-9, -1), "into": (-2, 1), "within": (1, 2), "after": (40, 41)}
    alerts = [
        Alert(
            id=name,
            rule_id="r",
            rule=name,
            severity="critical",
            labels=(),
            started=march + timedelta(days=first),
            fired=march + timedelta(days=first),
            resolved=march + timedelta(days=last),
            status="resolved",
            reading="x > 1",
        )
        for name, (first, last) in days.items()
    ]
    try:
        post = named("track_events")
        post.function(made, post.ask(body=msgspec.json.encode(ROWS[-100:]), wait=True))
        made.store.alerts.put(AlertChange(alerts=alerts))
        found = report(made, "up: events_inserts_total except type=error, 98%", month="2026-03")
    finally:
        made.close()
    assert {each["what"] for each in found["incidents"]} == {"into", "within"}


def test_burn_rates_are_of_their_windows() -> None:
    """A tenth bad in the last hour alone, with a target of 99 %: 10 over 1 h, less over longer."""
    month = month_of("2026-03", NOW, "UTC")
    count = 288 * 4
    until = month.start + STEP * count
    times = np.array([plain(month.start + STEP * place) for place in range(count)])
    bad = np.zeros(count)
    bad[-12:] = 0.1
    found = Measured(
        times.astype("datetime64[us]"), np.ones(count), bad, STEP, frozenset(), frozenset()
    )
    got = figures(found, 0.99, month, until)
    assert got.rates["1h"] == pytest.approx(10)
    assert got.rates["6h"] == pytest.approx(10 / 6)
    assert got.rates["3d"] == pytest.approx(10 / 72)
    assert got.state == "on track"
    bad[-12:] = 0.2
    assert figures(found, 0.99, month, until).state == "at risk"
