"""The verb services: what services sent, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def _event(table: str, after: dict[str, object]) -> str:
    event = {"schema": "datawatch", "table": table, "operation": "INSERT", "after": after}
    return json.dumps(event)


def test_services_are_listed(run: Run, tmp_path: Path) -> None:
    """Rows of streams from a file make services; a heartbeat says how one does."""
    file = tmp_path / "telemetry.ndjson"
    beat = {"service": "auth", "status": "degraded", "request_count": 7, "uptime": 3_600}
    lines = [
        _event("heartbeats", beat),
        _event("events", {"type": "request", "service": "<b>", "duration_ms": 12}),
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    run("ingest", file)
    found = {each["name"]: each for each in json.loads(run("services", "--json").stdout)}
    assert set(found) == {"auth", "<b>"}
    assert (found["auth"]["status"], found["auth"]["request_count"]) == ("degraded", 7)
    shown = run("services").stdout
    assert "▲ degraded" in shown
    assert "● healthy" in shown
    assert "12 ms" in shown


def test_nothing_yet(run: Run, tmp_path: Path) -> None:
    """An empty workspace says how services come about."""
    file = tmp_path / "none.ndjson"
    file.write_text("", encoding="utf-8")
    run("ingest", file)
    assert "/heartbeat" in run("services").stdout
    assert json.loads(run("services", "--json").stdout) == []
