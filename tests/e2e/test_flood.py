"""Ten times more than can be stored: slowed, not lost; memory stays bounded; well again after."""

from __future__ import annotations

import gzip
import json
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.conftest import start_cli
from tests.e2e.served import API, Served

pytestmark = pytest.mark.timeout(600)

MEGABYTE = 1024 * 1024
CLIENTS = 12
EVENTS_A_BODY = 5_000
SECONDS, SOAKED = 6.0, 60.0
MOST_MEMORY = 1_500 * MEGABYTE
"""What a server may hold at its worst: DuckDB's caches, the queue, and what is decoded."""

MOST_OF_WIDE = 2_500 * MEGABYTE
"""The same for events of 100 kB, of which what is not check-pointed takes memory too."""


@dataclass
class Flood:
    """Clients that post as fast as they can, and never wait when they are told to.

    Attributes:
        accepted: numbers of bodies that were answered 202.
        busy: how many were answered 429, each with Retry-After.
        other: other answers, which there should be none of.
        peak: most bytes of memory that the server held.
    """

    server: Served
    table: str
    wait: bool = False
    width: int = 60
    accepted: list[int] = field(default_factory=list)
    busy: int = 0
    other: list[str] = field(default_factory=list)
    peak: int = 0
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, seconds: float, events: int = EVENTS_A_BODY) -> None:
        """Flood for so long, then wait until all is stored."""
        until = time.monotonic() + seconds
        clients = [
            threading.Thread(target=self._client, args=(until, events)) for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            self.peak = max(self.peak, self.server.memory)
            time.sleep(0.05)
        while self.server.get("/health")["backlog"]:
            self.peak = max(self.peak, self.server.memory)
            time.sleep(0.05)

    def _client(self, until: float, events: int) -> None:
        query = {"wait": "true"} if self.wait else {}
        with httpx.Client(base_url=self.server.address + API, trust_env=False, timeout=90) as http:
            while time.monotonic() < until:
                with self._lock:
                    number = self._number = self._number + 1
                body = body_of(self.table, number, events, self.width)
                answer = http.post(
                    "/events/batch",
                    content=body,
                    params=query,
                    headers={
                        "Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"
                    },
                )  # fmt: skip
                with self._lock:
                    self._note(number, answer)

    def _note(self, number: int, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.accepted.append(number)
        elif answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1:
            self.busy += 1
        else:
            self.other.append(f"{answer.status_code}: {answer.text[:200]}")


def body_of(table: str, number: int, events: int, width: int) -> bytes:
    """A packed body, cheap to make, so that a few clients are many."""
    now, named = datetime.now(UTC).isoformat().encode(), table.encode()
    note = b"x" * width
    return gzip.compress(
        b"\n".join(
            b'{"id":"%d-%d","operation":"INSERT","table":"%s","timestamp":"%s",'
            b'"after":{"id":%d,"body":%d,"amount":%d,"note":"%s"}}'
            % (number, n, named, now, number * events + n, number, n % 97, note)
            for n in range(events)
        ),
        1,
    )


def latency(server: Served, count: int = 40) -> float:
    """Median seconds of a single post."""
    taken = []
    for n in range(count):
        event = {
            "id": f"one-{time.monotonic_ns()}-{n}", "operation": "INSERT", "table": "single",
            "timestamp": datetime.now(UTC).isoformat(), "after": {"id": n},
        }  # fmt: skip
        began = time.monotonic()
        assert server.post([event]).status_code == 202
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose queue is small enough to be filled soon."""
    folder = tmp_path_factory.mktemp("flood")
    config = folder / "datawatch.yaml"
    config.write_text("queue_events: 40000\nbatch_events: 20000\n")
    with Served(folder / "w.duckdb", config=config) as served:
        yield served


def check(server: Served, flood: Flood, events: int) -> None:
    """Exactly the acknowledged events are there."""
    assert flood.other == []
    taken = len(flood.accepted) * events
    ledger = server.get("/ledger")["tables"][flood.table]
    assert ledger["applied"] == ledger["received"] == taken
    bodies = server.count(f"SELECT count(DISTINCT body) AS n FROM changes.{flood.table}")
    assert bodies == len(set(flood.accepted)) == len(flood.accepted)
    assert server.count(f"SELECT count(DISTINCT id) AS n FROM changes.{flood.table}") == taken
    most = MOST_OF_WIDE if flood.width > MEGABYTE // 100 else MOST_MEMORY
    assert flood.peak < most, f"{flood.peak / MEGABYTE:,.0f} MB"


def test_a_flood_over_http_is_slowed_not_lost(
    server: Served, request: pytest.FixtureRequest
) -> None:
    """429 with Retry-After, memory bounded, nothing lost among what was answered 202."""
    before = latency(server)
    flood = Flood(server, "flooded")
    flood.run(SOAKED if request.config.getoption("--soak") else SECONDS)
    after = latency(server)
    asked = len(flood.accepted) + flood.busy
    assert flood.accepted
    assert flood.busy, f"{asked} bodies were no flood"
    check(server, flood, EVENTS_A_BODY)
    print(
        f"\n  {asked:,} bodies of {EVENTS_A_BODY:,}: {len(flood.accepted):,} taken, {flood.busy:,} "
        f"told to wait; peak {flood.peak / MEGABYTE:,.0f} MB; a single post took "
        f"{before * 1e3:.1f} ms before and {after * 1e3:.1f} ms after"
    )


def test_a_flood_that_waits_loses_nothing(server: Served) -> None:
    """With wait=true nobody is turned away, however full it is."""
    flood = Flood(server, "patient", wait=True)
    flood.run(3.0)
    assert flood.busy == 0
    check(server, flood, EVENTS_A_BODY)


def test_wide_events_are_bounded_by_their_bytes(server: Served) -> None:
    """Few events of 100 kB each fill memory as many small ones do: they are told to wait too."""
    flood = Flood(server, "wide", width=100_000)
    flood.run(4.0, events=100)
    assert flood.accepted
    check(server, flood, 100)
    print(f"\n  {len(flood.accepted)} taken, {flood.busy} waited, {flood.peak / MEGABYTE:,.0f} MB")


def test_a_file_is_read_no_faster_than_it_is_stored(tmp_path: Path) -> None:
    """A large file waits at its reader: memory does not grow with the file."""
    file = tmp_path / "events.ndjson"
    with file.open("wb") as out:
        for number in range(12):
            out.write(gzip.decompress(body_of("orders", number, 10_000, 400)) + b"\n")
    run = start_cli(["ingest", file, "--workspace", tmp_path / "w.duckdb"])
    process, peak = psutil.Process(run.pid), 0
    while run.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    assert run.wait() == 0
    assert peak < MOST_MEMORY, f"{peak / MEGABYTE:,.0f} MB"
    with Served(tmp_path / "w.duckdb") as server:
        counts = json.loads(server.client.get("/ledger").text)
        assert (counts["received"], counts["applied"]) == (120_000, 120_000)
