"""From the stamp of an update to its receipt, with many WebSocket clients and one core."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time

from benchmarks.following import Follower, follow
from benchmarks.loopback import API, Client, Server, percentile, product, summary
from benchmarks.model import Context, Figure, Sample, Scenario
from benchmarks.posting import live_batch

NAME = "sockets"
CLIENTS = 200
FULL_SECONDS, QUICK_SECONDS = 30.0, 6.0
RATE, BATCH = 1_000, 250
_METRICS = (
    *("orders_events_total", "orders_amount_sum", "orders_amount_avg", "orders_amount_p95"),
    *("orders_created_rate", "orders_by_status", "orders_total", "orders_inserts_total"),
    *("orders_amount_max", "events_total"),
)


class Load(threading.Thread):
    """Posts orders, and what services tell of themselves, until `stop`.

    Args:
        server: that is posted to.
        telemetry: events of services beside each batch of orders.
        services: that tell of themselves.
    """

    def __init__(self, server: Server, telemetry: int = 10, services: int = 4) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._server = server
        self._telemetry = telemetry
        self._services = services
        self._over = threading.Event()

    def run(self) -> None:
        """Post."""
        start = time.perf_counter()
        with Client(self._server) as client:
            while not self._over.is_set():
                client.post(f"{API}/events/batch", live_batch(1 + self.sent, BATCH, prefix="load"))
                client.post("/events", requests(self.sent, self._telemetry, self._services))
                self.sent += BATCH
                self._over.wait(max(start + self.sent / RATE - time.perf_counter(), 0.0))

    def stop(self) -> None:
        """End after the batch in hand."""
        self._over.set()
        self.join()


def requests(first: int, count: int, services: int) -> bytes:
    """What services tell of requests that they answered."""
    events = [
        {
            "type": "request",
            "service": f"service-{place % services}",
            "user_id": f"user-{(first + place) % 97}",
            "data": {"endpoint": f"/api/{place % 20}", "response_time_ms": 10 + place % 90},
        }
        for place in range(count)
    ]
    return json.dumps(events).encode()


def followers() -> list[Follower]:
    """Half listen to the dashboard, half follow one of ten metrics each."""
    found = []
    for place in range(CLIENTS // 2):
        asked = {"type": "subscribe", "metrics": [_METRICS[place % len(_METRICS)]], "from": "-15m"}
        found.append(Follower("/ws/dashboard"))
        found.append(Follower("/ws/analytics?quiet=true", json.dumps({**asked, "step": "10s"})))
    return found


def subject(context: Context) -> Sample:
    """Follow ``datawatch serve``, which has one core; clients and load have the other."""
    seconds = QUICK_SECONDS if context.quick else FULL_SECONDS * context.scale
    cores = _cores()
    _keep_to(cores[:1])
    with product(context.folder / "bench.duckdb") as server:
        _keep_to(cores[1:] or cores)
        load = Load(server)
        load.start()
        time.sleep(2.0)
        server.mark()
        start = time.monotonic()
        found = asyncio.run(follow(server, followers(), seconds))
        took = time.monotonic() - start
        load.stop()
        cpu = server.cpu_seconds
        return Sample(
            {NAME: percentile(found.lags, 0.95)},
            cpu_seconds=cpu,
            memory_bytes=server.memory_bytes,
            details={
                **summary(found.lags),
                "messages_per_client": [min(found.messages), max(found.messages)],
                "skipped": found.skipped,
                "kb_per_second": round(found.bytes / took / 1e3),
                "cores": None if cpu is None else round(cpu / took, 2),
                "load_per_second": round(load.sent / (took + 2.0)),
            },
            fault=_fault(found.messages, seconds),
        )


def _fault(messages: list[int], seconds: float) -> str:
    """Who was sent much less than once a second does not show that all were served."""
    if min(messages) < 0.8 * seconds:
        return f"a client was sent {min(messages)} messages in {seconds:.0f} s"
    return ""


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def _keep_to(cores: list[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _scaled(context: Context) -> str:
    if not context.quick and context.scale == 1.0:
        return ""
    seconds = QUICK_SECONDS if context.quick else FULL_SECONDS * context.scale
    return f"{seconds:.0f} s instead of {FULL_SECONDS:.0f} s"


SCENARIO = Scenario(
    name=NAME,
    about="an update begins to be made until a WebSocket client has it, p95; 200 clients at 1 s, "
    "the server on one core, 1,000 events/s beside it",
    figures=(Figure(NAME, "ms", "lower"),),
    subject=subject,
    scaled=_scaled,
    runs=3,
)
