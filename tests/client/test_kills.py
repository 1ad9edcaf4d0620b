"""Many clients, a server that is killed with -9 in the middle: every event applied exactly once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.service.handle import connect
from tests.client.conftest import HOST, TOKEN
from tests.services.ports import free_port
from tests.waiting import eventually


class Victim:
    """A server process that can be killed and started again at its address."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.port = free_port()
        self.address = f"http://{HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it; returns once it answers."""
        program = [sys.executable, "-m", "tests.client.server", str(self.workspace), str(self.port)]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == self.address.encode()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.communicate()


def run(  # the numbers of a scenario
    tmp_path: Path, *, processes: int, clients: int, rate: float, seconds: float, kills: int
) -> dict[str, Any]:
    """Let clients send while the server is killed; gives what was measured, all asserted."""
    server, spool = Victim(tmp_path / "w.duckdb"), tmp_path / "spool"
    each = rate / (processes * clients)
    load = [
        sys.executable,
        "-m",
        "tests.client.load",
        server.address,
        TOKEN,
        str(spool),
    ]
    senders = [
        subprocess.Popen(
            [*load, *map(str, (number * clients, clients, each, seconds))], stdout=subprocess.PIPE
        )
        for number in range(processes)
    ]
    for number in range(kills):
        time.sleep(seconds / kills if number else 0.0)
        with connect(server.address, TOKEN) as far:
            eventually(lambda far=far: far.ledger().applied)  # type: ignore[misc]  # one has begun
        server.kill()
        eventually(lambda: any(spool.rglob("*.ndjson")), "nobody has noticed")
        server.start()
    answers = [json.loads(sender.communicate(timeout=400)[0]) for sender in senders]
    wanted = round(each * seconds) * clients * processes
    try:
        check(server, answers, wanted)
    finally:
        server.kill()
    slowest = max(answer["seconds"] for answer in answers)
    stats = [found for answer in answers for found in answer["stats"]]
    return {
        "events": wanted,
        "handed_per_second": wanted / max(answer["handed_seconds"] for answer in answers),
        "answered_per_second": wanted / slowest,
        "client_cpu_us_per_event": sum(a["cpu_seconds"] for a in answers) / wanted * 1e6,
        **{key: sum(found[key] for found in stats) for key in ("duplicate", "spooled", "retries")},
    }


def check(server: Victim, answers: list[dict[str, Any]], wanted: int) -> None:
    """Each event is there once, by id; ledger and clients agree and are in balance."""
    assert all(answer["flushed"] for answer in answers)
    stats = [found for answer in answers for found in answer["stats"]]
    total = {key: sum(found[key] for found in stats) for key in stats[0]}
    assert total["queued"] == wanted == total["accepted"] + total["duplicate"]
    assert total["dropped"] == total["rejected"] == total["waiting"] == 0
    with connect(server.address, TOKEN) as far:
        eventually(lambda: far.ledger().applied >= wanted)
        ledger = far.ledger()
        (counts,) = far.sql(
            "select count(*), count(distinct (client, n)), count(distinct _event_id) "
            "from changes.load"
        ).rows
    assert counts == [wanted] * 3
    assert ledger.applied == wanted
    assert ledger.late == ledger.quarantined == 0
    assert ledger.received == ledger.applied + ledger.duplicate


def test_no_event_is_lost_or_counted_twice(tmp_path: Path) -> None:
    """Eight clients in two processes, one kill."""
    found = run(tmp_path, processes=2, clients=4, rate=800, seconds=4, kills=1)
    assert found["retries"] > 0


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_fifty_clients_at_ten_thousand_events_a_second(tmp_path: Path) -> None:
    """Fifty clients in five processes, 10,000 events/s, two kills; prints what was measured."""
    found = run(tmp_path, processes=5, clients=10, rate=10_000, seconds=30, kills=2)
    print("\n" + ", ".join(f"{key}={value:,.0f}" for key, value in found.items()))
