"""One page of one session, without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.feed import Feed
from datawatch_lab.views.overview import Page, page_html
from tests.views.fakes import NOW, FakeWorkspace, status
from tests.waiting import eventually


@pytest.fixture
def fake() -> FakeWorkspace:
    """A live workspace."""
    return FakeWorkspace()


@pytest.fixture
def page(fake: FakeWorkspace) -> Iterator[Page]:
    """A page whose feed has a picture."""
    feed = Feed(lambda: cast("Workspace", fake), clock=ManualClock(NOW), every=0.01)
    made = Page(feed)
    eventually(lambda: made.watch.latest)
    yield made
    feed.close()


def said(page: Page) -> dict[str, object]:
    """The slots of the last message."""
    found: dict[str, object] = json.loads(str(page.down.tags[0])).get("slots", {})
    return found


def test_nothing_is_said_before_the_browser_listens(page: Page) -> None:
    """Messages hold changes only, so the first one waits for the browser and holds everything."""
    page.tick()
    assert not said(page)
    page.up.tags = ["ready"]
    assert {"badge", "cards", "title-created", "trust"} <= set(said(page))


def test_a_message_holds_only_what_has_changed(page: Page, fake: FakeWorkspace) -> None:
    """Parts that look the same are not sent again."""
    page.up.tags = ["ready"]
    page.tick()
    fake.now_status = status(version=1, status="silent", message="no data since noon")

    def changed() -> bool:
        page.tick()
        return "No data" in str(said(page).get("banner"))

    eventually(changed)
    assert "trust" not in said(page)


def test_a_range_that_does_not_exist_changes_nothing(page: Page) -> None:
    """A browser cannot make the feed look at anything but the ranges there are."""
    before = page.watch
    page.up.tags = ["<script>"]
    assert page.watch is before
    page.up.tags = ["6h"]
    assert page.watch.key == "6h"
    assert page.feed.watched == 1


def test_the_page_names_no_other_server() -> None:
    """The template holds no address but its own parts."""
    html = page_html()
    assert "@@" not in html
    assert "//" not in html.replace("// ", "").replace("<!--", "")
