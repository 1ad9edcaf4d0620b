"""What live tables add to a commit of the store, per event, folding included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from benchmarks.orders import Orders, Timer
    from datawatch_lab.store import DuckStore

NAME = "live_store"
FULL, QUICK = 5_000_000, 50_000
SMALL, LARGE = 2_500, 50_000
TABLES, ROWS, TURNS = 200, 10, 5


def subject(context: Context) -> Sample:
    """Updates of random rows in large and small batches; commits that touch many tables."""
    from benchmarks.orders import Orders, Timer
    from datawatch_lab.store import DuckStore

    total = context.size(FULL, QUICK)
    path = context.folder / "bench.duckdb"
    with DuckStore.open(path) as store:
        orders = Orders(store)
        orders.load(total)
        with Meter() as meter:
            large = _upkeep(orders, total, LARGE, 1 if context.quick else 10)
            small = _upkeep(orders, total, SMALL, 4 if context.quick else 100)
        many = Timer()
        _many_tables(store, 20 if context.quick else TABLES, many)
    return Sample(
        {NAME: large},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(path),
        details={
            f"us_per_event_batches_of_{LARGE}": round(large, 2),
            f"us_per_event_batches_of_{SMALL}": round(small, 2),
            "many_tables_ms": many.summary(),
        },
    )


def _upkeep(orders: Orders, total: int, batch: int, turns: int) -> float:
    """Microseconds an event."""
    from benchmarks.orders import Timer

    timer = Timer()
    for _ in range(turns):
        orders.update(total, batch, timer)
        with timer.measure("fold"):
            while orders.store.compact_live():
                pass
    return sum(sum(each) for each in timer.taken.values()) * 1e3 / (turns * batch)


def _many_tables(store: DuckStore, tables: int, timer: Timer) -> None:
    """Commits that touch many tables."""
    import numpy as np

    from benchmarks.orders import NO_VERSIONS, ORDERS, Orders, live_commit
    from datawatch_lab.core.storage import LiveChange
    from datawatch_lab.core.values import TableInfo

    infos = [
        TableInfo(
            id=10 + n, schema="", table=f"t{n}", name=f"t{n}", key=("id",), columns=ORDERS.columns
        )
        for n in range(tables)
    ]
    makers = [Orders(store, n) for n in range(tables)]
    for turn in range(TURNS):
        changes = [
            LiveChange(info, maker.rows(np.arange(turn, turn + ROWS)), NO_VERSIONS)
            for info, maker in zip(infos, makers, strict=True)
        ]
        with timer.measure("first commit" if not turn else "commit"):
            store.commit(live_commit(changes, () if turn else infos))


SCENARIO = Scenario(
    name=NAME,
    about="what live tables add to commits of the store, an event, with 5 million rows",
    figures=(Figure(NAME, "us/event", "lower"),),
    subject=subject,
    scaled=of_size(FULL, QUICK, "rows"),
    runs=1,
    seconds=3_600,
)
