"""A small shop to ask questions of: orders, customers, and an append-only table of visits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = NOW - timedelta(minutes=50)
ORDERS = 300
CUSTOMERS = 40
SECRET = "ana{}@secret.example"  # noqa: S105 — an address, not a password
"""How every e-mail address of the shop looks."""

_STATES = ("open", "paid", "shipped")


def change(
    number: int,
    table: str,
    operation: str,
    at: datetime,
    after: dict[str, Any] | None,
    before: dict[str, Any] | None = None,
) -> bytes:
    """One change in the Savegress envelope; its number is its place in the log of its source."""
    event = {
        "id": f"e{number}",
        "source": "shop",
        "schema": "public",
        "table": table,
        "operation": operation,
        "timestamp": at.isoformat(),
        "position": {"lsn": f"0/{number:X}", "sequence": 0},
        "after": after,
        "before": before,
    }
    return json.dumps({key: value for key, value in event.items() if value is not None}).encode()


def order(number: int, status: str = "open") -> dict[str, Any]:
    """Row n of orders."""
    return {
        "id": number,
        "customer_id": number % CUSTOMERS,
        "amount": f"{number % 90}.{number % 100:02d}",
        "quantity": 1 + number % 4,
        "status": status,
        "gift": number % 5 == 0,
        "data": {"city": ("Rome", "Oslo")[number % 2], "tags": ["a", "b"]},
        "created_at": (START + timedelta(seconds=10 * number)).isoformat(),
    }


def customer(number: int) -> dict[str, Any]:
    """Row n of customers; name and e-mail are sensitive."""
    return {
        "id": number,
        "name": f"Ana Secret {number}",
        "email": SECRET.format(number),
        "country": ("IT", "NO", "PT")[number % 3],
    }


def events() -> Iterator[bytes]:
    """Orders that go from open to paid to shipped, a few deleted; customers that move; visits."""
    number = 0
    for each in range(CUSTOMERS):
        yield change(number := number + 1, "customers", "INSERT", START, customer(each))
    for each in range(ORDERS):
        at = START + timedelta(seconds=10 * each)
        yield change(number := number + 1, "orders", "INSERT", at, order(each))
        for step, state in enumerate(_STATES[1 : 1 + each % 3], 1):
            later = at + timedelta(seconds=61 * step)
            row, old = order(each, state), order(each, _STATES[step - 1])
            yield change(number := number + 1, "orders", "UPDATE", later, row, old)
        if each % 10 == 9:
            gone = order(each, _STATES[each % 3])
            later = at + timedelta(minutes=3)
            yield change(number := number + 1, "orders", "DELETE", later, None, gone)
    moved = {**customer(1), "country": "NO"}
    yield change(number := number + 1, "customers", "UPDATE", NOW, moved, customer(1))
    for each in range(20):
        at = START + timedelta(minutes=2 * each)
        row = {"page": f"/p{each % 5}", "ms": each * 10}
        yield change(number := number + 1, "visits", "INSERT", at, row)


def take(engine: Engine, lines: list[bytes]) -> None:
    """Submit events and wait until they are stored."""
    batch = decode(lines, list(range(1, len(lines) + 1)), [-1] * len(lines), source="shop")
    engine.submit(batch).result()


def open_shop(path: Path, **settings: Any) -> Engine:
    """The shop in a new workspace, at noon."""
    engine = Engine.open(path, clock=ManualClock(NOW), settings=Settings(**settings))
    take(engine, list(events()))
    return engine
