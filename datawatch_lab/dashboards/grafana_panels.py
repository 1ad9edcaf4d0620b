"""What Grafana's panels are told beside their values: every field that their types ask for.

Source: ``Options`` of https://github.com/grafana/grafana/tree/main/packages/grafana-schema/src/raw
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datawatch_lab.core.dashboards.kinds import kind_options

Json = dict[str, Any]
Options = Mapping[str, Any]

_REDUCED: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TOOLTIP: Json = {"mode": "multi", "sort": "desc"}
_COUNTRIES = "public/gazetteer/countries.json"
"""A list of Grafana's own."""


def options_of(kind: str, panel: str, said: Options, label: str = "") -> Json:
    """``options`` of a panel.

    Args:
        kind: of the tile.
        panel: type of the panel.
        said: options of the tile.
        label: that its values are split by, as Prometheus has it; '' for none.
    """
    return _OPTIONS[panel](kind_options(kind, said), label)


def transformations_of(panel: str) -> list[Json]:
    """What is done to the answers of a panel before it draws them."""
    if panel != "xychart":
        return []
    # Each query is an answer of its own, and both axes are to be columns of one.
    return [
        {"id": "joinByField", "options": {"byField": "Time", "mode": "outer"}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}}},
    ]


def _legend(options: Options, **more: Any) -> Json:
    return {
        "calcs": [],
        "displayMode": "list",
        "placement": "right" if options.get("legend") == "right" else "bottom",
        "showLegend": options.get("legend") != "none",
        **more,
    }


def _charted(options: Options, **more: Any) -> Json:
    return {"legend": _legend(options), "tooltip": _TOOLTIP, **more}


def _time(options: Options, _: str) -> Json:
    return _charted(options)


def _stat(options: Options, _: str) -> Json:
    is_area = bool(options.get("sparkline", options.get("fill", False)))
    return {
        "colorMode": "none",
        "graphMode": "area" if is_area else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard" if options.get("good") != "down" else "inverted",
        "reduceOptions": _REDUCED,
        "showPercentChange": options.get("trend", "none") != "none",
        "textMode": "auto",
        "wideLayout": True,
    }


def _pie(options: Options, _: str) -> Json:
    return {
        "displayLabels": ["percent"],
        "legend": _legend(options, values=["percent"]),
        "orientation": "auto",
        "pieType": "donut" if options["hole"] else "pie",
        "reduceOptions": _REDUCED,
        "sort": "desc",
        "tooltip": _TOOLTIP,
    }


def _bars(options: Options, label: str) -> Json:
    return _charted(
        options,
        barRadius=0,
        barWidth=0.97,
        fullHighlight=False,
        groupWidth=0.7,
        orientation="horizontal" if options["direction"] == "across" else "vertical",
        showValue="auto",
        stacking="normal" if options["stack"] else "none",
        xTickLabelMaxLength=0,
        xTickLabelRotation=0,
        xTickLabelSpacing=0,
        **({"xField": label} if label else {}),
    )


def _top(options: Options, _: str) -> Json:
    return {
        "displayMode": "basic",
        "legend": _legend({"legend": "none"}),
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": {**_REDUCED, "limit": options["limit"]},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "text",
    }


def _gauge(_: Options, __: str) -> Json:
    return {
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": _REDUCED,
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
        "sizing": "auto",
    }


def _histogram(options: Options, _: str) -> Json:
    return _charted(options, bucketCount=options["bins"])


def _heat(options: Options, _: str) -> Json:
    scheme = "RdBu" if options["colours"] == "diverging" else "Blues"
    return {
        "calculate": True,
        "color": {
            "exponent": 0.5,
            "fill": "dark-blue",
            "mode": "scheme",
            "reverse": False,
            "scheme": scheme,
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "legend": {"show": True},
        "showValue": "auto",
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left"},
    }


def _map(_: Options, label: str) -> Json:
    """A mark in each country, as large as its value."""
    style = {
        "color": {"fixed": "semi-dark-blue"},
        "opacity": 0.6,
        "size": {"field": "Value", "fixed": 5, "max": 24, "min": 3},
    }
    countries = {
        "type": "markers",
        "name": "Countries",
        "config": {"showLegend": False, "style": style},
        "location": {"mode": "lookup", "lookup": label, "gazetteer": _COUNTRIES},
        "tooltip": True,
    }
    return {
        "basemap": {"type": "default", "name": "Map"},
        "controls": {"mouseWheelZoom": False, "showAttribution": True, "showZoom": True},
        "layers": [countries],
        "tooltip": {"mode": "details"},
        "view": {"id": "zero", "lat": 0, "lon": 0, "zoom": 1},
    }


def _table(_: Options, __: str) -> Json:
    return {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}


def _scatter(options: Options, _: str) -> Json:
    return _charted(options, mapping="auto", series=[])


def alert_list(most: int) -> Json:
    """``options`` of a list of alerts that are open."""
    return {
        "alertInstanceLabelFilter": "",
        "alertName": "",
        "dashboardAlerts": False,
        "groupBy": [],
        "groupMode": "default",
        "maxItems": most,
        "sortOrder": 1,
        "stateFilter": {
            "error": True,
            "firing": True,
            "noData": True,
            "normal": False,
            "pending": True,
        },
        "viewMode": "list",
    }


_OPTIONS: Mapping[str, Callable[[Options, str], Json]] = {
    "timeseries": _time,
    "stat": _stat,
    "piechart": _pie,
    "barchart": _bars,
    "bargauge": _top,
    "gauge": _gauge,
    "histogram": _histogram,
    "heatmap": _heat,
    "geomap": _map,
    "table": _table,
    "xychart": _scatter,
}
