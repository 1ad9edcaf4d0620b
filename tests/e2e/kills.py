"""Killing an engine in drawn sections until a run gets through, and looking at what is left."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from datawatch_lab.service.handle import open_workspace
from tests.e2e.dying import LONGEST_PASSING, SECTIONS
from tests.oracle import plant

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600.0
POSTS = 60
EVENTS = 3_000


class Campaigns:
    """Runs of the same input, killed again and again, each compared with one that was not.

    Args:
        folder: for everything.
        seed: of all that is drawn.

    Attributes:
        hits: deaths by section, as the dying processes wrote them down.
        runs: campaigns that came through.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.hits: Counter[str] = Counter()
        self.runs = 0
        self._draw = random.Random(seed)
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.dying"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._deck: list[str] = []
        self.file = folder / "events.ndjson"
        options = plant.Options(events=EVENTS, seed=seed, too_late=0.001, start=plant.days_ago(3))
        plant.write(self.file, options)
        calm = self._place("calm")
        self._finish(calm)
        self.expected = everything(calm / "w.duckdb")

    def campaign(self, most: int) -> None:
        """Kill runs on one workspace until one gets through, then compare.

        Raises:
            AssertionError: something was lost, came twice, or differs.
        """
        place = self._place("rough")
        before = self.hits.total()
        while self.hits.total() - before < most:
            kill = self._kill(place, fresh=self.hits.total() == before)
            if not self._dies(place, kill):
                break
        else:
            self._finish(place)
        self.runs += 1
        found = everything(place / "w.duckdb")
        wrong = [part for part in self.expected if found[part] != self.expected[part]]
        assert not wrong, f"after {dict(self.hits)}: {describe(self.expected, found, wrong)}"
        shutil.rmtree(place)

    def _kill(self, place: Path, *, fresh: bool) -> dict[str, Any]:
        """The next section of a shuffled deck; migrations run in new files only."""
        if not self._deck:
            self._deck = self._draw.sample(SECTIONS, len(SECTIONS))
        can = [each for each in self._deck if fresh or each != "migration"]
        section = can[-1] if can else self._draw.choice(SECTIONS[:-2])
        if can:
            self._deck.remove(section)
        return {
            "section": section,
            "passing": self._draw.randint(1, LONGEST_PASSING[section]),
            "seed": self._draw.randrange(2**32),
            "told": str(place / "deaths"),
        }

    def _place(self, name: str) -> Path:
        place = self.folder / f"{name}{self.runs}"
        place.mkdir()
        now = datetime.now(UTC).isoformat()
        lines = (
            json.dumps(
                {"id": f"p{n}", "type": "INSERT", "table": "pings", "timestamp": now,
                 "after": {"id": n, "size": n * 0.25}}
            )
            for n in range(POSTS)
        )  # fmt: skip
        (place / "posts").write_text("".join(f"{line}\n" for line in lines))
        return place

    def close(self) -> None:
        """End the process that forks."""
        self._forks.communicate(timeout=PATIENCE)

    def _run(self, place: Path, kill: dict[str, Any] | None) -> tuple[int, str]:
        """Return code of a run, negative for a signal, and what it complained of."""
        given = {
            "workspace": str(place / "w.duckdb"),
            "file": None if self._was_over(place / "w.duckdb") else str(self.file),
            "posts": str(place / "posts"),
            "kill": kill,
            "errors": str(place / "errors"),
        }
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(f"{json.dumps(given)}\n")
        self._forks.stdin.flush()
        code = self._forks.stdout.readline()
        return int(code), (place / "errors").read_text(errors="replace")[-3000:]

    def _was_over(self, workspace: Path) -> bool:
        """Whether the last run noted that the file is done: another would read it all again."""
        if not workspace.exists():
            return False
        with open_workspace(workspace) as lab:
            position = lab.offset(f"file:{self.file.name}").position
        return bool(position and position.get("closed"))

    def _dies(self, place: Path, kill: dict[str, Any]) -> bool:
        """Run until it dies; false when it got through before it came to its section."""
        code, errors = self._run(place, kill)
        if code == 0:
            return False
        assert code == -signal.SIGKILL, errors
        self.hits[kill["section"]] += 1
        return True

    def _finish(self, place: Path) -> None:
        code, errors = self._run(place, None)
        assert code == 0, errors


def everything(workspace: Path) -> dict[str, Any]:
    """All that a workspace answers, apart from when and how things came."""
    with open_workspace(workspace) as lab:
        ledger = msgspec.to_builtins(lab.ledger())
        sources = ledger["sources"]
        tables = {name: each for name, each in ledger["tables"].items() if name != "pings"}
        items = lab.quarantine(limit=100_000).items
        pings = lab.sql("SELECT count(*), count(DISTINCT id), sum(size) FROM live.pings").rows
        posted = lab.sql("SELECT count(*) FROM changes.pings").rows
        return {
            "balanced": all(
                each["received"] == sum(count for name, count in each.items() if name != "received")
                for each in (*sources.values(), *ledger["tables"].values())
            ),
            "file": {name: each for name, each in sources.items() if name != "http"},
            "tables": tables,
            "posted": (sources["http"]["applied"], sources["http"]["quarantined"], pings, posted),
            "quarantine": sorted((item.line, item.reason, item.raw) for item in items),
            "metrics": {
                metric.name: rounded(msgspec.to_builtins(lab.range(metric.name, step="1m")))
                for metric in lab.metrics()
                if "lag_seconds" not in metric.name and metric.table not in ("", "pings")
            },
            "rows": [
                (table.name, table.rows, table.events, table.key)
                for table in sorted(lab.tables(), key=lambda table: table.name)
            ],
        }


def rounded(answer: dict[str, Any]) -> list[Any]:
    """Points to 12 digits: doubles without an exact decimal form add up in any order."""
    return [
        (
            sorted(series["labels"].items()),
            [
                (at, None if value is None else float(f"{value:.12g}"))
                for at, value in series["points"]
            ],
        )
        for series in answer["series"]
    ]


def describe(expected: dict[str, Any], found: dict[str, Any], wrong: list[str]) -> str:
    """Where two workspaces differ, in a few lines."""
    lines = []
    for part in wrong:
        left, right = expected[part], found[part]
        if isinstance(left, dict) and isinstance(right, dict):
            names = [name for name in left.keys() | right if left.get(name) != right.get(name)]
            lines.append(f"{part}: {names[:5]}")
            left, right = left.get(names[0]), right.get(names[0])
        lines.append(f"{part}: {str(left)[:600]} became {str(right)[:600]}")
    return "\n".join(lines)
