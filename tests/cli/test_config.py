"""config check and config init: what they print, and that they touch nothing."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run, Start


def test_the_file_that_is_begun_is_right(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is printed, or written once; check finds it untold, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    printed = run("config", "init").stdout
    run("config", "init", "--config", "datawatch.yaml")
    assert Path("datawatch.yaml").read_text("utf-8") == printed
    again = run("config", "init", "--config", "datawatch.yaml", code=2)
    assert "exists" in again.stderr
    before = sorted(tmp_path.iterdir())
    assert run("config", "check").stdout == "datawatch.yaml is right.\n"
    assert sorted(tmp_path.iterdir()) == before


def test_doubts_are_warnings_and_faults_are_not(run: Run, tmp_path: Path) -> None:
    """An odd address is a warning and status 0; a wrong key is status 2 with a suggestion."""
    file = tmp_path / "c.yaml"
    file.write_text("storage: {prometheus: {url: 'nowhere'}}\n", "utf-8")
    found = run("config", "check", "--config", str(file))
    assert "Warning: storage.prometheus.url" in found.stderr
    told = json.loads(run("config", "check", "--config", str(file), "--json").stdout)
    assert told["valid"]
    assert [each["key"] for each in told["warnings"]] == ["storage.prometheus.url"]
    file.write_text("storage: {promteheus: {url: 'nowhere'}}\n", "utf-8")
    refused = run("config", "check", "--config", str(file), code=2)
    assert "did you mean 'storage.prometheus'" in refused.stderr


def test_a_server_that_is_switched_off_does_not_start(run: Run, tmp_path: Path) -> None:
    """enabled: false says which key it is."""
    file = tmp_path / "c.yaml"
    file.write_text("enabled: false\n", "utf-8")
    refused = run("serve", "--config", str(file), code=2)
    assert "enabled is false" in refused.stderr


def test_a_server_does_what_its_file_says(start: Start, tmp_path: Path) -> None:
    """The log is JSON, listed origins may ask, unknown paths are told; SIGTERM ends it well."""
    file = tmp_path / "c.yaml"
    server = "{port: 0, log_format: json, environment: staging, cors: ['https://a.example.org']}"
    file.write_text(f"datawatch:\n  server: {server}\n", "utf-8")
    process = start("serve", "--config", file, "--no-auth")
    found = re.search(r"http://[\d.]+:\d+", process.until("serves"))
    assert found is not None
    with httpx.Client(base_url=found[0], trust_env=False) as client:
        headers = {"Origin": "https://a.example.org", "X-Request-ID": "trace-1"}
        answer = client.get("/no/such/page", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example.org"
        assert client.get("/api/docs").headers["Content-Type"].startswith("text/html")
    process.until("trace-1")
    assert process.end(signal.SIGTERM) == 0
    lines = [line for line in process.err.read_text().splitlines() if line.startswith("{")]
    entry = next(json.loads(line) for line in lines if "trace-1" in line)
    assert (entry["path"], entry["status"], entry["environment"]) == (
        "/no/such/page",
        404,
        "staging",
    )
