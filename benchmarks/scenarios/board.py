"""A board of 20 tiles: how soon it is drawn, and how late its ticks are with many viewers."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from benchmarks.following import Follower, follow
from benchmarks.loopback import API, Client, percentile, product, summary
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError
from benchmarks.posting import live_batch
from benchmarks.scenarios.sockets import Load

NAME, DRAWN = "board", "board_drawn"
VIEWERS = 100
FULL_SECONDS, QUICK_SECONDS = 20.0, 6.0
_OPENINGS = 5
_WAIT_MS = 30_000
_FIRST = 2_000
"""Events that are there before the page is opened."""

_KINDS = ("counter", "counter", "counter", "counter", "line", "bar", "donut", "gauge", "top")
_METRICS = ("orders_inserts_total", "orders_amount_sum", "orders_amount_avg", "orders_amount_p95")


def document() -> dict[str, Any]:
    """A dashboard of 20 tiles at 1 s: counters, lines, bars, donuts, gauges, lists, a heat map."""
    tiles: list[dict[str, Any]] = []
    for place in range(18):
        kind = _KINDS[place % len(_KINDS)]
        query: dict[str, Any] = {"metric": _METRICS[place % len(_METRICS)]}
        if kind in ("bar", "donut", "top"):
            query = {"metric": "orders_inserts_total", "by": ["status"]}
        tiles.append({"kind": kind, "title": f"{kind} {place}", "query": query})
    tiles.append({"kind": "heatmap", "title": "heat", "query": {"metric": "orders_inserts_total"}})
    tiles.append({"kind": "alerts", "title": "alerts"})
    return {"name": "Bench", "tiles": tiles, "refresh": "1s", "time_range": "15m"}


def subject(context: Context) -> Sample:
    """Open the watch page in Chromium, then follow its socket with many clients under load."""
    seconds = QUICK_SECONDS if context.quick else FULL_SECONDS * context.scale
    with product(context.folder / "bench.duckdb") as server:
        with Client(server) as client:
            client.post(f"{API}/events/batch?wait=true", live_batch(1, _FIRST))
            board = json.loads(client.post(f"{API}/dashboards", json.dumps(document()).encode()))
        if "id" not in board:
            raise UnmeasurableError(f"the dashboard was refused: {board}")
        drawn, chromium = _drawn(f"http://{server.host}:{server.port}/d/{board['id']}")
        load = Load(server)
        load.sent = _FIRST
        load.start()
        server.mark()
        start = time.monotonic()
        try:
            found = asyncio.run(
                follow(server, [Follower(f"/ws/boards/{board['id']}")] * VIEWERS, seconds)
            )
        finally:
            load.stop()
        took, cpu = time.monotonic() - start, server.cpu_seconds
        lag = percentile(found.lags, 0.95)
        return Sample(
            {NAME: lag} | ({DRAWN: sorted(drawn)[len(drawn) // 2]} if drawn else {}),
            cpu_seconds=cpu,
            memory_bytes=server.memory_bytes,
            details={
                **summary(found.lags),
                "bytes_per_message": round(found.bytes / max(1, sum(found.messages))),
                "messages_per_viewer": [min(found.messages), max(found.messages)],
                "cores": None if cpu is None else round(cpu / took, 2),
                "openings_seconds": drawn,
                "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
                **chromium,
            },
            fault=_fault(found.messages, seconds),
        )


def _fault(messages: list[int], seconds: float) -> str:
    """Who was sent much less than once a second does not show that all were served."""
    if min(messages) < 0.6 * seconds:
        return f"a viewer was sent {min(messages)} messages in {seconds:.0f} s"
    return ""


def _drawn(address: str) -> tuple[list[float], dict[str, object]]:
    """Seconds from the address to all tiles drawn, for each opening; none without Chromium."""
    from tools import chromium

    path = chromium.find()
    if path is None:
        return [], {"chromium": "not found"}
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for _ in range(_OPENINGS):
            # A fresh context each time: nothing is in its cache.
            with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
                page = context.new_page()
                page.goto(address, wait_until="commit")
                page.wait_for_function(_ALL_DRAWN, timeout=_WAIT_MS, polling="raf")
                found.append(round(page.evaluate("() => performance.now()") / 1e3, 3))
        version = browser.version
        browser.close()
    return found, {"chromium": version}


_ALL_DRAWN = """() => {
  const tiles = [...document.querySelectorAll(".dwb-tile")];
  const waits = (tile) => tile.dataset.state === "loading" || !tile.querySelector(".dwb-body > *");
  return tiles.length > 0 && !tiles.some(waits);
}"""


def _scaled(context: Context) -> str:
    if not context.quick and context.scale == 1.0:
        return ""
    seconds = QUICK_SECONDS if context.quick else FULL_SECONDS * context.scale
    return f"{seconds:.0f} s instead of {FULL_SECONDS:.0f} s"


SCENARIO = Scenario(
    name=NAME,
    about="a tick of a board of 20 tiles begins to be made until a viewer has it, p95; 100 viewers "
    "at 1 s, 1,000 events/s beside it; and the watch page drawn in Chromium",
    figures=(Figure(NAME, "ms", "lower"), Figure(DRAWN, "s", "lower")),
    subject=subject,
    scaled=_scaled,
)
