"""Killing the engine and the server while a shop is written to, and looking at what is left."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datawatch_lab.service.handle import open_workspace
from tests.e2e import pg_compare, pg_shop
from tests.e2e.pg_engine import SECTIONS
from tests.services.postgres import Server
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
LONGEST_PASSING = {"snapshot": 12, "between": 1, "transaction": 4, "commit": 25, "feedback": 25}
"""Runs of a section among which the one to die in is drawn."""


@dataclass
class Watched:
    """A shop that is written to, and a workspace whose engine is killed again and again.

    Attributes:
        hits: deaths by section, as the dying process wrote them down.
        server_kills: how often the server was killed.
    """

    server: Server
    url: str
    folder: Path
    hits: Counter[str] = field(default_factory=Counter)
    server_kills: int = 0

    @property
    def workspace(self) -> Path:
        """The workspace file."""
        return self.folder / "w.duckdb"

    @property
    def told(self) -> Path:
        """Where dying processes write where they die."""
        return self.folder / "deaths.txt"

    def start(self, *, follow: bool, kill: dict[str, Any] | None = None) -> subprocess.Popen[str]:
        """Start a process that watches the shop."""
        given = {
            "url": self.url,
            "workspace": str(self.workspace),
            "follow": follow,
            "kill": kill,
            "small": follow,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.pg_engine", json.dumps(given)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], wanted: int) -> None:
        """Wait for a process to end in one way."""
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR1)  # it writes where its threads are
            time.sleep(1)
            process.kill()
            _, errors = process.communicate()
            raise AssertionError(f"the engine does not end: {errors[-3000:]}") from None
        assert process.returncode == wanted, errors[-3000:]

    def kill_engine(self, section: str, passing: int, seed: int) -> None:
        """Let an engine die in a section."""
        before = self.told.read_text() if self.told.exists() else ""
        kill = {"section": section, "passing": passing, "seed": seed, "told": str(self.told)}
        self.finish(self.start(follow=True, kill=kill), -signal.SIGKILL)
        (line,) = self.told.read_text().removeprefix(before).splitlines()
        self.hits[line.split()[0]] += 1

    def kill_server(self, load: pg_shop.Load, seed: int) -> None:
        """Let the server die under an engine that goes on, and come back."""
        process = self.start(follow=True)
        try:
            eventually(self._streams, "the engine does not stream", PATIENCE)
            time.sleep(random.Random(seed).uniform(0.2, 1.0))
            self.server.restart("kill")
            self.server_kills += 1
            eventually(self._streams, "the engine does not come back", PATIENCE)
            load.go_on(20)
            process.send_signal(signal.SIGTERM)
            self.finish(process, 0)
        finally:
            process.kill()

    def _streams(self) -> bool:
        """Whether the engine reads the stream; one that is behind is still catching up."""
        states = self.server.query("SELECT state FROM pg_stat_replication")
        return bool({"streaming", "catchup"} & {state for (state,) in states})

    def differences(self) -> list[str]:
        """Catch up, and say where the workspace is not what the shop is."""
        self.finish(self.start(follow=False), 0)
        source = pg_compare.Source(self.url)
        try:
            with open_workspace(self.workspace) as workspace:
                return [
                    *pg_compare.all_row_differences(workspace, source),
                    *pg_compare.metric_differences(workspace, source),
                    *pg_compare.count_differences(workspace, source),
                    *pg_compare.ledger_differences(workspace, duplicates=True),
                ]
        finally:
            source.close()


def campaign(server: Server, folder: Path, *, seed: int, crashes: int) -> Counter[str]:
    """One shop, one workspace, and one death after another under writes.

    The copy is killed twice, once more between it and the stream, then in each section of the
    stream, in a drawn order. So the workspace is opened at least seven times.

    Args:
        server: a private one.
        folder: for the workspace.
        seed: of all that is drawn.
        crashes: deaths of the server, between those of the engine in the stream.

    Returns:
        Deaths by section.

    Raises:
        AssertionError: something was lost, or came twice, or a process ended otherwise.
    """
    draw = random.Random(seed)
    streaming = draw.sample(SECTIONS[2:], 3)
    with pg_shop.shop(server, f"shop_{seed}") as url:
        watched = Watched(server, url, folder)
        with pg_shop.Load(url, seed=seed, pause=0.25, bulk=0.01) as load:
            for section in ("snapshot", *SECTIONS[:2], *streaming):
                passing = draw.randint(1, LONGEST_PASSING[section])
                watched.kill_engine(section, passing, draw.randrange(2**32))
                if section in streaming and watched.server_kills < crashes:
                    watched.kill_server(load, draw.randrange(2**32))
            load.stop()
        wrong = watched.differences()
        assert not wrong, f"{len(wrong)} differences: {wrong[:8]}"
    told = ", ".join(f"{name} {hits}" for name, hits in watched.hits.items())
    print(f"\n  killed in {told}; server {crashes}; {load.transactions:,} transactions")
    return watched.hits + Counter({"server": watched.server_kills})
