"""How panels of Grafana look: units, scales, legends, from a tile's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from datawatch_lab.core.dashboards.kinds import kind_options

Json = dict[str, Any]
Options = Mapping[str, Any]

_UNITS: Mapping[str, str] = {
    "1": "short",
    "s": "s",
    "ms": "ms",
    "%": "percent",
    "ratio": "percentunit",
    "bytes": "bytes",
    "B": "bytes",
    "1/min": "cpm",
    "1/s": "cps",
    "": "short",
}
_FORMATS: Mapping[str, str] = {
    "percent": "percentunit",
    "duration": "s",
    "bytes": "bytes",
    "integer": "short",
    "per hour": "short",
}
_CURRENCIES = frozenset(
    "USD EUR GBP JPY CHF INR BRL CAD CZK PLN SEK NOK DKK KRW TRY ZAR".split(),  # noqa: SIM905
)
_LINEAR: Json = {"type": "linear"}
_BOUNDS = (("decimals", "decimals"), ("low", "min"), ("high", "max"), ("goal", "max"))
_STEPS = (("warning", "orange"), ("critical", "red"), ("threshold", "red"))
_REDUCED: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def defaults(kind: str, panel: str, said: Options, unit: str) -> Json:
    """``fieldConfig.defaults`` of a panel.

    Args:
        kind: of the tile.
        panel: type of the panel.
        said: options of the tile.
        unit: of its first metric.
    """
    options = kind_options(kind, said)
    found: Json = {"unit": unit_of(options, unit)}
    for ours, theirs in _BOUNDS:
        if options.get(ours) is not None:
            found[theirs] = options[ours]
    steps: list[Json] = [{"color": "green", "value": None}]
    for name, colour in _STEPS:
        if options.get(name) is not None:
            steps.append({"color": colour, "value": options[name]})
    if len(steps) > 1:
        found["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel == "timeseries":
        found["custom"] = {
            "drawStyle": "bars" if kind == "bar" else "line",
            "fillOpacity": 20 if options.get("fill") else 0,
            "stacking": {"mode": "normal" if options.get("stack") else "none", "group": "A"},
            "scaleDistribution": {"type": "log", "log": 10} if options.get("log") else _LINEAR,
            "thresholdsStyle": {"mode": "line" if options.get("threshold") is not None else "off"},
        }
    return found


def unit_of(options: Options, unit: str) -> str:
    """Grafana's name of a unit: by the tile's format, else by the metric's unit.

    >>> unit_of({"format": "currency", "unit": "EUR"}, ""), unit_of({}, "ms")
    ('currencyEUR', 'ms')
    """
    said = str(options.get("unit") or "")
    chosen, form = said or unit, options.get("format", "auto")
    if chosen.upper() in _CURRENCIES:
        return f"currency{chosen.upper()}"
    if form == "currency":
        return f"currency:{said}" if said else "short"
    if (form, unit) in (("duration", "ms"), ("percent", "%")):
        return _UNITS[unit]
    return _FORMATS.get(form) or _UNITS.get(chosen) or f"suffix: {chosen}"


def options_of(kind: str, panel: str, said: Options) -> Json:
    """``options`` of a panel; {} for those of the type itself."""
    make = _OPTIONS.get(panel)
    return make(kind_options(kind, said)) if make else {}


def _legend(options: Options, **more: Any) -> Json:
    return {
        "displayMode": "list",
        "placement": "right" if options.get("legend") == "right" else "bottom",
        "showLegend": options.get("legend") != "none",
        **more,
    }


def _time(options: Options) -> Json:
    legend = _legend(options, calcs=[])
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _stat(options: Options) -> Json:
    is_area = bool(options.get("sparkline", options.get("fill", False)))
    return {
        "colorMode": "none",
        "graphMode": "area" if is_area else "none",
        "justifyMode": "auto",
        "reduceOptions": _REDUCED,
        "textMode": "auto",
    }


def _pie(options: Options) -> Json:
    return {
        "pieType": "donut" if options["hole"] else "pie",
        "reduceOptions": _REDUCED,
        "legend": _legend(options, values=["percent"]),
    }


def _bars(options: Options) -> Json:
    return {
        "orientation": "horizontal" if options["direction"] == "across" else "vertical",
        "stacking": "normal" if options["stack"] else "none",
        "legend": _legend(options, calcs=[]),
    }


def _top(options: Options) -> Json:
    return {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {**_REDUCED, "limit": options["limit"]},
    }


def _gauge(options: Options) -> Json:
    del options
    return {"reduceOptions": _REDUCED, "showThresholdMarkers": True}


def _histogram(options: Options) -> Json:
    return {"bucketCount": options["bins"], "legend": _legend(options, calcs=[])}


def _heat(options: Options) -> Json:
    del options
    return {"calculate": True, "yAxis": {"axisPlacement": "left"}}


_OPTIONS: Mapping[str, Callable[[Options], Json]] = {
    "timeseries": _time,
    "stat": _stat,
    "piechart": _pie,
    "barchart": _bars,
    "bargauge": _top,
    "gauge": _gauge,
    "histogram": _histogram,
    "heatmap": _heat,
}
