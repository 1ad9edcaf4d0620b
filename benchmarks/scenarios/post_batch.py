"""Batches over HTTP, one client."""

from __future__ import annotations

from pathlib import Path

from benchmarks.loopback import API, Client, Server, bare, latencies, product, request, summary
from benchmarks.meters import workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.posting import check_ledger, live_batch

NAME = "post_batch"
FULL, QUICK, EVENTS = 60, 6, 1_000


def subject(context: Context) -> Sample:
    """Post to ``datawatch serve``."""
    workspace = context.folder / "bench.duckdb"
    with product(workspace) as server, Client(server) as client:
        sample = _measure(context, server, client, workspace)
        fault = check_ledger(client, (context.size(FULL, QUICK) + 1) * EVENTS)
    return Sample(**{**sample.__dict__, "fault": fault})


def baseline(context: Context) -> Sample:
    """Post the same to a handler that only writes and syncs."""
    with bare(context.folder) as server, Client(server) as client:
        return _measure(context, server, client, None)


def _measure(context: Context, server: Server, client: Client, workspace: Path | None) -> Sample:
    count = context.size(FULL, QUICK)
    host = f"{server.host}:{server.port}"
    messages = [
        request("POST", f"{API}/events/batch", host, live_batch(1 + place * EVENTS, EVENTS))
        for place in range(count + 1)
    ]
    latencies(client, messages[:1])
    server.mark()
    taken = latencies(client, messages[1:])
    return Sample(
        {NAME: count * EVENTS / sum(taken) * 1e3},
        cpu_seconds=server.cpu_seconds,
        memory_bytes=server.memory_bytes,
        file_bytes=workspace_bytes(workspace) if workspace else None,
        details={"events_per_batch": EVENTS, "milliseconds_per_batch": summary(taken)},
    )


SCENARIO = Scenario(
    name=NAME,
    about="POST of batches of 1,000 events until 202, one client",
    figures=(Figure(NAME, "events/s", "higher"),),
    subject=subject,
    baseline=baseline,
    against="a tornado handler that writes and fdatasyncs the same bytes",
    scaled=of_size(FULL, QUICK, "batches"),
)
