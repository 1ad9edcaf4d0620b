"""kill -9 at any moment: a real receiver gets everything that is due, and the key tells repeats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.alerts.receivers import http_receiver, mail_receiver

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 24


def _run(workspace: Path, url: str, port: int, kill_after: float | None) -> bool:
    """One run, killed after so many seconds from when it is open; whether it came to its end."""
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.alerts.dying", str(workspace), url, str(port), str(MINUTES)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    with run, run.stdout:
        assert run.stdout.readline() == "open\n"
        try:
            run.wait(kill_after)
        except subprocess.TimeoutExpired:
            run.kill()
            return False
        assert run.stdout.readline() == "done\n"
    return True


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(2, marks=[pytest.mark.soak, pytest.mark.timeout(300)]),
        pytest.param(12, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_everything_due_arrives_whatever_is_killed(tmp_path: Path, kills: int) -> None:
    """Each episode is told to fire and to be over, in that order; what came twice has one key."""
    random = Random(kills)
    with http_receiver() as received, mail_receiver() as box:
        for _ in range(kills):
            _run(tmp_path / "w.duckdb", received.url, box.port, random.uniform(0.1, 2.5))
        assert _run(tmp_path / "w.duckdb", received.url, box.port, None)
    told: dict[str, tuple[str, str]] = {}
    for headers, body in received.requests:
        said = json.loads(body)
        (alert,) = said["alerts"]
        key = headers["Idempotency-Key"]
        assert told.setdefault(key, (alert["fired"], said["kind"])) == (
            alert["fired"],
            said["kind"],
        )
    assert len(set(box.keys)) == len(told)  # every message went to both
    kinds: dict[str, list[str]] = {}
    for fired, kind in told.values():
        kinds.setdefault(fired, []).append(kind)
    assert list(kinds) == sorted(kinds)
    for fired, heard in kinds.items():
        assert heard in (["firing", "resolved"], ["firing"]), fired
        assert heard == ["firing", "resolved"] or fired == max(kinds)
    assert len(kinds) >= 3
