"""From the start of the server's process to its first answer, with ten million events stored."""

from __future__ import annotations

import time

from benchmarks.events import Maker, Mix
from benchmarks.loopback import API, Client, product
from benchmarks.meters import workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.workspaces import build

NAME = "restart"
FULL, QUICK = 10_000_000, 20_000
MIX = Mix(bytes=400, updates=0.0, deletes=0.0, per_second=2_000)


def prepare(context: Context) -> None:
    """A workspace that ingested the events."""
    build(context, NAME, Maker(MIX), context.size(FULL, QUICK))


def subject(context: Context) -> Sample:
    """Start on the large workspace."""
    path = context.cache / f"{NAME}.duckdb"
    start = time.perf_counter()
    with product(path, is_loaded=False) as server, Client(server) as client:
        client.get(f"{API}/health")
        taken = time.perf_counter() - start
        return Sample(
            {NAME: taken},
            cpu_seconds=server.cpu_seconds,
            memory_bytes=server.memory_bytes,
            file_bytes=workspace_bytes(path),
        )


def baseline(context: Context) -> Sample:
    """Start on an empty workspace."""
    start = time.perf_counter()
    with (
        product(context.folder / "empty.duckdb", is_loaded=False) as server,
        Client(server) as client,
    ):
        client.get(f"{API}/health")
        return Sample({NAME: time.perf_counter() - start})


SCENARIO = Scenario(
    name=NAME,
    about="`datawatch serve` from start of the process to its first answer, 10 million events",
    figures=(Figure(NAME, "s", "lower"),),
    prepare=prepare,
    subject=subject,
    baseline=baseline,
    against="the same with an empty workspace",
    scaled=of_size(FULL, QUICK, "events"),
    seconds=3_600,
)
