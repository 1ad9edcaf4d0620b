"""Bodies of dashboards and widgets as older programs send them, in today's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from datawatch_lab.core.dashboards.document import REFRESH
from datawatch_lab.core.dashboards.places import Place, fields, text
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import not_found

DASHBOARD_WORDS: Mapping[str, str] = {
    "widgets": "tiles",
    "timeRange": "time_range",
    "refreshInterval": "refresh",
    "refresh_interval": "refresh",
    "isPublic": "is_public",
    "createdBy": "created_by",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}
QUERY_WORDS: Mapping[str, str] = {
    "metric_name": "metric",
    "metricName": "metric",
    "group_by": "by",
    "groupBy": "by",
}
TILE_WORDS: Mapping[str, str] = {
    **QUERY_WORDS,
    "type": "kind",
    "name": "title",
    "time_range": "window",
    "timeRange": "window",
    "description": "note",
}
_CHARTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "line": ("line", {}),
    "area": ("line", {"fill": True}),
    "bar": ("bar", {}),
    "column": ("bar", {}),
    "pie": ("donut", {"hole": False}),
    "donut": ("donut", {}),
    "doughnut": ("donut", {}),
    "gauge": ("gauge", {}),
    "heatmap": ("heatmap", {}),
    "scatter": ("scatter", {}),
    "histogram": ("histogram", {}),
}


class OlderTile(msgspec.Struct, frozen=True):
    """A tile in today's words.

    Attributes:
        given: keys and values.
        refresh: how often it was to be asked anew; none or one.
        is_alert: it was of the type alert, whose metric says nothing here.
    """

    given: Mapping[str, Any]
    refresh: tuple[str, ...] = ()
    is_alert: bool = False


def older_tile(given: Mapping[str, Any]) -> OlderTile:
    """A widget as older programs have it, in today's words; a tile of today stays as it is."""
    made = {str(key): value for key, value in given.items()}
    wanted = made.pop("refreshInterval", None) or made.pop("refresh_interval", None)
    position = made.pop("position", None)
    if isinstance(position, Mapping):
        words = {"width": "w", "height": "h"}
        made |= {words.get(str(key), str(key)): each for key, each in position.items()}
    elif position is not None:
        made["position"] = position
    config = made.pop("config", None)
    if isinstance(config, Mapping):
        _spread(made, config)
    elif config is not None:
        made["config"] = config
    if made.get("type") == "chart" or made.get("kind") == "chart":
        _chart(made)
    metrics = made.pop("metrics", None)
    if isinstance(metrics, Sequence) and not isinstance(metrics, str) and "queries" not in made:
        made["queries"] = list(metrics)
    elif metrics is not None:
        made.setdefault("metric", metrics)
    word = made.get("type", made.get("kind"))
    refresh = () if wanted is None else (refresh_named(str(wanted)),)
    return OlderTile(made, refresh, is_alert=word == "alert")


def _spread(made: dict[str, Any], config: Mapping[str, Any]) -> None:
    """What a widget's ``config`` says: keys of the tile, else options of its kind."""
    tile = {*TILE_WORDS, *TILE_WORDS.values(), "query", "metrics", "sql", "table", "filters"}
    tile |= {"aggregation", "step", "compare", "chartType", "chart_type"}
    for key, value in config.items():
        if key in tile:
            made.setdefault(str(key), value)
        else:
            made["options"] = {**dict(made.get("options") or {}), str(key): value}


def _chart(made: dict[str, Any]) -> None:
    """A chart is a line unless it says which it is."""
    options = dict(made.get("options") or {})
    said = made.pop("chartType", None) or made.pop("chart_type", None)
    said = said or options.pop("chartType", None) or options.pop("chart_type", None) or "line"
    if str(said) not in _CHARTS:
        raise not_found("type of chart", str(said)[:80], _CHARTS)
    kind, more = _CHARTS[str(said)]
    made.pop("type", None)
    made["kind"] = kind
    if options or more:
        made["options"] = {**more, **options}


def refresh_named(given: str) -> str:
    """One of `REFRESH`: the slowest that is not slower than what is asked for.

    Numbers are seconds, from 1,000 on milliseconds.

    >>> refresh_named("5000"), refresh_named("45"), refresh_named("1m")
    ('5s', '30s', '1m')
    """
    if given in REFRESH:
        return given
    seconds = parse_duration(given).total_seconds()
    if seconds >= 1_000 and given.strip().replace(".", "", 1).isdigit():
        seconds /= 1_000
    fitting = [each for each in REFRESH if parse_duration(each).total_seconds() <= seconds]
    return fitting[-1] if fitting else REFRESH[0]


def older_filters(place: Place, given: Sequence[Any]) -> dict[str, Any]:
    """Filters as a list of label and value; the only operator is equality."""
    words = {"field": "label", "key": "label", "name": "label", "op": "operator"}
    found: dict[str, Any] = {}
    for number, each in enumerate(given):
        here = place.at(number)
        readers = {"label": text, "value": lambda _, value: value, "operator": text}
        one = fields(here, each, readers, words)
        if one.get("operator", "=") not in ("=", "==", "eq", "in"):
            here.fault(f"the operator {one['operator']!r} is none of a filter; it is =.")
        elif "label" not in one or "value" not in one:
            here.fault("a filter needs a label and a value.")
        else:
            found[one["label"]] = one["value"]
    return found
