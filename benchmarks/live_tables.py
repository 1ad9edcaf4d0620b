"""Live tables under updates: what questions take, what upkeep costs, whether the file grows.

Run with ``python benchmarks/live_tables.py``; ``--help`` lists the options.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    LiveChange,
    LiveRows,
)
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.store import DuckStore

ORDERS = TableInfo(
    id=1,
    schema="public",
    table="orders",
    name="orders",
    key=("id",),
    columns=(
        Column(name="id", type="integer", role=Role.ID),
        Column(name="customer_id", type="integer", role=Role.ID),
        Column(name="product_id", type="integer", role=Role.ID),
        Column(name="amount", type="number", role=Role.NUMERIC),
        Column(name="status", role=Role.STATUS),
        Column(name="note", role=Role.TEXT),
        Column(name="city", role=Role.TEXT),
        Column(name="placed_at", role=Role.TIMESTAMP),
    ),
)
STATES = np.array(["new", "paid", "shipped", "delivered", "cancelled"])
QUESTIONS = {
    "total": "SELECT count(*), sum(amount) FROM live.orders",
    "by_status": "SELECT status, count(*) FROM live.orders GROUP BY 1",
    "point": "SELECT * FROM live.orders WHERE id = {id}",
}
FIELDS = ["amount", "status"]
SMALL_BATCH, LARGE_BATCH = 2_500, 50_000
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NO_VERSIONS = pl.DataFrame(schema={"k_hi": pl.Int64, "k_lo": pl.Int64, "seq": pl.Int64})


@dataclass
class Timer:
    """Milliseconds by what was done; CPU time is that of the whole process meanwhile."""

    taken: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Note how long a block takes."""
        start, busy = time.perf_counter(), time.process_time()
        yield
        self.taken.setdefault(what, []).append((time.perf_counter() - start) * 1e3)
        self.busy[what] = self.busy.get(what, 0) + (time.process_time() - busy) * 1e3

    def summary(self) -> dict[str, dict[str, float]]:
        """Median, 95th percentile, maximum and count of each."""
        return {
            what: {
                "median": round(float(np.median(each)), 1),
                "p95": round(float(np.percentile(each, 95)), 1),
                "max": round(max(each), 1),
                "count": len(each),
            }
            for what, each in sorted(self.taken.items())
        }


class Orders:
    """Makes batches of whole rows, and commits them."""

    def __init__(self, store: DuckStore, seed: int = 1) -> None:
        self.store = store
        self.random = np.random.default_rng(seed)
        self.seq = 0

    def rows(self, ids: np.ndarray) -> LiveRows:
        """Rows of these keys, with values of now."""
        count = len(ids)
        draw = self.random.integers
        seq = np.arange(self.seq + 1, self.seq + 1 + count)
        self.seq += count
        heads = pl.DataFrame(
            {
                "k_hi": np.zeros(count, np.int64),
                "k_lo": ids,
                "at": pl.Series(seq * 1_000).cast(pl.Datetime("us", "UTC")),
                "ordinal": seq,
                "sub": np.zeros(count, np.int64),
                "seq": seq,
                "gone": np.zeros(count, np.bool_),
            }
        )
        cents = pl.Series(draw(0, 1_000_000, count))
        rows = pl.DataFrame(
            {
                "id": ids,
                "customer_id": draw(0, 1_000_000, count),
                "product_id": draw(0, 5_000, count),
                "amount": cents.cast(pl.Decimal(18, 0)).cast(pl.Decimal(18, 2)).cast(pl.String),
                "status": STATES[draw(0, len(STATES), count)],
                "note": "note " + pl.Series(draw(0, 100_000, count)).cast(pl.String),
                "city": "city" + pl.Series(draw(0, 2_000, count)).cast(pl.String),
                "placed_at": pl.Series(ids * 1_000)
                .cast(pl.Datetime("us"))
                .dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
            }
        )
        return LiveRows(heads, rows)

    def put(self, rows: LiveRows) -> None:
        """Commit rows of the live table, and nothing else."""
        self.store.commit(
            Commit(
                log=LOG_SCHEMA.empty_table(),
                quarantine=QUARANTINE_SCHEMA.empty_table(),
                ledger=LEDGER_SCHEMA.empty_table(),
                at=EPOCH,
                tables=() if self.seq > len(rows.heads) else (ORDERS,),
                live=(LiveChange(ORDERS, rows, NO_VERSIONS),),
            )
        )

    def load(self, count: int, batch: int = 250_000) -> None:
        """Insert rows 0 to count, in order."""
        for start in range(0, count, batch):
            self.put(self.rows(np.arange(start, min(start + batch, count))))
            while self.store.compact_live():
                pass
            self.store.compact()

    def update(self, total: int, count: int, timer: Timer) -> None:
        """Look up random rows as the engine does, then put them anew."""
        rows = self.rows(np.unique(self.random.integers(0, total, count)))
        with timer.measure(f"lookup of {count}"):
            self.store.live_rows(ORDERS, rows.heads.select("k_hi", "k_lo"), FIELDS)
        with timer.measure(f"put of {count}"):
            self.put(rows)


def run_steady(orders: Orders, total: int, seconds: float, rate: int) -> dict[str, Any]:
    """Updates at a fixed rate with compaction, while another thread asks."""
    timer, sizes = Timer(), [orders.store.size_bytes()]
    done = threading.Event()
    asking = threading.Thread(target=_ask_on, args=(orders.store, total, timer, done))
    asking.start()
    start = time.perf_counter()
    period = SMALL_BATCH / rate
    late = 0
    for turn in range(int(seconds / period)):
        orders.update(total, SMALL_BATCH, timer)
        with timer.measure("fold"):
            folded = orders.store.compact_live()
        if not folded:
            timer.taken["fold"].pop()
        if turn % round(2 / period) == 0:
            with timer.measure("compact and check-point"):
                orders.store.compact()
        if turn % round(10 / period) == 0:
            sizes.append(orders.store.size_bytes())
        ahead = start + (turn + 1) * period - time.perf_counter()
        late += ahead < 0
        time.sleep(max(ahead, 0))
    done.set()
    asking.join()
    return {
        "milliseconds": timer.summary(),
        "batches that began late": late,
        "file MB": [round(size / 1e6) for size in sizes],
    }


def _ask_on(store: DuckStore, total: int, timer: Timer, done: threading.Event) -> None:
    chance = np.random.default_rng(7)
    while not done.is_set():
        for name, sql in QUESTIONS.items():
            with store._readers.cursor() as con, timer.measure(f"ask {name}"):
                con.execute(sql.format(id=int(chance.integers(0, total)))).fetchall()
            done.wait(0.1)


def run_upkeep(orders: Orders, total: int, batch: int, turns: int) -> dict[str, Any]:
    """What live tables add to a commit, folding included, per event."""
    timer = Timer()
    for _ in range(turns):
        orders.update(total, batch, timer)
        with timer.measure("fold"):
            while orders.store.compact_live():
                pass
    events = turns * batch
    spent = sum(sum(each) for each in timer.taken.values()) * 1e3 / events
    busy = {what: round(each * 1e3 / events, 2) for what, each in timer.busy.items()}
    return {
        "milliseconds": timer.summary(),
        "microseconds an event": round(spent, 2),
        "CPU microseconds an event": busy | {"all": round(sum(busy.values()), 2)},
    }


def run_many_tables(store: DuckStore, tables: int, rows: int, turns: int) -> dict[str, Any]:
    """One commit that touches many tables."""
    infos = [
        TableInfo(
            id=10 + n, schema="", table=f"t{n}", name=f"t{n}", key=("id",), columns=ORDERS.columns
        )
        for n in range(tables)
    ]
    makers = [Orders(store, n) for n in range(tables)]
    timer = Timer()
    for turn in range(turns):
        changes = [
            LiveChange(info, maker.rows(np.arange(turn, turn + rows)), NO_VERSIONS)
            for info, maker in zip(infos, makers, strict=True)
        ]
        commit = Commit(
            log=LOG_SCHEMA.empty_table(),
            quarantine=QUARANTINE_SCHEMA.empty_table(),
            ledger=LEDGER_SCHEMA.empty_table(),
            at=EPOCH,
            tables=() if turn else infos,
            live=changes,
        )
        with timer.measure("first commit" if not turn else "commit"):
            store.commit(commit)
        with timer.measure("lookups"):
            for change in changes:
                store.live_rows(change.table, change.put.heads.select("k_hi", "k_lo"), FIELDS)
    busy = {what: round(each / turns / tables, 2) for what, each in timer.busy.items()}
    return {"milliseconds": timer.summary(), "CPU milliseconds a table": busy}


def main() -> None:
    """Run the chosen measurements and print them as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the live table")
    parser.add_argument("--seconds", type=float, default=60, help="of updates at a fixed rate")
    parser.add_argument("--rate", type=int, default=10_000, help="updates a second")
    parser.add_argument("--tables", type=int, default=200, help="in the commit of many tables")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="live-tables-"))
    try:
        with DuckStore.open(folder / "shop.duckdb") as store:
            orders = Orders(store)
            report: dict[str, Any] = {"load average": os.getloadavg()[0]}
            steps: dict[str, Callable[[], Any]] = {
                "load": lambda: orders.load(options.rows),
                "upkeep, large batches": lambda: run_upkeep(orders, options.rows, LARGE_BATCH, 10),
                "upkeep, small batches": lambda: run_upkeep(orders, options.rows, SMALL_BATCH, 100),
                "steady": lambda: run_steady(orders, options.rows, options.seconds, options.rate),
                "many tables": lambda: run_many_tables(store, options.tables, 10, 5),
            }
            for name, step in steps.items():
                start = time.perf_counter()
                report[name] = step() or {"rows": options.rows}
                report[name]["seconds"] = round(time.perf_counter() - start, 1)
                print(json.dumps({name: report[name]}, indent=1), flush=True)
            report["load average after"] = os.getloadavg()[0]
            print(json.dumps(report["load average after"]))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
