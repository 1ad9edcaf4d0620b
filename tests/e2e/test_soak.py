"""Days in minutes: load, late data, restarts, new columns, retention and compaction at once.

The clock is moved by hand, so that retention, closing and upkeep see the time pass. After each step
the ledger balances and says what was sent; at the end memory and file have stopped growing.
"""

from __future__ import annotations

import gc
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import Engine
from datawatch_lab.ingest.decode import decode
from datawatch_lab.store import compactor

MEGABYTE = 1024 * 1024
START = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = 2_000
"""Rows of the keyed table: it does not grow, so nothing else may either."""

KEPT = timedelta(hours=12)
SETTINGS = Settings(
    raw_kept=KEPT,
    seconds_kept=timedelta(hours=3),
    minutes_kept=KEPT,
    five_minutes_kept=KEPT,
    hours_kept=KEPT,
    days_kept=KEPT,
    sketches_kept=timedelta(hours=6),
    allowed_lateness=timedelta(hours=2),
)
CHECKPOINT_BYTES = 4 * MEGABYTE
"""Instead of 256 MB, so that the file has its size and not the write-ahead log."""


@dataclass
class Weeks:
    """A workspace over which time passes, and what was sent to it.

    Attributes:
        sent: events by what must become of them.
        curve: (hours passed, bytes of memory, bytes of file) after each step.
    """

    path: Path
    chance: random.Random
    per_hour: int
    restart_every: int = 12
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    sent: Counter[str] = field(default_factory=Counter)
    curve: list[tuple[int, int, int]] = field(default_factory=list)
    restarts: int = 0
    _number: int = 0
    _columns: int = 0

    def __post_init__(self) -> None:
        self.engine = self._open()

    def _open(self) -> Engine:
        return Engine.open(self.path, settings=SETTINGS, clock=self.clock)

    def hour(self, number: int) -> None:
        """Let an hour pass: load, some of it late, bad or sent twice, and now and then more."""
        if number % self.restart_every == self.restart_every - 1:
            self.engine.close()
            self.engine = self._open()
            self.restarts += 1
        if number % 24 == 5:
            self._columns = (self._columns + 1) % 4  # a column comes, and later stays away
        for _ in range(4):
            self.clock.advance(timedelta(minutes=15))
            self._send([self._line() for _ in range(self.per_hour // 4)])
            self._tidy()
        self._check()
        gc.collect()
        memory = psutil.Process().memory_info().rss
        self.curve.append((number, int(memory), self.engine.size_bytes()))

    def _send(self, lines: list[bytes]) -> None:
        numbers = range(self._number - len(lines), self._number)
        self.engine.submit(decode(lines, numbers, numbers, source="soak")).result(120)

    def _line(self) -> bytes:
        self._number += 1
        drawn = self.chance.random()
        if drawn < 0.01:
            self.sent["quarantined"] += 1
            return b'{"operation":"INSERT","number":%d' % self._number
        behind = timedelta(seconds=self.chance.uniform(0, 800))
        outcome = "applied"
        if drawn < 0.02 and self._number > self.per_hour * 6:
            behind, outcome = timedelta(hours=30), "late"
        elif drawn < 0.10:
            behind = timedelta(minutes=self.chance.uniform(20, 90))
        self.sent[outcome] += 1
        key = self.chance.randrange(KEYS)
        row: dict[str, Any] = {
            "id": key, "amount": round(self.chance.uniform(1, 900), 2),
            "status": self.chance.choice(["new", "paid", "sent", "lost"]), "customer": key % 97,
        }  # fmt: skip
        row |= {f"extra{n}": self._number % (n + 5) for n in range(self._columns)}
        event = {
            "id": f"n{self._number}", "table": "orders", "operation": "UPDATE", "after": row,
            "timestamp": (self.clock.now() - behind).isoformat(),
        }  # fmt: skip
        return json.dumps(event).encode()

    def _tidy(self) -> None:
        """Let upkeep do what a quarter of an hour would leave it time for."""
        for _ in range(6):
            self.engine._writer.run(lambda: self.engine._upkeep.run(idle=True))

    def _check(self) -> None:
        cells = self.engine.store.ledger()
        assert all(cell.balanced for cell in cells.values())
        total = sum(cells.values(), LedgerCounts())
        wanted = LedgerCounts(
            self.sent.total(), self.sent["applied"], 0, self.sent["late"], self.sent["quarantined"]
        )
        assert total == wanted

    def close(self) -> None:
        """Release the file."""
        self.engine.close()


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_days_leave_memory_and_file_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five days of events at once: balanced at every hour; after a warm-up nothing grows."""
    monkeypatch.setattr(compactor, "CHECKPOINT_BYTES", CHECKPOINT_BYTES)
    grown = run_weeks(tmp_path, hours=120, per_hour=2_000)
    assert grown["file"] < 1.15
    assert grown["memory"] < 1.15


@pytest.mark.timeout(300)
def test_a_morning_is_balanced_at_every_hour(tmp_path: Path) -> None:
    """The same for some hours, with a restart: what the long run rests on works."""
    run_weeks(tmp_path, hours=6, per_hour=160, restart_every=4)


def run_weeks(
    folder: Path, *, hours: int, per_hour: int, restart_every: int = 12
) -> dict[str, float]:
    """Let the time pass; prints the curve, and gives growth of the last third over the one before.

    The first third is the warm-up: until retention has something to drop.
    """
    weeks = Weeks(folder / "w.duckdb", random.Random(5), per_hour, restart_every)
    began = time.monotonic()
    try:
        for hour in range(hours):
            weeks.hour(hour)
            if hour % max(1, hours // 20) == 0:
                _, memory, size = weeks.curve[-1]
                print(
                    f"  {hour:4} h: {memory / MEGABYTE:6.0f} MB of memory, "
                    f"{size / MEGABYTE:6.1f} MB of file, {weeks.sent.total():9,} events"
                )
    finally:
        weeks.close()
    print(f"  {weeks.restarts} restarts, {time.monotonic() - began:.0f} s")
    third = len(weeks.curve) // 3
    middle, last = weeks.curve[third : 2 * third], weeks.curve[2 * third :]
    return {
        name: max(each[at] for each in last) / max(each[at] for each in middle)
        for name, at in (("memory", 1), ("file", 2))
    }
