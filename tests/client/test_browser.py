"""The browser client in a real Chromium: events, what waits, the page's end, the live dashboard."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.api.static import script
from datawatch_lab.service.handle import Workspace, open_workspace
from tests.services.ports import free_port
from tests.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOST = "127.0.0.1"
TOKEN = "a-token-for-tests"  # noqa: S105 — of a server that ends with its test

SHOP = """<!doctype html><title>Shop</title>
<script src="/static/datawatch.js" data-service="shop" data-token="{token}"></script>"""


class Shop(RequestHandler):
    """A page that uses the client."""

    def initialize(self, token: str = "") -> None:
        """Take what the page needs."""
        self.token = token

    def get(self) -> None:
        """The page."""
        self.finish(SHOP.format(token=self.token))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, Workspace]]:
    """A real server that also serves the page; its address and workspace."""
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        port = free_port()
        urls = patterns(workspace, gate_for(TOKEN, host=HOST, port=port))
        server = Server(
            [("/shop", Shop, {"token": TOKEN}), *urls],
            host=HOST,
            port=port,
        )
        server.start()
        yield server.address, workspace
        server.stop()


def types(workspace: Workspace) -> list[str]:
    """The types of the events that are there."""
    tables = {each.name for each in workspace.tables()}
    if "events" not in tables:
        return []
    return [each[0] for each in workspace.sql("select type from live.events order by 1").rows]


def test_events_pages_purchases_and_measurements(page: Page, shop: tuple[str, Workspace]) -> None:
    """Each arrives in its stream with who, where and what; flush says when."""
    address, workspace = shop
    page.goto(f"{address}/shop")
    stats = page.evaluate(
        """async () => {
          datawatch.identify(7);
          datawatch.trackPageView();
          datawatch.trackEvent("search", {query: "<b>shoes</b>"}, {duration_ms: 12});
          datawatch.trackPurchase({order_id: 5, amount: 19.9, currency: "EUR"});
          datawatch.recordMetric("cart_size", 3, "items");
          return [await datawatch.flush(), datawatch.stats];
        }"""
    )
    assert stats[0] is True
    assert (stats[1]["accepted"], stats[1]["waiting"]) == (4, 0)
    eventually(lambda: types(workspace) == ["page_view", "purchase", "search"])
    (row,) = workspace.sql(
        "select service, user_id, endpoint, data, session_id from live.events "
        "where type = 'search'",
        masked=False,
    ).rows
    assert row[:3] == ["shop", "7", "/shop"] or row[:3] == ["shop", 7, "/shop"]
    assert json.loads(row[3]) == {"query": "<b>shoes</b>"}
    assert len(row[4]) == 32
    assert workspace.sql("select name, value from live.measurements").rows == [["cart_size", 3]]


def test_a_page_that_goes_hands_over_what_waits(page: Page, shop: tuple[str, Workspace]) -> None:
    """A browser takes 64 KiB on the way out; what is more is sent by the next visit."""
    address, workspace = shop
    page.goto(f"{address}/shop")
    page.evaluate(
        """() => { for (let n = 0; n < 300; n += 1) {
             datawatch.trackEvent("leaving", {n, text: "x".repeat(200)}); } }"""
    )
    page.goto("about:blank")
    eventually(lambda: len(types(workspace)) > 100)
    assert len(types(workspace)) < 300
    page.goto(f"{address}/shop")
    assert page.evaluate("() => datawatch.flush()") is True
    eventually(lambda: len(types(workspace)) == 300)


def test_events_wait_while_the_server_is_away(page: Page, shop: tuple[str, Workspace]) -> None:
    """They survive the page, and the next visit sends them; what was stored twice counts once."""
    address, workspace = shop
    page.goto(f"{address}/shop")
    page.route("**/events/batch*", lambda route: route.abort())
    page.evaluate(
        """async () => { navigator.sendBeacon = () => false;
             datawatch.trackEvent("waiting"); await datawatch.flush(); }"""
    )
    page.unroute("**/events/batch*")
    page.goto(f"{address}/shop")
    assert page.evaluate("() => datawatch.stats.waiting") == 1
    assert page.evaluate("() => datawatch.flush()") is True
    eventually(lambda: types(workspace) == ["waiting"])
    assert page.evaluate("() => localStorage.length") == 0


def test_a_hidden_page_keeps_what_it_handed_over(page: Page, shop: tuple[str, Workspace]) -> None:
    """Nobody says whether a beacon arrived, so hiding loses no event while the server is away."""
    address, workspace = shop
    page.goto(f"{address}/shop")
    page.route("**/events/batch*", lambda route: route.abort())
    hide = """() => { Object.defineProperty(document, "visibilityState",
        {value: "hidden", configurable: true});
      document.dispatchEvent(new Event("visibilitychange")); }"""
    page.evaluate("""() => { window.beacons = 0;
      navigator.sendBeacon = () => { window.beacons += 1; return true; };
      datawatch.trackEvent("first"); }""")
    page.evaluate(hide)  # it is not known yet that the server is away
    assert page.evaluate("() => [datawatch.stats.waiting, window.beacons]") == [1, 1]
    assert page.evaluate("() => datawatch.flush()") is False
    page.evaluate("() => datawatch.trackEvent('second')")
    page.evaluate(hide)  # now it is, so nothing is handed over
    assert page.evaluate("() => [datawatch.stats.waiting, window.beacons]") == [2, 1]
    page.evaluate("() => window.dispatchEvent(new Event('pagehide'))")
    assert page.evaluate("() => [datawatch.stats.waiting, window.beacons]") == [2, 1]
    page.unroute("**/events/batch*")
    page.goto(f"{address}/shop")
    assert page.evaluate("() => datawatch.flush()") is True
    eventually(lambda: types(workspace) == ["first", "second"])


def test_refused_events_are_told(page: Page, shop: tuple[str, Workspace]) -> None:
    """What the server sets aside comes back with its reason."""
    address, _ = shop
    page.goto(f"{address}/shop")
    told = page.evaluate(
        """async () => {
          const told = [];
          const onRejected = (...all) => told.push(all);
          const dw = new DataWatch({token: document.scripts[0].dataset.token, onRejected});
          dw._put({type: "BOGUS", table: "orders", id: "1"});
          dw.trackEvent("good");
          await dw.close();
          return [told, dw.stats];
        }"""
    )
    ((event, outcome, reason),), stats = told
    assert (event["type"], outcome) == ("BOGUS", "quarantined")
    assert "BOGUS" in reason
    assert (stats["accepted"], stats["rejected"]) == (1, 1)


class Ticks(WebSocketHandler):
    """A dashboard that is cut after every third message and goes on where a client says."""

    asked: list[str | None]

    def open(self) -> None:
        """Send what comes after ``since``."""
        since = self.get_query_argument("since", None)
        type(self).asked.append(since)
        seq = 0 if since is None else int(since)
        kind = "snapshot" if since is None else "dashboard_update"
        for number in range(seq + 1, seq + 4):
            self.write_message({"type": kind, "seq": number, "data": {"n": number}})
            kind = "dashboard_update"
        self.write_message({"type": "event", "seq": seq + 4, "data": {"type": "request"}})
        self.close()


class Script(RequestHandler):
    """The browser client."""

    def get(self) -> None:
        """The script."""
        self.set_header("Content-Type", "text/javascript")
        self.finish(script())


@pytest.fixture
def ticking() -> Iterator[str]:
    """The address of a server with the page, the script and `Ticks`."""
    Ticks.asked = []
    urls = [("/shop", Shop), ("/static/datawatch.js", Script), ("/ws/dashboard", Ticks)]
    port = free_port()
    ready = threading.Event()
    loops: list[IOLoop] = []

    async def run() -> None:
        http = HTTPServer(Application(urls))
        http.listen(port, HOST)
        loops.append(IOLoop.current())
        stopped = asyncio.Event()
        loops[0].stopped = stopped  # type: ignore[attr-defined]
        ready.set()
        await stopped.wait()
        http.stop()
        await http.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait(PATIENCE)
    yield f"http://{HOST}:{port}"
    loops[0].add_callback(loops[0].stopped.set)  # type: ignore[attr-defined]
    thread.join(PATIENCE)


def test_the_live_dashboard_reconnects_without_a_gap(page: Page, ticking: str) -> None:
    """Cut again and again, it asks for what came since its last message, and misses none."""
    page.goto(f"{ticking}/shop")
    page.evaluate(
        """() => {
          window.seen = []; window.events = 0; window.states = new Set();
          window.live = datawatch.live(
            (data, message) => seen.push(message.seq),
            {onEvent: () => { events += 1; }, onState: (state) => states.add(state)});
        }"""
    )
    page.wait_for_function("() => seen.length >= 9")
    seen = page.evaluate("() => seen.slice(0, 9)")
    assert seen == [1, 2, 3, 5, 6, 7, 9, 10, 11]  # 4 and 8 are the events
    assert page.evaluate("() => [events >= 2, [...states].sort()]") == [
        True,
        ["connecting", "open"],
    ]
    assert Ticks.asked[:3] == [None, "4", "8"]
    page.evaluate("() => live.close()")
    count = len(Ticks.asked)
    page.wait_for_timeout(50)
    assert page.evaluate("() => live.state") == "closed"
    assert len(Ticks.asked) <= count + 1


def test_the_dashboard_of_a_real_server(page: Page, shop: tuple[str, Workspace]) -> None:
    """The first message comes at once and is whole."""
    address, _ = shop
    page.goto(f"{address}/shop")
    page.evaluate(
        "() => { window.got = null; datawatch.live((data, m) => { got ||= [m.type, data]; }); }"
    )
    page.wait_for_function("() => got !== null")
    kind, data = page.evaluate("() => got")
    assert kind == "snapshot"
    assert isinstance(data, dict)


def test_the_script_is_for_every_page(shop: tuple[str, Workspace]) -> None:
    """It comes without a token, as JavaScript, and may be kept for an hour."""
    import httpx

    response = httpx.get(f"{shop[0]}/static/datawatch.js")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.content == script()
