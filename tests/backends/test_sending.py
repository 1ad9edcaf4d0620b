"""Sending to back ends: what waits, what is corrected, what is refused, what is asked."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from datawatch_lab.core.backends import Points
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, run
from tests.backends.backend_contract import BackendContract
from tests.backends.duck_backend import DuckBackend
from tests.backends.shop import NOW, await_current, closed_until, events, feed, opened, same
from tests.waiting import PATIENCE, eventually

START = NOW - timedelta(minutes=30)


@pytest.fixture
def backend() -> DuckBackend:
    """A DuckDB."""
    return DuckBackend()


@pytest.fixture
def served(backend: DuckBackend) -> str:
    """Its version."""
    return backend.health().version


class TestDuckDB(BackendContract):
    """The contract over DuckDB itself: what the others are held against keeps it too."""


def test_what_is_closed_is_answered_alike(tmp_path: Path, backend: DuckBackend) -> None:
    """Every metric, aggregation, label and step: the back end's answer is the workspace's."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 25))
    await_current(engine)
    assert same(engine, backend, START, whole=True) > 200
    engine.close()


def test_values_are_those_of_a_range_by_the_minute(tmp_path: Path, backend: DuckBackend) -> None:
    """What people draw is what `range` says of each minute, quantiles and running counts too."""
    engine = opened(tmp_path / "w.duckdb")
    feed(engine, events(1, START, 10))
    engine.backends.use([backend])
    await_current(engine)
    end = closed_until(engine)
    for name in ("orders_amount_sum", "orders_amount_avg", "orders_amount_p99", "orders_rows"):
        asked = QueryRequest(name, START, end, step="1m")
        (series,) = run(engine, asked).series
        sent = {at: value for (labels, at), value in backend.points(name).items() if labels == "{}"}
        right = {at: value for at, value in series.points if value is not None and at in sent}
        assert sent == pytest.approx(right)
        assert len(sent) >= 9
    by = backend.points("orders_amount_sum")
    assert {json.loads(labels).get("datawatch_by") for labels, _ in by} == {None, "status"}
    engine.close()


def test_away_it_waits_and_comes_back(tmp_path: Path, backend: DuckBackend) -> None:
    """While it is away events are taken in as ever, and it is shown; back, it gets all of them."""
    backend.away = True
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 10))
    await_state(engine, "away")
    feed(engine, events(2, START + timedelta(minutes=10), 10))
    (state,) = engine.backends.states()
    assert state.errors > 0
    assert "does not answer" in state.problem
    backend.away = False
    await_current(engine)
    assert same(engine, backend, START) > 50
    engine.close()


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path, backend: DuckBackend) -> None:
    """Minutes that closed while nobody sent are sent at the next opening; none is sent twice."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 10))
    await_current(engine)
    engine.close()
    sent = backend.count()
    engine = opened(tmp_path / "w.duckdb")
    feed(engine, events(2, START + timedelta(minutes=10), 10))
    assert backend.count() == sent
    engine.backends.use([backend])
    await_current(engine)
    (state,) = engine.backends.states()
    assert state.points == backend.count() + backend.count("points")
    assert same(engine, backend, START) > 50
    engine.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_late_events_correct_what_was_sent(
    tmp_path: Path, backend: DuckBackend, *, restarts: bool
) -> None:
    """A late event's minutes are sent again, also when it came while nobody was sending."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 20))
    await_current(engine)
    if restarts:
        engine.close()
        engine = opened(tmp_path / "w.duckdb")
    feed(engine, events(7, START + timedelta(minutes=2), 3))
    if restarts:
        engine.backends.use([backend])
    else:
        feed(engine, events(8, START + timedelta(minutes=20), 3))
    await_current(engine)
    assert same(engine, backend, START) > 50
    engine.close()


def test_refused_points_are_counted_and_passed_over(tmp_path: Path, backend: DuckBackend) -> None:
    """What a back end will never take does not hold up the rest."""
    backend.refuses = 4
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 10))
    await_current(engine)
    (state,) = engine.backends.states()
    assert state.refused == 4 * backend.writes
    assert state.refused > 0
    assert same(engine, backend, START) > 50
    engine.close()


def test_a_slow_back_end_holds_up_nobody(tmp_path: Path) -> None:
    """A write that hangs keeps its own thread only: events are stored and answered meanwhile."""
    gate = threading.Event()

    class Slow(DuckBackend):
        def write(self, points: Points) -> None:
            gate.wait(PATIENCE)
            super().write(points)

    backend = Slow()
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    for seed in range(1, 6):
        feed(engine, events(seed, START + timedelta(minutes=4 * seed), 4))
    asked = QueryRequest("orders_total", START, NOW, stepped=False)
    (series,) = run(engine, asked).series
    assert series.value is not None
    assert series.value >= 60
    assert backend.count() == 0
    gate.set()
    await_current(engine)
    assert backend.count() > 0
    engine.close()


def test_what_does_not_follow_from_states_is_refused(tmp_path: Path, backend: DuckBackend) -> None:
    """Quantiles, distinct values and seconds are refused with a sentence that says what to do."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 10))
    with pytest.raises(InputError, match=r"p99 does not follow.*Ask without a back end"):
        run(engine, QueryRequest("orders_amount_p99", START, NOW, step="5m", backend="duckdb"))
    with pytest.raises(InputError, match="whole minutes"):
        run(engine, QueryRequest("orders_total", START, NOW, step="30s", backend="duckdb"))
    with pytest.raises(NotFoundError, match="did you mean 'duckdb'"):
        run(engine, QueryRequest("orders_total", START, NOW, step="5m", backend="duckbd"))
    engine.close()


def test_days_by_the_clock_are_asked_in_hours(tmp_path: Path, backend: DuckBackend) -> None:
    """Days of unequal width are put together from the steps that fall on all their edges."""
    from datawatch_lab.core.clock import ManualClock
    from datawatch_lab.core.settings import Settings

    settings = Settings(timezone="Europe/Berlin")
    engine = Engine.open(tmp_path / "w.duckdb", settings=settings, clock=ManualClock(NOW))
    engine.backends.use([backend])
    feed(engine, events(1, NOW - timedelta(hours=30), 1_790, each=1))
    await_current(engine)
    answers = [
        run(engine, QueryRequest("orders_amount_sum", "-3d", "now", step="1d", backend=name))
        for name in ("", "duckdb")
    ]
    right, got = ([value for _, value in each.series[0].points] for each in answers)
    assert any(each is not None for each in right[:-1])
    assert got[:-1] == pytest.approx(right[:-1])  # of the last day a minute is open
    engine.close()


def await_state(engine: Engine, state: str) -> None:
    """Wait until the back end is in a state."""
    eventually(
        lambda: engine.backends.states()[0].state == state, lambda: repr(engine.backends.states())
    )
