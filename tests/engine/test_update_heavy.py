"""A shop whose orders are changed again and again: current state, and revenue counted once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from datawatch_lab.engine.queries import QueryRequest, run
from tests.engine.laboratory import NOW, Laboratory
from tests.oracle.live import row_differences

pytestmark = pytest.mark.timeout(900)

ORDERS = 10_000
BATCH = 10_000
STEPS = ("new", "paid", None, "packed", None, "shipped")
"""What each version of an order does: a new status, or (None) a new amount."""


@dataclass
class Shop:
    """Orders and what became of them, told as change events.

    Attributes:
        before: whether events carry the old image.
        whole: whether images have all fields; else the key and what changed.
        rows: the orders as they are now.
        moves: how often a status became another.
        revenue: sum of the amounts that orders began with.
    """

    before: bool
    whole: bool
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    revenue: Decimal = Decimal(0)

    def lines(self, orders: int) -> Iterator[bytes]:
        """Every version of every order, versions of different orders mixed."""
        rng, versions = Random(orders), Counter[int]()
        turns = [number for number in range(orders) for _ in STEPS]
        places = {at: at + rng.randrange(3_000) for at in range(len(turns))}
        for place, at in enumerate(sorted(places, key=lambda each: places[each])):
            number = turns[at]
            moment = NOW - timedelta(hours=1) + timedelta(milliseconds=20 * place)
            event = self._version(number, STEPS[versions[number]], rng)
            versions[number] += 1
            head = {"id": f"v{place}", "table": "orders", "timestamp": moment.isoformat()}
            yield json.dumps(head | event, separators=(",", ":")).encode()

    def _version(self, number: int, status: str | None, rng: Random) -> dict[str, Any]:
        old = self.rows.get(number)
        amount = f"{rng.randrange(100_000) / 100:.2f}"
        if old is None:
            row = {"id": number, "status": status, "amount": amount, "customer_id": number % 997}
            self.rows[number] = row
            self.revenue += Decimal(amount)
            return {"operation": "INSERT", "after": row}
        changed = {"amount": amount} if status is None else {"status": status}
        row = self.rows[number] = old | changed
        if status is not None:
            self.moves[old["status"], status] += 1
        names = row.keys() if self.whole else {"id", *changed}
        event = {"operation": "UPDATE", "after": {name: row[name] for name in names}}
        if self.before:
            event["before"] = {name: old[name] for name in names}
        return event


def value(laboratory: Laboratory, metric: str, **how: Any) -> dict[str, float | None]:
    """Values of a metric over everything, by label."""
    request = QueryRequest(metric, start="-2h", end="now+1h", stepped=False, **how)
    series = run(laboratory.engine, request).series
    return {"".join(each.labels[k] for k in sorted(each.labels)): each.value for each in series}


def check(laboratory: Laboratory, shop: Shop) -> None:
    """Metrics, SQL and the shop itself say the same."""
    states = Counter(row["status"] for row in shop.rows.values())
    by_sql = laboratory.sql("SELECT status, count(*) AS n FROM live.orders GROUP BY 1")
    assert {row["status"]: row["n"] for row in by_sql} == states
    by_metric = value(laboratory, "orders_by_status")
    assert {status: n for status, n in by_metric.items() if n} == states
    (whole,) = laboratory.sql("SELECT count(*) AS n, sum(amount) AS total FROM live.orders")
    assert whole["n"] == len(shop.rows) == value(laboratory, "orders_rows")[""]
    total = sum((Decimal(row["amount"]) for row in shop.rows.values()), Decimal(0))
    assert float(whole["total"]) == pytest.approx(float(total), rel=1e-12)
    assert value(laboratory, "orders_amount_net_sum")[""] == pytest.approx(float(total), rel=1e-12)
    revenue = value(laboratory, "orders_amount_sum")[""]
    assert revenue == pytest.approx(float(shop.revenue), rel=1e-12)
    moves = value(laboratory, "orders_status_transitions", group_by=("from", "to"))
    assert {pair: n for pair, n in moves.items() if n} == {
        "".join(pair): n for pair, n in shop.moves.items()
    }


@pytest.mark.parametrize("whole", [True, False], ids=["whole images", "changed fields"])
@pytest.mark.parametrize("before", [True, False], ids=["old images", "no old images"])
def test_current_state_follows_updates(tmp_path: Path, before: bool, whole: bool) -> None:
    """At every 10,000 events: states, rows, totals and transitions are those of the orders."""
    laboratory = Laboratory(tmp_path / "w.duckdb", {"orders": ("id",)})
    shop, waiting = Shop(before, whole), list[bytes]()
    try:
        for line in shop.lines(ORDERS):
            waiting.append(line)
            if len(waiting) == BATCH:
                laboratory.feed(waiting)
                waiting.clear()
                check(laboratory, shop)
        assert not waiting
        assert laboratory.counts()["applied"] == ORDERS * len(STEPS)
        live = laboratory.replayed("orders")
        assert {int(key[0]): row for key, row in live.rows.items()} == shop.rows
        assert not row_differences(live, laboratory.live("orders"), ["id"])[:5]
        laboratory.compact()
        laboratory.restart()
        check(laboratory, shop)
    finally:
        laboratory.close()
