"""Single posts by 1, 10 and 50 clients at once."""

from __future__ import annotations

import asyncio

from benchmarks.loopback import Client, Server, bare, product, summary
from benchmarks.meters import workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.posting import check_ledger, crowd, singles

NAME = "post_clients"
CLIENTS = (1, 10, 50)
FULL, QUICK = 3_000, 200


def subject(context: Context) -> Sample:
    """Post to ``datawatch serve``."""
    workspace = context.folder / "bench.duckdb"
    with product(workspace) as server:
        sample, posted = _measure(context, server)
        with Client(server) as client:
            fault = check_ledger(client, posted)
        return Sample(
            **{**sample.__dict__, "fault": fault, "file_bytes": workspace_bytes(workspace)}
        )


def baseline(context: Context) -> Sample:
    """Post the same to a handler that only writes and syncs."""
    with bare(context.folder) as server:
        return _measure(context, server)[0]


def _measure(context: Context, server: Server) -> tuple[Sample, int]:
    """Requests a second of the largest crowd; every crowd in the details. And events posted."""
    posted, details, rate = 0, {}, 0.0
    for clients in CLIENTS:
        each = max(context.size(FULL, QUICK) // clients, 4)
        parts = [singles(server, 1 + posted + place * each, each) for place in range(clients)]
        server.mark()
        taken, seconds = asyncio.run(crowd(server, parts))
        posted += clients * each
        rate = len(taken) / seconds
        details[f"{clients} clients"] = {"per_second": round(rate), "ms": summary(taken)}
    sample = Sample(
        {NAME: rate},
        cpu_seconds=server.cpu_seconds,
        memory_bytes=server.memory_bytes,
        details=details,
    )
    return sample, posted


SCENARIO = Scenario(
    name=NAME,
    about="POST of one event by 50 clients at once; by 1 and 10 in the details",
    figures=(Figure(NAME, "posts/s", "higher"),),
    subject=subject,
    baseline=baseline,
    against="a tornado handler that writes and fdatasyncs the same bytes",
    scaled=of_size(FULL, QUICK, "posts a crowd"),
)
