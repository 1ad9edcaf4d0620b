"""Templates, exports and differences: pure functions of documents and facts.

``DATAWATCH_GOLDEN=write`` writes the golden files anew; a person reads the difference then.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no stubs here
import pytest
import sqlglot
from hypothesis import given, settings

from datawatch_lab.core.dashboards import COLUMNS, Dashboard, Tile, TileQuery, Variable
from datawatch_lab.core.dashboards.reading import Known, look_at
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.core.values import Role
from datawatch_lab.dashboards.difference import differences
from datawatch_lab.dashboards.facts import Facts
from datawatch_lab.dashboards.grafana import to_grafana
from datawatch_lab.dashboards.grafana_look import unit_of
from datawatch_lab.dashboards.metabase import to_metabase
from datawatch_lab.dashboards.promql import promql
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

PANELS = (
    *("stat", "timeseries", "barchart", "histogram", "piechart", "table", "bargauge", "gauge"),
    *("heatmap", "geomap", "xychart", "alertlist", "text"),
)
GRAFANA = {
    "type": "object",
    "required": ["title", "schemaVersion", "panels", "templating", "time", "annotations", "tags"],
    "properties": {
        "id": {"type": ["integer", "null"]},
        "uid": {"type": ["string", "null"], "maxLength": 40},
        "title": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "graphTooltip": {"enum": [0, 1, 2]},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "refresh": {"type": "string"},
        "time": {
            "required": ["from", "to"],
            "properties": {
                "from": {"pattern": r"^(now([-+]\d+[smhdwMy])?(/d)?|\d{4}-.*)$"},
                "to": {"pattern": r"^(now([-+]\d+[smhdwMy])?(/d)?|\d{4}-.*)$"},
            },
        },
        "templating": {
            "properties": {
                "list": {
                    "items": {
                        "required": ["name", "type", "query", "current"],
                        "properties": {
                            "name": {"pattern": r"^\w+$"},
                            "type": {"enum": ["query", "custom"]},
                        },
                    }
                }
            }
        },
        "panels": {
            "type": "array",
            "items": {
                "required": ["id", "type", "title", "gridPos"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "type": {"enum": list(PANELS)},
                    "gridPos": {
                        "required": ["x", "y", "w", "h"],
                        "properties": {
                            "x": {"type": "integer", "minimum": 0, "maximum": 23},
                            "y": {"type": "integer", "minimum": 0},
                            "w": {"type": "integer", "minimum": 1, "maximum": 24},
                            "h": {"type": "integer", "minimum": 1},
                        },
                    },
                    "targets": {
                        "items": {
                            "required": ["refId", "expr", "datasource"],
                            "properties": {"expr": {"type": "string", "minLength": 1}},
                        }
                    },
                    "fieldConfig": {
                        "required": ["defaults", "overrides"],
                        "properties": {"defaults": {"required": ["unit"]}},
                    },
                },
            },
        },
    },
}
"""The classic model as Grafana documents it, so far as an import depends on it."""


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
    found = to_grafana(BOARD, SHOP.metrics)
    jsonschema.validate(found, GRAFANA)
    check_golden("grafana.json", found)


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_grafana_takes_every_template(name: str) -> None:
    """Each template's export has the documented shape, and a panel for each tile."""
    board = from_template(name, SHOP)
    found = to_grafana(board, SHOP.metrics)
    jsonschema.validate(found, GRAFANA)
    assert [each["title"] for each in found["panels"]] == [each.title for each in board.tiles]
    ids = [each["id"] for each in found["panels"]]
    assert len(set(ids)) == len(ids)


@settings(max_examples=12, deadline=None)
@given(dashboards())
def test_grafana_takes_any_dashboard(board: Dashboard) -> None:
    """Whatever it holds, the export has the shape; ids of queries are unique in a panel."""
    found = to_grafana(board, SHOP.metrics)
    jsonschema.validate(found, GRAFANA)
    for panel in found["panels"]:
        ids = [each["refId"] for each in panel.get("targets", [])]
        assert len(set(ids)) == len(ids)


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
