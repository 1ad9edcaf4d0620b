"""Dashboards as Metabase takes them: cards with SQL, and where they stand on its 24 columns.

The shape is that of Metabase's API: each entry of ``cards`` is a body of ``POST /api/card`` (put in
the id of the database), ``dashcards`` go with ``PUT /api/dashboard/ID`` (put in the ids of the
cards; ``card`` is their number in ``cards``). The SQL reads the views ``metrics.*`` and ``live.*``
of the workspace. Source: https://www.metabase.com/docs/latest/api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from datawatch_lab.core.dashboards import Dashboard, Filters, Tile, TileQuery, Variable
from datawatch_lab.core.dashboards.kinds import kind_options
from datawatch_lab.core.dashboards.values import is_variable
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.values import MetricDef
from datawatch_lab.dashboards.promql import reading, shared_filters

Json = dict[str, Any]

_DISPLAYS: Mapping[str, str] = {
    "counter": "scalar",
    "sparkline": "line",
    "stats": "scalar",
    "line": "line",
    "forecast": "line",
    "bar": "bar",
    "histogram": "bar",
    "donut": "pie",
    "table": "table",
    "top": "row",
    "gauge": "gauge",
    "heatmap": "pivot",
    "map": "map",
    "scatter": "scatter",
}
_WHOLE = ("counter", "stats", "gauge")
_AGGREGATES: Mapping[str, str] = {
    "sum": "sum",
    "count": "sum",
    "net": "sum",
    "min": "min",
    "max": "max",
    "distinct": "max",
}
_STEPS: Mapping[str, str] = {
    "1s": "minute",
    "1m": "minute",
    "1h": "hour",
    "1d": "day",
    "1w": "week",
    "1mo": "month",
}
_COLUMNS_EACH = 2


def to_metabase(board: Dashboard, metrics: Mapping[str, MetricDef]) -> Json:
    """A dashboard as Metabase's API takes it.

    Args:
        board: any.
        metrics: of the workspace, for aggregations.
    """
    cards: list[Json] = []
    dashcards: list[Json] = []
    for number, tile in enumerate(board.tiles, 1):
        queries = [
            replace(each, filters=shared_filters(board.filters, each, metrics))
            for each in tile.all_queries
            if each.about
        ]
        shown = tile.kind in _DISPLAYS and queries
        place = {
            "id": -number,
            "row": tile.y,
            "col": tile.x * _COLUMNS_EACH,
            "size_x": tile.w * _COLUMNS_EACH,
            "size_y": tile.h,
        }
        if not shown:
            dashcards.append({**place, "card_id": None, **_text(tile)})
            continue
        card = {"card": len(cards), "parameter_mappings": _mappings(len(cards), queries)}
        cards.append(_card(tile, queries, board, metrics))
        dashcards.append({**place, **card, "visualization_settings": {}, "series": []})
    return {
        "name": board.name,
        "description": board.description or None,
        "parameters": [_parameter(each) for each in board.variables],
        "cards": cards,
        "dashcards": dashcards,
        "tabs": [],
    }


def _parameter(variable: Variable) -> Json:
    found: Json = {
        "id": variable.name,
        "name": variable.title or variable.name,
        "slug": variable.name,
        "type": "string/=",
        "sectionId": "string",
        "isMultiSelect": variable.multi,
    }
    if variable.values:
        found |= {
            "values_source_type": "static-list",
            "values_source_config": {"values": list(variable.values)},
        }
    return found | ({"default": list(variable.chosen)} if variable.chosen else {})


def _text(tile: Tile) -> Json:
    words = tile.note
    if tile.kind != "text":
        words = f"**{tile.title or tile.kind}** is shown in DataWatch Lab; Metabase has none."
    virtual: Json = {
        "name": None,
        "display": "text",
        "visualization_settings": {},
        "archived": False,
    }
    return {"visualization_settings": {"virtual_card": virtual, "text": words}}


def _card(
    tile: Tile, queries: list[TileQuery], board: Dashboard, metrics: Mapping[str, MetricDef]
) -> Json:
    words, names = _sql(tile, queries, board, metrics)
    display = _DISPLAYS[tile.kind]
    if tile.kind == "bar" and tile.options.get("over") != "time" and not queries[0].by:
        display = "scalar" if len(queries) == 1 else "bar"
    return {
        "name": tile.title or tile.id,
        "description": tile.note or None,
        "display": display,
        "type": "question",
        "dataset_query": {
            "type": "native",
            "database": None,
            "native": {
                "query": words,
                "template-tags": {each: _tag(each, board) for each in names},
            },
        },
        "visualization_settings": _settings(tile, queries),
    }


def _tag(name: str, board: Dashboard) -> Json:
    title = next((each.title for each in board.variables if each.name == name), "")
    return {"id": name, "name": name, "display-name": title or name, "type": "text"}


def _mappings(card: int, queries: list[TileQuery]) -> list[Json]:
    used = {name for each in queries for name in _variables(each.filters)}
    return [
        {"parameter_id": name, "card": card, "target": ["variable", ["template-tag", name]]}
        for name in sorted(used)
    ]


def _variables(filters: Filters) -> list[str]:
    values = [
        value for said in filters.values() for value in ((said,) if isinstance(said, str) else said)
    ]
    return [each[1:] for each in values if is_variable(each)]


# ----------------------------------------------------------------------------------- SQL


def _sql(
    tile: Tile, queries: list[TileQuery], board: Dashboard, metrics: Mapping[str, MetricDef]
) -> tuple[str, list[str]]:
    """The query of a card, and the variables in it."""
    first = queries[0]
    if first.sql:
        return first.sql, []
    if first.table:
        most = tile.option("limit") if tile.kind == "table" else 100
        return f"SELECT * FROM live.{_name(first.table)} LIMIT {most}", []  # noqa: S608 — quoted
    asked = [each for each in queries if each.metric]
    parts = [_select(tile, each, board, metrics, many=len(asked) > 1) for each in asked]
    names = [name for each in asked for name in _variables(each.filters)]
    return "\nUNION ALL\n".join(parts), sorted(set(names))


def _select(
    tile: Tile, query: TileQuery, board: Dashboard, metrics: Mapping[str, MetricDef], *, many: bool
) -> str:
    metric = metrics.get(query.metric)
    how = query.aggregation or (metric.aggregation.value if metric else "sum")
    heads = []
    if tile.kind not in (*_WHOLE, "donut", "top", "map", "table") and not _by_label(tile, query):
        step = _STEPS.get(query.step, "hour")
        heads.append((f"date_trunc('{step}', time)", "time"))
    if many:
        heads.append((_text_literal(query.label or query.metric), "series"))
    heads += [(_name(each), _name(each)) for each in query.by]
    value = f"{_AGGREGATES.get(how, 'avg')}(value) AS value"
    if how == "last":
        value = "arg_max(value, time) AS value"
    listed = ", ".join([*(_as(each, name) for each, name in heads), value])
    where = " AND ".join([_since(tile, board), *_conditions(query.filters)])
    lines = [
        f"SELECT {listed}",
        f"FROM metrics.{_name(reading(query.metric, how, metrics))}",
        f"WHERE {where}",
    ]
    if heads:
        lines.append(f"GROUP BY {', '.join(str(n) for n in range(1, len(heads) + 1))}")
    if tile.kind in ("top", "donut", "table"):
        lines.append(f"ORDER BY value DESC LIMIT {kind_options(tile.kind, tile.options)['limit']}")
    text = "\n".join(lines)
    return f"({text})" if many else text


def _by_label(tile: Tile, query: TileQuery) -> bool:
    return tile.kind == "bar" and tile.options.get("over") != "time" and bool(query.by)


def _as(expression: str, name: str) -> str:
    return expression if expression == name else f"{expression} AS {name}"


def _since(tile: Tile, board: Dashboard) -> str:
    words = tile.window or board.time_range
    if words == "today":
        return "time >= date_trunc('day', now()::TIMESTAMP)"
    if words in ("auto", "yesterday") or "/" in words:
        words = "2d" if words == "yesterday" else "1d"
    minutes = max(round(parse_duration(words).total_seconds() / 60), 1)
    return f"time >= now()::TIMESTAMP - INTERVAL {minutes} MINUTE"


def _conditions(filters: Filters) -> list[str]:
    found = []
    for label, said in sorted(filters.items()):
        values = (said,) if isinstance(said, str) else said
        # A clause in [[ ]] falls away when nothing is chosen.
        found += [
            f"1 = 1 [[AND {_name(label)} = {{{{{value[1:]}}}}}]]"
            for value in values
            if is_variable(value)
        ]
        plain = [
            each[1:] if each.startswith("$$") else each for each in values if not is_variable(each)
        ]
        if plain:
            listed = ", ".join(map(_text_literal, plain))
            found.append(f"{_name(label)} IN ({listed})")
    return found


def _name(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _text_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _settings(tile: Tile, queries: list[TileQuery]) -> Json:
    options = kind_options(tile.kind, tile.options)
    found: Json = {}
    if tile.kind in ("line", "bar", "scatter", "forecast", "sparkline", "histogram"):
        by = list(queries[0].by)
        more = ["series"] if len(queries) > 1 else by
        is_time = not _by_label(tile, queries[0])
        found["graph.dimensions"] = ["time", *more] if is_time else by
        found["graph.metrics"] = ["value"]
    if options.get("stack"):
        found["stackable.stack_type"] = "stacked"
    if options.get("threshold") is not None:
        found |= {"graph.show_goal": True, "graph.goal_value": options["threshold"]}
    if tile.kind == "donut" and queries[0].by:
        found |= {"pie.dimension": queries[0].by[0], "pie.metric": "value"}
    style = {"percent": "percent", "currency": "currency"}.get(str(options.get("format")))
    if style:
        column: Json = {"number_style": style}
        if style == "currency" and options.get("unit"):
            column["currency"] = options["unit"]
        found["column_settings"] = {'["name","value"]': column}
    return found
