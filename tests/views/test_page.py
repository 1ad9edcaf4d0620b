"""The overview in a real browser, on a real workspace."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views import format as words
from tests.views.conftest import Serve, event, orders, post

pytestmark = pytest.mark.browser

READY = "main[data-state=ready]"


def show(page: Page, address: str, query: str = "") -> None:
    """Open the overview and wait for its numbers."""
    page.goto(f"{address}/datawatch{query}")
    page.wait_for_selector(READY)


def card(page: Page, name: str) -> str:
    """The value of a card as text with ordinary spaces."""
    text = page.locator(f"[data-card={name}] .value").inner_text()
    return " ".join(words.plain(text).split())


def chart_values(page: Page, name: str) -> list[float]:
    """The values that a chart has in the browser, in order of time."""
    found: list[float] = page.evaluate(
        """(name) => {
          const figure = Bokeh.documents[0].get_model_by_name(name);
          const source = figure.renderers[0].data_source;
          return Array.from(source.get_column("y"));
        }""",
        f"dw-{name}",
    )
    return found


@pytest.fixture
def requests(page: Page) -> list[str]:
    """Addresses that the page asks for."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    return seen


@pytest.fixture(autouse=True)
def _no_script_errors(page: Page) -> Iterator[None]:
    """A script of the page that fails, fails the test."""
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 — it marks its handler
    yield
    assert not errors


def test_the_page_shows_what_queries_answer(page: Page, serve: Serve, shop: Workspace) -> None:
    """Cards, bars by status, tables and the ledger equal the answers of the workspace."""
    show(page, serve.overview(shop), "?range=1h")
    revenue = shop.query("orders_amount_sum", start="-1h", end="now").series[0].points[0][1]
    assert card(page, "amount") == words.plain(words.value(revenue, ""))
    assert card(page, "events") == "60"
    expect(page.locator("[data-slot=statuses]")).to_contain_text(re.compile(r"pending\s*20"))
    expect(page.locator("[data-slot=tables]")).to_contain_text("orders")
    expect(page.locator("[data-slot=trust]")).to_contain_text("balanced")
    expect(page.locator("[data-slot=badge]")).to_contain_text("Live")


def test_charts_hold_the_points_of_the_range_query(
    page: Page, serve: Serve, shop: Workspace
) -> None:
    """The bars of revenue are the points of the metric, none lost and none made up."""
    show(page, serve.overview(shop), "?range=1h")
    answer = shop.range("orders_amount_sum", start="-1h", end="now", step="5m")
    wanted = [value or 0.0 for _, value in answer.series[0].points if value]
    shown = [value for value in chart_values(page, "amount") if value > 0]
    assert shown == pytest.approx(wanted)


def test_new_events_move_the_page(page: Page, serve: Serve, shop: Workspace) -> None:
    """Without a reload the counts and the charts follow what is posted."""
    show(page, serve.overview(shop), "?range=1h")
    assert card(page, "events") == "60"
    before = sum(value for value in chart_values(page, "amount") if value > 0)
    post(shop, orders(5, datetime.now(UTC), first_number=1_000))
    expect(page.locator("[data-card=events] .value")).to_have_text("65")
    page.wait_for_function(
        """(before) => {
          const figure = Bokeh.documents[0].get_model_by_name("dw-amount");
          const values = Array.from(figure.renderers[0].data_source.get_column("y"));
          return values.filter((v) => v > 0).reduce((a, b) => a + b, 0) > before;
        }""",
        arg=before,
    )


def test_nothing_is_asked_of_other_servers(
    page: Page, serve: Serve, shop: Workspace, requests: list[str]
) -> None:
    """Scripts, styles, fonts and sockets all come from the server of the page."""
    address = serve.overview(shop)
    show(page, address)
    page.wait_for_timeout(500)
    hosts = {urlsplit(url).netloc for url in requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).netloc}


def test_a_silent_source_is_said_to_be_silent(page: Page, serve: Serve, tmp_path: Path) -> None:
    """After the last event the banner says since when, the gap is shaded, the axis ends now."""
    settings = Settings(stale_after=timedelta(seconds=1))
    with open_workspace(tmp_path / "quiet.duckdb", settings=settings) as workspace:
        post(workspace, orders(30, datetime.now(UTC) - timedelta(minutes=3)))
        show(page, serve.overview(workspace), "?range=15m")
        expect(page.locator("[data-slot=banner]")).to_contain_text("No data since")
        begun = datetime.now(UTC).timestamp()
        page.wait_for_function(
            """(begun) => {
              const figure = Bokeh.documents[0].get_model_by_name("dw-created");
              const box = figure.center.find((each) => each.type === "BoxAnnotation");
              return box.visible && box.right > box.left && figure.x_range.end / 1e3 >= begun;
            }""",
            arg=begun,
        )
        end = page.evaluate("Bokeh.documents[0].get_model_by_name('dw-created').x_range.end")
        assert end / 1e3 < datetime.now(UTC).timestamp() + 5


def test_history_opens_on_its_own_range(page: Page, serve: Serve, workspace: Workspace) -> None:
    """Events of two years ago are shown where they are, and called history."""
    long_ago = datetime.now(UTC) - timedelta(days=730)
    post(workspace, orders(30, long_ago))
    show(page, serve.overview(workspace))
    expect(page.locator("[data-slot=badge]")).to_contain_text("History up to")
    expect(page.locator("button[data-range=all]")).to_have_attribute("aria-pressed", "true")
    assert card(page, "events") == "30"
    held = [value for value in chart_values(page, "amount") if not math.isnan(value)]
    assert sum(held) == pytest.approx(sum(10 + n / 2 for n in range(30)))


def test_an_empty_workspace_says_how_to_fill_it_and_fills(
    page: Page, serve: Serve, workspace: Workspace
) -> None:
    """The empty page shows commands; the first events turn it into the overview."""
    show(page, serve.overview(workspace))
    expect(page.locator("[data-slot=empty]")).to_contain_text("datawatch demo")
    expect(page.locator(".grid")).to_be_hidden()
    post(workspace, orders(30, datetime.now(UTC)))
    expect(page.locator(".grid")).to_be_visible()
    expect(page.locator("[data-slot=empty]")).to_be_hidden()


def test_a_phone_shows_one_column_without_sideways_scrolling(
    page: Page, serve: Serve, shop: Workspace
) -> None:
    """At 390 pixels nothing sticks out; numbers stand in pairs, all else is as wide as the page."""
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, serve.overview(shop))
    # What is drawn finds its width a moment later.
    page.wait_for_function(
        """() => {
          const cards = [...document.querySelectorAll(".card:not(.counter)")];
          const boxes = cards.map((each) => each.getBoundingClientRect());
          const lefts = boxes.filter((each) => each.width).map((each) => Math.round(each.x));
          return document.documentElement.scrollWidth <= 390 && new Set(lefts).size === 1;
        }"""
    )


def test_names_from_data_are_text_in_the_page(
    page: Page, serve: Serve, workspace: Workspace
) -> None:
    """A table named like markup runs no script and makes no element."""
    nasty = "<img src=x onerror=window.hit=1>"
    now = datetime.now(UTC)
    post(workspace, [event(nasty, now, n, amount=1, status=nasty) for n in range(20)])
    show(page, serve.overview(workspace))
    expect(page.locator("[data-slot=tables]")).to_contain_text(nasty)
    assert page.evaluate("window.hit") is None
    assert page.locator("main img").count() == 0


def test_sensitive_values_are_not_on_the_page(page: Page, serve: Serve, shop: Workspace) -> None:
    """No value of an e-mail column reaches the browser."""
    show(page, serve.overview(shop))
    assert "example.org" not in page.content()


def test_the_range_can_be_chosen_with_the_keyboard(
    page: Page, serve: Serve, shop: Workspace
) -> None:
    """Buttons take the focus; a choice moves the axes and stays in the address."""
    show(page, serve.overview(shop), "?range=1h")
    page.locator("button[data-range='6h']").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        """() => {
          const range = Bokeh.documents[0].get_model_by_name("dw-created").x_range;
          return Math.abs(range.end - range.start - 6 * 3600e3) < 1000;
        }"""
    )
    assert "range=6h" in page.url
    expect(page.locator("button[data-range='6h']")).to_have_attribute("aria-pressed", "true")


def test_the_theme_can_be_switched(page: Page, serve: Serve, shop: Workspace) -> None:
    """The toggle goes from the system's theme to light to dark, and a reload keeps it."""
    show(page, serve.overview(shop))
    for _ in range(2):
        page.locator("#dw-theme").click()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 18, 26)"
    page.reload()
    page.wait_for_selector(READY)
    assert page.evaluate(ground) == "rgb(14, 18, 26)"


def test_a_lost_server_is_said_to_be_lost(page: Page, serve: Serve, shop: Workspace) -> None:
    """When the server goes away the page says so instead of standing still."""
    show(page, serve.overview(shop))
    serve.stop()
    expect(page.locator("#dw-offline")).to_be_visible()
