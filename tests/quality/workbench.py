"""A workspace under test: changes in, what its rules counted out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datawatch_lab.core.batches import Declared, DecodedBatch
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.quality import Rule
from datawatch_lab.core.quality_results import Violation
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.quality import rules as rules_of
from datawatch_lab.ingest.decode import decode
from datawatch_lab.store.quality import ViolationsAsked

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE"}


class Workbench:
    """An engine whose clock stands still and whose tables have the key ``id``.

    Args:
        path: of the workspace.
        keyed: tables that declare it.
        now: where the clock stands.
        zone: of the workspace.
        by_hand: nothing is evaluated or judged but when the test says so: between its steps the
            thread that does it otherwise would come at any moment.
    """

    def __init__(
        self,
        path: Path,
        keyed: Sequence[str] = ("orders", "customers"),
        now: datetime = NOW,
        zone: str = "UTC",
        *,
        by_hand: bool = False,
    ) -> None:
        self.path, self.keyed, self.now, self.by_hand = path, keyed, now, by_hand
        self.clock = ManualClock(now)
        self.settings = Settings(timezone=zone)
        self.engine = self._open()
        self._number = 0

    def _open(self) -> Engine:
        engine = Engine.open(self.path, clock=self.clock, settings=self.settings)
        if self.by_hand:
            engine.quality.exclusive().acquire()
        return engine

    def line(self, table: str, op: str, row: dict[str, Any], minute: float = 0) -> bytes:
        """A change, ``minute`` minutes before the clock began."""
        self._number += 1
        return json.dumps(
            {
                "id": f"e{self._number}",
                "table": table,
                "operation": OPS[op],
                "timestamp": (self.now - timedelta(minutes=minute)).isoformat(),
                ("before" if op == "d" else "after"): row,
            }
        ).encode()

    def take(self, *lines: bytes) -> None:
        """Store lines as one batch."""
        count = len(lines)
        batch = decode(list(lines), range(1, count + 1), [-1] * count, source="test")
        declared = {("", table): Declared(key=("id",)) for table in self.keyed}
        self.engine.submit(
            DecodedBatch(batch.source, batch.events, batch.rows, batch.bad, declared=declared)
        ).result()

    def insert(self, table: str, *rows: dict[str, Any], minute: float = 0) -> None:
        """Store new rows as one batch."""
        self.take(*(self.line(table, "c", row, minute) for row in rows))

    def moves_on(self, table: str) -> None:
        """A change of the time that it is now, which is no insert: what is before it is closed."""
        gone = (self.now - self.clock.now()) / timedelta(minutes=1)
        self.take(self.line(table, "u", {"id": 0}, gone))

    def add(self, *rules: Rule) -> list[str]:
        """Keep rules; gives their ids."""
        made = rules_of.add(self.engine.quality, rules, known=False)
        return [each.id for each in made]

    def restart(self) -> None:
        """Close and open again."""
        self.close()
        self.engine = self._open()

    def counted(self, rule: str) -> tuple[int, int]:
        """Rows looked at and failed, over all time, once everything is evaluated."""
        self.engine.quality.evaluate()
        start = datetime(2020, 1, 1, tzinfo=UTC)
        found = self.engine.quality.store.counts(start, self.now + timedelta(days=9), None)
        mine = {id_: (rows, failed) for id_, _, rows, failed in found.iter_rows()}
        return mine.get(rule, (0, 0))

    def violations(self, rule: str | None = None, state: str = "open") -> list[Violation]:
        """Violations of a rule, or all."""
        self.engine.quality.evaluate()
        asked = ViolationsAsked(rules=None if rule is None else [rule], state=state, limit=1_000)
        return self.engine.quality.store.violations(asked)[0]

    def close(self) -> None:
        """End the engine."""
        if self.by_hand:
            self.engine.quality.exclusive().release()
        self.engine.close()
