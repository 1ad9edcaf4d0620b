"""Anomalies: what was unusual, newest first."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.tiles.listed import Item, Listed, cut, draw, to_hv
from datawatch_lab.views.board.values import millis
from datawatch_lab.views.board.view import View

_MILDEST = {"all": 0, "info": 0, "warning": 1, "critical": 2}
_RANKS = {"low": 0, "medium": 1, "high": 2, "critical": 3}


def read(view: View, tile: Tile) -> Listed:
    """The episodes: those that go on, or all of the window.

    Raises:
        DataWatchError: they could not be had.
    """
    if "anomalies" in view.happened.problems:
        raise view.happened.problems["anomalies"]
    options = options_of(tile)
    metric = tile.query.metric if tile.query else ""
    start = view.window(tile).start.timestamp() * 1e3
    is_open = options["state"] == "open"
    found = [
        each
        for each in view.happened.anomalies
        if (each.active or not is_open)
        and not each.withdrawn
        and metric in ("", each.metric_name)
        and options["table"] in ("", each.table)
        and _RANKS.get(each.severity, 0) >= _MILDEST[options["severity"]]
        and (is_open or millis(each.ended_at or each.started_at) >= start)
    ]
    calm = "Nothing unusual now" if is_open else "Nothing unusual"
    return cut([_item(each) for each in found], options["limit"], calm)


def _item(found: Any) -> Item:
    level = "bad" if _RANKS.get(found.severity, 0) >= 2 else "warn"
    word = f"{found.severity.capitalize()} {found.type}"
    if not found.active:
        word = f"{word}, over"
    labels = ", ".join(f"{name}={value}" for name, value in found.labels.items())
    title = f"{found.metric_name} ({labels})" if labels else found.metric_name
    return Item(level, word, title, found.description, millis(found.started_at))


KIND = Kind("anomalies", read, draw, to_hv)
