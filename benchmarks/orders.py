"""A live table of orders at the level of the store: its rows, updates and the time they take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
FIELDS = ["amount", "status"]
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


def live_commit(changes: Sequence[LiveChange], tables: Sequence[TableInfo]) -> Commit:
    """A commit of live rows and nothing else."""
    return Commit(
        log=LOG_SCHEMA.empty_table(),
        quarantine=QUARANTINE_SCHEMA.empty_table(),
        ledger=LEDGER_SCHEMA.empty_table(),
        at=EPOCH,
        tables=tables,
        live=changes,
    )


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
        first = self.seq <= len(rows.heads)
        change = LiveChange(ORDERS, rows, NO_VERSIONS)
        self.store.commit(live_commit([change], (ORDERS,) if first else ()))

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
