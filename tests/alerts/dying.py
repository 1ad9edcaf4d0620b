"""An engine with alerts that is killed: it feeds orders of planned minutes and tells a receiver.

``python -m tests.alerts.dying WORKSPACE URL PORT MINUTES`` goes on after the last stored minute,
and prints ``done`` when everything is evaluated and told. The clock is that of the planned minutes,
moved with them, so an hour takes seconds.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from datawatch_lab.core.alerting import AlertRule, AlertSettings, ChannelSettings, Routing
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = AlertRule(
    name="Spike",
    metric="orders_inserts_total",
    condition="over 1m > 10",
    channels=("hook", "mail"),
)


def count(minute: int) -> int:
    """Orders of a minute: two that are many in every six."""
    return 20 if minute % 6 in (3, 4) else 5


def lines(minute: int) -> list[bytes]:
    """The events of a minute; the same ids in every run."""
    start = NOW + minute * MINUTE
    found = []
    for place in range(count(minute)):
        at = (start + timedelta(seconds=place * 2.5)).isoformat()
        event = {"type": "INSERT", "table": "orders", "timestamp": at, "id": f"{minute}.{place}"}
        row = {"id": minute * 100 + place, "amount": 5.0, "created_at": at}
        found.append(json.dumps({**event, "after": row}).encode())
    return found


def main(workspace: str, url: str, port: int, minutes: int) -> None:
    """Feed, evaluate and tell, from where the last run was killed."""
    engine = Engine.open(Path(workspace), clock=(clock := ManualClock(NOW)))
    newest = engine.span()[1]
    first = 0 if newest is None else (newest - NOW) // MINUTE  # its minute once more: duplicates
    clock.set(NOW + (first + 1) * MINUTE)
    alerting = engine.beside(Alerting)
    settings = AlertSettings(
        routing=Routing(
            group_wait=timedelta(0), group_interval=timedelta(0), repeat_interval=timedelta(0)
        ),
        channels=(
            ChannelSettings(
                name="hook", kind="webhook", options={"url": url, "secret": "s"}, allow_private=True
            ),
            ChannelSettings(
                name="mail",
                kind="email",
                options={
                    "smtp_host": "127.0.0.1",
                    "smtp_port": port,
                    "recipients": ["ops@example.org"],
                    "from": "lab@example.org",
                },
                allow_private=True,
            ),
        ),
    )
    alerting.start(settings, [RULE])
    print("open", flush=True)
    for minute in range(first, minutes):
        clock.set(NOW + (minute + 1) * MINUTE)
        events = lines(minute)
        numbers = range(1, len(events) + 1)
        engine.submit(decode(events, numbers, numbers, source="shop")).result()
        alerting.evaluate_due()
        alerting.telling.round()
    while alerting.telling.waiting() or alerting.telling._deliveries:
        clock.advance(timedelta(seconds=30))
        alerting.telling.round()
        time.sleep(0.01)
    print("done", flush=True)
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
