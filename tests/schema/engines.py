"""Engines under test, and events for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.schema_changes import SchemaChange
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.intake import take_http
from datawatch_lab.engine.schema.log import SchemaLog

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = NOW - timedelta(minutes=30)

Event = dict[str, Any]


def opened(path: Path, **settings: Any) -> Engine:
    """An engine whose clock stands still."""
    return Engine.open(path, settings=Settings(**settings), clock=ManualClock(NOW))


def row(second: int, table: str = "orders", **after: Any) -> Event:
    """An inserted row, so many seconds after the start."""
    return _event(second, table, f"r{second}", "INSERT") | {"after": {"id": second, **after}}


def ddl(second: int, sql: str, table: str = "orders", **more: Any) -> Event:
    """A statement, just after the row of that second."""
    event = _event(second + 0.5, table, f"d{second}:{sql}", "DDL")
    return event | {"ddl_type": sql.split(maxsplit=1)[0], "ddl_command": sql} | more


def _event(second: float, table: str, id_: str, kind: str) -> Event:
    at = (START + timedelta(seconds=second)).isoformat()
    head = {"id": f"{table}:{id_}", "source": "shop", "schema": "public", "table": table}
    return {**head, "type": kind, "timestamp": at}


def feed(engine: Engine, events: Sequence[Event], size: int = 1_000) -> SchemaLog:
    """Store events in batches, and wait until the history has read them."""
    for start in range(0, len(events), size):
        body = "\n".join(map(json.dumps, events[start : start + size])).encode()
        take_http(
            engine,
            body,
            content_type="application/x-ndjson",
            content_encoding="",
            wait=True,
        )
    log = engine.beside(SchemaLog)
    assert log.wait(engine.last_seq, 60), log.problem
    return log


def plain(changes: Sequence[SchemaChange]) -> list[tuple[object, ...]]:
    """What is the same whenever the log is read: all but what the engine knew at the time."""
    return [(c.id, c.seq, c.number, c.at, c.step, c.impact, c.confidence, c.why) for c in changes]


def words(changes: Sequence[SchemaChange]) -> list[str]:
    """Kind and target of changes."""
    return [f"{c.step.kind} {c.step.table}.{c.step.name}".rstrip(".") for c in changes]
