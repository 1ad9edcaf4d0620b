"""Killing the engine again and again while a server is written to, and catching up at last."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.follower import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0


@contextmanager
def load(write: Callable[[int], None]) -> Iterator[list[int]]:
    """Call ``write`` with 0, 1, 2 … in a thread; gives a list with the number of calls so far."""
    calls, halt, failed = [0], threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not halt.is_set():
                write(calls[0])
                calls[0] += 1
                halt.wait(0.01)
        except BaseException as error:  # noqa: BLE001 — raised below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield calls
    finally:
        halt.set()
        thread.join(60)
        if failed:
            raise failed[0]


def follower(url: str, workspace: Path, *, follow: bool, kill: object = None) -> str:
    """Run a follower to its end, and give how it ended."""
    given: dict[str, Any] = {"url": url, "workspace": str(workspace), "follow": follow}
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.follower", json.dumps({**given, "kill": kill})],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    wanted = -signal.SIGKILL if kill else 0
    assert done.returncode == wanted, done.stderr[-3000:]
    return done.stderr


def campaign(
    url: str, folder: Path, write: Callable[[int], None], *, seed: int, kills: int
) -> Counter[str]:
    """Kill an engine so often under writes, then read to the end; gives deaths by section."""
    with load(write):
        died = deaths(url, folder, seed=seed, kills=kills)
    follower(url, folder / "w.duckdb", follow=False)
    return died


def deaths(
    url: str,
    folder: Path,
    *,
    seed: int,
    kills: int,
    died: Callable[[int], None] = lambda _: None,
) -> Counter[str]:
    """Kill an engine so often; gives deaths by section.

    Args:
        url: what it follows.
        folder: for the workspace ``w.duckdb``.
        seed: of the points at which it dies.
        kills: how often.
        died: called with 0, 1, 2 … after each death.
    """
    draw, told = random.Random(seed), folder / "deaths.txt"
    for number in range(kills):
        kill = {
            "section": SECTIONS[number % len(SECTIONS)],
            "passing": draw.randint(1, 6),
            "seed": draw.randrange(2**32),
            "told": str(told),
        }
        follower(url, folder / "w.duckdb", follow=True, kill=kill)
        died(number)
    return Counter(line.split()[0] for line in told.read_text().splitlines())
