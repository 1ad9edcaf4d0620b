"""The page of the API in a browser: an operation is found, sent, and its answer shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from datawatch_lab.api.documentation import PATH
from datawatch_lab.service.answers import MetricAnswer
from datawatch_lab.service.handle import Workspace
from tests.api.conftest import Serve, StubCaller

MARKUP = "<img src=x onerror=window.hit=1>"


@pytest.fixture
def opened(page: Page, serve: Serve, stub: StubCaller) -> Page:
    """The page, of a server that asks nobody to sign in."""
    server = serve(Workspace(stub), token=None)
    page.goto(server.address + PATH)
    expect(page.locator("#list_metrics")).to_have_count(1)
    return page


def test_an_operation_is_sent_and_answered(opened: Page, stub: StubCaller) -> None:
    """Search narrows, Send asks with what was typed, and the answer is text, not markup."""
    stub.answers["list_metrics"] = [
        MetricAnswer(MARKUP, "orders", "", "counter", "1", [], True, "") for _ in range(3)
    ]
    opened.fill("#search", "metrics that can be queried")
    expect(opened.locator("details.operation:visible")).to_have_count(1)
    box = opened.locator("#list_metrics")
    box.locator("summary").first.click()
    opened.fill("#list_metrics-limit", "1")
    box.get_by_role("button", name="Send").click()
    expect(box.locator(".out [role=status]")).to_contain_text("200")
    expect(box.locator(".out [role=status]")).to_contain_text("3 in all")
    expect(box.locator(".out pre")).to_contain_text(MARKUP)
    assert opened.evaluate("window.hit") is None
    assert [name for name, _ in stub.asked] == ["list_metrics"]


def test_a_fault_is_shown_with_its_status(opened: Page) -> None:
    """A body that is no JSON is answered 400, in words and with a sign."""
    opened.locator("#sql summary").first.click()
    opened.fill("#sql-body", "{")
    opened.locator("#sql").get_by_role("button", name="Send POST").click()
    expect(opened.locator("#sql .out [role=status]")).to_contain_text("✕ 400")
    expect(opened.locator("#sql .out pre")).to_contain_text("not JSON")


def test_it_asks_nothing_of_elsewhere(page: Page, serve: Serve, stub: StubCaller) -> None:
    """Every request goes to this server, nothing fails, and a phone need not scroll sideways."""
    server = serve(Workspace(stub), token=None)
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(server.address + PATH)
    expect(page.locator("#list_metrics")).to_have_count(1)
    assert all(url.startswith((server.address, "data:")) for url in asked)
    assert not faults
    assert page.evaluate("document.documentElement.scrollWidth") == 390
