"""How fast changes come from a server: by the library alone, the source, the whole product."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import ingest_source
from tests.e2e.follower import source_of

ROUNDS = 3


@dataclass(frozen=True)
class Speeds:
    """Changes by second of processor time of the reading process, medians of interleaved rounds.

    Attributes:
        changes: that each round read.
        library: the client library alone, which looks at nothing.
        source: typed batches, which nobody stores.
        whole: durable in log, live tables and metrics, the workspace's closing included.
    """

    name: str
    changes: int
    library: float
    source: float
    whole: float

    def __str__(self) -> str:
        return (
            f"{self.name}, {self.changes:,} changes: library {self.library:,.0f}/s; "
            f"source {self.source:,.0f}/s ({self.source / self.library:.2f}); "
            f"whole {self.whole:,.0f}/s ({self.whole / self.library:.2f})"
        )


def measure(
    name: str, url: str, folder: Path, write: Callable[[], None], library: Callable[[], int]
) -> Speeds:
    """Read the same changes by each way in turn, thrice.

    Args:
        name: of server and version.
        url: what is followed; there is nothing in it yet. ``GROUP`` stands for a name that each
            way of reading has for itself.
        folder: for workspaces.
        write: writes the changes.
        library: reads them by the client library alone; gives how many.
    """
    starts = []
    for number in range(ROUNDS):
        made = _source(url, f"speed_{number}")
        starts.append([each.offset for each in made.batches(None)][-1])
        with open_workspace(folder / f"{number}.duckdb") as workspace:
            ingest_source(workspace, _source(url, f"whole_{number}"))
    write()
    ways: list[tuple[str, Callable[[int], int]]] = [
        ("library", lambda _: library()),
        ("source", lambda number: _read(url, number, starts[number].position)),
        ("whole", lambda number: _store(url, number, folder)),
    ]
    took: dict[str, list[float]] = {way: [] for way, _ in ways}
    counts = set()
    for number in range(ROUNDS):
        for way, read in ways:
            began = time.process_time()
            counts.add(read(number))
            took[way].append(time.process_time() - began)
    (count,) = counts
    rates = {way: count / median(seconds) for way, seconds in took.items()}
    return Speeds(name, count, **rates)


def _source(url: str, slot: str) -> Any:
    return source_of(url.replace("GROUP", slot), follow=False)


def _read(url: str, number: int, position: Any) -> int:
    source, count = _source(url, f"speed_{number}"), 0
    for batch in source.batches(position):
        count += batch.events.num_rows
        source.stored(batch.offset.position)
    return count


def _store(url: str, number: int, folder: Path) -> int:
    with open_workspace(folder / f"{number}.duckdb") as workspace:
        return ingest_source(workspace, _source(url, f"whole_{number}")).applied
