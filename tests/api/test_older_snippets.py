"""What users of the older services have lying about: their snippets, against a real server.

They are as such users wrote them; only host and port change, and with sign-in the token is added.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Process
from tests.conftest import missing
from tests.waiting import PATIENCE, eventually

CURL = """
set -e
post() { curl -sS -f -X POST -H "Content-Type: application/json" $AUTH "$@"; }
post $BASE/events -d '{"type": "request", "service": "api-gateway", "user_id": "user_123",
  "data": {"endpoint": "/api/users", "method": "GET", "response_time": 45, "status_code": 200}}'
post $BASE/events -d '{"type":"error","service":"api-gateway","data":{"message":"db timeout"}}'
post $BASE/heartbeat -d '{"service":"payments","status":"healthy",
  "metrics":{"request_count":1500,"error_count":3,"avg_latency":42.5},"uptime":86400}'
post $BASE/metrics -d '{"name":"latency","value":123.45,"unit":"ms","tags":{"service":"api"}}'
curl -sS -f $AUTH "$BASE/events?type=error&service=api-gateway&limit=10"
curl -sS -f $AUTH $BASE/services/payments/metrics
curl -sS -f $AUTH $BASE/health
curl -sS -f $AUTH $BASE/stats
"""

JAVASCRIPT = """
const base = process.env.BASE, token = process.env.TOKEN;
const headers = {'Content-Type': 'application/json'};
if (token) headers['Authorization'] = `Bearer ${token}`;
async function post(path, body) {
  const response = await fetch(base + path,
    {method: 'POST', headers, body: JSON.stringify(body)});
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}
const now = () => new Date().toISOString();
await post('/api/v1/analytics/events', {event_type: 'page_view', service_id: 'web',
  user_id: 'u1', session_id: 's1', timestamp: now(), metadata: {page: '/home'}, tags: ['new']});
await post('/api/v1/analytics/metrics', {service_id: 'web', timestamp: now(), cpu_usage: 45.2,
  memory_usage: 62.8, disk_usage: 30, request_rate: 120.5, error_rate: 0.01, latency: 45,
  cache_hit_rate: 0.9});
await post('/api/v1/analytics/behavior', {user_id: 'u1', action: 'play', content_id: 'c9',
  session_id: 's1', duration_ms: 3000, success: true});
await post('/api/v1/analytics/performance', {service_id: 'web', operation: 'render',
  duration_ms: 18, resource_mb: 12, throughput: 50, success: true});
await post('/api/v1/analytics/business', {metric_type: 'revenue', value: 99.9, unit: 'USD',
  dimensions: {plan: 'pro'}});
const rows = await (await fetch(base + '/api/v1/analytics/aggregations?service_id=web&limit=5',
  {headers})).json();
console.log(JSON.stringify(rows));
"""

PYTHON = """
import json, os, urllib.request

def call(path, body=None):
    headers = {"Content-Type": "application/json"}
    if os.environ.get("TOKEN"):
        headers["Authorization"] = "Bearer " + os.environ["TOKEN"]
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["BASE"] + path, data=data, headers=headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)

call("/events", {"type": "purchase", "service": "shop", "user_id": "u2",
                 "data": {"amount": 19.9}, "tags": {"currency": "EUR"}})
print(json.dumps(call("/api/v1/metrics/query", {
    "metric_name": "latency", "aggregation": "avg", "group_by": [], "filters": {},
    "time_range": {"start": "-1h", "end": "2100-01-01"}})))
"""


def _environment(base: str, token: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**kept, "BASE": base, "TOKEN": token, "no_proxy": "*"}


def _run(command: list[str], environment: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture(params=["no-auth", "bearer"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of a server in a process of its own, and its token or ''."""
    out, err = tmp_path / "out", tmp_path / "err"
    workspace = tmp_path / "w.duckdb"
    options = ["--no-auth"] if request.param == "no-auth" else []
    environment = {**os.environ, "DATAWATCH_WORKSPACE": str(workspace), "CI": "1"}
    environment.pop("PORT", None)
    with out.open("wb") as stdout, err.open("wb") as stderr:
        popen = subprocess.Popen(
            [sys.executable, "-m", "datawatch_lab.cli", "serve", "--port", "0", *options],
            stdout=stdout,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            cwd=tmp_path,
            env=environment,
        )
    process = Process(popen, out, err)
    try:
        said = process.until("http://127.0.0.1:")
        address = "http://127.0.0.1:" + said.partition("http://127.0.0.1:")[2].partition("/")[0]
        token = workspace.with_name("w.duckdb.token").read_text().strip() if not options else ""
        yield address, token
        assert process.end(signal.SIGTERM) == 0
        assert "Traceback" not in process.said()
    finally:
        if popen.poll() is None:
            popen.kill()
            popen.wait(PATIENCE)


def _until(client: httpx.Client, path: str, seen: Any) -> Any:
    """The answer once it says what is waited for."""
    eventually(lambda: seen(client.get(path).json()), lambda: client.get(path).text)
    return client.get(path).json()


def test_snippets_work_unchanged(server: tuple[str, str], tmp_path: Path) -> None:
    """curl, fetch and urllib post and ask as before, and the dashboards show what was sent."""
    address, token = server
    environment = _environment(address, token)
    signed = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(
        base_url=address, headers=signed, trust_env=False, timeout=PATIENCE
    ) as client:
        if token:
            assert httpx.get(f"{address}/dashboard", trust_env=False).status_code == 401
        _run(["bash", "-c", _with_auth(CURL, token)], environment, tmp_path)
        _python(environment, tmp_path)
        _javascript(environment, tmp_path)
        found = _until(client, "/dashboard", lambda each: len(each["services"]) >= 4)
        assert found["overview"]["total_requests"] == 1_501
        assert found["overview"]["error_rate"] == pytest.approx(100 * 4 / 1_501)
        spent = 45 + 123.45 + 1_500 * 42.5
        assert found["overview"]["average_latency_ms"] == pytest.approx(spent / 1_502)
        assert found["services"]["payments"]["uptime_hours"] == 24.0
        assert found["services"]["payments"]["status"] == "healthy"
        (top,) = found["realtime_stats"]["top_endpoints"]
        assert (top["endpoint"], top["count"], top["avg_time_ms"]) == ("/api/users", 1, 45.0)
        analytics = _until(
            client, "/api/v1/analytics/dashboard", lambda each: each["service_metrics"]
        )
        assert analytics["service_metrics"]["web"]["cpu_usage"] == 45.2
        assert analytics["top_errors"][0]["error"] == "db timeout"


def _with_auth(script: str, token: str) -> str:
    if not token:
        return script.replace("$AUTH", "")
    return script.replace("$AUTH", '-H "Authorization: Bearer $TOKEN"')


def _python(environment: dict[str, str], folder: Path) -> None:
    shown = _run([sys.executable, "-c", PYTHON], environment, folder)
    (point,) = json.loads(shown)["data"]
    assert point["value"] == 123.45
    assert point["tags"] == {"name": "latency"}


def _javascript(environment: dict[str, str], folder: Path) -> None:
    node = shutil.which("node") or missing("Node.js", "install node 18 or newer")
    script = folder / "client.mjs"
    script.write_text(JAVASCRIPT, encoding="utf-8")
    rows = json.loads(_run([node, str(script)], environment, folder))
    assert all(row["service_id"] == "web" for row in rows)
    assert rows
