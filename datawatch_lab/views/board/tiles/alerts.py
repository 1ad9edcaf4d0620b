"""Alerts that are open, or that fired within the window."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.numbers import Fmt, shown
from datawatch_lab.views.board.tiles.listed import Item, Listed, calm_of, cut, draw, span_of, to_hv
from datawatch_lab.views.board.values import millis
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import told
from datawatch_lab.views.format import plain

_RANKS = ("info", "warning", "critical")
_LEVELS = {"critical": "bad", "warning": "warn", "info": "info"}


def read(view: View, tile: Tile) -> Listed:
    """The alerts, newest first; those that are open whatever time is looked at.

    Raises:
        DataWatchError: they could not be had.
    """
    if "alerts" in view.happened.problems:
        raise view.happened.problems["alerts"]
    options = options_of(tile)
    is_open = options["state"] == "open"
    mildest = 0 if options["severity"] == "all" else _RANKS.index(options["severity"])
    start, end = span_of(view, tile)
    found = [
        each
        for each in (view.happened.active if is_open else view.happened.alerts)
        if _rank(each.severity) >= mildest
        and options["rule"] in ("", each.rule, each.rule_id)
        and (is_open or not each.fired or start <= millis(each.fired) <= end)
    ]
    calm = "No open alerts" if is_open else calm_of(view, tile, "No alerts")
    return cut([_item(each) for each in found], options["limit"], calm)


def _rank(severity: str) -> int:
    return _RANKS.index(severity) if severity in _RANKS else 0


def _item(alert: Any) -> Item:
    fmt = Fmt(u=alert.unit)
    word = alert.severity.capitalize()
    level = _LEVELS.get(alert.severity, "info")
    if alert.resolved:
        level, word = "good", f"Resolved {alert.severity}"
    elif alert.status != "open":
        word = f"{word}, {alert.status}"
    labels = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
    said = f"{alert.metric} {plain(shown(alert.value, fmt))}" if alert.metric else alert.condition
    text = " · ".join(filter(None, [told(alert.description) or said, labels]))
    return Item(level, word, alert.rule, text, millis(alert.fired) if alert.fired else None)


KIND = Kind("alerts", read, draw, to_hv)
