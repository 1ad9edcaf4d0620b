"""A file of events with known faults, the program in this process, and as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from datawatch_lab.cli import main
from tests.waiting import PATIENCE

GOOD = 60
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
Run = Callable[..., Result]


def order(number: int) -> dict[str, Any]:
    """Insert number n into orders: one every 10 s, amount n, two states, two countries."""
    return {
        "id": f"e-{number}",
        "source": "shop",
        "schema": "public",
        "table": "orders",
        "operation": "INSERT",
        "timestamp": (START + timedelta(seconds=10 * number)).isoformat(),
        "after": {
            "id": number,
            "amount": float(number),
            "status": "paid" if number % 3 else "open",
            "country": "DE" if number % 2 else "FR",
        },
    }


@pytest.fixture
def lines() -> list[str]:
    """60 orders; line 11 is broken, line 21 has no table, the last is a duplicate of the first."""
    return planted()


def planted() -> list[str]:
    """See `lines`."""
    found = [json.dumps(order(number)) for number in range(GOOD)]
    found.insert(10, '{"broken')
    found.insert(20, json.dumps({"operation": "INSERT", "after": {"id": 1}}))
    return [*found, found[0]]


@pytest.fixture
def file(tmp_path: Path, lines: list[str]) -> Path:
    """The lines as a file."""
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where the workspace is; nothing is there yet."""
    return tmp_path / "w.duckdb"


@pytest.fixture
def run(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `datawatch` in this process on the workspace; a traceback counts as a failed test."""
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(workspace))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("DATAWATCH_DEBUG", "LOG_LEVEL", "PORT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path, code: int = 0, **how: Any) -> Result:
        result = CliRunner().invoke(main, [str(each) for each in arguments], **how)
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result

    return call


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has read the file, made once."""
    folder = tmp_path_factory.mktemp("filled")
    events = folder / "events.ndjson"
    events.write_text("\n".join(planted()) + "\n", encoding="utf-8")
    workspace = folder / "w.duckdb"
    arguments = ["ingest", str(events), "--workspace", str(workspace)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return workspace


@pytest.fixture
def filled(run: Run, template: Path, workspace: Path) -> Run:
    """The same as `run`, with the file read in."""
    shutil.copy(template, workspace)
    return run


@dataclass
class Process:
    """A `datawatch` of its own, its output in files."""

    popen: subprocess.Popen[bytes]
    out: Path
    err: Path

    def until(self, word: str, seconds: float = PATIENCE) -> str:
        """Wait until a word is printed on either stream; gives all that was printed."""
        deadline = time.monotonic() + seconds
        while word not in (said := self.said()):
            assert self.popen.poll() is None, f"ended with {self.popen.returncode}: {said}"
            assert time.monotonic() < deadline, f"no {word!r} within {seconds} s: {said}"
            time.sleep(0.05)
        return said

    def said(self) -> str:
        """All that was printed so far."""
        return self.out.read_text() + self.err.read_text()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and give the exit status."""
        self.popen.send_signal(number)
        return self.popen.wait(PATIENCE)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path, workspace: Path) -> Iterator[Start]:
    """Starts `datawatch` as a process; what still runs at the end is killed."""
    running: list[Process] = []

    def begin(*arguments: str | Path) -> Process:
        number = len(running)
        out, err = tmp_path / f"out{number}", tmp_path / f"err{number}"
        environment = {**os.environ, "DATAWATCH_WORKSPACE": str(workspace), "CI": "1"}
        environment.pop("PORT", None)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            popen = subprocess.Popen(
                [sys.executable, "-m", "datawatch_lab.cli", *map(str, arguments)],
                stdout=stdout,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                cwd=tmp_path,
                env=environment,
            )
        running.append(Process(popen, out, err))
        return running[-1]

    yield begin
    for each in running:
        if each.popen.poll() is None:
            each.popen.kill()
            each.popen.wait(PATIENCE)
