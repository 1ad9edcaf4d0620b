"""What is explored: filters of several values, values with commas, times that were chosen."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from datawatch_lab.core.settings import Settings
from datawatch_lab.core.who import Who, acting
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from datawatch_lab.views.pages.explorer_rows import grid
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


def _run(workspace: Workspace, query: str, **given: str) -> str:
    """What the explorer shows of a query."""
    who = Who("ann", "viewer", "session")
    look = Look(workspace, Place.of("explorer", {"tab": "sql", **given}), who)
    with acting(who):
        done = pages_by_key()["explorer"].act(look, "sql.run", {"query": query})
    return html.unescape(done.slots["sql-rows"])


def test_times_of_rows_are_those_of_the_workspace(tmp_path: Path) -> None:
    """As on every other page; a file that is made of them has them as they are stored."""
    settings = Settings(timezone="Asia/Kolkata")
    with open_workspace(tmp_path / "w.duckdb", settings=settings, what="tests") as workspace:
        post(workspace, [event("orders", datetime.now(UTC), 1, amount=1)])
        times = "SELECT TIMESTAMP '2026-01-10 20:00:00.25' AS made, NULL::TIMESTAMP AS gone, 7 AS n"
        shown = _run(workspace, times)
    assert '<span data-value="made">made (UTC+5:30)</span>' in shown
    assert 'data-value="2026-01-10T20:00:00.250000Z">2026-01-11 01:30:00.250000</time>' in shown
    assert '<span data-value="gone">gone</span>' in shown
    assert ">null</span>" in shown
    assert ">7</td>" in shown


def test_times_on_both_sides_of_a_change_of_clocks_say_theirs() -> None:
    """Where one word does not hold for the column, each has its own; others stay as they are."""
    times = ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "infinity"]
    answer = SqlAnswer([SqlColumn("made", "timestamp")], [[each] for each in times], False, 1.0)
    shown = grid(answer, "Europe/Berlin")
    assert ">2026-03-29 01:30:00 UTC+1</time>" in shown
    assert ">2026-03-29 03:30:00 UTC+2</time>" in shown
    assert ">infinity<" in shown
    assert '<span data-value="made">made</span>' in shown


def test_sql_names_the_range_of_the_explorer(towns: Workspace) -> None:
    """``$from`` and ``$to`` are what is looked at, and the code beside says the same."""
    count = "SELECT count(*) AS n FROM changes.orders WHERE _ts BETWEEN $from AND $to"
    assert ">40</th>" in _run(towns, count)
    shown = _run(towns, count, **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})
    assert ">0</th>" in shown
    assert "start='2020-01-01T00:00:00Z', end='2020-01-02T00:00:00Z'" in shown
    assert "did you mean $from?" in _run(towns, "SELECT $form")
    place = look_at(towns, "explorer", "viewer", tab="sql", **{"from": "-7d"})
    assert "$from and $to are the last 7d" in place
