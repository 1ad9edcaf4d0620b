"""The built labextension in a real JupyterLab in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.jupyter.conftest import ENGINE_TOKEN, Lab

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_side_bar_lists_inserts_and_opens(lab: Lab, page: Page) -> None:
    """Tables, metrics, dashboards and alerts show, as text; a board opens as a tab, themed."""
    from playwright.sync_api import expect

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{lab.address}/lab?token={lab.token}")
    page.locator("li.lm-TabBar-tab[data-id=datawatch-side-bar]").click()
    bar = page.locator("#datawatch-side-bar")
    expect(bar).to_contain_text("1,200")
    expect(bar).to_contain_text("Dashboards (1)")
    expect(bar).to_contain_text("Alerts (1)")
    expect(bar).to_contain_text("Too few orders")
    table = bar.locator("[data-key^='table:']")
    expect(table).to_contain_text("<b>orders</b>")  # text from data is text
    table.focus()
    table.press("ArrowRight")
    expect(bar.locator("[data-key='metric:orders_amount_sum']")).to_be_visible()
    bar.locator("[data-key='board:1']").click()
    frame = page.frame_locator(".dw-page iframe")
    expect(frame.locator("#theme")).to_have_text("a board")
    expect(page.locator(".lm-TabBar-tab.lm-mod-current", has_text="Shop")).to_be_visible()
    assert page.evaluate("localStorage.getItem('datawatch-theme')") == "light"
    assert ENGINE_TOKEN not in page.content()
    assert all(url.startswith((lab.origin, "data:", "blob:")) for url in asked)
