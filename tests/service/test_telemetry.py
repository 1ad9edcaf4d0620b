"""The telemetry routes against an oracle that works the same figures out in plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine import Engine
from datawatch_lab.engine.telemetry import rows_after
from datawatch_lab.service.operations import named
from datawatch_lab.service.telemetry import cells, window
from datawatch_lab.service.telemetry.snapshots import Telemetry
from tests.service import telemetry_bodies as bodies
from tests.service.telemetry_oracle import Oracle

Ask = Callable[..., Any]


class Asked:
    """An engine with a clock that stands still, and its operations by name."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def post(self, name: str, body: Any) -> Any:
        """Post a body."""
        operation = named(name)
        return operation.function(
            self.engine, operation.ask(body=msgspec.json.encode(body), wait=True)
        )

    def get(self, name: str, **values: Any) -> Any:
        """The answer, as JSON has it."""
        operation = named(name)
        answer = operation.function(self.engine, operation.ask(**values))
        return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine whose clock stands at the moment of asking."""
    with_clock = Engine.open(tmp_path / "w.duckdb", clock=ManualClock(bodies.ASKED))
    yield with_clock
    with_clock.close()


@pytest.fixture
def asked(engine: Engine) -> Asked:
    """Its operations."""
    return Asked(engine)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asked, Oracle]]:
    """A posted day and its oracle, read by the tests of this module."""
    chance = random.Random(20_260_602)
    oracle = Oracle(
        now=bodies.ASKED,
        events=bodies.events(chance, 900),
        heartbeats=bodies.heartbeats(chance),
        performance=bodies.performance(chance, 200),
        actions=bodies.actions(chance, 300),
        tasks=bodies.tasks(chance, 60),
    )
    # A day and an hour is more than lateness allows, so the posts come as they did, in order.
    clock = ManualClock(bodies.ASKED)
    engine = Engine.open(tmp_path_factory.mktemp("day") / "w.duckdb", clock=clock)
    asked = Asked(engine)
    for name, posted in (
        ("track_events", oracle.events),
        ("post_heartbeat", oracle.heartbeats),
        ("analytics_performance", oracle.performance),
        ("analytics_behavior", oracle.actions),
        ("analytics_tasks", oracle.tasks),
    ):
        ordered = sorted(posted, key=lambda body: body["timestamp"])
        posted[:] = ordered
        for start in range(0, len(ordered), 250):
            assert asked.post(name, ordered[start : start + 250]).status == "accepted"
            engine.beside(Telemetry).make_dashboard()  # so that rows are read as they come
    yield asked, oracle
    engine.close()


def test_overview_agrees_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Requests, users, latency and rates of the dashboard are those of the posted bodies."""
    asked, oracle = day
    assert asked.get("service_dashboard")["overview"] == pytest.approx(oracle.overview())


def test_services_agree_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Each service has the status, counts and latency that its heartbeats and events give."""
    asked, oracle = day
    found = asked.get("service_dashboard")["services"]
    wanted = oracle.services()
    assert set(found) == set(wanted)
    for name, figures in wanted.items():
        shown = {key: found[name][key] for key in figures}
        assert shown == pytest.approx(figures, nan_ok=True), name
    assert {each["status"] for each in wanted.values()} >= {"stale", "degraded", "unhealthy"}


def test_the_last_minute_agrees_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Counts of the last sixty seconds and the top endpoints are those of the posted bodies."""
    asked, oracle = day
    found, wanted = asked.get("service_dashboard")["realtime_stats"], oracle.realtime()
    top = [(e["endpoint"], e["count"], e["avg_time_ms"]) for e in found["top_endpoints"]]
    assert [each[:2] for each in top] == [each[:2] for each in wanted["top_endpoints"]]
    assert [e[2] for e in top] == pytest.approx([e[2] for e in wanted["top_endpoints"]])
    for name in ("requests_last_1min", "errors_last_1min"):
        assert found[name] == wanted[name]
        assert wanted[name]


def test_recent_events_are_the_newest_as_posted(day: tuple[Asked, Oracle]) -> None:
    """The list begins with the last event that was posted, and has its fields."""
    asked, oracle = day
    found = asked.get("service_dashboard")["realtime_stats"]["recent_events"]
    wanted = [each["id"] for each in oracle.events[::-1][:20]]
    assert [each["id"] for each in found] == wanted
    newest = oracle.events[-1]
    assert {key: found[0][key] for key in newest if key != "timestamp"} == {
        key: value for key, value in newest.items() if key != "timestamp"
    }


def test_aggregations_agree_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Every minute of every service has the exact counts, and quantiles within 1 %."""
    asked, oracle = day
    rows = asked.get("aggregations", limit=10_000)
    wanted = oracle.aggregations()
    assert {(row["timestamp"], row["service_id"]) for row in rows} == set(wanted)
    for row in rows:
        figures = wanted[row["timestamp"], row["service_id"]]
        for name, value in figures.items():
            near = 0.01 if name.startswith("p") else 1e-9
            assert row[name] == (None if value is None else pytest.approx(value, rel=near)), row
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len({row["id"] for row in rows}) == len(rows)


def test_top_lists_agree_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """The most frequent errors and users are those of the posted bodies."""
    asked, oracle = day
    found = asked.get("analytics_dashboard")
    errors = [(e["error"], e["service_id"], e["count"]) for e in found["top_errors"]]
    users = [(u["user_id"], u["count"], u["error_count"]) for u in found["top_users"]]
    assert errors == oracle.top_errors()
    assert users == oracle.top_users()


def test_health_counts_the_services(day: tuple[Asked, Oracle]) -> None:
    """System health counts each status once a service, and is as bad as the worst."""
    asked, oracle = day
    found = asked.get("analytics_dashboard")["system_health"]
    words = [each["status"] for each in oracle.services().values()]
    for word in ("healthy", "degraded", "unhealthy", "stale"):
        assert found[word] == words.count(word)
    assert found["status"] == "unhealthy"
    assert found["score"] == pytest.approx(100 * words.count("healthy") / len(words))


def test_behaviour_agrees_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Sessions, features, journeys and the peak hour are those of the posted bodies."""
    asked, oracle = day
    found, wanted = asked.get("user_behavior"), oracle.behaviour()
    for name in ("actions", "unique_users"):
        assert found[name] == wanted[name]
    for name in ("count", "per_user", "average_seconds", "longest_seconds"):
        assert found["sessions"][name] == pytest.approx(wanted[name]), name
    assert [(f["feature"], f["count"]) for f in found["features"]] == wanted["features"]
    steps = [((s["from"], s["to"]), s["count"]) for s in found["journeys"]]
    assert steps == wanted["journeys"]
    assert (found["peak_hour"]["hour"], found["peak_hour"]["count"]) == wanted["peak_hour"]


def test_tasks_agree_with_the_oracle(day: tuple[Asked, Oracle]) -> None:
    """Runs reported twice count once; rates, durations, reasons and queue are as posted."""
    asked, oracle = day
    found, wanted = asked.get("task_overview"), oracle.task_figures()
    failures = [(each["reason"], each["count"]) for each in found["failures"]]
    assert failures == wanted.pop("failures")
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_a_service_in_full_agrees_with_the_dashboard(day: tuple[Asked, Oracle]) -> None:
    """The page of one service says what the dashboard says of it, and adds quantiles."""
    asked, _ = day
    whole = asked.get("service_dashboard")["services"]["api"]
    found = asked.get("service_metrics", service="api")
    for name in ("status", "request_count", "error_count", "avg_latency_ms"):
        assert found[name] == whole[name]
    assert found["p50_latency_ms"] <= found["p95_latency_ms"] <= found["p99_latency_ms"]


def _rounded(value: Any) -> Any:
    """The same with nine digits of every number: sums depend on their order in the last ones."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def test_what_is_read_again_is_what_was_read(day: tuple[Asked, Oracle]) -> None:
    """A window made from the whole log says what the one says that grew with the rows."""
    asked, _ = day
    grown, again = asked.engine.beside(Telemetry), Telemetry(asked.engine)
    for one, two in (
        (grown.make_dashboard(), again.make_dashboard()),
        (grown.make_analytics(), again.make_analytics()),
        (grown.behaviour(), again.behaviour()),
        (grown.tasks(), again.tasks()),
    ):
        assert _rounded(msgspec.to_builtins(one)) == _rounded(msgspec.to_builtins(two))


def test_total_requests_reach_back_beyond_what_is_read_again(
    day: tuple[Asked, Oracle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests before the part of the log that a restart reads are counted by the roll-ups."""
    asked, oracle = day
    monkeypatch.setattr(window, "MOST_READ_AGAIN", 1_000)
    found = Telemetry(asked.engine).make_dashboard()
    assert found.overview.total_requests == oracle.overview()["total_requests"]
    assert found.realtime_stats.requests_last_1min <= oracle.realtime()["requests_last_1min"]


def test_measurements_count_as_requests(asked: Asked) -> None:
    """Measurements called requests, errors and latency stand for as many as they say."""
    for name, value in (("requests", 40), ("errors", "2"), ("latency", 12.5)):
        asked.post("record_measurements", {"name": name, "value": value, "service": "old"})
    found = asked.get("service_dashboard")
    assert found["overview"]["total_requests"] == 40
    assert found["overview"]["error_rate"] == pytest.approx(5.0)
    assert found["services"]["old"]["avg_latency_ms"] == 12.5
    assert found["services"]["old"]["status"] == "degraded"


def test_a_silent_service_is_stale(asked: Asked, engine: Engine) -> None:
    """Two minutes without a heartbeat make a service stale, one heartbeat makes it well again."""
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    beat = {"service": "auth", "status": "ok", "uptime": 7_200}
    asked.post("post_heartbeat", beat)
    for seconds, status in ((119, "healthy"), (2, "stale")):
        clock.advance(timedelta(seconds=seconds))
        (found,) = asked.get("list_services")
        assert (found["status"], found["uptime_hours"]) == (status, 2.0)
    asked.post("post_heartbeat", beat)
    assert asked.get("list_services")[0]["status"] == "healthy"


def test_what_leaves_the_window_is_forgotten(asked: Asked, engine: Engine) -> None:
    """A day later an event counts in no list any more, and still in the total."""
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    asked.post("track_events", {"type": "request", "service": "api", "user_id": "u", "path": "/a"})
    assert asked.get("service_dashboard")["realtime_stats"]["top_endpoints"]
    clock.advance(timedelta(hours=26))
    asked.post("track_events", {"type": "other"})
    found = msgspec.to_builtins(engine.beside(Telemetry).make_dashboard())
    assert found["services"] == {}
    assert found["realtime_stats"]["top_endpoints"] == []
    assert found["overview"]["total_requests"] == 1
    assert asked.get("user_behavior")["actions"] == 0


def test_who_was_silent_for_the_window_is_gone(asked: Asked, engine: Engine) -> None:
    """Heartbeats, metrics and measurements of a pod that ended days ago make no service of it."""
    clock = engine.clock
    assert isinstance(clock, ManualClock)
    asked.post("post_heartbeat", {"service": "old-1", "status": "ok"})
    asked.post("analytics_metrics", {"service_id": "old-2", "cpu_usage": 50})
    asked.post("record_measurements", {"name": "depth", "value": 4, "service": "old-3"})
    assert {each["name"] for each in asked.get("list_services")} >= {"old-1", "old-2"}
    clock.advance(timedelta(hours=26))
    asked.post("post_heartbeat", {"service": "new", "status": "ok"})
    assert [each["name"] for each in asked.get("list_services")] == ["new"]
    found = engine.beside(Telemetry)
    assert found.window.measurements is not None
    assert found.window.measurements.is_empty()


def test_rows_that_cannot_be_taken_are_counted_once(
    asked: Asked, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure between two batches neither counts the first one again nor stops what follows."""
    found = window.Window(engine)
    take = found._take
    taken: list[int] = []

    def failing(stream: str, rows: Any, now: Any) -> None:
        if len(taken) == 1:
            taken.append(-1)
            raise MemoryError
        taken.append(rows.height)
        take(stream, rows, now)

    for number in range(4):
        asked.post("track_events", {"type": "request", "user_id": f"u{number}"})
    with monkeypatch.context() as broken:
        broken.setattr(found, "_take", failing)
        broken.setattr(window, "rows_after", _sliced(rows_after))
        with pytest.raises(MemoryError):
            found.update(bodies.ASKED)
        found.update(bodies.ASKED)
        found.update(bodies.ASKED)
    assert taken == [1, -1, 1, 1]
    assert found.requests == 3


def _sliced(read: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same rows, one at a time."""

    def found(*args: Any) -> Iterator[Any]:
        for rows in read(*args):
            yield from rows.iter_slices(1)

    return found


def test_sensitive_fields_are_masked_for_viewers(asked: Asked, engine: Engine) -> None:
    """A field that is marked sensitive is masked in dashboards, and in lists for viewers."""
    asked.post("track_events", {"type": "request", "user_id": "ada", "data": {"card": 1}})
    engine.correct("events", "user_id", sensitive=True)
    asked.post("track_events", {"type": "request", "user_id": "ada"})
    with acting(Who("eve", "viewer")):
        assert {each["user_id"] for each in asked.get("list_events")["events"]} == {"•••"}
    assert {each["user_id"] for each in asked.get("list_events")["events"]} == {"ada"}
    found = engine.beside(Telemetry)
    assert found.make_dashboard().realtime_stats.recent_events[0]["user_id"] == "•••"
    assert found.make_analytics().top_users[0].user_id == "•••"


def test_endpoints_are_bounded(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many endpoints the rarest are counted together, and no request is lost."""
    monkeypatch.setattr(cells, "MOST_NAMES", 5)
    monkeypatch.setattr(cells, "_SLACK", 10)
    often = [{"type": "request", "endpoint": "/often"} for _ in range(20)]
    rare = [{"type": "request", "endpoint": f"/{number}"} for number in range(30)]
    asked.post("track_events", often + rare)
    top = asked.get("service_dashboard")["realtime_stats"]["top_endpoints"]
    assert sum(each["count"] for each in top) == 50
    assert {each["endpoint"] for each in top[:2]} == {"/often", cells.OTHER}
