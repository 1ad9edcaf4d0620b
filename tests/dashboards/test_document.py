"""The document: read, written, placed; what is wrong with it is pointed at."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import datawatch_lab as dw
from datawatch_lab.core.dashboards import (
    COLUMNS,
    KIND_ALIASES,
    TILE_KINDS,
    Dashboard,
    Tile,
    TileQuery,
    Variable,
    prometheus_name,
    widget_id,
)
from datawatch_lab.core.dashboards.code import as_code
from datawatch_lab.core.dashboards.known import Known
from datawatch_lab.core.dashboards.reading import look_at, read_dashboard, read_tile
from datawatch_lab.core.dashboards.values import chosen_filters
from datawatch_lab.core.dashboards.writing import (
    from_text,
    look_at_text,
    parse_text,
    to_json,
    to_plain,
    to_yaml,
)
from datawatch_lab.core.errors import InputError, NotFoundError
from tests.dashboards.documents import dashboards, tiles

KNOWN = Known({"orders_total": ("status",), "orders_amount_sum": ("status",)}, ("orders",))
SHOP = """\
name: Shop
refresh: 5s
tiles:
  - kind: counter
    title: Orders
    query: {metric: orders_total}
  - kind: line
    query:
      metric: orders_amount_sum
      by: [status]
    options:
      format: currency
"""

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    (
        *("name", "tiles", "widgets", "kind", "type", "query", "options", "position", "config"),
        *("x", "w", "filters", "variables", "metrics", "refreshInterval", "time_range", "notes"),
        *("title", "id"),
    )
)


@pytest.mark.parametrize("low", [1e-30, 1e22, -5e-324, 1.5e30, 0.25])
def test_numbers_with_exponents_are_numbers(low: float) -> None:
    """As JSON writes them (no point), and beside a text that looks like one."""
    gauge = Tile(kind="gauge", query=TileQuery(metric="orders"), options={"low": low})
    board = Dashboard(name="1e5", tiles=(gauge, Tile(kind="text", note="-2E-7")))
    assert from_text(to_json(board)) == board
    assert from_text(to_yaml(board)) == board


def test_a_text_that_looks_like_a_number_is_a_text() -> None:
    """As documents of earlier releases and by hand have it, without quotes."""
    board = from_text(
        "name: 12e3\n"
        "tiles:\n"
        "- kind: table\n"
        "  title: 7e400\n"
        "  query: {metric: orders, filters: {sku: [12e3, 5E7]}}\n"
    )
    assert (board.name, board.tiles[0].title) == ("12e3", "7e400")
    query = board.tiles[0].query
    assert query is not None
    assert query.filters == {"sku": ("12e3", "5E7")}
    assert from_text(to_yaml(board)) == board


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_yaml_and_json_come_back_as_they_were(board: Dashboard) -> None:
    """A dashboard written as YAML or JSON is read back as the same one."""
    assert from_text(to_yaml(board)) == board
    assert from_text(to_json(board)) == board
    assert read_dashboard(to_plain(board)) == board
    assert to_yaml(from_text(to_yaml(board))) == to_yaml(board)


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_code_makes_the_same_dashboard(board: Dashboard) -> None:
    """The Python of a dashboard, run, makes that dashboard."""
    space: dict[str, Any] = {}
    exec(as_code(board), space)  # noqa: S102 — the point of it
    assert to_plain(space["dashboard"]) == to_plain(board)
    assert space["dashboard"] == board


@settings(max_examples=12, deadline=None)
@given(tiles())
def test_code_makes_the_same_tile(tile: Tile) -> None:
    """The Python of a tile makes that tile."""
    space: dict[str, Any] = {}
    exec(as_code(tile, name="one"), space)  # noqa: S102 — the point of it
    assert space["one"] == tile


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_stored_form_comes_back(board: Dashboard) -> None:
    """What the store keeps is decoded to the same dashboard."""
    assert msgspec.json.decode(msgspec.json.encode(board), type=Dashboard) == board


@settings(max_examples=12, deadline=None)
@given(st.lists(tiles(), max_size=8))
def test_tiles_without_a_place_overlap_nothing(given: list[Tile]) -> None:
    """They lie on the grid, beside all others; ids are unique; order is by row, then column."""
    board = Dashboard(name="a", tiles=tuple(given))
    assert len({each.id for each in board.tiles}) == len(given)
    assert sorted(board.tiles, key=lambda each: (each.y, each.x)) == list(board.tiles)
    said = {id(each): each for each in given if each.x >= 0 and each.y >= 0}
    spots = {(each.x, each.y, each.w, each.h) for each in said.values()}
    free = [each for each in board.tiles if (each.x, each.y, each.w, each.h) not in spots]
    for each in free:
        assert each.x >= 0
        assert each.x + each.w <= COLUMNS
        for other in board.tiles:
            beside = each.x + each.w <= other.x or other.x + other.w <= each.x
            below = each.y + each.h <= other.y or other.y + other.h <= each.y
            assert other is each or beside or below


@settings(max_examples=30, deadline=None)
@example({"variables": [3]})
@example({"refresh": "86400000000000"})
@given(st.dictionaries(KEYS, st.one_of(PLAIN, st.lists(st.dictionaries(KEYS, PLAIN), max_size=2))))
def test_any_values_are_read_or_pointed_at(given: dict[str, Any]) -> None:
    """Whatever comes, there is a dashboard or a grave fault, and nothing is raised."""
    found = look_at({"name": "a", **given}, known=KNOWN)
    assert (found.dashboard is None) is any(not each.is_warning for each in found.faults)


@settings(max_examples=30, deadline=None)
@given(st.text("nametils:{}[]-& *!|>#\n  'x1", max_size=40))
def test_any_text_is_read_or_refused(words: str) -> None:
    """Whatever text comes, there is a dashboard or a fault."""
    found = look_at_text(words)
    assert (found.dashboard is None) is any(not each.is_warning for each in found.faults)


def test_a_file_reads_as_it_says() -> None:
    """Tiles have ids of their titles or kinds, sizes of their kinds, and a place each."""
    board = from_text(SHOP, known=KNOWN)
    assert [(each.id, each.x, each.y, each.w, each.h) for each in board.tiles] == [
        ("orders", 0, 0, 3, 3),
        ("line", 3, 0, 6, 5),
    ]
    assert board.tiles[1].option("format") == "currency"
    assert board.tiles[1].option("legend") == "auto"


@pytest.mark.parametrize(
    ("change", "line", "path", "words"),
    [
        (("kind: line", "kind: lien"), 7, "tiles[1].kind", "did you mean 'line'"),
        (("orders_total", "ordrs_total"), 6, "tiles[0].query.metric", "'orders_total'"),
        (("currency", "curency"), 12, "tiles[1].options.format", "did you mean 'currency'"),
        (("format:", "formt:"), 12, "tiles[1].options.formt", "did you mean 'format'"),
        (("[status]", "[statsu]"), 10, "tiles[1].query.by", "did you mean 'status'"),
        (("refresh: 5s", "refresh: soon"), 2, "refresh", "not a duration"),
        (("refresh: 5s", "refesh: 5s"), 2, "refesh", "did you mean 'refresh'"),
        (("name: Shop", "theme: dark"), 1, "name", "needs a name"),
        (("title: Orders", "x: 13"), 5, "tiles[0].x", "from -1 to 11"),
        (("query: {metric: orders_total}", "query: {table: orders}"), 4, "tiles[0]", "not table"),
        (("by: [status]", "sql: SELECT 1"), 8, "tiles[1].query", "about one of them"),
    ],
)
def test_faults_point(change: tuple[str, str], line: int, path: str, words: str) -> None:
    """Each fault has its line, its path, and what was possible."""
    found = look_at_text(SHOP.replace(*change), known=KNOWN)
    fault = found.faults[0]
    assert (fault.path, fault.line) == (path, line)
    assert words in fault.message


def test_a_value_that_sql_names_and_nobody_has_is_a_warning() -> None:
    """The nearest is said; the board's variables, and the range, are there."""
    known = msgspec.structs.replace(KNOWN, named_in=lambda sql: re.findall(r"\$(\w+)", sql))
    sql = "SELECT $from, $to, $region, $regoin, $form"
    region = {"name": "region", "values": ["north"]}
    tiles = [{"kind": "table", "query": {"sql": sql}}, {"kind": "table", "sql": "SELECT $until"}]
    board = {"name": "a", "variables": [region], "tiles": tiles}
    found = look_at(board, known=known)
    assert found.dashboard is not None
    assert all(each.is_warning for each in found.faults)
    assert [(each.path, each.message.partition(" Variables")[0]) for each in found.faults] == [
        ("tiles[0].query.sql", "no variable 'regoin'; did you mean 'region'?"),
        ("tiles[0].query.sql", "no variable 'form'; did you mean 'from'?"),
        ("tiles[1].sql", "no variable 'until'."),
    ]


def test_what_is_not_there_is_a_warning_and_what_is_wrong_is_not() -> None:
    """A metric may come later; an unknown kind cannot."""
    later = look_at_text(SHOP.replace("orders_total", "ordrs_total"), known=KNOWN)
    assert later.dashboard is not None
    assert [each.is_warning for each in later.faults] == [True]
    assert look_at_text(SHOP.replace("kind: line", "kind: lien")).dashboard is None


def test_all_faults_are_told_at_once() -> None:
    """The error counts them, and has each in its details."""
    bad = SHOP.replace("kind: line", "kind: lien").replace("refresh: 5s", "refesh: 5s")
    with pytest.raises(InputError, match="and 1 more") as found:
        from_text(bad)
    assert [each["line"] for each in found.value.details["faults"]] == [2, 7]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("name: a\nname: b\n", "line 2: it stands twice"),
        ("a: &x [1]\nb: *x\n", "aliases are not taken"),
        ("name: [", "line 2 is not YAML"),
        ("", "is empty"),
        ("!!python/object/apply:os.system [ls]", "line 1"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_what_is_no_document_is_refused(words: str, fault: str) -> None:
    """Keys that stand twice, aliases, tags and cut texts are refused with their line."""
    with pytest.raises(InputError) as found:
        from_text(words)
    assert fault in found.value.message or "too deep" in found.value.message


def test_lines_are_those_of_the_file() -> None:
    """Each value has the line of its key; list items that of their first key."""
    _, lines = parse_text(SHOP)
    assert lines["tiles", 1, "query", "by"] == 10
    assert lines["tiles", 0] == 4


@pytest.mark.parametrize(
    ("given", "kind", "place"),
    [
        ({"type": "metric", "position": {"x": 3, "y": 1, "width": 4, "height": 2}}, "counter", 4),
        ({"type": "chart", "position": {"x": 0, "y": 0, "w": 5, "h": 2}}, "line", 5),
        ({"type": "chart", "config": {"chartType": "pie", "metric": "m"}}, "donut", 4),
        ({"type": "table", "config": {"limit": 7}, "table": "orders"}, "table", 6),
        ({"type": "alert", "metric": "m", "refreshInterval": 1000}, "alerts", 4),
        ({"type": "chart", "query": "SELECT 1 AS value"}, "line", 6),
        (
            {"type": "chart", "metrics": ["a", "b"], "filters": [{"field": "f", "value": "v"}]},
            "line",
            6,
        ),
    ],
)
def test_older_widgets_are_taken(given: dict[str, Any], kind: str, place: int) -> None:
    """Both forms of a position, types of old, config, refreshInterval and filters as a list."""
    tile, _ = read_tile(given)
    assert (tile.kind, tile.w) == (kind, place)


def test_older_words_say_the_same() -> None:
    """An older dashboard is the same as one of today."""
    older = {
        "name": "Old",
        "refreshInterval": 30_000,
        "isPublic": True,
        "timeRange": {"start": "-2d", "end": "-1d"},
        "filters": [{"field": "status", "operator": "=", "value": "paid"}],
        "widgets": [
            {"type": "chart", "title": "A", "config": {"metric": "m", "group_by": ["status"]}},
            {"type": "metric", "title": "B", "metric": "n", "filters": {"status": "paid"}},
        ],
    }
    board = read_dashboard(older)
    assert (board.refresh, board.is_public, board.time_range) == ("30s", True, "-2d/-1d")
    assert board.filters == {"status": "paid"}
    assert board.tiles[0].query == TileQuery(metric="m", by=("status",))
    assert board.tiles[1].query == TileQuery(metric="n", filters={"status": "paid"})


def test_a_board_is_as_hurried_as_its_most_hurried_widget() -> None:
    """Without a refresh of its own, the shortest refreshInterval of its widgets holds."""
    widgets = [{"type": "alert", "refreshInterval": each} for each in (60, 1, 5_000)]
    assert read_dashboard({"name": "a", "widgets": widgets}).refresh == "1s"
    assert read_dashboard({"name": "a", "refresh": "1m", "widgets": widgets}).refresh == "1m"


def test_there_are_twenty_kinds_and_each_can_be_made() -> None:
    """Each kind has a label, an icon, a description, a size on the grid; options have defaults."""
    assert len(TILE_KINDS) >= 20
    for name, kind in TILE_KINDS.items():
        assert kind.name == name
        assert kind.label
        assert kind.icon
        assert kind.description.endswith(".")
        assert kind.least[0] <= kind.w <= COLUMNS
        assert kind.least[1] <= kind.h
        assert len({each.name for each in kind.options}) == len(kind.options)
        tile, _ = read_tile({"kind": name, "options": kind.defaults()})
        assert tile.options == {}
    assert set(KIND_ALIASES.values()) <= set(TILE_KINDS)


def test_filters_follow_variables() -> None:
    """A variable stands for what is chosen, several or all; $$ begins a plain value."""
    region = Variable(name="region", values=("eu", "us"), default="eu")
    board = Dashboard(name="a", variables=(region,), filters={"status": "paid"})
    query = TileQuery(metric="m", filters={"region": "$region", "tag": "$$x"})
    both = (("status", "paid"), ("tag", "$x"))
    assert set(chosen_filters(board, query)) == {("region", "eu"), *both}
    assert set(chosen_filters(board, query, {"region": ()})) == set(both)
    many = chosen_filters(board, query, {"region": ("eu", "us")})
    assert set(many) == {("region", "eu"), ("region", "us"), *both}
    assert ("status", "paid") not in chosen_filters(board, query, labels=("region", "tag"))
    with pytest.raises(InputError, match="did you mean 'region'"):
        chosen_filters(board, TileQuery(metric="m", filters={"a": "$regin"}))


def test_changing_a_board_makes_another() -> None:
    """Tiles are found by either id; the old board stays as it was."""
    board = dw.Dashboard(
        name="a", id="b6f3a0a4-8f3f-4c1c-9d4f-0d9bb2b2a001", tiles=(dw.Tile(kind="alerts"),)
    )
    more = board.with_tile(dw.Tile(kind="line", title="Two"))
    assert [each.id for each in more.tiles] == ["alerts", "two"]
    assert more.tile(widget_id(board.id, "two")).title == "Two"
    assert more.without_tile("two") == board
    with pytest.raises(NotFoundError, match="did you mean 'alerts'"):
        board.tile("alert")


def test_a_tile_off_the_grid_is_refused() -> None:
    """Neither wider than the grid nor without end."""
    places: tuple[dict[str, Any], ...] = ({"x": 8, "w": 6}, {"h": 10**6}, {"y": 10**9}, {"w": -1})
    for place in places:
        with pytest.raises(InputError, match="no place on the grid"):
            Tile(kind="line", **place)


def test_names_for_prometheus_are_legal() -> None:
    """Letters, digits and underscores, whatever a table is called."""
    for name in ("orders_total", "a.b-c", "größe", "漢字", "1st"):
        assert prometheus_name(name).replace("_", "").isalnum()
        assert prometheus_name(name).isascii()
