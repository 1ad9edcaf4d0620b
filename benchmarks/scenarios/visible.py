"""From the posting of an event to a query that counts it, under load."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.loopback import API, Client, Server, percentile, product, summary
from benchmarks.meters import workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.posting import live_batch, live_event

NAME = "visible"
FULL, QUICK = 300, 30
RATE, BATCH, LOADS = 10_000, 500, 4
_LEAST_SHARE = 0.95
_QUERY = f"{API}/metrics/probes_inserts_total/query?from=-1h"
_PAUSE = 0.03
_BETWEEN = 0.01
"""Seconds between two questions: without a pause the one who asks takes a core from who answers."""


class Load(threading.Thread):
    """Posts batches over one connection at its share of the rate until `stop`.

    Attributes:
        sent: events acknowledged so far.
    """

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._server = server
        self._prefix = f"load{number}"
        self._over = threading.Event()

    def run(self) -> None:
        """Post."""
        start = time.perf_counter()
        with Client(self._server) as client:
            while not self._over.is_set():
                body = live_batch(1 + self.sent, BATCH, prefix=self._prefix)
                client.post(f"{API}/events/batch?wait=true", body)
                self.sent += BATCH
                ahead = start + self.sent * LOADS / RATE - time.perf_counter()
                self._over.wait(max(ahead, 0.0))

    def stop(self) -> None:
        """End after the batch in hand."""
        self._over.set()
        self.join()


def subject(context: Context) -> Sample:
    """Probe ``datawatch serve`` under load."""
    count = context.size(FULL, QUICK)
    workspace = context.folder / "bench.duckdb"
    with product(workspace) as server, Client(server) as sender, Client(server) as asker:
        sender.post(f"{API}/events", live_event(0, "probes", prefix="probe"))
        loads = [Load(server, number) for number in range(LOADS)]
        for each in loads:
            each.start()
        time.sleep(0.5 if context.quick else 3.0)
        server.mark()
        before, start = sum(each.sent for each in loads), time.perf_counter()
        taken = sorted(_probe(sender, asker, number) for number in range(1, count + 1))
        rate = (sum(each.sent for each in loads) - before) / (time.perf_counter() - start)
        for each in loads:
            each.stop()
        return Sample(
            {NAME: percentile(taken, 0.99)},
            cpu_seconds=server.cpu_seconds,
            memory_bytes=server.memory_bytes,
            file_bytes=workspace_bytes(workspace),
            details={**summary(taken), "load_per_second": round(rate)},
            fault=""
            if rate >= RATE * _LEAST_SHARE
            else f"the load was {rate:,.0f} events/s; {RATE:,} are wanted",
        )


def _probe(sender: Client, asker: Client, number: int) -> float:
    """Milliseconds until a query counts one more event than before."""
    time.sleep(_PAUSE)
    with ThreadPoolExecutor(1) as pool:
        body = live_event(number, "probes", prefix="probe")
        start = time.perf_counter()
        posted = pool.submit(sender.post, f"{API}/events", body)
        while _count(asker) <= number:
            if time.perf_counter() - start > 30:
                break
            time.sleep(_BETWEEN)
        taken = (time.perf_counter() - start) * 1e3
        posted.result()
    return taken


def _count(asker: Client) -> float:
    series = json.loads(asker.get(_QUERY))["series"]
    return sum(float(value or 0) for each in series for _, value in each["points"])


SCENARIO = Scenario(
    name=NAME,
    about="an event is posted until a query counts it, p99, with 10,000 events/s beside it",
    figures=(Figure(NAME, "ms", "lower"),),
    subject=subject,
    scaled=of_size(FULL, QUICK, "probes"),
    runs=3,
)
