"""A workspace and the real servers that it writes to: answers, outages, kills, Grafana."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from datawatch_lab.core.backends import Points
from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery
from datawatch_lab.dashboards.grafana import to_grafana
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.store.backends.influx import Influx
from datawatch_lab.store.backends.prometheus import Prometheus
from tests.backends.shop import NOW, await_current, closed_until, events, feed, opened, same
from tests.exchanged import Exchanged
from tests.services import influxdb, prometheus
from tests.waiting import eventually

START = NOW - timedelta(minutes=45)


@pytest.fixture
def lone_prometheus() -> Iterator[prometheus.Server]:
    """A Prometheus with nothing in it."""
    if prometheus.find() is None:
        from tests.conftest import missing

        missing("Prometheus", prometheus.HOW_TO_GET_ONE)
    server = prometheus.Server()
    yield server
    server.close()


def _influx(server: influxdb.Server, database: str) -> Influx:
    return Influx(server.url, database, username="ada", password=influxdb.PASSWORD)


def test_down_it_waits_late_it_corrects(
    tmp_path: Path, influx_server: influxdb.Server, exchanged: Exchanged
) -> None:
    """A server that is away gets what it missed and what came late, and then answers alike."""
    backend = _influx(influx_server, "outage")
    influx_server.stop()
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 20))
    influx_server.start()
    await_current(engine)
    feed(engine, events(2, START + timedelta(minutes=3), 2))
    feed(engine, events(3, START + timedelta(minutes=20), 3))
    await_current(engine)
    compared = same(engine, backend, START)
    assert compared > 50
    exchanged("back end", f"influxdb {influx_server.version}, values compared", compared)
    engine.close()


def test_prometheus_answers_alike_after_corrections(
    tmp_path: Path, lone_prometheus: prometheus.Server, exchanged: Exchanged
) -> None:
    """Prometheus keeps the first sample of a moment; late corrections reach its answers even so."""
    backend = Prometheus(lone_prometheus.url)
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, START, 20))
    await_current(engine)
    feed(engine, events(2, START + timedelta(minutes=3), 2))
    feed(engine, events(3, START + timedelta(minutes=20), 3))
    await_current(engine)
    compared = same(engine, backend, START, whole=True)
    (state,) = engine.backends.states()
    exchanged("back end", f"prometheus {state.version}, values compared", compared)
    assert state.points > 0
    assert compared > 200
    engine.close()


def test_grafanas_queries_have_data_in_prometheus(
    tmp_path: Path, lone_prometheus: prometheus.Server
) -> None:
    """Every query of the exported dashboard gives the numbers that the workspace gives."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([Prometheus(lone_prometheus.url)])
    feed(engine, events(1, START, 20))
    await_current(engine)
    questions = [
        TileQuery(metric="orders_total"),
        TileQuery(metric="orders_amount_sum"),
        TileQuery(metric="orders_amount_sum", by=("status",)),
        TileQuery(metric="orders_amount_sum", filters={"status": "paid"}),
        TileQuery(metric="orders_amount_max"),
        TileQuery(metric="orders_rows"),
        TileQuery(metric="orders_by_status", by=("status",)),
        TileQuery(metric="orders_amount_p95"),
    ]
    tiles = tuple(
        Tile(id=f"t{place}", kind="line", title=str(place), query=each)
        for place, each in enumerate(questions)
    )
    board = Dashboard(name="Orders", tiles=tiles)
    panels = to_grafana(board, engine.metrics())["panels"]
    end = closed_until(engine)
    for question, panel in zip(questions, panels, strict=True):
        (target,) = panel["targets"]
        expression = target["expr"].replace("$__interval", "60s")
        got = _asked(lone_prometheus, expression, end, question.by)
        asked = QueryRequest(
            question.metric,
            end - timedelta(minutes=1),
            end,
            group_by=question.by,
            filters=tuple((k, str(v)) for k, v in question.filters.items()),
            stepped=True,
            step="1m",
        )
        right = {
            tuple(each.labels.get(label, "") for label in question.by): each.value
            for each in run(engine, asked).series
            if each.value is not None
        }
        assert got == pytest.approx(right), (question, expression)
        assert got
    engine.close()


def _asked(
    server: prometheus.Server, expression: str, at: datetime, by: tuple[str, ...]
) -> Mapping[tuple[str, ...], float]:
    sent = {"query": expression, "time": str(at.timestamp())}
    found = httpx.post(f"{server.url}/api/v1/query", data=sent).json()
    assert found["status"] == "success", found
    return {
        tuple(each["metric"].get(label, "") for label in by): float(each["value"][1])
        for each in found["data"]["result"]
    }


_CHILD = """
import sys
from pathlib import Path
from tests.backends.test_on_servers import open_child
open_child(Path(sys.argv[1]), *sys.argv[2:])
"""


def open_child(path: Path, url: str, database: str) -> None:
    """Open a workspace and send, until somebody kills it."""
    engine = opened(path)

    class Telling(Influx):
        def write(self, points: Points) -> None:
            super().write(points)
            print("written", flush=True)

    engine.backends.use([Telling(url, database, username="ada", password=influxdb.PASSWORD)])
    sys.stdin.read()


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_killed_while_it_catches_up(
    tmp_path: Path, influx_server: influxdb.Server, kills: int
) -> None:
    """After kill -9 within writes nothing is missing at the end, and nothing is there twice."""
    path = tmp_path / "w.duckdb"
    engine = opened(path)
    feed(engine, events(1, NOW - timedelta(hours=30), 1_500, each=1))
    engine.close()
    database = f"kills{kills}"
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), influx_server.url, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"written\n"
            child.kill()
    engine = opened(path)
    backend = _influx(influx_server, database)
    engine.backends.use([backend])
    await_current(engine)
    assert same(engine, backend, NOW - timedelta(hours=30)) > 50
    engine.close()


def test_the_password_is_in_no_log(
    tmp_path: Path, influx_server: influxdb.Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password is said without it, in the state and in the log."""
    engine = opened(tmp_path / "w.duckdb")
    wrong = Influx(influx_server.url, username="ada", password="wr0ng-w0rd")  # noqa: S106
    engine.backends.use([wrong])
    feed(engine, events(1, START, 3))
    eventually(lambda: engine.backends.states()[0].state == "away")
    (state,) = engine.backends.states()
    assert "lets nobody in" in state.problem
    assert "wr0ng" not in caplog.text + repr(state) + repr(wrong)
    engine.close()
