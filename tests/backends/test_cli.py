"""``datawatch backends``, ``status``, ``doctor`` and ``query --backend`` against real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from datawatch_lab.cli import main
from tests.backends.shop import events
from tests.e2e.served import Served
from tests.services import influxdb, prometheus
from tests.waiting import eventually

_CONFIG = """
storage:
  influxdb: {{url: "{influx}", database: cli, username: ada, password: "{password}"}}
  prometheus: {{url: "{prometheus}", remote_write: true}}
metrics: {{retention: {kept}}}
"""


def _config(
    folder: Path,
    influx: influxdb.Server,
    prom: prometheus.Server,
    password: str = influxdb.PASSWORD,
    kept: str = "1y",
) -> Path:
    file = folder / "datawatch.yml"
    file.write_text(
        _CONFIG.format(influx=influx.url, prometheus=prom.url, password=password, kept=kept)
    )
    return file


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], env={"COLUMNS": "300"})


def _values(text: str) -> dict[str, float]:
    """Values by time of the one series that an answer has."""
    (series,) = json.loads(text)["series"]
    return {at: value for at, value in series["points"] if value is not None}


@pytest.fixture
def served(
    tmp_path: Path, influx_server: influxdb.Server, prometheus_server: prometheus.Server
) -> Iterator[Path]:
    """A workspace whose server writes to both, with closed minutes in it."""
    path = tmp_path / "w.duckdb"
    config = _config(tmp_path, influx_server, prometheus_server)
    with Served(path, config=config) as server:
        start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=40)
        server.post([json.loads(line) for line in events(1, start, 20)], wait=True)
        yield path


def test_backends_are_shown_asked_and_sent_to_again(served: Path, tmp_path: Path) -> None:
    """State, versions and counts; the same questions through each; sent again on demand."""

    def states() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            _run("backends", "--json", "--workspace", served).stdout
        )
        return found

    def are_whole() -> bool:
        return all(
            each["state"] == "current" and each["behind_seconds"] == 0 and each["points"]
            for each in states()
        )

    eventually(are_whole, states)
    shown = _run("backends", "--workspace", served).stdout
    for state in states():
        assert f"{state['name']} {state['version']}" in shown
    status = _run("status", "--workspace", served).stdout
    assert "prometheus" in status
    assert "influxdb" in status
    told = json.loads(_run("status", "--json", "--workspace", served).stdout)
    assert [each["name"] for each in told["backends"]] == ["influxdb", "prometheus"]
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=45)
    asked = ("query", "orders_amount_sum", "--step", "1m", "--json", "--workspace", served)
    span = ("--from", start.isoformat(), "--to", (start + timedelta(minutes=15)).isoformat())
    own, *others = (
        _values(_run(*asked, *span, *more).stdout)
        for more in ((), ("--backend", "influxdb"), ("--backend", "prometheus"))
    )
    assert len(own) > 5
    for found in others:
        assert found == pytest.approx(own)
    before = {each["name"]: each["points"] for each in states()}
    sent = _run("backends", "--resend", "influxdb", "--from", "-1h", "--workspace", served)
    assert sent.exit_code == 0, sent.output
    eventually(lambda: states()[0]["points"] > before["influxdb"], states)
    unknown = _run("backends", "--resend", "influx", "--workspace", served)
    assert unknown.exit_code != 0
    assert "influxdb" in unknown.output + unknown.stderr


def test_lag_of_backends_is_exposed(served: Path) -> None:
    """A scrape of the server says of each whether it is up, what it took and what waits."""
    (address,) = {
        json.loads(_run("status", "--json", "--workspace", served).stdout)["address"].rstrip("/")
    }

    def scrape() -> str:
        return httpx.get(f"{address}/metrics", headers={"Accept": "text/plain"}).text

    eventually(
        lambda: 'datawatch_backend_behind_seconds{backend="influxdb"} 0.0' in scrape(), scrape
    )
    text = scrape()
    assert 'datawatch_backend_up{backend="prometheus"} 1.0' in text
    assert 'datawatch_backend_refused_total{backend="influxdb"} 0.0' in text


def test_doctor_asks_back_ends(
    tmp_path: Path, influx_server: influxdb.Server, prometheus_server: prometheus.Server
) -> None:
    """What answers, what is refused and what forgets too early; no password is shown."""
    file = _config(tmp_path, influx_server, prometheus_server)
    good = _run("doctor", "--config", file)
    assert good.exit_code == 0, good.output
    assert f"answers, version {prometheus_server.version}" in good.output
    file = _config(tmp_path, influx_server, prometheus_server, "wr0ng-w0rd", kept="20y")
    bad = _run("doctor", "--config", file)
    assert bad.exit_code == 1
    assert "lets nobody in" in bad.output
    assert "wr0ng" not in bad.output
    assert "--storage.tsdb.retention.time=7300d" in bad.output
    found = {
        each["check"]: each
        for each in json.loads(_run("doctor", "--config", file, "--json").stdout)
    }
    assert found["influxdb"]["blocking"]
    assert not found["prometheus retention"]["blocking"]
