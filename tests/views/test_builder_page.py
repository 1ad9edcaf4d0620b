"""The builder in a real browser, on a real workspace: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views.board.component import BUILT
from datawatch_lab.views.board.stored import loader
from datawatch_lab.views.watch import WatchPages
from tests.conftest import missing
from tests.services.ports import free_port
from tests.views.conftest import orders, post
from tests.waiting import PATIENCE_MS
from tools import chromium as chromium_tool

pytestmark = pytest.mark.browser

_SHOWN = ":is([data-state=ok], [data-state=stale])"


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """The boards of a workspace over HTTP, without sign-in."""
    pages = WatchPages(workspace, loader(workspace))
    port = free_port()
    gate = gate_for(None, host="127.0.0.1", port=port)
    server = Server(patterns(workspace, gate, boards=pages), host="127.0.0.1", port=port)
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        pages.close()
        server.stop()


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
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; what it complains of fails the test."""
    said: list[str] = []
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        context.set_default_timeout(PATIENCE_MS)
        opened = context.new_page()
        opened.on("pageerror", lambda each: said.append(str(each)))
        opened.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
        yield opened
    # Chromium also writes to its console that a conflict is answered with 409, that a server which
    # is being restarted is not there yet, and that an answer was lost.
    expected = ("409", "ERR_CONNECTION_REFUSED", "ERR_FAILED")
    assert [each for each in said if not any(word in each for word in expected)] == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """60 orders of the last ten minutes."""
    with open_workspace(tmp_path_factory.mktemp("built") / "shop.duckdb", what="tests") as opened:
        post(opened, orders(60, datetime.now(UTC) - timedelta(seconds=2)))
        yield opened


@pytest.fixture(scope="module")
def address(shop: Workspace) -> Iterator[str]:
    """A server of the shop's boards."""
    with served(shop) as found:
        yield found


def _tile(page: Page, id_: str) -> Locator:
    return page.locator(f"#board .dwb-tile[data-tile={id_}]")


def _add(page: Page, kind: str, metric: str, *labels: str) -> None:
    """Add a tile by mouse; the search is typed."""
    if not page.locator(".dwe-gallery").is_visible():
        page.click("[data-act=add]")
    page.click(f".dwe-card[data-kind={kind}]")
    page.click(".dwe-search")
    page.keyboard.type(metric.replace("_", " "))
    page.click(f".dwe-option[data-metric={metric}]")
    for label in labels:
        page.get_by_label(label, exact=True).check()
    page.wait_for_selector(f".dwe-preview .dwb-tile{_SHOWN}")
    page.click(".dwe-drawer [data-act=apply]")
    expect(_tile(page, f"{kind}-1")).to_be_visible()


def _until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until what is stored is what was done."""
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


def _places(workspace: Workspace, name: str) -> dict[str, tuple[int, int, int, int]]:
    tiles = workspace.get_dashboard(name).tiles
    return {each["id"]: (each["x"], each["y"], each["w"], each["h"]) for each in tiles}


def _drag(page: Page, header: Locator, by: tuple[int, int]) -> None:
    box = header.bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0] / 2, y + by[1] / 2, steps=6)
    page.mouse.move(x + by[0], y + by[1], steps=6)
    page.mouse.up()


def test_a_board_from_nothing_is_the_same_after_a_restart(page: Page, tmp_path: Path) -> None:
    """Built by mouse, moved, made larger; reloaded, and with another server: it is the same."""
    path = tmp_path / "shop.duckdb"
    with open_workspace(path, what="tests") as shop:
        post(shop, orders(60, datetime.now(UTC) - timedelta(seconds=2)))
        made = shop.add_dashboard(name="From nothing", time_range="15m")
        with served(shop) as address:
            hosts: set[str] = set()
            page.on("request", lambda each: hosts.add(urlsplit(each.url).netloc))
            page.goto(f"{address}/datawatch/dashboards/{made.id}")
            page.click("#edit")
            _add(page, "line", "orders_amount_sum", "status")
            _add(page, "counter", "orders_inserts_total")
            _add(page, "top", "orders_inserts_total", "status")
            _until(page, lambda: len(_places(shop, "From nothing")) == 3)
            before = _places(shop, "From nothing")["counter-1"]
            _drag(page, _tile(page, "counter-1").locator("header"), (320, 0))
            _until(page, lambda: _places(shop, "From nothing")["counter-1"] != before)
            moved = _places(shop, "From nothing")["top-1"]
            handle = _tile(page, "top-1").locator(".ui-resizable-se")
            handle.scroll_into_view_if_needed()
            handle.hover()  # waits until nothing moves
            box = handle.bounding_box()
            assert box is not None
            page.mouse.down()
            page.mouse.move(box["x"] + 6, box["y"] + 60, steps=6)
            page.mouse.move(box["x"] + 6, box["y"] + 120, steps=6)
            page.mouse.up()
            _until(page, lambda: _places(shop, "From nothing")["top-1"][3] > moved[3])
            built = _places(shop, "From nothing")
            page.reload()
            expect(page.locator("#board .dwb-tile")).to_have_count(3)
            assert hosts == {urlsplit(address).netloc}
            page.goto("about:blank")
    with open_workspace(path, what="tests") as again, served(again) as address:
        page.goto(f"{address}/d/{made.id}")
        expect(page.locator("#board .dwb-tile")).to_have_count(3)
        assert _places(again, "From nothing") == built
        assert again.get_dashboard("From nothing").tiles[0]["query"]["by"] == ["status"]


@pytest.fixture
def board(shop: Workspace, request: pytest.FixtureRequest) -> Iterator[str]:
    """The id of a board of two tiles; it is dropped when no page can store it any more."""
    page = request.getfixturevalue("page") if "page" in request.fixturenames else None
    by = {"metric": "orders_inserts_total", "by": ["status"]}
    made = shop.add_dashboard(
        name="Two",
        time_range="1h",
        tiles=[
            {"kind": "counter", "id": "count", "query": {"metric": "orders_inserts_total"}},
            {"kind": "top", "id": "top", "query": by},
        ],
    )
    yield made.id
    if page is not None:
        page.goto("about:blank")
    shop.drop_dashboard(made.id)


def _edit(page: Page, address: str, board: str, look: str = "") -> None:
    page.goto(f"{address}/d/{board}?edit{look}")
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")


def test_the_keyboard_does_all(page: Page, address: str, board: str, shop: Workspace) -> None:
    """Arrows move, Shift resizes, d duplicates, Del takes off, Ctrl Z and Shift bring back."""
    _edit(page, address, board)
    before = _places(shop, board)
    _tile(page, "count").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    x, y, w, h = before["count"]
    _until(page, lambda: _places(shop, board)["count"] == (x, y + 1, w + 1, h))
    _tile(page, "count").focus()
    page.keyboard.press("d")
    expect(_tile(page, "counter-1")).to_be_visible()
    _tile(page, "counter-1").focus()
    page.keyboard.press("Delete")
    expect(_tile(page, "counter-1")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(_tile(page, "counter-1")).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(_tile(page, "counter-1")).to_have_count(0)
    _until(page, lambda: _places(shop, board) == before)
    page.keyboard.press("Control+Shift+z")
    _until(page, lambda: _places(shop, board)["count"] == (x, y + 1, w, h))
    page.keyboard.press("?")
    expect(page.locator(".dwe-keys")).to_contain_text("duplicate it")


def test_the_gallery_shows_the_data_that_is_there(page: Page, address: str, board: str) -> None:
    """Kinds are drawn before they are added; arrows choose, Enter takes the example."""
    _edit(page, address, board)
    page.keyboard.press("a")
    shot = page.locator(".dwe-kind:has([data-kind=counter]) .dwe-shot")
    expect(shot.locator(".dwb-value")).to_have_text("60")
    expect(page.locator(".dwe-shot .dwb-tile[data-state=error]")).to_have_count(0)
    expect(page.locator(".dwe-card").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".dwe-card[data-kind=line]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(f".dwe-preview .dwb-tile{_SHOWN}")
    page.click(".dwe-drawer [data-act=apply]")
    expect(_tile(page, "line-1")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(_tile(page, "line-1")).to_have_count(0)
    # The board is dropped after the test, and must not be stored after that.
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")


def test_a_phone_does_not_damage_the_layout(
    browser: Browser, address: str, board: str, shop: Workspace
) -> None:
    """On 390 px a tile is edited and the board is left; every place is as it was."""
    before = _places(shop, board)
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        _edit(page, address, board)
        _tile(page, "count").get_by_role("button", name="Edit:").click()
        page.get_by_label("Title").fill("On a phone")
        page.click(".dwe-drawer [data-act=apply]")
        expect(_tile(page, "count")).to_contain_text("On a phone")
        _tile(page, "count").focus()
        page.keyboard.press("ArrowDown")
        page.click("[data-act=done]")
        expect(page.locator(".dwe-bar")).to_be_empty()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
    assert _places(shop, board) == before
    titles = {each["id"]: each.get("title") for each in shop.get_dashboard(board).tiles}
    assert titles["count"] == "On a phone"


def test_two_editors_of_different_things_both_keep_them(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """Who is second is told; what both did is stored, and nobody is asked."""
    _edit(page, address, board)
    version = shop.get_dashboard(board).version
    shop.change_dashboard(board, version=version, description="theirs")
    _tile(page, "top").focus()
    page.keyboard.press("Delete")
    _until(page, lambda: list(_places(shop, board)) == ["count"])
    assert shop.get_dashboard(board).description == "theirs"
    expect(page.locator(".dwe-state")).to_contain_text("somebody else changed it too")


@pytest.mark.parametrize("stays", ["theirs", "mine"])
def test_two_editors_of_one_field_are_told_both_values(
    page: Page, address: str, board: str, shop: Workspace, stays: str
) -> None:
    """What is stored already is overwritten by nobody who was not asked; the rest of both stays."""
    _edit(page, address, board)
    shop.change_dashboard(board, description="Their words", refresh="1m")
    page.click("[data-act=settings]")
    page.get_by_label("Description").fill("My words")
    drawer = page.locator(".dwe-drawer")
    drawer.get_by_label("Time range").select_option("7d")
    page.click(".dwe-drawer [data-act=apply]")
    state = page.locator(".dwe-state")
    expect(state).to_contain_text("Not saved: somebody else changed the same (Description)")
    assert shop.get_dashboard(board).description == "Their words"
    page.click("[data-act=compare]")
    clash = page.locator(".dwe-clash")
    expect(clash).to_contain_text("Their words")
    expect(clash).to_contain_text("My words")
    clash.get_by_role("radio", name=re.compile("Theirs" if stays == "theirs" else "Yours")).check()
    page.click("[data-act=settle]")
    expect(state).to_contain_text("Saved")
    words = {"theirs": "Their words", "mine": "My words"}
    _until(page, lambda: shop.get_dashboard(board).time_range == "7d")
    found = shop.get_dashboard(board)
    assert (found.description, found.refresh) == (words[stays], "1m")


def test_a_save_whose_answer_is_lost_is_nobody_elses(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """What was stored is not doubled, and clashes with nothing; undo reaches back beyond it."""
    _edit(page, address, board)
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if route.request.method != "PUT" or lost:
            route.continue_()
            return
        lost.append(route)
        route.fetch()
        route.abort()

    page.route("**/api/v1/datawatch/dashboards/*", lose)
    _tile(page, "count").focus()
    page.keyboard.press("d")
    expect(page.locator(".dwe-state")).to_contain_text("Not saved yet")
    assert len(_places(shop, board)) == 3
    _tile(page, "counter-1").focus()
    page.keyboard.press("d")
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")
    _until(page, lambda: list(_places(shop, board)) == ["count", "top", "counter-1", "counter-2"])
    expect(page.locator(".dwe-state")).not_to_contain_text("somebody else")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    _until(page, lambda: list(_places(shop, board)) == ["count", "top"])


def test_a_form_asks_about_what_was_changed_meanwhile(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """A title that came while a form was open is shown beside one's own; the note is kept."""
    _edit(page, address, board)
    _tile(page, "count").get_by_role("button", name="Edit:").click()
    tiles = shop.get_dashboard(board).tiles
    for each in tiles:
        if each["id"] == "count":
            each["title"], each["window"] = "Their title", "15m"
    shop.change_dashboard(board, tiles=tiles)
    expect(_tile(page, "count")).to_contain_text("Their title")
    expect(page.locator(".dwe-state")).to_contain_text("Somebody changed it")
    drawer = page.locator(".dwe-drawer")
    drawer.get_by_label("Title").fill("My title")
    drawer.get_by_label("Note").fill("a note")
    page.click(".dwe-drawer [data-act=apply]")
    clash = page.locator(".dwe-clash")
    expect(clash).to_contain_text("Their title")
    expect(clash).to_contain_text("My title")
    titles = {each["id"]: each.get("title") for each in shop.get_dashboard(board).tiles}
    assert titles["count"] == "Their title"
    clash.get_by_role("radio", name=re.compile("Theirs")).check()
    page.click(".dwe-drawer [data-act=apply]")
    expect(drawer).to_be_hidden()

    def count() -> dict[str, Any]:
        return next(each for each in shop.get_dashboard(board).tiles if each["id"] == "count")

    _until(page, lambda: count().get("note") == "a note")
    assert (count()["title"], count()["window"]) == ("Their title", "15m")


def test_sql_is_offered_the_range_and_variables(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """A click writes the name where one types; the tile has its value, or says the nearest."""
    status = {"name": "status", "metric": "orders_inserts_total", "label": "status"}
    shop.change_dashboard(board, variables=[status])
    _edit(page, address, board, "&var=status=paid")
    page.click("[data-act=add]")
    page.click(".dwe-card[data-kind=table]")
    page.locator(".dwe-query select").first.select_option("sql")
    text = page.get_by_label("One SELECT")
    text.fill("SELECT DISTINCT status FROM live.orders WHERE status = ")
    page.click("[data-value=status]")
    preview = page.locator(".dwe-preview")
    expect(preview).to_contain_text("paid")
    expect(preview).not_to_contain_text("pending")
    expect(text).to_have_value(re.compile(r"= \$status$"))
    text.fill("SELECT $statsu")
    expect(preview).to_contain_text("did you mean $status?")


def test_versions_are_shown_and_come_back(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """What changed is said, and going back restores the tile."""
    _edit(page, address, board)
    _tile(page, "top").focus()
    page.keyboard.press("Delete")
    _until(page, lambda: len(_places(shop, board)) == 1)
    page.click("[data-act=versions]")
    first = page.locator(".dwe-version[data-version='1']")
    first.get_by_text("Differences to now").click()
    expect(first.locator(".dwe-diff li")).to_have_attribute("data-change", "removed")
    first.locator("[data-act=rollback]").click()
    expect(_tile(page, "top")).to_be_visible()
    _until(page, lambda: len(_places(shop, board)) == 2)


def test_a_click_filters_and_the_explorer_goes_deeper(page: Page, address: str, board: str) -> None:
    """A click on a row filters every tile; its metric opens in the explorer with that filter."""
    page.goto(f"{address}/d/{board}")
    expect(_tile(page, "count").locator(".dwb-value")).to_have_text("60")
    _tile(page, "top").get_by_text("paid").click()
    expect(_tile(page, "count").locator(".dwb-value")).to_have_text("20")
    asked: list[str] = []
    page.route("**/datawatch/explorer?*", lambda route: _noted(route, asked))
    _tile(page, "count").hover()
    _tile(page, "count").get_by_role("button", name="Explore").click()
    page.wait_for_url("**/datawatch/explorer?*")
    assert "metric=orders_inserts_total" in asked[0]
    assert "where=status%3Dpaid" in asked[0]


def _noted(route: Any, asked: list[str]) -> None:
    asked.append(route.request.url)
    route.fulfill(status=200, content_type="text/html", body="<p>explorer</p>")


def test_the_board_leaves_as_a_picture_in_both_themes(
    page: Page, address: str, board: str, tmp_path: Path
) -> None:
    """The picture is a PNG of what is shown, light on light and dark on dark."""
    from PIL import Image

    for theme, is_dark in (("light", False), ("dark", True)):
        page.goto(f"{address}/d/{board}?theme={theme}")
        page.wait_for_selector(f"#board .dwb-tile[data-tile=top]{_SHOWN}")
        page.click("summary:has-text('Export')")
        with page.expect_download() as download:
            page.click("[data-act=png]")
        file = tmp_path / f"{theme}.png"
        download.value.save_as(file)
        picture = Image.open(file).convert("L")
        assert picture.width > 2_000
        corner = picture.getpixel((2, 2))
        assert isinstance(corner, int)
        assert (corner < 64) is is_dark
        low, high = picture.getextrema()
        assert float(high) - float(low) > 128


@contextmanager
def _refusing(page: Page, answer: Callable[[Any], object]) -> Iterator[None]:
    """Storing fails in some way."""
    where = "**/api/v1/datawatch/dashboards/*"
    page.route(
        where, lambda each: answer(each) if each.request.method == "PUT" else each.continue_()
    )
    yield
    page.unroute(where)


def test_what_cannot_be_stored_is_said_and_tried_again(
    browser: Browser, address: str, board: str, shop: Workspace
) -> None:
    """While the server is away the bar says so, Done keeps the editor open, and nothing is lost."""
    with browser.new_context() as context:
        page = context.new_page()
        _edit(page, address, board)
        state = page.locator(".dwe-state")
        with _refusing(page, lambda route: route.abort()):
            _tile(page, "top").focus()
            page.keyboard.press("Delete")
            expect(state).to_contain_text("Not saved yet", timeout=PATIENCE_MS)
            page.click("[data-act=done]")
            expect(page.locator("[data-act=drop]")).to_be_visible(timeout=PATIENCE_MS)
            assert len(_places(shop, board)) == 2
        expect(state).to_contain_text("Saved, version", timeout=PATIENCE_MS)
        assert list(_places(shop, board)) == ["count"]


def test_one_may_leave_without_what_is_refused(
    browser: Browser, address: str, board: str, shop: Workspace
) -> None:
    """What the server will not take is said; leaving without it shows the board as it is stored."""
    refusal = json.dumps({"error": {"code": "forbidden", "message": "You may only look."}})
    with browser.new_context() as context:
        page = context.new_page()
        _edit(page, address, board)
        with _refusing(page, lambda route: route.fulfill(status=403, body=refusal)):
            _tile(page, "top").focus()
            page.keyboard.press("Delete")
            state = page.locator(".dwe-state")
            expect(state).to_contain_text("Not saved: You may only look.", timeout=PATIENCE_MS)
            page.click("[data-act=done]")
            page.click("[data-act=drop]")
            expect(page.locator(".dwe-bar")).to_be_empty(timeout=PATIENCE_MS)
        expect(_tile(page, "top")).to_be_visible(timeout=PATIENCE_MS)
        assert len(_places(shop, board)) == 2


def test_the_explorer_is_given_every_filter(page: Page, address: str, board: str) -> None:
    """The filter of a click goes along, a comma of its value behind a backslash; others do not."""
    page.goto(f"{address}/d/{board}?filter=status=Paris, Texas&filter=city=none")
    asked: list[str] = []
    page.route("**/datawatch/explorer?*", lambda route: _noted(route, asked))
    _tile(page, "count").hover()
    _tile(page, "count").get_by_role("button", name="Explore").click()
    page.wait_for_url("**/datawatch/explorer?*")
    assert parse_qs(urlsplit(asked[0]).query)["where"] == [r"status=Paris\, Texas"]


@contextmanager
def _held(page: Page) -> Iterator[list[Any]]:
    """What is drawn waits until the end; what comes after that is drawn at once."""
    waiting: list[Any] = []
    is_over = False

    def hold(route: Any) -> None:
        if is_over:
            route.continue_()
        else:
            waiting.append(route)

    page.route("**/d/*/draw", hold)
    yield waiting
    is_over = True
    for each in waiting:
        each.continue_()


def test_two_tiles_are_taken_off_at_once(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """The second is taken off before the first has been drawn; neither comes back."""
    _edit(page, address, board)
    with _held(page) as waiting:
        for name in ("top", "count"):
            _tile(page, name).focus()
            page.keyboard.press("Delete")
        _until(page, lambda: len(waiting) == 1)
    expect(page.locator("#board .dwb-tile")).to_have_count(0)
    _until(page, lambda: not _places(shop, board))


def _move_while_drawn(page: Page, tile: str, begin: Callable[[], object]) -> None:
    """Begin something, and move a tile one row down before it has been drawn."""
    with _held(page) as waiting:
        begin()
        _until(page, lambda: len(waiting) == 1)
        _tile(page, tile).focus()
        page.keyboard.press("ArrowDown")


def _expect_row(page: Page, shop: Workspace, board: str, tile: str, row: int) -> None:
    """A tile stands in a row on the screen, and in what is stored."""
    expect(_tile(page, tile)).to_have_attribute("gs-y", str(row))
    _until(page, lambda: _places(shop, board)[tile][1] == row)
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")
    expect(_tile(page, tile)).to_have_attribute("gs-y", str(row))
    assert _places(shop, board)[tile][1] == row


def test_a_tile_that_is_moved_while_a_change_is_drawn_stays_there(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """Beside a change, undo and redo of it: on the screen and stored, the other tiles as asked."""
    _edit(page, address, board)
    row = _places(shop, board)["count"][1]
    _tile(page, "top").focus()
    _move_while_drawn(page, "count", lambda: page.keyboard.press("Delete"))
    expect(_tile(page, "top")).to_have_count(0)
    _expect_row(page, shop, board, "count", row + 1)
    page.keyboard.press("Control+z")  # the deletion, which was done last
    expect(_tile(page, "top")).to_be_visible()
    _expect_row(page, shop, board, "count", row + 1)
    _move_while_drawn(page, "count", lambda: page.keyboard.press("Control+Shift+z"))
    expect(_tile(page, "top")).to_have_count(0)
    _expect_row(page, shop, board, "count", row + 2)
    page.keyboard.press("Control+z")
    expect(_tile(page, "top")).to_be_visible()


def test_a_tile_that_is_moved_while_a_change_of_others_comes_stays_there(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """What somebody else has changed is taken over; the move is stored on top of it."""
    _edit(page, address, board)
    row = _places(shop, board)["count"][1]
    tiles = [each for each in shop.get_dashboard(board).tiles if each["id"] == "count"]
    _move_while_drawn(page, "count", lambda: shop.change_dashboard(board, tiles=tiles))
    expect(_tile(page, "top")).to_have_count(0)
    _expect_row(page, shop, board, "count", row + 1)
    assert list(_places(shop, board)) == ["count"]


def test_going_back_waits_for_what_cannot_be_stored(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """While two changes become one nothing goes back; what both did is stored."""
    _edit(page, address, board)
    _tile(page, "top").focus()
    page.keyboard.press("Delete")
    _until(page, lambda: len(_places(shop, board)) == 1)
    page.click("[data-act=versions]")
    back = page.locator(".dwe-version[data-version='1'] [data-act=rollback]")
    expect(back).to_be_visible()
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")
    shop.change_dashboard(board, description="theirs")
    with _held(page) as waiting:
        _tile(page, "count").get_by_role("button", name="Duplicate:").click()
        _until(page, lambda: len(waiting) == 1)
        back.click()
    _until(page, lambda: "counter-1" in _places(shop, board))
    assert shop.get_dashboard(board).description == "theirs"
    assert "top" not in _places(shop, board), "nothing went back"
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")


def test_a_form_keeps_what_was_done_beside_it(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """Settings that were opened before a tile was copied and moved change their own fields only."""
    _edit(page, address, board)
    page.click("[data-act=settings]")
    _tile(page, "count").get_by_role("button", name="Duplicate:").click()
    expect(_tile(page, "counter-1")).to_be_visible()
    _tile(page, "count").focus()
    page.keyboard.press("ArrowDown")
    _until(page, lambda: len(_places(shop, board)) == 3)
    shop.change_dashboard(board, is_public=False)
    page.get_by_label("Description").fill("What it is for")
    page.click(".dwe-drawer [data-act=apply]")
    _until(page, lambda: shop.get_dashboard(board).description == "What it is for")
    assert len(_places(shop, board)) == 3
    expect(_tile(page, "counter-1")).to_be_visible()


def test_filters_and_notes_are_what_they_were(
    page: Page, address: str, board: str, shop: Workspace
) -> None:
    """Values with commas stay one; notes are told by the workspace's clocks; no time is refused."""
    note = {"at": "2026-01-10T12:00:00Z", "text": "sale"}
    filters = {"city": "Paris, Texas", "status": ["paid", "a\\b"]}
    shop.change_dashboard(board, filters=filters, notes=[note])
    _edit(page, address, board)
    page.click("[data-act=settings]")
    expect(page.get_by_label("Filters for all tiles")).to_have_value(
        "city=Paris\\, Texas\nstatus=paid, a\\\\b"
    )
    time = page.get_by_label("Time, UTC")
    expect(time).to_have_value("2026-01-10T12:00")
    page.get_by_label("Description").fill("changed")
    time.fill("")
    page.click(".dwe-drawer [data-act=apply]")
    expect(page.locator(".dwe-drawer .dwe-fault")).to_contain_text("A note has no time")
    time.fill("2026-01-10T13:30")
    page.click(".dwe-drawer [data-act=apply]")
    _until(page, lambda: shop.get_dashboard(board).description == "changed")
    found = shop.get_dashboard(board)
    assert found.filters == filters
    assert [each["at"] for each in found.notes] == ["2026-01-10T13:30:00Z"]
    expect(page.locator(".dwe-state")).to_contain_text("Saved, version")


_TWO_FACES = """() => {
  const colours = { ink: "#111", ink2: "#555", grid: "#ddd", surface: "#fff", font: "sans-serif" };
  const tip = { show() {}, hide() {} };
  const context = { head: { id: "t", title: "" }, colours: () => colours, send() {}, tip,
    world: () => null, isStill: true, object: () => null };
  const series = [{ name: "a", values: [1, 2] }, { name: "b", values: [3, 4] }];
  const data = (count) => ({ names: ["x", "y"], series: series.slice(0, count), times: null,
    step: 0, fmt: {}, across: false, stack: false, open: null, label: "" });
  const drawn = (...counts) => {
    const body = document.createElement("div");
    document.body.append(body);
    const face = window.CHARTS.bar(body, context);
    face.resize(300, 200);
    for (const each of counts) face.update({ state: "ok", data: data(each) }, null);
    return body.querySelector("canvas").toDataURL();
  };
  const alike = document.createElement("div");
  document.body.append(alike);
  const face = window.CHARTS.bar(alike, context);
  face.resize(300, 200);
  // ECharts throws where two series have one id.
  face.update({ state: "ok", data: { ...data(2), series: [series[0], series[0]] } }, null);
  return [drawn(2, 1) === drawn(1), drawn(2) === drawn(1)];
}"""


def test_a_series_that_is_gone_is_drawn_no_more(page: Page) -> None:
    """After a filter has taken a series away, a chart is as if it had never been there."""
    code = (BUILT / "charts.js").read_text("utf-8").rstrip()
    script = re.sub(r"export\s*\{(\w+) as CHARTS\};?$", r"window.CHARTS=\1;", code)
    page.set_content("<body></body>")
    page.add_script_tag(content=script)
    assert page.evaluate(_TWO_FACES) == [True, False]
