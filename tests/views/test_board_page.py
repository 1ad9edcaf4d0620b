"""The watch page in a real browser, on a real workspace: values, events, safety."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery, Variable
from datawatch_lab.core.errors import not_found
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views.board.numbers import Fmt, shown
from datawatch_lab.views.watch import WatchPages
from tests.conftest import missing
from tests.services.ports import free_port
from tests.views.conftest import orders, post
from tests.waiting import PATIENCE_MS
from tools import chromium as chromium_tool

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hurt=1">'


def _query(metric: str, **how: Any) -> TileQuery:
    return TileQuery(metric=metric, **how)


def board() -> Dashboard:
    """A tile of each kind that the shop has something for, with a hostile title among them."""
    total, by = "orders_inserts_total", ("status",)
    rows = "SELECT id, amount, status FROM live.orders ORDER BY id LIMIT 3"
    tiles = (
        Tile(kind="counter", id="count", title="Orders", query=_query(total)),
        Tile(kind="counter", id="money", title="Sum", query=_query("orders_amount_sum")),
        Tile(kind="line", id="line", title="Lines", query=_query(total, by=by, step="1m")),
        Tile(kind="top", id="top", title="Top", query=_query(total, by=by)),
        Tile(kind="bar", id="bar", title="Bars", query=_query(total, by=by)),
        Tile(kind="donut", id="donut", title="Shares", query=_query(total, by=by)),
        Tile(kind="table", id="table", title=HOSTILE, query=TileQuery(sql=rows)),
        Tile(kind="text", id="text", title="Words", note=f"**fine** {HOSTILE}"),
        Tile(kind="line", id="wrong", title="Wrong", query=_query("orders_amuont_sum")),
        Tile(kind="services", id="services", title="Services"),
        Tile(kind="schema", id="schema", title="Schema"),
        Tile(
            kind="counter",
            id="chosen",
            title="Chosen",
            query=_query(total, filters={"status": "$state"}),
        ),
    )
    return Dashboard(
        name=f"Shop {HOSTILE}",
        id="shop",
        tiles=tiles,
        variables=(Variable(name="state", metric=total, label="status", multi=True),),
        time_range="6h",  # however long these tests take, no order leaves it meanwhile
        refresh="1s",
    )


class Serving:
    """A workspace of 60 orders of the last ten minutes, one status hostile, and its server."""

    def __init__(self, folder: Path) -> None:
        self.shop = open_workspace(folder / "shop.duckdb", what="tests")
        events = orders(60, datetime.now(UTC) - timedelta(seconds=2))
        events[0]["after"]["status"] = HOSTILE
        post(self.shop, events)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Serve the board, without sign-in."""
        made = board()

        def load(name: str) -> Dashboard:
            if name != made.id:
                raise not_found("dashboard", name, [made.id])
            return made

        self.pages = WatchPages(self.shop, load)
        gate = gate_for(None, host="127.0.0.1", port=self.port)
        urls = patterns(self.shop, gate, boards=self.pages)
        self.server = Server(urls, host="127.0.0.1", port=self.port)
        self.server.start()

    def stop(self) -> None:
        """Serve no more."""
        self.pages.close()
        self.server.stop()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all tests here."""
    made = Serving(tmp_path_factory.mktemp("boards"))
    yield made
    made.stop()
    made.shop.close()


@pytest.fixture(scope="module")
def browser(_found_chromium: str | None) -> Iterator[Browser]:
    """One Chromium for all tests here."""
    path = _found_chromium or missing("Chromium", chromium_tool.HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.fixture
def address(serving: Serving) -> str:
    """Root of the server."""
    return serving.address


@pytest.fixture
def shop(serving: Serving) -> Workspace:
    """The workspace that is served."""
    return serving.shop


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


class Watched:
    """What the browser asks for and complains of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.said: list[str] = []
        page.on("request", lambda each: self.hosts.add(urlsplit(each.url).netloc))
        page.on("websocket", lambda each: self.hosts.add(urlsplit(each.url).netloc))
        page.on("pageerror", lambda each: self.said.append(str(each)))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def open(self, address: str) -> None:
        """Open a page, and wait until no tile is loading."""
        self.page.goto(address)
        self.page.wait_for_function(
            "() => document.querySelectorAll('.dwb-tile').length && "
            "!document.querySelector('.dwb-tile[data-state=loading]')",
            timeout=PATIENCE_MS,
        )


@pytest.fixture
def watched(page: Page) -> Watched:
    """A page whose requests and errors are noted."""
    return Watched(page)


def _tile(page: Page, name: str) -> Any:
    return page.locator(f".dwb-tile[data-tile={name}]")


def _counted(shop: Workspace, status: str) -> str:
    """How many orders have a status, as a tile says it; a page may be a moment behind."""
    found = shop.query("orders_inserts_total", start="-6h", filters=[f"status={status}"])
    return shown(found.series[0].points[0][1], Fmt())


def test_the_values_on_the_page_are_those_of_the_query(
    watched: Watched, address: str, shop: Workspace
) -> None:
    """Counter, list and table show what the operations answer, formatted; the words say it too."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    total = shop.query("orders_inserts_total", start="-1h").series[0].points[0][1]
    money = shop.query("orders_amount_sum", start="-1h").series[0].points[0][1]
    expect(_tile(page, "count").locator(".dwb-value")).to_have_text(shown(total, Fmt()))
    expect(_tile(page, "money").locator(".dwb-value")).to_have_text(shown(money, Fmt()))
    expect(_tile(page, "count")).to_have_attribute("aria-label", re.compile(r"^Orders: 6\d"))
    by_status = shop.query("orders_inserts_total", start="-1h", group_by="status")
    wanted = {each.labels["status"]: shown(each.points[0][1], Fmt()) for each in by_status.series}
    rows = _tile(page, "top").locator("li")
    expect(rows).to_have_count(len(wanted))
    found = {
        row.locator(".dwb-name").inner_text(): row.locator("b").inner_text() for row in rows.all()
    }
    assert found == {name: text for name, text in wanted.items() if name in found}
    assert len(found) == len(wanted)
    cells = _tile(page, "table").locator("tbody tr").first.locator("td")
    expect(cells.nth(1)).to_have_text("10.00")
    assert cells.first.inner_text() == "1"


def test_every_state_says_what_it_is(watched: Watched, address: str) -> None:
    """An error names the nearest metric, an empty tile what to do, calm is good news."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    expect(_tile(page, "wrong")).to_contain_text("'orders_amount_sum'")
    expect(_tile(page, "wrong")).to_have_attribute("data-state", "error")
    expect(_tile(page, "services")).to_contain_text("heartbeat")
    expect(_tile(page, "schema")).to_contain_text("No schema changes in 30 days")
    expect(_tile(page, "bar").locator("canvas")).to_have_count(1)
    expect(_tile(page, "line").locator(".uplot")).to_have_count(1)


def test_nothing_leaves_the_server_and_nothing_is_run(watched: Watched, address: str) -> None:
    """Hostile names and words do nothing; the policy is kept; every request is to this server."""
    watched.open(f"{address}/d/shop")
    _tile(watched.page, "top").locator("li").first.hover()
    assert watched.hosts == {urlsplit(address).netloc}
    assert watched.said == []
    assert watched.page.evaluate("() => window.hurt") is None
    expect(watched.page.locator("h1")).to_have_text(f"Shop {HOSTILE}")
    assert watched.page.locator("img").count() == 0


def test_what_comes_is_shown(watched: Watched, address: str, shop: Workspace) -> None:
    """An order that arrives is counted on the page that is open, and the line moves on."""
    watched.open(f"{address}/d/shop")
    value = _tile(watched.page, "count").locator(".dwb-value")
    before = int(value.inner_text())
    post(shop, orders(3, datetime.now(UTC), first_number=100))
    expect(value).to_have_text(str(before + 3), timeout=PATIENCE_MS)
    expect(watched.page.locator("#state")).to_contain_text("Live")
    assert watched.said == []


def test_a_click_filters_the_other_tiles(watched: Watched, address: str, shop: Workspace) -> None:
    """A label that is clicked is a filter of the board, in its address too; a chip takes it off."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    row = _tile(page, "top").locator("li", has_text="shipped").first
    wanted = _counted(shop, "shipped")
    expect(row.locator("b")).to_have_text(wanted)
    row.click()
    expect(page.locator(".dww-chip")).to_have_text("status: shipped ✕", timeout=PATIENCE_MS)
    expect(_tile(page, "count").locator(".dwb-value")).to_have_text(wanted, timeout=PATIENCE_MS)
    assert "filter=status%3Dshipped" in page.url
    page.locator(".dww-chip").click()
    expect(_tile(page, "count").locator(".dwb-value")).not_to_have_text(wanted, timeout=PATIENCE_MS)


def test_what_is_looked_at_changes_in_the_tiles_that_are_there(
    watched: Watched, address: str
) -> None:
    """A filter and a range make no tile again, so focus, full screen and sorting are kept."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    count = page.evaluate(
        "() => { const all = [...document.querySelectorAll('.dwb-tile')];"
        " all.forEach((each) => (each.isOfBefore = true)); return all.length; }"
    )
    _tile(page, "top").locator("li", has_text="paid").click()
    expect(page.locator(".dww-chip")).to_have_text("status: paid ✕", timeout=PATIENCE_MS)
    page.locator("#ranges button", has_text="1 h").click()
    expect(page.locator("#ranges button[aria-pressed=true]")).to_have_text(
        "1 h", timeout=PATIENCE_MS
    )
    kept = page.evaluate(
        "() => [...document.querySelectorAll('.dwb-tile')].filter((each) => each.isOfBefore).length"
    )
    assert kept == count
    assert watched.said == []


def test_a_variable_is_chosen_from_a_menu(watched: Watched, address: str, shop: Workspace) -> None:
    """What is ticked holds for the tiles that name the variable; the address has it too."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    wanted = _counted(shop, "shipped")
    page.locator(".dww-menu summary").click()
    page.locator(".dww-menu label", has_text="shipped").locator("input").check()
    value = _tile(page, "chosen").locator(".dwb-value")
    expect(value).to_have_text(wanted, timeout=PATIENCE_MS)
    expect(page.locator(".dww-menu summary")).to_have_text("state: shipped", timeout=PATIENCE_MS)
    assert "var=state%3Dshipped" in page.url
    assert watched.said == []


def test_the_empty_value_is_a_choice_of_its_own(
    watched: Watched, address: str, shop: Workspace
) -> None:
    """A label's empty value is chosen and clicked like any other, and is not all of them.

    It comes while one looks, and is offered without the page being opened again.
    """
    watched.open(f"{address}/d/shop")
    page = watched.page
    events = orders(2, datetime.now(UTC), first_number=300)
    for each in events:
        each["after"]["status"] = ""
    post(shop, events)
    row = _tile(page, "top").locator("li", has_text="(empty)")
    expect(row.locator("b")).to_have_text("2", timeout=PATIENCE_MS)
    page.locator(".dww-menu summary").click()
    box = page.locator(".dww-menu label", has_text="(empty)").locator("input")
    expect(box).to_have_count(1, timeout=PATIENCE_MS)
    box.check()
    expect(_tile(page, "chosen").locator(".dwb-value")).to_have_text("2", timeout=PATIENCE_MS)
    expect(page.locator(".dww-menu summary")).to_have_text("state: (empty)")
    page.keyboard.press("Escape")
    row.click()
    expect(page.locator(".dww-chip")).to_have_text("status: (empty) ✕", timeout=PATIENCE_MS)
    expect(_tile(page, "count").locator(".dwb-value")).to_have_text("2", timeout=PATIENCE_MS)
    page.locator(".dww-chip").click()
    expect(page.locator(".dww-chip")).to_have_count(0, timeout=PATIENCE_MS)
    assert watched.said == []


def test_a_tile_that_fails_fails_alone(watched: Watched, address: str) -> None:
    """Where one tile cannot be drawn, those after it are told what they show all the same."""
    watched.page.route("**/ws/**", lambda route: route.abort())
    watched.page.add_init_script(_BROKEN)
    watched.open(f"{address}/d/shop")
    expect(_tile(watched.page, "top").locator("li").first).to_be_visible(timeout=PATIENCE_MS)
    assert any("tile line could not be drawn" in each for each in watched.said)


_BROKEN = """
const context = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (...how) {
  if (this.closest("[data-tile=line]") || !this.isConnected) throw new Error("no canvas");
  return context.apply(this, how);
};
"""


def test_a_drag_over_a_line_narrows_the_time(watched: Watched, address: str) -> None:
    """The span that was dragged over becomes the range of the board."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    box = _tile(page, "line").locator(".u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=5)
    page.mouse.up()
    expect(page.locator("#ranges button[aria-pressed=true]")).to_contain_text(
        " to ", timeout=PATIENCE_MS
    )
    page.locator("#ranges button", has_text="1 h").click()
    expect(page.locator("#ranges button[aria-pressed=true]")).to_have_text(
        "1 h", timeout=PATIENCE_MS
    )


def test_the_keyboard_reads_a_chart(watched: Watched, address: str) -> None:
    """Arrows move over the values of a tile that has the focus, and they are said."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    _tile(page, "bar").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".dwb-live")).not_to_be_empty()
    _tile(page, "line").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".dwb-live")).to_contain_text("UTC")


def test_no_width_scrolls_sideways(watched: Watched, address: str) -> None:
    """From a phone to a wall, tiles fit; on a phone they stand in one column."""
    watched.open(f"{address}/d/shop")
    page = watched.page
    for width in (390, 760, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        tiles = ".dwb-one .dwb-tile" if width == 390 else ".dwb-tile"
        page.wait_for_function(_FITS, arg=[tiles, width])  # tiles move a moment later


_FITS = """([tiles, width]) => {
  const boxes = [...document.querySelectorAll(tiles)].map((each) => each.getBoundingClientRect());
  const lefts = new Set(boxes.filter((each) => each.width).map((each) => Math.round(each.x)));
  return document.documentElement.scrollWidth <= width && lefts.size > 0
    && (lefts.size === 1) === (width === 390);
}"""


def test_a_theme_can_be_asked_for(watched: Watched, address: str) -> None:
    """``?theme=dark`` is dark whatever the system is, and a frame has no header."""
    watched.open(f"{address}/d/shop?theme=dark&embed=1")
    ground = watched.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(14, 18, 26)"
    expect(watched.page.locator("header.dww-head")).to_be_hidden()


def test_a_lost_connection_is_said_and_made_again(watched: Watched, serving: Serving) -> None:
    """The page says that it is not up to date, and goes on by itself."""
    post(serving.shop, orders(1, datetime.now(UTC), first_number=400))
    watched.open(f"{serving.address}/d/shop")
    state = watched.page.locator("#state")
    expect(state).to_contain_text("Live", timeout=PATIENCE_MS)
    serving.stop()
    expect(state).to_contain_text("Reconnecting", timeout=PATIENCE_MS)
    post(serving.shop, orders(1, datetime.now(UTC), first_number=401))
    serving.start()
    expect(state).to_contain_text("Live", timeout=PATIENCE_MS)
