"""The portal in a real browser: navigation, forms, keyboard, a phone, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import format as words
from datawatch_lab.views.pages import PAGES
from tests.views.conftest import Serve, event, post

pytestmark = pytest.mark.browser

READY = "#content[data-state=ready]"


@pytest.fixture(autouse=True)
def _no_script_errors(page: Page) -> Iterator[None]:
    """A script of the page that fails, fails the test."""
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 — it marks its handler
    yield
    assert not errors


def show(page: Page, address: str, path: str = "") -> None:
    """Open a page of the portal and wait for its content."""
    page.goto(f"{address}/datawatch{path}")
    page.wait_for_selector(READY)


def test_one_walk_through_every_page(page: Page, serve: Serve, shop: Workspace) -> None:
    """The navigation leads to every page without loading anything, and asks nobody else."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = serve(shop)
    show(page, address, "/data")
    page.wait_for_load_state("networkidle")
    loaded = len(asked)
    for each in PAGES[1:]:
        page.click(f"#dw-nav a[data-key={each.key}]")
        expect(page.locator("#dw-title")).to_have_text(each.title)
        page.wait_for_selector(READY)
        assert urlsplit(page.url).path == f"/datawatch/{each.key}"
    assert len(asked) == loaded
    assert {urlsplit(each).netloc for each in asked if each.startswith(("http", "ws"))} == {
        urlsplit(address).netloc
    }
    page.go_back()
    expect(page.locator("#dw-title")).to_have_text(PAGES[-2].title)


@pytest.mark.soak
def test_keys_lead_and_search_finds(page: Page, serve: Serve, shop: Workspace) -> None:
    """``g`` and a letter change the page, ``/`` searches, Enter opens what was found."""
    show(page, serve(shop), "/data")
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.locator("#dw-title")).to_have_text("Quality")
    page.wait_for_selector(READY)
    page.keyboard.press("/")
    page.keyboard.type("amount sum")
    expect(page.locator("#dw-found [role=option]").first).to_contain_text("orders_amount_sum")
    page.keyboard.press("Enter")
    expect(page.locator("#dw-title")).to_have_text("Explorer")
    expect(page.locator("#content")).to_contain_text("Sum of amount")
    page.keyboard.press("?")
    expect(page.locator("#dw-keys")).to_be_visible()


def test_a_rule_is_written_read_back_and_kept(page: Page, serve: Serve, shop: Workspace) -> None:
    """What is typed is read back while one types, survives updates, and is kept."""
    show(page, serve(shop), "/alerts?tab=rules&edit=new")
    page.fill("[name=name]", "Rush")
    page.fill("[name=metric]", "orders_created_rate")
    page.fill("[name=condition]", "> 500")
    reading = page.locator("[data-local-slot=reading]")
    expect(reading).to_contain_text("is above 500")
    post(shop, [event("orders", _now(), 5_000, amount="1.00", status="paid")])
    page.wait_for_timeout(3_000)
    assert page.input_value("[name=condition]") == "> 500"
    expect(reading).to_contain_text("is above 500")
    page.click("text=Keep this rule")
    expect(page.locator("table")).to_contain_text("Rush")
    assert [each.name for each in shop.alert_rules()] == ["Rush"]


@pytest.mark.soak
def test_a_click_on_delete_asks_first(page: Page, serve: Serve, shop: Workspace) -> None:
    """What cannot be undone is asked for, and Cancel leaves it."""
    shop.add_alert_rule(name="Rush", condition="> 500", metric="orders_created_rate")
    show(page, serve(shop), "/alerts?tab=rules")
    page.click("button:has-text('Delete')")
    page.click("#dw-ask button:has-text('Cancel')")
    assert len(shop.alert_rules()) == 1
    page.click("#content button:has-text('Delete')")
    page.click("#dw-ask-yes")
    expect(page.locator("#content")).to_contain_text("No rule yet")


def test_a_viewer_cannot_even_by_hand(page: Page, serve: Serve, shop: Workspace) -> None:
    """A viewer is offered nothing that changes, and is refused what is asked for by hand."""
    viewer = Who("vera", "viewer", "session")
    here = [viewer]
    show(page, serve(shop, who_of=lambda _: here[0] if here else None), "/alerts?tab=rules")
    expect(page.locator("#content")).to_contain_text("No rule yet")
    expect(page.locator("text=Add a rule")).to_have_count(0)
    fields = {"name": "x", "condition": "> 1", "metric": "orders_created_rate"}
    by_hand = """(fields) => {
      const up = Bokeh.documents[0].get_model_by_name("dw-up");
      up.tags = [JSON.stringify({n: Math.random(), act: "rule.save", fields})];
    }"""
    page.evaluate(by_hand, fields)
    expect(page.locator(".toast.bad").first).to_be_visible()
    assert not shop.alert_rules()
    here.clear()
    page.evaluate(by_hand, fields)
    expect(page.locator(".toast.bad").last).to_contain_text("not signed in any more")


@pytest.mark.soak
def test_the_page_is_live(page: Page, serve: Serve, shop: Workspace) -> None:
    """What comes is counted on the page without loading it again."""
    show(page, serve(shop), "/data")
    post(shop, [event("orders", _now(), 6_000 + n, amount="1.00", status="paid") for n in range(7)])
    expect(page.locator(".equation")).to_contain_text("67")


@pytest.mark.soak
def test_a_phone_has_a_drawer(page: Page, serve: Serve, shop: Workspace) -> None:
    """At 390 pixels the navigation is a drawer, and no page sticks out."""
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, serve(shop), "/data")
    for each in PAGES[1:]:
        page.click("#dw-menu")
        page.click(f"#dw-nav a[data-key={each.key}]")
        expect(page.locator("#dw-title")).to_have_text(each.title)
        page.wait_for_selector(READY)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, each.key


@pytest.mark.soak
def test_rows_download_without_formulas(page: Page, serve: Serve, workspace: Workspace) -> None:
    """A text that a spreadsheet would take for a formula is made harmless in the file."""
    post(workspace, [event("notes", _now(), 1, note='=HYPERLINK("http://x")', amount=-5)])
    show(page, serve(workspace), "/explorer?tab=sql&sql=SELECT+note,+amount+FROM+live.notes")
    page.click("button:has-text('Run')")
    with page.expect_download() as started:
        page.click("button:has-text('Download CSV')")
    lines = started.value.path().read_text("utf-8").splitlines()
    assert lines == ["note,amount", '"\'=HYPERLINK(""http://x"")",-5']


@pytest.mark.soak
def test_values_in_the_chart_are_those_of_the_query(
    page: Page, serve: Serve, shop: Workspace
) -> None:
    """Each point of the explorer's chart is read out as the query answers it."""
    show(page, serve(shop), "/explorer?metric=orders_amount_sum&from=-1h")
    plane = page.locator(".plane").first
    lines = json.loads(plane.get_attribute("data-plot") or "{}")["lines"]
    start, end = (
        datetime.fromtimestamp(float(plane.get_attribute(name) or 0) / 1e3, UTC).isoformat()
        for name in ("data-start", "data-end")
    )
    shown = [said for _, said, _ in lines[0]["p"]]
    answers = [
        shop.range("orders_amount_sum", start=start, end=end, step=step) for step in ("30s", "1m")
    ]
    wanted = [
        [words.value(v, each.unit) for _, v in each.series[0].points if v is not None]
        for each in answers
    ]
    assert len(shown) > 5
    assert shown in wanted


def _now() -> Any:
    return datetime.now(UTC) - timedelta(seconds=1)
