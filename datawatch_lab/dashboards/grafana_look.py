"""How the values of Grafana's panels look: units, scales and thresholds, from a tile's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datawatch_lab.core.dashboards.kinds import kind_options

Json = dict[str, Any]
Options = Mapping[str, Any]

_UNITS: Mapping[str, str] = {
    "1": "short",
    "s": "s",
    "ms": "ms",
    "us": "µs",
    "%": "percent",
    "percent": "percent",
    "ratio": "percentunit",
    "bytes": "decbytes",
    "B": "decbytes",
    "1/min": "cpm",
    "1/s": "cps",
    "": "short",
}
_FORMATS: Mapping[str, str] = {
    "percent": "percentunit",
    "duration": "s",
    "bytes": "decbytes",
}
"""Formats that say a unit of their own; others leave it to the metric."""
_SCALED = {("duration", "ms"), ("duration", "us"), ("percent", "%"), ("percent", "percent")}
"""Formats and units that go together on another scale than the format alone."""

_CURRENCIES = frozenset(
    "USD EUR GBP JPY CHF INR BRL CAD CZK PLN SEK NOK DKK KRW TRY ZAR".split(),  # noqa: SIM905
)
_LINEAR: Json = {"type": "linear"}
_BOUNDS = (("decimals", "decimals"), ("low", "min"), ("high", "max"), ("goal", "max"))
_STEPS = (("warning", "orange"), ("critical", "red"), ("threshold", "red"))


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
    if options.get("format") == "integer":
        found.setdefault("decimals", 0)
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
    if (form, unit) in _SCALED:
        return _UNITS[unit]
    return _FORMATS.get(form) or _UNITS.get(chosen) or f"suffix: {chosen}"
