"""A workspace with orders at a steady pace, a clock that is moved, and a channel that remembers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from datawatch_lab.alerts.message import Message
from datawatch_lab.alerts.sending import Outcome
from datawatch_lab.core.alerting import AlertRule, AlertSettings, ChannelSettings, Routing
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.alerting.telling import Telling
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Bench:
    """An engine whose alerts are evaluated and told when the test says so."""

    def __init__(self, path: Path, routing: Routing | None = None, zone: str = "UTC") -> None:
        self.path = path
        self.clock = ManualClock(NOW)
        self.routing = routing or Routing(group_wait=timedelta(0), group_interval=timedelta(0))
        self.zone = zone
        self.sent: list[tuple[str, Message]] = []
        self.answers: list[Outcome] = []
        self._number = 0
        self.open()

    def open(self) -> None:
        """Open the workspace, with the threads of its alerts stopped."""
        self.engine = Engine.open(
            self.path, settings=Settings(timezone=self.zone), clock=self.clock
        )
        alerting = self.engine.beside(Alerting)
        alerting.close()
        # As new, but without threads: the test takes their place.
        self.alerting = self.engine.alerting = Alerting(self.engine)
        self.alerting.settings = AlertSettings(
            routing=self.routing,
            channels=tuple(
                ChannelSettings(name=name, kind="webhook") for name in ("hook", "other")
            ),
        )
        self.telling: Telling = self.alerting.telling
        self.telling.sending.sender = self._take

    def _take(self, message: Message, channel: ChannelSettings) -> Outcome:
        outcome = self.answers.pop(0) if self.answers else Outcome(ok=True, detail="taken")
        if outcome.ok:
            self.sent.append((channel.name, message))
        return outcome

    def restart(self) -> None:
        """Close and open again."""
        self.close()
        self.open()

    def close(self) -> None:
        """Release the file."""
        self.alerting.close()
        self.engine.close()

    def orders(self, count: int, *, amount: float = 10.0, city: str = "") -> None:
        """One minute with so many orders; the clock is at its end afterwards."""
        start = self.clock.now()
        lines = []
        for place in range(count):
            self._number += 1
            at = start + timedelta(seconds=place * 50 / max(count, 1))
            row: Mapping[str, object] = {
                "id": self._number,
                "amount": amount,
                "status": city or "paid",
                "created_at": at.isoformat(),
            }
            event = {"type": "INSERT", "table": "orders", "timestamp": at.isoformat()}
            lines.append(json.dumps({**event, "id": f"e{self._number}", "after": row}).encode())
        self.clock.advance(MINUTE)
        if lines:
            numbers = range(1, len(lines) + 1)
            self.engine.submit(decode(lines, numbers, numbers, source="shop")).result()

    def minutes(self, *counts: int, tell: bool = True) -> None:
        """Minutes with so many orders each, evaluated and told after each."""
        for count in counts:
            self.orders(count)
            self.alerting.evaluate_due()
            if tell:
                self.telling.round()

    def rule(self, condition: str, **how: object) -> str:
        """Add a rule on orders; gives its id."""
        given = {"name": "Rule", "metric": "orders_inserts_total", "channels": ("hook",), **how}
        return self.alerting.put(AlertRule(condition=condition, **given)).id  # type: ignore[arg-type]  # what the test gives

    @property
    def told(self) -> list[tuple[str, str]]:
        """(channel, kind) of what was taken."""
        return [(channel, message.kind) for channel, message in self.sent]
