"""One event a request, one client: how long until it is acknowledged as durable."""

from __future__ import annotations

from pathlib import Path

from benchmarks.loopback import Client, Server, bare, latencies, percentile, product, summary
from benchmarks.meters import workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.posting import check_ledger, singles

_P50, _P99 = "post_single", "post_single_p99"
FULL, QUICK, WARM = 3_000, 300, 50


def subject(context: Context) -> Sample:
    """Post to ``datawatch serve``."""
    workspace = context.folder / "bench.duckdb"
    with product(workspace) as server, Client(server) as client:
        return _measure(context, server, client, workspace, checked=True)


def baseline(context: Context) -> Sample:
    """Post the same to a handler that only writes and syncs."""
    with bare(context.folder) as server, Client(server) as client:
        return _measure(context, server, client, None, checked=False)


def _measure(
    context: Context, server: Server, client: Client, workspace: Path | None, *, checked: bool
) -> Sample:
    count = context.size(FULL, QUICK)
    latencies(client, singles(server, 1, WARM))
    server.mark()
    taken = latencies(client, singles(server, 1 + WARM, count))
    return Sample(
        {_P50: percentile(taken, 0.5), _P99: percentile(taken, 0.99)},
        cpu_seconds=server.cpu_seconds,
        memory_bytes=server.memory_bytes,
        file_bytes=workspace_bytes(workspace) if workspace else None,
        details=summary(taken),
        fault=check_ledger(client, WARM + count) if checked else "",
    )


SCENARIO = Scenario(
    name=_P50,
    about="POST of one 495-byte event until 202, one client, p50 and p99",
    figures=(Figure(_P50, "ms", "lower"), Figure(_P99, "ms", "lower")),
    subject=subject,
    baseline=baseline,
    against="a tornado handler that writes and fdatasyncs the same bytes",
    scaled=of_size(FULL, QUICK, "posts"),
)
