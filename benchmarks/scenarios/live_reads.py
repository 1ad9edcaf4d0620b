"""Questions about a live table of ten million rows under ten thousand updates a second."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.loopback import percentile, summary
from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from benchmarks.orders import Orders
    from datawatch_lab.store import DuckStore

NAME, _POINT = "live_reads", "live_reads_point"
FULL, QUICK = 10_000_000, 20_000
RATE, BATCH = 10_000, 2_500
QUESTIONS = {
    "total": "SELECT count(*), sum(amount::DECIMAL(18, 2)) FROM {table}",
    "by_status": "SELECT status, count(*) FROM {table} GROUP BY 1",
    "point": "SELECT * FROM {table} WHERE id = {id}",
}


@dataclass
class Asker(threading.Thread):
    """Asks the live view and a plain table of the same rows in turns, until told to end.

    Attributes:
        store: whose live table it is.
        plain: a file with the same rows in the table ``orders``.
        total: ids are below it.
        taken: milliseconds by (question, ``live`` or ``plain``).
    """

    store: DuckStore
    plain: Path
    total: int
    taken: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Ask."""
        import duckdb
        import numpy as np

        chance = np.random.default_rng(7)
        with duckdb.connect(str(self.plain), read_only=True) as plain:
            while not self.over.is_set():
                for name, sql in QUESTIONS.items():
                    id_ = int(chance.integers(0, self.total))
                    with self.store._file.readers.cursor() as con:
                        self._time(con, name, "live", sql.format(table="live.orders", id=id_))
                    self._time(plain, name, "plain", sql.format(table="orders", id=id_))
                    self.over.wait(0.02)

    def _time(self, con: Any, name: str, where: str, sql: str) -> None:
        start = time.perf_counter()
        con.execute(sql).fetchall()
        self.taken.setdefault((name, where), []).append((time.perf_counter() - start) * 1e3)


def subject(context: Context) -> Sample:
    """Load, copy to a plain table, then update at the rate while somebody asks."""
    from benchmarks.orders import Orders
    from datawatch_lab.store import DuckStore

    total = context.size(FULL, QUICK)
    path, plain = context.folder / "bench.duckdb", context.folder / "plain.duckdb"
    with DuckStore.open(path) as store:
        orders = Orders(store)
        orders.load(total)
        _copy(store, plain)
        asker = Asker(store, plain, total)
        asker.start()
        with Meter() as meter:
            rate = _update(orders, total, 1.5 if context.quick else 60.0)
        asker.over.set()
        asker.join()
    return _sample(asker, meter, rate, path)


def _sample(asker: Asker, meter: Meter, rate: float, path: Path) -> Sample:
    taken = {key: sorted(each) for key, each in asker.taken.items()}
    figures = {NAME: "by_status", _POINT: "point"}
    return Sample(
        {name: percentile(taken[what, "live"], 0.95) for name, what in figures.items()},
        {name: percentile(taken[what, "plain"], 0.95) for name, what in figures.items()},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(path),
        details={
            "updates_per_second": round(rate),
            **{f"{what} {where}": summary(each) for (what, where), each in taken.items()},
        },
        fault="" if rate >= RATE * 0.95 else f"{rate:,.0f} updates/s instead of {RATE:,}",
    )


def _copy(store: DuckStore, plain: Path) -> None:
    """Put the rows of the live view into a plain table of another file."""
    import duckdb

    with store._file.readers.cursor() as con, duckdb.connect(str(plain)) as other:
        other.register("rows", con.sql("SELECT * FROM live.orders").to_arrow_table())
        other.execute("CREATE TABLE orders AS SELECT * FROM rows")


def _update(orders: Orders, total: int, seconds: float) -> float:
    """Updates at the rate, with folding and compaction as the engine does; the rate reached."""
    from benchmarks.orders import Timer

    timer, period = Timer(), BATCH / RATE
    start = time.perf_counter()
    turns = int(seconds / period)
    for turn in range(turns):
        orders.update(total, BATCH, timer)
        orders.store.compact_live()
        if turn % round(2 / period) == 0:
            orders.store.compact()
        time.sleep(max(start + (turn + 1) * period - time.perf_counter(), 0))
    return turns * BATCH / (time.perf_counter() - start)


SCENARIO = Scenario(
    name=NAME,
    about="GROUP BY over a live table of 10 million rows under 10,000 updates/s, p95; one row by "
    "id in live_reads_point",
    figures=(Figure(NAME, "ms", "lower"), Figure(_POINT, "ms", "lower")),
    subject=subject,
    against="the same SQL on a plain table with the same rows, in turns",
    scaled=of_size(FULL, QUICK, "rows"),
    runs=1,
    seconds=3_600,
)
