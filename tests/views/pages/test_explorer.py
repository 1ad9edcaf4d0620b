"""What is explored: filters of several values, values with commas, times that were chosen."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from datawatch_lab.core.who import Who, acting
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.pages.page import Look
from datawatch_lab.views.pages.place import Place
from datawatch_lab.views.pages.portal import pages_by_key
from tests.views.conftest import event, post
from tests.views.pages.test_pages import look_at

TOWNS = ("Paris, Texas", "Bonn")


@pytest.fixture
def towns(workspace: Workspace) -> Workspace:
    """Orders of two towns, one of which has a comma in its name."""
    now = datetime.now(UTC) - timedelta(seconds=2)
    rows = [event("orders", now, at, status=TOWNS[at % 2], amount=1) for at in range(40)]
    post(workspace, rows)
    return workspace


def test_a_click_on_a_value_with_a_comma_shows_it(towns: Workspace) -> None:
    """The link of a series leads to that series alone."""
    shown = look_at(towns, "explorer", "admin", metric="orders_inserts_total", by="status")
    links = [html.unescape(each) for each in re.findall(r'href="(\?[^"]*where[^"]*)"', shown)]
    assert links
    for link in links:
        given = {name: values[-1] for name, values in parse_qs(link[1:]).items()}
        found = look_at(towns, "explorer", "admin", **given)
        assert 'role="alert"' not in found
        assert 'class="big">20<' in found


def test_what_is_explored_becomes_a_tile_with_its_filters(towns: Workspace) -> None:
    """Each filter is one of its own, and several values of a label stay together."""
    board = towns.add_dashboard(name="b").id
    where = r"status=Paris\, Texas,status=Bonn"
    place = Place.of("explorer", {"metric": "orders_inserts_total", "where": where})
    who = Who("ann", "editor", "session")
    with acting(who):
        fields = {"board": board, "kind": "counter", "title": "both"}
        pages_by_key()["explorer"].act(Look(towns, place, who), "tile", fields)
    (tile,) = towns.get_dashboard(board).tiles
    assert tile["query"]["filters"] == {"status": ["Paris, Texas", "Bonn"]}


def test_a_range_that_is_chosen_after_a_zoom_ends_now(towns: Workspace) -> None:
    """The end of the zoom goes with its beginning."""
    old = {"from": "-1h", "to": "2020-01-01T00:00:00Z"}
    shown = look_at(towns, "explorer", "admin", metric="orders_inserts_total", **old)
    assert 'class="big">40<' in shown
    assert re.search(r'name="to"( value="")?[ >]', shown)


def test_sql_begins_with_what_there_is(workspace: Workspace) -> None:
    """Without a table the first query names none, and the page says how to get one."""
    shown = look_at(workspace, "explorer", "admin", tab="sql")
    assert "SHOW TABLES</textarea>" in shown
    assert "No table yet" in shown
    post(workspace, [event("my orders", datetime.now(UTC), 1, amount=1)])
    shown = html.unescape(look_at(workspace, "explorer", "admin", tab="sql"))
    (query,) = re.findall(r"(SELECT[^<]*)</textarea>", shown)
    assert len(workspace.sql(query).rows) == 1
