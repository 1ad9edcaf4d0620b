"""The routes of the older services: their shapes as golden files, over a real engine and HTTP.

``DATAWATCH_WRITE_GOLDEN=1 pytest tests/api/test_older.py`` writes the files anew; look at the
difference before it is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.engine import Engine
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import TOKEN, Serve

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 6, 1, 12, 30, 20, tzinfo=UTC)

POSTED: tuple[tuple[str, Any], ...] = (
    (
        "/events",
        {
            "id": "e1",
            "type": "request",
            "service": "api",
            "user_id": "u1",
            "timestamp": "2026-06-01T12:30:00Z",
            "data": {"endpoint": "/cart?id=1", "duration_ms": 12.5, "status_code": 200},
            "tags": {"region": "eu"},
        },
    ),
    (
        "/events",
        [
            {"id": "e2", "type": "error", "service": "api", "data": {"message": "boom"}},
            {"id": "e3", "type": "purchase", "service": "shop", "user_id": "u2", "total": "19.90"},
        ],
    ),
    (
        "/metrics",
        {
            "id": "m1",
            "name": "latency",
            "value": 37.5,
            "unit": "ms",
            "tags": {"service": "api"},
            "timestamp": 1_780_317_005,
        },
    ),
    (
        "/heartbeat",
        {
            "id": "h1",
            "service": "auth",
            "status": "healthy",
            "metrics": {"request_count": 1_000, "error_count": 10, "avg_latency": 45.5},
            "uptime": 7_200,
            "version": "2.1",
        },
    ),
    (
        "/api/v1/analytics/events",
        {
            "id": "a1",
            "event_type": "request",
            "service_id": "web",
            "user_id": "u1",
            "metadata": {"path": "/home", "latency_ms": 80},
            "tags": ["beta"],
        },
    ),
    (
        "/api/v1/analytics/metrics",
        {
            "id": "a2",
            "service_id": "web",
            "cpu_usage": 61.5,
            "memory_usage": 48,
            "disk_usage": 70,
            "request_rate": 12.5,
            "error_rate": 0.02,
            "latency": 35,
            "cache_hit_rate": 0.93,
        },
    ),
    (
        "/api/v1/analytics/behavior",
        {"id": "a3", "user_id": "u1", "action": "login", "session_id": "s1", "success": True},
    ),
    (
        "/api/v1/analytics/behavior",
        {"id": "a4", "user_id": "u1", "action": "search", "session_id": "s1"},
    ),
    (
        "/api/v1/analytics/performance",
        {
            "id": "a5",
            "service_id": "web",
            "operation": "render",
            "duration_ms": 20,
            "success": False,
            "error_type": "Timeout",
        },
    ),
    (
        "/api/v1/analytics/business",
        {"id": "a6", "metric_type": "revenue", "value": "19.90", "unit": "EUR", "dimensions": {}},
    ),
    (
        "/api/v1/analytics/tasks",
        {
            "task_id": "t1",
            "event_id": "a7",
            "task_type": "etl",
            "start": "2026-06-01T12:00:00Z",
            "end": "2026-06-01T12:00:30Z",
            "status": "failed",
            "error_message": "no space",
            "queue_depth": 3,
        },
    ),
)

ASKED: dict[str, tuple[str, str, Any]] = {
    "events": ("GET", "/events", None),
    "events_filtered": ("GET", "/events?type=request&service=api&limit=5", None),
    "metrics": ("GET", "/metrics", None),
    "dashboard": ("GET", "/dashboard", None),
    "services": ("GET", "/services", None),
    "service_metrics": ("GET", "/services/api/metrics", None),
    "analytics_aggregations": ("GET", "/api/v1/analytics/aggregations", None),
    "analytics_dashboard": ("GET", "/api/v1/analytics/dashboard", None),
    "analytics_one_service": ("GET", "/api/v1/analytics/dashboard?service_id=web&limit=1", None),
    "analytics_behavior": ("GET", "/api/v1/analytics/behavior", None),
    "analytics_tasks": ("GET", "/api/v1/analytics/tasks", None),
    "metrics_query": (
        "POST",
        "/api/v1/metrics/query",
        {
            "metric_name": "latency",
            "time_range": {"start": "2026-06-01T12:00:00Z", "end": "2026-06-01T13:00:00Z"},
            "aggregation": "avg",
            "group_by": ["service"],
            "filters": {},
        },
    ),
    "health": ("GET", "/health", None),
}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Engine]:
    """An empty engine whose clock stands still."""
    engine = Engine.open(tmp_path / "w.duckdb", clock=ManualClock(NOW))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One to which the bodies were posted; the tests of this module share it."""
    engine = Engine.open(tmp_path_factory.mktemp("older") / "w.duckdb", clock=ManualClock(NOW))
    posts = {each.path: each for each in OPERATIONS if each.binary}
    for path, body in POSTED:
        operation = posts[path]
        operation.function(engine, operation.ask(body=json.dumps(body).encode(), wait=True))
    yield engine
    engine.close()


def _client(engine: Engine, serve: Serve) -> httpx.Client:
    server = serve(Workspace(LocalCaller(engine)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url=server.address, headers=headers, trust_env=False)


@pytest.fixture
def older(posted: Engine, serve: Serve) -> Iterator[httpx.Client]:
    """A client of a server over it."""
    with _client(posted, serve) as found:
        yield found


def _same_as_golden(name: str, found: Any) -> None:
    path = GOLDEN / f"older_{name}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("DATAWATCH_WRITE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == found
    assert text == path.read_text(encoding="utf-8"), "the order of the fields is part of the shape"


def test_shapes_are_golden(fresh: Engine, serve: Serve) -> None:
    """Every answer of the older families is, byte for byte, what its file says."""
    with _client(fresh, serve) as client:
        for number, (path, body) in enumerate(POSTED):
            answer = client.post(path, json=body, params={"wait": "true"})
            assert answer.status_code == 202, answer.text
            name = path.strip("/").replace("/", "_")
            _same_as_golden(f"posted_{number:02}_{name}", answer.json())
        for name, (method, path, body) in ASKED.items():
            answer = client.request(method, path, json=body)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            if name == "health":
                found["release"] = "…"
            _same_as_golden(name, found)


def test_stats_is_the_workspace_at_a_glance(older: httpx.Client) -> None:
    """``/stats`` and ``/api/v1/datawatch/stats`` are one route."""
    one, two = older.get("/stats"), older.get("/api/v1/datawatch/stats")
    assert one.status_code == 200
    assert set(one.json()) == set(two.json())


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/events", {"service": "api"}, "a row needs type"),
        ("/metrics", {"name": "x", "value": "many"}, "value must be a number"),
        ("/metrics", {"name": "x"}, "a row needs value"),
        ("/heartbeat", ["auth"], "not a JSON object"),
        ("/api/v1/analytics/performance", {"duration_ms": 1}, "operation or service_id"),
        ("/events", {"type": "request", "timestamp": "soon"}, "timestamp"),
    ],
)
def test_what_is_no_row_is_refused_and_kept(
    older: httpx.Client, posted: Engine, path: str, body: Any, said: str
) -> None:
    """A single row that cannot be one is answered 400 with the reason, and waits in quarantine."""
    before = posted.quarantined()
    answer = older.post(path, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert said in error["message"]
    assert posted.quarantined() == before + 1
    row = posted.store.quarantine(limit=1_000)[-1]
    assert row.table == error["details"]["stream"]
    assert row.reason.rstrip(".") in error["message"]


def test_lists_in_objects_and_lines(older: httpx.Client) -> None:
    """Rows may come as an array, in an object, or one a line; a bad one spoils no other."""
    rows = [{"type": "view", "id": f"l{number}"} for number in range(3)]
    lines = "\n".join(json.dumps({**row, "id": row["id"] + "b"}) for row in rows)
    held = older.post("/events", json={"events": [*rows, {"nothing": 1}]}).json()
    assert (held["status"], held["applied"], held["quarantined"]) == ("partial", 3, 1)
    assert [each["outcome"] for each in held["events"]] == ["applied"] * 3 + ["quarantined"]
    as_lines = older.post(
        "/events", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert as_lines.json()["applied"] == 3
    again = older.post("/events", json={"events": rows}).json()
    assert (again["applied"], again["duplicate"]) == (0, 3)


def test_a_service_that_is_not_there(older: httpx.Client) -> None:
    """The answer is 404 and names the nearest service."""
    answer = older.get("/services/aip/metrics")
    assert answer.status_code == 404
    assert "did you mean 'api'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("limit", ["0", "10001", "many"])
def test_limits_are_checked(older: httpx.Client, limit: str) -> None:
    """A limit that is none is answered 400, for lists of both families."""
    for path in ("/events", "/metrics", "/api/v1/analytics/aggregations"):
        assert older.get(path, params={"limit": limit}).status_code == 400


def test_streams_have_metrics_like_any_table(older: httpx.Client) -> None:
    """Rows of streams are in automatic metrics, split by what their schema says is a label."""
    answer = older.get(
        "/api/v1/datawatch/metrics/heartbeats_avg_latency_max/query",
        params={"from": "2026-06-01T12:00:00Z", "to": "2026-06-01T13:00:00Z"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["series"][0]["points"][0][1] == 45.5
    tables = {each["name"]: each for each in older.get("/api/v1/datawatch/tables").json()}
    roles = {each["name"]: each["role"] for each in tables["events"]["columns"]}
    assert (roles["type"], roles["user_id"], roles["data"]) == ("status", "id", "json")
    assert roles["total"] == "numeric"
    assert (tables["events"]["key"], tables["events"]["key_from"]) == ([], "source")


SCRAPE = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
    "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "kind"), [(SCRAPE, "application/openmetrics-text"), ("text/plain", "text/plain")]
)
def test_exposition(older: httpx.Client, posted: Engine, accept: str, kind: str) -> None:
    """Prometheus gets the server's own state; its parser reads it, and the ledger is in it."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    older.get("/services")
    answer = older.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(kind)
    parse = open_metrics if kind.startswith("application") else plain
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }
    for (source, table), counts in posted.store.ledger().items():
        labels = (("outcome", "applied"), ("source", source), ("table", table))
        assert samples["datawatch_events_total", labels] == counts.applied
    assert samples["datawatch_commit_seconds_count", ()] == sum(posted.pulse.counts)
    assert samples["datawatch_up", ()] == 1
    route = (("method", "GET"), ("route", "/services"), ("status", "200"))
    assert samples["datawatch_http_request_seconds_count", route] >= 1


def test_late_rows_are_told(older: httpx.Client) -> None:
    """A row that is too late is not applied, and the answer says so."""
    old = (NOW - timedelta(days=3)).isoformat()
    found = older.post("/events", json={"type": "request", "timestamp": old}).json()
    assert (found["status"], found["late"]) == ("partial", 1)
