"""A small workspace with what a notebook has to cope with, and a caller that counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.service.callers import Caller
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operation import Operation

HOSTILE = "<img src=x onerror=alert(1)>"
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ORDERS = 60


def event(number: int, table: str, row: dict[str, Any], at: datetime) -> dict[str, Any]:
    """An INSERT in the Savegress envelope."""
    return {
        "id": f"{table}-{number}",
        "source": "shop",
        "schema": "public",
        "table": table,
        "operation": "INSERT",
        "timestamp": at.isoformat(),
        "after": row,
    }


def order(number: int, at: datetime | None = None) -> dict[str, Any]:
    """Order n: amount n, one every 10 s, none in minute 5."""
    place = number + 6 if number >= 30 else number
    row = {"id": number, "amount": float(number), "status": "paid" if number % 3 else "open"}
    return event(number, "orders", row, at or START + timedelta(seconds=10 * place))


def lines() -> list[str]:
    """60 orders, 20 customers, 3 rows of a hostile table, one broken line, one duplicate."""
    orders = [order(number) for number in range(ORDERS)]
    customers = [
        event(n, "customers", {"id": n, "name": f"Ana {n}", "email": f"ana{n}@example.com"}, START)
        for n in range(20)
    ]
    hostile = [event(n, HOSTILE, {"id": n, HOSTILE: n}, START) for n in range(3)]
    found = [json.dumps(each) for each in [*orders, *customers, *hostile]]
    broken = (
        '{"table":"customers","operation":"INSERT","after":{"email":"eve@example.com","name":"Eve'
    )
    return [*found, broken, found[0]]


@pytest.fixture(autouse=True)
def _patient_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Completion waits for its first answer, however busy the machine is."""
    monkeypatch.setattr("datawatch_lab.notebook.names.WAIT_SECONDS", 60.0)


@pytest.fixture(scope="session")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("notebook")
    file = folder / "events.ndjson"
    file.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    with open_lab(folder / "w.duckdb") as lab:
        lab.ingest(file, progress=False)
        yield lab


class CountingCaller:
    """Passes operations on and remembers their names."""

    def __init__(self, inner: Caller) -> None:
        self.inner = inner
        self.calls: list[str] = []

    @property
    def place(self) -> str:
        """Where the inner one is."""
        return self.inner.place

    def call(self, operation: Operation[Any, Any], ask: Any) -> Any:
        """Count, then pass on."""
        self.calls.append(operation.name)
        return self.inner.call(operation, ask)

    def close(self) -> None:
        """The inner one is closed by its own fixture."""


@pytest.fixture
def caller(_filled: Lab) -> CountingCaller:
    """Counts what `lab` asks."""
    return CountingCaller(_filled.workspace.caller)


@pytest.fixture
def lab(caller: CountingCaller) -> Lab:
    """The filled workspace; only read it."""
    return Lab(Workspace(caller))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Lab]:
    """An empty workspace to write into."""
    with open_lab(tmp_path / "fresh.duckdb") as lab:
        yield lab
