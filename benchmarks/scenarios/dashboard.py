"""The dashboard of services, asked over HTTP by one client after another while events come."""

from __future__ import annotations

import json
import time

from benchmarks.loopback import Client, percentile, product, request, summary
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError, of_size
from benchmarks.scenarios.sockets import Load, requests

NAME = "dashboard"
FULL, QUICK = 2_000, 300
SEEDED, QUICK_SEEDED = 20_000, 4_000
SERVICES, PER_BATCH = 12, 250
_PAUSE = 0.005
_BATCH = 1_000


def subject(context: Context) -> Sample:
    """Ask ``datawatch serve``, which is posted to all the while."""
    count = context.size(FULL, QUICK)
    seeded = context.size(SEEDED, QUICK_SEEDED)
    with product(context.folder / "bench.duckdb") as server, Client(server) as client:
        for first in range(0, seeded, _BATCH):
            client.post("/events?wait=true", requests(first, _BATCH, SERVICES))
        load = Load(server, telemetry=PER_BATCH, services=SERVICES)
        load.start()
        time.sleep(1.0 if context.quick else 3.0)
        server.mark()
        message = request("GET", "/dashboard", f"{server.host}:{server.port}")
        begun, sent = time.perf_counter(), load.sent
        taken, body = [], b"{}"
        for _ in range(count):
            start = time.perf_counter()
            body = client.send(message)
            taken.append((time.perf_counter() - start) * 1e3)
            time.sleep(_PAUSE)
        rate = (load.sent - sent) / (time.perf_counter() - begun)
        load.stop()
        taken.sort()
        return Sample(
            {NAME: percentile(taken, 0.95)},
            cpu_seconds=server.cpu_seconds,
            memory_bytes=server.memory_bytes,
            details={**summary(taken), "bytes": len(body), "load_per_second": round(rate)},
            fault=_fault(body, seeded),
        )


def _fault(body: bytes, seeded: int) -> str:
    """What is wrong with the last answer; '' for nothing."""
    found = json.loads(body)
    if "services" not in found or "overview" not in found:
        raise UnmeasurableError("it was answered with something else than a dashboard")
    services, counted = len(found["services"]), found["overview"]["total_requests"]
    if services < SERVICES or counted < seeded:
        return f"it shows {services} services and {counted:,} requests"
    return ""


SCENARIO = Scenario(
    name=NAME,
    about="GET /dashboard of 12 services, p95; 1,000 change events/s and as many of services "
    "beside it",
    figures=(Figure(NAME, "ms", "lower"),),
    subject=subject,
    scaled=of_size(FULL, QUICK, "requests"),
    runs=3,
)
