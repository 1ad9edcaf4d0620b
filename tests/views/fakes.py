"""A workspace that counts what it is asked, and whose state a test sets."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.answers import (
    ColumnAnswer,
    LedgerAnswer,
    MetricAnswer,
    QueryAnswer,
    SeriesAnswer,
    SourceAnswer,
    StatusAnswer,
    TableAnswer,
)
from datawatch_lab.service.freshness import iso

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def status(**changes: Any) -> StatusAnswer:
    """A live workspace with one table."""
    heard = iso(NOW) or ""
    made = StatusAnswer(
        workspace="shop.duckdb",
        version=1,
        release="0",
        started=heard,
        address=None,
        tables=1,
        metrics=3,
        events=10,
        quarantined=1,
        backlog=0,
        size_bytes=1,
        first_event=iso(NOW - timedelta(days=3)),
        last_event=heard,
        sources=[SourceAnswer("test", 10, heard, heard, "live", "live")],
        status="live",
        message="live",
    )
    return msgspec.structs.replace(made, **changes)


def table(name: str = "orders") -> TableAnswer:
    """A table with a status."""
    columns = [ColumnAnswer(each, "text", role, 1, "", False) for each, role in _COLUMNS]
    return TableAnswer(name, 7, ["id"], columns, events=10, last_event=iso(NOW), status="live")


_COLUMNS = (("id", "id"), ("amount", "numeric"), ("status", "status"))


class FakeWorkspace:
    """Answers like `Workspace`."""

    def __init__(self, name: str = "orders") -> None:
        self.asked: Counter[str] = Counter()
        self.now_status = status()
        self.name = name
        self.fault: DataWatchError | None = None
        self.closed = 0

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        if self.fault is not None:
            raise self.fault

    def status(self) -> StatusAnswer:
        """What the test set."""
        self._count("status")
        return self.now_status

    def tables(self) -> list[TableAnswer]:
        """One."""
        self._count("tables")
        return [table(self.name)]

    def metrics(self) -> list[MetricAnswer]:
        """A rate, an amount, a status."""
        self._count("metrics")
        of = self.name
        return [
            MetricAnswer(f"{of}_created_rate", of, "", "rate", "1/min", [], True, "", "rate"),
            MetricAnswer(f"{of}_amount_sum", of, "amount", "", "", [], True, "", "sum"),
            MetricAnswer(f"{of}_by_status", of, "status", "", "1", ["status"], True, "", "last"),
        ]

    def ledger(self) -> LedgerAnswer:
        """Balanced."""
        self._count("ledger")
        return LedgerAnswer(11, 10, 0, 0, 1, {}, {})

    def query(self, name: str, **how: Any) -> QueryAnswer:
        """7 for everything."""
        self._count("query")
        start = str(how["start"])
        series = SeriesAnswer({"status": "paid"} if "_by_" in name else {}, [(start, 7.0)])
        return QueryAnswer(name, "sum", start, str(how["end"]), None, [series])

    def range(self, name: str, **how: Any) -> QueryAnswer:
        """Three points, the last one open."""
        self._count("range")
        times = [iso(NOW - timedelta(minutes=back)) or "" for back in (2, 1, 0)]
        points: list[tuple[str, float | None]] = [(times[0], 1.0), (times[1], 2.0), (times[2], 0.5)]
        series = SeriesAnswer({}, points)
        return QueryAnswer(name, "sum", times[0], str(how["end"]), "1m", [series], open=times[2])

    def close(self) -> None:
        """Counted."""
        self.closed += 1
