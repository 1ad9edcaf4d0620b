"""Templates, exports and differences: pure functions of documents and facts.

``DATAWATCH_GOLDEN=write`` writes the golden files anew; a person reads the difference then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no stubs here
import pytest
import sqlglot
from hypothesis import given, settings

from datawatch_lab.core.dashboards import (
    COLUMNS,
    TILE_KINDS,
    Dashboard,
    Tile,
    TileQuery,
    Variable,
    prometheus_name,
)
from datawatch_lab.core.dashboards.known import Known
from datawatch_lab.core.dashboards.reading import look_at
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.core.names import always_carried
from datawatch_lab.core.values import Role
from datawatch_lab.dashboards.difference import differences
from datawatch_lab.dashboards.examples import examples
from datawatch_lab.dashboards.facts import Facts
from datawatch_lab.dashboards.grafana import to_grafana
from datawatch_lab.dashboards.grafana_look import unit_of
from datawatch_lab.dashboards.metabase import to_metabase
from datawatch_lab.dashboards.promql import promql, reading
from datawatch_lab.dashboards.templates import DEFAULT, TEMPLATES, from_template
from tests.dashboards.documents import CUSTOMERS, ORDERS, SHOP, dashboards, facts

GOLDEN = Path(__file__).parent / "golden"
KNOWN = Known(
    {name: each.labels for name, each in SHOP.metrics.items()},
    tuple(each.name for each in SHOP.tables),
)
ID = "b6f3a0a4-8f3f-4c1c-9d4f-0d9bb2b2a001"


def query(metric: str, **how: Any) -> TileQuery:
    """A query about a metric."""
    return TileQuery(metric=metric, **how)


BOARD = Dashboard(
    id=ID,
    name="Shop",
    description="All of it",
    time_range="1h30m",
    refresh="1s",
    filters={"channel": "web"},
    variables=(
        Variable(name="status", metric="orders_total", label="status", multi=True),
        Variable(name="tier", values=("a", "b,c"), default="a"),
    ),
    tiles=(
        Tile(
            kind="counter",
            title="Revenue",
            query=query("orders_amount_sum", filters={"status": "$status"}),
            options={"format": "currency", "unit": "EUR"},
        ),
        Tile(
            kind="line",
            title="Latency",
            query=query("payments_latency_ms_p95", compare="same_hour_last_week", label="p95"),
            queries=(query("payments_latency_ms_sum", aggregation="avg"),),
            window="1d",
            options={"threshold": 250.0, "fill": True},
        ),
        Tile(kind="bar", title="By state", query=query("orders_total", by=("status",))),
        Tile(kind="donut", title="States", query=query("orders_by_status", by=("status",))),
        Tile(kind="gauge", title="Goal", query=query("orders_total"), options={"goal": 500.0}),
        Tile(kind="table", title="Rows", query=TileQuery(table="orders")),
        Tile(kind="table", title="Own", query=TileQuery(sql="SELECT 1 AS value")),
        Tile(kind="alerts"),
        Tile(kind="ledger"),
        Tile(kind="quality"),
        Tile(kind="text", note="# Hello"),
        Tile(kind="top", query=query("orders_amount_sum", by=("channel",))),
    ),
)

GRAFANA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parent / "grafana_schema.json").read_text("utf-8"))
)
"""The classic model as Grafana documents it; where, the file says."""

KINDS = Dashboard(id=ID, name="Kinds", tiles=tuple(examples(SHOP).values()))
"""An example of each kind of tile."""


def check_grafana(board: Dashboard) -> Any:
    """The export of a board, which Grafana's schema takes, without places beyond its columns."""
    found = to_grafana(board, SHOP.metrics)
    faults = [f"{each.json_path}: {each.message}" for each in GRAFANA.iter_errors(found)]
    assert faults == []
    places = [each["gridPos"] for each in found["panels"]]
    assert all(each["x"] + each["w"] <= 24 for each in places)
    ids = [each["id"] for each in found["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in found["panels"]:
        asked = [each["refId"] for each in panel.get("targets", [])]
        assert len(set(asked)) == len(asked)
    return found


def check_golden(name: str, found: Any) -> None:
    """A value is that of the golden file, which is written first if that is asked for."""
    file = GOLDEN / name
    if os.environ.get("DATAWATCH_GOLDEN") == "write":
        file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    assert found == json.loads(file.read_text("utf-8"))


# ----------------------------------------------------------------------------- templates


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_template_makes_a_board_that_asks_for_what_is_there(name: str) -> None:
    """Its tiles lie on the grid, overlap nothing, and name only what the workspace has."""
    board = from_template(name, SHOP)
    found = look_at(to_plain(board), known=KNOWN)
    assert found.faults == ()
    assert found.dashboard == board
    assert len(board.tiles) >= 6
    cells = [
        (x, y)
        for each in board.tiles
        for x in range(each.x, each.x + each.w)
        for y in range(each.y, each.y + each.h)
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < COLUMNS


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_template_says_what_it_needs(name: str) -> None:
    """An empty workspace gets one tile of words, which name what is missing."""
    (tile,) = from_template(name, Facts()).tiles
    assert tile.kind == "text"
    assert TEMPLATES[name].needs in tile.note


def test_templates_adapt_to_the_tables() -> None:
    """Bookings are orders too; without a price there is no revenue; the busiest table leads."""
    travel = facts(bookings={**ORDERS, "amount": Role.TEXT, "total_price": Role.NUMERIC})
    shown = {each.query.metric for each in from_template("ecommerce", travel).tiles if each.query}
    assert "bookings_total_price_sum" in shown
    bare = from_template("ecommerce", facts(orders={"id": Role.ID, "status": Role.STATUS}))
    assert "Revenue" not in [each.title for each in bare.tiles]
    assert "Orders by status" in [each.title for each in bare.tiles]
    quiet = facts(customers=CUSTOMERS, orders=ORDERS)
    assert from_template(DEFAULT, quiet).tiles[0].title.startswith(("customers", "New customers"))


def test_a_choice_reaches_the_tiles_that_can_follow_it() -> None:
    """Tiles that are split already are left alone."""
    board = from_template("ecommerce", SHOP)
    (choice,) = board.variables
    asked = [each for tile in board.tiles for each in tile.all_queries]
    following = [each for each in asked if each.filters]
    assert len(following) >= 3
    assert all(not each.by for each in following)
    assert all(choice.label in SHOP.metrics[each.metric].labels for each in following)


def test_an_unknown_template_is_named() -> None:
    """The error names the nearest."""
    with pytest.raises(NotFoundError, match="did you mean 'ecommerce'"):
        from_template("ecomerce", SHOP)


# ------------------------------------------------------------------------------- exports


def test_grafana_is_that_of_the_golden_file() -> None:
    """Names, units, queries, variables and places survive; the rest is said in words."""
    check_golden("grafana.json", check_grafana(BOARD))


def test_the_schema_refuses_what_grafana_does_not_know() -> None:
    """A field that is misspelt, a value that there is not, and a missing one are found."""
    changes: tuple[Callable[[Any], object], ...] = (
        lambda panel: panel["options"].update(colorMod="none"),
        lambda panel: panel["options"].update(colorMode="pink"),
        lambda panel: panel["options"].pop("reduceOptions"),
        lambda panel: panel["fieldConfig"]["defaults"].update(units="s"),
        lambda panel: panel["targets"][0].pop("refId"),
        lambda panel: panel.update(type="counter"),
    )
    for change in changes:
        found = to_grafana(BOARD, SHOP.metrics)
        change(found["panels"][0])
        assert not GRAFANA.is_valid(found)


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_grafana_takes_every_template(name: str) -> None:
    """Each template's export is valid, has a panel for each tile, and asks what the tile asks."""
    _check_what_survives(from_template(name, SHOP))


def test_grafana_takes_every_kind() -> None:
    """An example of each kind, and a board with everything on it."""
    assert {each.kind for each in KINDS.tiles} >= set(TILE_KINDS) - {"custom"}
    _check_what_survives(KINDS)
    _check_what_survives(BOARD)


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_grafana_takes_any_dashboard(board: Dashboard) -> None:
    """Whatever it holds, the export is valid."""
    check_grafana(board)


_UNITS = {"short": ("", "1"), "s": ("s",), "ms": ("ms",), "µs": ("us",), "cpm": ("1/min",)}
_UNITS |= {"cps": ("1/s",), "percentunit": ("ratio",), "percent": ("%", "percent")}
_UNITS |= {"decbytes": ("bytes", "B")}
_ASKED = re.compile(r"(?P<name>datawatch_\w+)(?:\{(?P<labels>.*)\})?\[(?P<over>[^\]]+)\]")
_LABEL = re.compile(r'(\w+)(=~?)"((?:[^"\\]|\\.)*)"')


def _check_what_survives(board: Dashboard) -> None:
    """Titles, places, metrics, labels, filters and units can be read back out of the export."""
    found = check_grafana(board)
    assert [each["title"] for each in found["panels"]] == [each.title for each in board.tiles]
    for panel, tile in zip(found["panels"], board.tiles, strict=True):
        if "targets" not in panel:
            continue
        asked = [each for each in tile.all_queries if each.metric]
        told = [each for each in panel["targets"] if "offset" not in each["expr"]]
        assert len(told) == max(1, len(asked))
        for target, one in zip(told, asked, strict=False):
            _check_query(target["expr"], one, board)
        if asked:
            _check_unit(panel["fieldConfig"]["defaults"], tile, SHOP.metrics[asked[0].metric].unit)


def _check_query(expression: str, asked: TileQuery, board: Dashboard) -> None:
    metric, told = SHOP.metrics[asked.metric], _ASKED.search(expression)
    assert told is not None
    how = asked.aggregation or metric.aggregation.value
    assert told["name"] == prometheus_name(reading(asked.metric, how, SHOP.metrics))
    labels = {name: value for name, _, value in _LABEL.findall(told["labels"] or "")}
    split = set(filter(None, labels.pop("datawatch_by", "").split(",")))
    own = {*asked.filters, *(each for each in board.filters if each in metric.labels)}
    assert split == {*asked.by, *own} - set(always_carried(metric))
    assert set(labels) == own
    by = re.search(r" by \(([^)]*)\)", expression)
    assert (by[1].split(", ") if by else []) == list(asked.by)


def _check_unit(defaults: Any, tile: Tile, unit: str) -> None:
    told, said = (
        defaults["unit"],
        str(tile.option("unit") or "") if "format" in tile.options else "",
    )
    if tile.options.get("format") == "currency":
        assert told == (f"currency{said}" if said else "short")
    elif told.startswith("suffix: "):
        assert told.removeprefix("suffix: ") == unit
    elif "format" not in tile.options:
        assert unit in _UNITS[told]


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        (
            query("orders_total"),
            'sum (sum_over_time(datawatch_orders_total{datawatch_by=""}[1m]))',
        ),
        (
            query("orders_total", by=("status",), filters={"a b": 'x"y\\'}),
            (
                "sum by (status) (sum_over_time(datawatch_orders_total"
                '{datawatch_by="a b,status", a_b="x\\"y\\\\"}[1m]))'
            ),
        ),
        (
            query("orders_amount_sum", aggregation="p95", filters={"s": ("a.b", "c")}),
            (
                "avg (avg_over_time(datawatch_orders_amount_p95"
                '{datawatch_by="s", s=~"a\\\\.b|c"}[1m]))'
            ),
        ),
        (
            query("orders_rows", filters={"s": "$region"}),
            (
                "sum (last_over_time(datawatch_orders_rows"
                '{datawatch_by="s", s=~"${region:regex}"}[1m]))'
            ),
        ),
        (query("orders_amount_sum", filters={"s": "$$x"}), None),
    ],
)
def test_promql_asks_the_same(given: TileQuery, expression: str | None) -> None:
    """Aggregations, labels, several values and variables; values are quoted."""
    found = promql(given, SHOP.metrics, over="1m")
    if expression is None:
        assert 's="$x"' in found
    else:
        assert found == expression


def test_units_survive() -> None:
    """By the format of the tile, else by the metric's unit; unknown ones stand behind numbers."""
    assert unit_of({"format": "currency", "unit": "EUR"}, "") == "currencyEUR"
    assert unit_of({"format": "duration"}, "ms") == "ms"
    assert unit_of({"format": "percent"}, "ratio") == "percentunit"
    assert unit_of({"format": "auto"}, "%") == "percent"
    assert unit_of({}, "1/min") == "cpm"
    assert unit_of({}, "kg") == "suffix: kg"
    assert unit_of({"format": "duration"}, "us") == "µs"
    assert unit_of({"format": "integer"}, "s") == "s"
    assert unit_of({"format": "bytes"}, "1") == "decbytes"


def test_metabase_is_that_of_the_golden_file() -> None:
    """Cards with SQL, places on 24 columns, variables as parameters."""
    check_golden("metabase.json", to_metabase(BOARD, SHOP.metrics))


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_metabase_asks_one_select(board: Dashboard) -> None:
    """Whatever names and values hold, a card's own SQL parses as one query."""
    for card in to_metabase(board, SHOP.metrics)["cards"]:
        native = card["dataset_query"]["native"]["query"]
        if not any(native == each.sql for tile in board.tiles for each in tile.all_queries):
            text = re.sub(r"\[\[AND .*?\]\]", "", native) if "[[" in native else native
            assert len(sqlglot.parse(text, dialect="duckdb")) == 1


# --------------------------------------------------------------------------- differences


@settings(max_examples=12, deadline=None)
@given(dashboards(), dashboards())
def test_there_is_a_difference_if_and_only_if_documents_differ(
    one: Dashboard, other: Dashboard
) -> None:
    """Two documents are the same when nothing differs."""
    assert differences(one, one) == []
    assert bool(differences(one, other)) is (to_plain(one) != to_plain(other))


def test_differences_are_words() -> None:
    """A tile that goes elsewhere is moved; a changed query names both."""
    first, *_ = BOARD.tiles
    moved = BOARD.with_tile(Tile(**{**_fields(first), "x": 9, "y": 40, "title": "Money"}))
    words = [each.words for each in differences(BOARD, moved)]
    assert words == [
        "tile revenue was moved to column 9, row 40",
        "tiles.revenue.title: Revenue → Money",
    ]
    gone = [each.words for each in differences(BOARD, BOARD.without_tile("ledger"))]
    assert gone == ["tile ledger (ledger) was removed"]


def _fields(tile: Tile) -> dict[str, Any]:
    return {name: getattr(tile, name) for name in tile.__struct_fields__}
