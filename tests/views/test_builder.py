"""Drafts, values as files, and the builder's Python half."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.boards import MOST_BYTES
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.errors import AccessError, ConflictError, InputError, NotFoundError
from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.board.channel import parts_of
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.stored import loader
from datawatch_lab.views.board.view import Look, view_of
from datawatch_lab.views.builder.component import Builder
from datawatch_lab.views.builder.data import SCHEMA, _csv, file_of, rows_of
from datawatch_lab.views.builder.draft import drawn, read_ask
from datawatch_lab.views.watch import WatchPages
from tests.services.ports import free_port
from tests.waiting import PATIENCE

HOURS = {"of": "day by hour"}  # the hour that goes on is shown, too
TILES: list[dict[str, Any]] = [
    {"kind": "counter", "id": "count", "query": {"metric": "orders_inserts_total"}},
    {
        "kind": "bar",
        "id": "bars",
        "query": {"metric": "orders_inserts_total", "by": ["status"]},
    },
    {
        "kind": "table",
        "id": "rows",
        "query": {"sql": "SELECT id, '=1+1' AS text FROM live.orders ORDER BY id LIMIT 2"},
    },
]


@pytest.fixture
def feed(shop: Workspace) -> Iterator[BoardFeed]:
    """Boards of the small shop."""
    made = BoardFeed(shop, loader(shop))
    yield made
    made.close()


def test_a_draft_is_drawn_and_not_stored(feed: BoardFeed, shop: Workspace) -> None:
    """A document shows its values before it is stored, with ids and places filled in."""
    ask = read_ask({"dashboard": {"name": "New", "tiles": [{**TILES[0], "id": ""}]}})
    answer = drawn(feed, "viewer", ask)
    (tile,) = answer.dashboard["tiles"]
    assert (tile["x"], tile["y"], tile["w"]) == (0, 0, 3)
    assert answer.message.parts[tile["id"]].label.startswith("60")
    assert shop.list_dashboards() == []


def test_only_tiles_that_changed_are_asked(feed: BoardFeed) -> None:
    """A change of one tile costs the queries of that one."""
    answer = drawn(feed, "admin", read_ask({"dashboard": _doc(), "tiles": ["bars"]}))
    assert list(answer.message.parts) == ["bars"]
    assert [each.id for each in answer.message.board.tiles] == ["count", "bars", "rows"]


def test_code_of_a_tile_and_of_the_board(feed: BoardFeed) -> None:
    """The Python that is copied makes the same tile."""
    code = drawn(feed, "admin", read_ask({"dashboard": _doc(), "tiles": [], "code": "bars"})).code
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 — what the product wrote itself
    assert names["tile"].query.by == ("status",)
    whole = drawn(feed, "admin", read_ask({"dashboard": _doc(), "tiles": [], "code": ""})).code
    assert "dw.Dashboard(" in whole


def test_a_fault_of_a_draft_points(feed: BoardFeed) -> None:
    """A document that cannot be taken is refused with its path and what was possible."""
    wrong = _doc() | {"tiles": [{**TILES[0], "options": {"format": "currncy"}}]}
    with pytest.raises(InputError, match=r"tiles\[0\].options.format.*did you mean 'currency'"):
        drawn(feed, "admin", read_ask({"dashboard": wrong}))
    with pytest.raises(NotFoundError, match="bras"):
        drawn(feed, "admin", read_ask({"dashboard": _doc(), "code": "bras"}))
    for nonsense in (b"{", b"[]", b'{"dashboard": 1}'):
        with pytest.raises(InputError, match="cannot be read"):
            read_ask(nonsense)


def test_values_of_a_file_are_those_of_the_queries(shop: Workspace) -> None:
    """CSV, JSON and Parquet have the same values, which are those of the query."""
    made = shop.add_dashboard(name="Shop", tiles=TILES, time_range="1h")
    view = view_of(shop, loader(shop)(made.id), Look(role="admin"))
    rows = list(rows_of(view))
    bars = {each["series"]: each["value"] for each in rows if each["tile"] == "bars"}
    assert bars == {"status=paid": 20.0, "status=pending": 20.0, "status=shipped": 20.0}
    table = pl.read_parquet(io.BytesIO(file_of(view, "parquet")[0]))
    assert table.columns == list(SCHEMA)
    plain = json.loads(file_of(view, "json")[0])
    body, name, _ = file_of(view, "csv")
    assert name == "Shop.csv"
    read = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert len(read) == len(plain) == table.height == len(rows)
    values = [float(each["value"]) for each in read if each["value"]]
    assert values == table["value"].drop_nulls().to_list()
    with pytest.raises(InputError, match="csv, json, parquet"):
        file_of(view, "xlsx")


def test_a_file_has_what_the_tiles_show(shop: Workspace) -> None:
    """Bars over time are points, a histogram is its ranges, a heat map its cells, a counter all."""
    metric, by = "orders_inserts_total", ["status"]
    tiles: list[dict[str, Any]] = [
        {"kind": "bar", "id": "bar", "query": {"metric": metric}},
        {"kind": "bar", "id": "by", "query": {"metric": metric, "by": by}},
        {"kind": "histogram", "id": "bins", "query": {"metric": metric}, "options": {"bins": 5}},
        {"kind": "heatmap", "id": "heat", "query": {"metric": metric}, "options": HOURS},
        {"kind": "counter", "id": "count", "query": {"metric": metric, "by": by}},
        {"kind": "anomalies", "id": "odd", "query": {"metric": metric}},
        {"kind": "line", "id": "line", "query": {"metric": metric, "by": by}},
    ]
    made = shop.add_dashboard(name="All", tiles=tiles, time_range="1h")
    view = view_of(shop, loader(shop)(made.id), Look(role="admin"))
    parts = parts_of(view)
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in rows_of(view):
        rows.setdefault(each["tile"], []).append(each)
    bar = parts["bar"].data
    assert [each["value"] for each in rows["bar"]] == list(bar["series"][0]["values"])
    assert len(rows["bar"]) == len(bar["times"]) > 1
    assert {each["series"]: each["value"] for each in rows["by"]} == dict.fromkeys(
        ("status=paid", "status=pending", "status=shipped"), 20.0
    )
    assert [each["value"] for each in rows["bins"]] == list(
        parts["bins"].data["series"][0]["values"]
    )
    heat = parts["heat"].data
    cells = [value for row in heat["values"] for value in row]
    assert [each["value"] for each in rows["heat"]] == cells
    assert [each["value"] for each in rows["count"]][:1] == [60.0]
    assert [each["text"] for each in rows["odd"]] == [parts["odd"].data["calm"]]
    lines = {f"status={each['name']}": each["values"] for each in parts["line"].data["series"]}
    found = {
        name: tuple(each["value"] for each in rows["line"] if each["series"] == name)
        for name in lines
    }
    assert found == lines
    assert pl.read_parquet(io.BytesIO(file_of(view, "parquet")[0])).height == sum(
        map(len, rows.values())
    )


@given(st.text(max_size=30))
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    """Whatever the data says, no field begins as a formula, and the text is all there."""
    row = dict.fromkeys(SCHEMA) | {"tile": "a", "text": text}
    fields = list(csv.reader(io.StringIO(_csv([row]).decode(), newline="")))[1]
    assert not fields[-1].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert fields[-1].removeprefix("'") == text.removeprefix("'")


# ---------------------------------------------------------------------- the component


def test_the_builder_answers_its_browser(feed: BoardFeed, shop: Workspace) -> None:
    """What the browser's half asks is answered as HTTP would, and nothing else is."""
    made = shop.add_dashboard(name="Shop", tiles=TILES)
    builder = Builder(feed, "Shop")
    assert builder.builds == made.id
    kept = builder.ask("get_dashboard", {"id": made.id})
    change = {"id": made.id, "version": kept["version"], "tiles": kept["tiles"][:1]}
    changed = builder.ask("change_dashboard", change | {"autosave": True})
    assert changed["version"] == kept["version"] + 1
    assert [each["id"] for each in changed["tiles"]] == ["count"]
    with pytest.raises(ConflictError):
        builder.ask("change_dashboard", change)
    found = builder.ask("query", {"name": "orders_inserts_total", "group_by": "status"})
    assert {each["labels"]["status"] for each in found["series"]} == {"paid", "pending", "shipped"}
    diff = builder.ask("dashboard_diff", {"id": made.id, "from": kept["version"]})
    assert {each["change"] for each in diff} == {"removed"}
    with pytest.raises(InputError, match="drop_dashboard"):
        builder.ask("drop_dashboard", {"id": made.id})
    builder.close()


def test_an_edit_is_drawn_as_the_board_is_looked_at(feed: BoardFeed, shop: Workspace) -> None:
    """Its range, filters and variables are those that were chosen on it, not the document's."""
    made = shop.add_dashboard(name="Looked at", tiles=TILES)
    builder = Builder(feed, made.id)
    builder._handle_msg({"type": "range", "range": "1h"})
    builder._handle_msg({"type": "click", "label": "status", "value": "paid"})
    builder.look(variables=(("place", ("DE",)),))
    variable = {"name": "place", "metric": "orders_inserts_total", "label": "status"}
    ask = {"id": made.id, "range": "", "filter": [], "var": [], "tiles": ["count"]}
    answer = builder.ask("draw", ask | {"dashboard": {**_doc(), "variables": [variable]}})
    board = answer["message"]["board"]
    assert board["range"] == "1h"
    assert [tuple(each) for each in board["filters"]] == [("status", "paid")]
    assert board["variables"][0]["chosen"] == ["DE"]
    of_all = builder.ask("query", {"name": "orders_inserts_total", "from": "-1h"})
    shown = answer["message"]["parts"]["count"]["data"]["value"]
    assert 0 < shown < of_all["series"][0]["points"][0][1]
    builder.close()


def test_a_notebook_opens_the_builder(shop: Workspace) -> None:
    """`board.edit()` saves a board that is new, and gives its builder."""
    from datawatch_lab.core.dashboards import Dashboard
    from datawatch_lab.notebook.dashboards import Board

    board = Board(shop, Dashboard(name="By hand"))
    builder = board.edit()
    assert builder.builds == shop.get_dashboard("By hand").id
    builder.close()


# ---------------------------------------------------------------------- over HTTP


@pytest.fixture
def address(shop: Workspace) -> Iterator[str]:
    """A server whose boards are those of the shop; a token is asked for."""
    pages = WatchPages(shop, loader(shop))
    port = free_port()
    users = Path(shop.place)
    gate = gate_for("a-token-of-tests", host="127.0.0.1", port=port, workspace=users)
    server = Server(patterns(shop, gate, boards=pages), host="127.0.0.1", port=port)
    server.start()
    yield f"http://127.0.0.1:{port}"
    pages.close()
    server.stop()


def test_strangers_draw_nothing(address: str, shop: Workspace) -> None:
    """Without a token nothing is drawn or taken out; with it both are, on either path."""
    made = shop.add_dashboard(name="Shop", tiles=TILES)
    body = {"dashboard": _doc()}
    owner = {"Authorization": "Bearer a-token-of-tests"}
    draw, file = f"{address}/d/{made.id}/draw", f"{address}/d/{made.id}/file"
    page = f"{address}/datawatch/dashboards/{made.id}"
    with httpx.Client(timeout=PATIENCE) as client:
        assert client.post(draw, json=body).status_code == 401
        assert client.get(file).status_code == 401
        assert client.get(page).status_code == 401
        answer = client.post(draw, json=body, headers=owner)
        assert answer.status_code == 200
        assert set(answer.json()["message"]["parts"]) == {"count", "bars", "rows"}
        assert client.post(draw, content=b"{", headers=owner).status_code == 400
        taken = client.get(file, params={"format": "csv"}, headers=owner)
        assert taken.headers["Content-Disposition"] == 'attachment; filename="Shop.csv"'
        assert "'=1+1" in taken.text
        assert 'data-role="admin"' in client.get(page, headers=owner).text


def test_a_document_that_is_too_large_is_told_so(address: str, shop: Workspace) -> None:
    """In the shape of every other error, whether its size was announced or not."""
    made = shop.add_dashboard(name="Shop", tiles=TILES)
    draw, owner = f"{address}/d/{made.id}/draw", {"Authorization": "Bearer a-token-of-tests"}
    large = json.dumps({"dashboard": _doc() | {"description": "x" * (MOST_BYTES + 1)}}).encode()

    def in_pieces() -> Iterator[bytes]:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    with httpx.Client(timeout=PATIENCE) as client:
        for content in (large, in_pieces()):
            answer = client.post(draw, content=content, headers=owner)
            assert answer.status_code == 413
            error = answer.json()["error"]
            assert "larger than 1,048,576 bytes" in error["message"]
            assert error["details"]["max_bytes"] == MOST_BYTES
        fitting = json.dumps({"dashboard": _doc(), "tiles": []}).ljust(MOST_BYTES)
        assert client.post(draw, content=fitting, headers=owner).status_code == 200
        assert client.post(draw, content=large).status_code == 401


def test_a_shared_link_opens_one_board_and_draws_none(address: str, shop: Workspace) -> None:
    """Who has a link may take the values of that board, and may not ask for others by a draft."""
    made = shop.add_dashboard(name="Shop", tiles=TILES)
    link = shop.share_dashboard(made.id, expires="1h").path
    token = link.partition("?")[2]
    with httpx.Client(timeout=PATIENCE) as client:
        page = client.get(f"{address}{link}").text
        assert 'data-role=""' in page
        assert "dww-back" not in page
        assert client.get(f"{address}/d/{made.id}/file?{token}").status_code == 200
        answer = client.post(f"{address}/d/{made.id}/draw?{token}", json={"dashboard": _doc()})
        assert answer.status_code in (401, 403)


def test_a_viewer_changes_nothing(feed: BoardFeed, shop: Workspace) -> None:
    """The builder of a viewer is refused by the workspace, whatever its browser sends."""
    from datawatch_lab.core.who import acting

    made = shop.add_dashboard(name="Shop", tiles=TILES)
    builder = Builder(feed, made.id, who=Who("vera", "viewer", "session"))
    with acting(Who("vera", "viewer", "session")), pytest.raises(AccessError):
        builder.ask("change_dashboard", {"id": made.id, "tiles": []})
    builder.close()


def _doc() -> dict[str, Any]:
    return {"name": "Shop", "tiles": TILES, "time_range": "1h"}


def test_an_example_of_each_kind_is_drawn(shop: Workspace) -> None:
    """The gallery's examples are valid tiles, and none of them is an error."""
    found = {each.name: each.example for each in shop.tile_kinds()}
    assert found["custom"] is None
    shown = {name: each for name, each in found.items() if each is not None}
    assert {"counter", "line", "bar", "donut", "table", "text", "alerts"} <= set(shown)
    tiles = [{**each, "id": name} for name, each in shown.items()]
    feed = BoardFeed(shop, loader(shop))
    try:
        ask = read_ask({"dashboard": {"name": "Gallery", "tiles": tiles}})
        parts = drawn(feed, "viewer", ask).message.parts
    finally:
        feed.close()
    assert {name: each.say for name, each in parts.items() if each.state == "error"} == {}
    assert parts["counter"].state in ("ok", "stale")
