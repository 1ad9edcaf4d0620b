"""Anomalies: what was unusual, newest first."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.tiles.listed import Item, Listed, calm_of, cut, draw, span_of, to_hv
from datawatch_lab.views.board.values import millis
from datawatch_lab.views.board.view import View
from datawatch_lab.views.clock import told

_MILDEST = {"all": 0, "info": 0, "warning": 1, "critical": 2}
_RANKS = {"low": 0, "medium": 1, "high": 2, "critical": 3}


def read(view: View, tile: Tile) -> Listed:
    """The incidents, one line each: those that go on, or all of the window.

    Raises:
        DataWatchError: they could not be had.
    """
    if "anomalies" in view.happened.problems:
        raise view.happened.problems["anomalies"]
    options = options_of(tile)
    metric = tile.query.metric if tile.query else ""
    start, end = span_of(view, tile)
    is_open = options["state"] == "open"
    found = [
        each
        for each in view.happened.anomalies
        if (each.active or not is_open)
        and not each.withdrawn
        and metric in ("", each.metric_name)
        and options["table"] in ("", each.table)
        and _RANKS.get(each.severity, 0) >= _MILDEST[options["severity"]]
        and millis(each.started_at) <= end
        and (is_open or each.active or millis(each.ended_at or each.started_at) >= start)
    ]
    calm = calm_of(view, tile, "Nothing unusual now" if is_open else "Nothing unusual")
    incidents: dict[str, list[Any]] = {}
    for each in found:
        incidents.setdefault(each.incident or each.id, []).append(each)
    return cut([_line(each) for each in incidents.values()], options["limit"], calm)


def _line(members: list[Any]) -> Item:
    """An incident: the gravest of its anomalies, whole metrics first, and how many more."""
    lead = min(members, key=lambda each: (-_RANKS.get(each.severity, 0), bool(each.labels)))
    item = _item(lead)
    if len(members) == 1:
        return item
    return msgspec.structs.replace(item, text=f"{item.text} And {len(members) - 1:,} more.")


def _item(found: Any) -> Item:
    level = "bad" if _RANKS.get(found.severity, 0) >= 2 else "warn"
    word = f"{found.severity.capitalize()} {found.type}"
    if not found.active:
        word = f"{word}, over"
    labels = ", ".join(f"{name}={value}" for name, value in found.labels.items())
    title = f"{found.metric_name} ({labels})" if labels else found.metric_name
    return Item(level, word, title, told(found.description), millis(found.started_at))


KIND = Kind("anomalies", read, draw, to_hv)
