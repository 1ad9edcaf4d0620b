"""A growing file that is rotated, followed by the whole product, which is killed."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import pytest

from datawatch_lab.service.handle import open_workspace
from tests.e2e import follow_kills
from tests.e2e.broker_survival import differences
from tests.e2e.follower import LAST
from tests.exchanged import Exchanged
from tests.services.broker_shop import Items

pytestmark = pytest.mark.timeout(600)


class Log:
    """A table that lives in a log, which is rotated as logrotate does.

    Attributes:
        path: where it is now.
        rotations: how often it was rotated.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.path.touch()
        self.rotations = 0
        self._lock = Lock()

    def send(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Add lines."""
        with self._lock, self.path.open("ab") as file:
            file.write(b"".join(event + b"\n" for _, event in events))

    def end(self, number: int) -> None:
        """Write what ends a follower."""
        row = {"id": f"{LAST} {number}", "operation": "INSERT", "table": "ends"}
        self.send([("", json.dumps({**row, "after": {"id": number}}).encode())])

    def rotate(self, number: int) -> None:
        """Move it away, every other time packed; the new one begins empty."""
        with self._lock:
            old = self.path.with_name(f"app.log.{number + 1}")
            if number % 2:
                packed = old.with_name(f"{old.name}.gz")
                packed.write_bytes(gzip.compress(self.path.read_bytes()))
                self.path.unlink()
            else:
                self.path.rename(old)
            self.path.touch()
            self.rotations += 1


def _survives(folder: Path, exchanged: Exchanged, *, seed: int, kills: int) -> None:
    log = Log(folder)
    items = Items(log.send)
    items.insert(1, 500)
    url = f"file:{log.path}"
    log.end(1)
    follow_kills.follower(url, folder / "w.duckdb", follow=False)

    def write(number: int) -> None:
        items.churn(seed * 1_000 + number, 15)
        time.sleep(0.04)  # a slow machine takes long to start ten times, and reads all of it

    with follow_kills.load(write):
        deaths = follow_kills.deaths(url, folder, seed=seed, kills=kills, died=log.rotate)
    assert deaths.total() == kills == log.rotations
    log.end(2)
    follow_kills.follower(url, folder / "w.duckdb", follow=False)
    with open_workspace(folder / "w.duckdb") as workspace:
        wrong = differences(workspace, items)
        assert not wrong, f"{len(wrong)} differences: {wrong[:5]}"
        ledger = workspace.ledger()
        assert (ledger.duplicate, ledger.quarantined) == (0, 0)
        assert ledger.applied == items.sent + 2
    exchanged("source", f"followed file, {kills} kills and rotations", items.sent)


def test_two_deaths_of_the_engine_leave_no_trace(tmp_path: Path, exchanged: Exchanged) -> None:
    """Killed under writes, and rotated while it is dead: nothing lost or doubled."""
    _survives(tmp_path, exchanged, seed=1, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_deaths_of_the_engine_leave_no_trace(tmp_path: Path, exchanged: Exchanged) -> None:
    """The same with ten deaths at drawn points."""
    _survives(tmp_path, exchanged, seed=2, kills=10)
