"""Dashboards as Grafana takes them: JSON of schema version 39, panels that ask Prometheus.

What Grafana has no panel for (schema changes, the ledger, SQL over the workspace) becomes a text
panel that says so, so that nothing is lost without a word. Source: the classic model of
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery, Variable, prometheus_name
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.names import prometheus_label
from datawatch_lab.core.values import MetricDef
from datawatch_lab.dashboards.grafana_look import defaults
from datawatch_lab.dashboards.grafana_panels import alert_list, options_of, transformations_of
from datawatch_lab.dashboards.promql import promql, shared_filters

Json = dict[str, Any]

_SOURCE: Json = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
_PANELS: Mapping[str, str] = {
    "counter": "stat",
    "sparkline": "stat",
    "stats": "stat",
    "line": "timeseries",
    "forecast": "timeseries",
    "bar": "barchart",
    "histogram": "histogram",
    "donut": "piechart",
    "table": "table",
    "top": "bargauge",
    "gauge": "gauge",
    "heatmap": "heatmap",
    "map": "geomap",
    "scatter": "xychart",
    "alerts": "alertlist",
    "quality": "timeseries",
    "anomalies": "stat",
    "text": "text",
}
_OWN: Mapping[str, tuple[str, str]] = {
    "quality": ("dq_score", "avg"),
    "anomalies": ("anomalies_active", "last"),
}
_ONE_VALUE = frozenset({"stat", "piechart", "table", "bargauge", "gauge", "geomap", "barchart"})
_COLUMNS_EACH = 2
_PIXELS_ROW, _GRAFANA_ROW = 48, 30


def to_grafana(board: Dashboard, metrics: Mapping[str, MetricDef]) -> Json:
    """A dashboard as Grafana's JSON, to be imported there.

    Args:
        board: any.
        metrics: of the workspace, for units and aggregations.
    """
    start, end = _range(board.time_range)
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "description": "that DataWatch Lab writes to",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": _requires(board),
        "annotations": {"list": [_BUILT_IN]},
        "description": board.description,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "panels": [_panel(n, each, board, metrics) for n, each in enumerate(board.tiles, 1)],
        "refresh": board.refresh if board.refresh != "1s" else "5s",
        "schemaVersion": 39,
        "tags": ["datawatch"],
        "templating": {"list": [_variable(each) for each in board.variables]},
        "time": {"from": start, "to": end},
        "timepicker": {},
        "timezone": "",
        "title": board.name,
        **({"uid": board.id.replace("-", "")[:40]} if board.id else {}),
        "version": max(board.version, 1),
        "weekStart": "",
    }


_BUILT_IN: Json = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def _requires(board: Dashboard) -> list[Json]:
    kinds = sorted({_panel_type(each) for each in board.tiles})
    panels = [{"type": "panel", "id": each, "name": each, "version": ""} for each in kinds]
    return [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.4.0"},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *panels,
    ]


def _range(words: str) -> tuple[str, str]:
    if words == "auto":
        return "now-6h", "now"
    if words in ("today", "yesterday"):
        return ("now/d", "now") if words == "today" else ("now-1d/d", "now-1d/d")
    start, slash, end = words.partition("/")
    if not slash:
        return f"now-{_one_unit(words)}", "now"
    return _moment(start), _moment(end)


def _moment(words: str) -> str:
    if words[:1] in ("+", "-"):
        return "now" + words[0] + _one_unit(words[1:])
    return {"today": "now/d", "yesterday": "now-1d/d"}.get(words, words)


def _one_unit(words: str) -> str:
    """A duration with one unit, as Grafana's times have it: 1h30m is 90m."""
    seconds = round(parse_duration(words).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _variable(variable: Variable) -> Json:
    many = {"multi": variable.multi, "includeAll": True, "allValue": ".*"}
    shared: Json = {
        "name": variable.name,
        "label": variable.title or variable.name,
        "hide": 0,
        "skipUrlSync": False,
        "current": _current(variable),
        **many,
    }
    if variable.values:
        listed = [{"selected": False, "text": each, "value": each} for each in variable.values]
        words = ",".join(each.replace(",", "\\,") for each in variable.values)
        return {**shared, "type": "custom", "query": words, "options": listed}
    query = f"label_values({prometheus_name(variable.metric)}, {prometheus_label(variable.label)})"
    return {
        **shared,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "options": [],
    }


def _current(variable: Variable) -> Json:
    chosen: Any = list(variable.chosen) or ["$__all"]
    words: Any = list(variable.chosen) or ["All"]
    return {
        "selected": True,
        "text": words if variable.multi else words[0],
        "value": chosen if variable.multi else chosen[0],
    }


# -------------------------------------------------------------------------------- panels


def _panel_type(tile: Tile) -> str:
    queries = tile.all_queries
    is_asked = tile.kind in _OWN or any(each.metric for each in queries)
    if tile.kind in _PANELS and (is_asked or tile.kind in ("text", "alerts")):
        is_time = tile.kind == "bar" and tile.options.get("over") == "time"
        return "timeseries" if is_time else _PANELS[tile.kind]
    return "text"


def _panel(number: int, tile: Tile, board: Dashboard, metrics: Mapping[str, MetricDef]) -> Json:
    kind = _panel_type(tile)
    top, bottom = (round(row * _PIXELS_ROW / _GRAFANA_ROW) for row in (tile.y, tile.y + tile.h))
    panel: Json = {
        "id": number,
        "type": kind,
        "title": tile.title,
        "description": tile.note if tile.kind != "text" else "",
        "gridPos": {
            "x": tile.x * _COLUMNS_EACH,
            "y": top,
            "w": tile.w * _COLUMNS_EACH,
            "h": max(bottom - top, 1),
        },
        "transparent": False,
    }
    if tile.window:
        panel["timeFrom"] = _one_unit(tile.window)
    if kind == "text":
        return {**panel, "options": {"mode": "markdown", "content": _words(tile)}}
    if kind == "alertlist":
        return {**panel, "options": alert_list(tile.option("limit"))}
    queries = _queries(tile, board, metrics)
    metric = metrics.get(queries[0].metric)
    unit = metric.unit if metric else ""
    label = tile.options.get("place") or next(iter(queries[0].by), "")
    changed = transformations_of(kind)
    return {
        **panel,
        "datasource": _SOURCE,
        "targets": _targets(kind, queries, metrics),
        **({"transformations": changed} if changed else {}),
        "fieldConfig": {"defaults": defaults(tile.kind, kind, tile.options, unit), "overrides": []},
        "options": options_of(
            tile.kind, kind, tile.options, prometheus_label(label) if label else ""
        ),
    }


def _queries(tile: Tile, board: Dashboard, metrics: Mapping[str, MetricDef]) -> list[TileQuery]:
    """What the panel asks: its metrics, each with the board's filters below its own."""
    if tile.kind in _OWN and not tile.all_queries:
        name, how = _OWN[tile.kind]
        return [TileQuery(metric=name, aggregation=how)]
    return [
        msgspec.structs.replace(each, filters=shared_filters(board.filters, each, metrics))
        for each in tile.all_queries
        if each.metric
    ]


def _targets(kind: str, queries: list[TileQuery], metrics: Mapping[str, MetricDef]) -> list[Json]:
    is_one = kind in _ONE_VALUE
    found: list[Json] = []
    for query in queries:
        backs = (False, True) if query.compare and kind == "timeseries" else (False,)
        for back in backs:
            legend = " ".join("{{" + prometheus_label(each) + "}}" for each in query.by)
            name = query.label or query.metric
            target: Json = {
                "refId": _reference(len(found)),
                "datasource": _SOURCE,
                "expr": promql(
                    query, metrics, over="$__range" if is_one else "$__interval", back=back
                ),
                "legendFormat": (legend or name) + (f" ({query.compare})" if back else ""),
                "range": not is_one,
                "instant": is_one,
                "format": "table" if kind in ("table", "geomap", "barchart") else "time_series",
            }
            if query.step and not is_one:
                target["interval"] = query.step
            found.append(target)
    return found


def _reference(number: int) -> str:
    """The name of a query: A to Z, then AA, AB and so on."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _words(tile: Tile) -> str:
    """What a text panel says."""
    if tile.kind == "text":
        return tile.note
    sql = next((each.sql for each in tile.all_queries if each.sql), "")
    table = next((each.table for each in tile.all_queries if each.table), "")
    words = f"The tile of the kind *{tile.kind}* is shown in DataWatch Lab; Grafana has none."
    if sql:
        words += f"\n\n```sql\n{sql}\n```"
    return f"{words}\n\nIt shows the rows of `{table}`." if table else words
