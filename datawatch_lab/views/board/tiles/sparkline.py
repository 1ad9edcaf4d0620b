"""Sparkline: a line without axes, the newest value beside it."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.values import Points, Value, points_of, whole_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


def read(view: View, tile: Tile) -> Points:
    """The points of all that the first query asks."""
    return points_of(view, whole_of(tile))


def _closed(data: Points) -> tuple[Value, ...]:
    """Values of buckets that are over."""
    values = data.lines[0].values if data.lines else ()
    return values[: data.open] if data.open else values


def draw(tile: Tile, data: Points) -> Part | None:
    """The newest value of a bucket that is over, and the line."""
    values = _closed(data)
    newest = next((each for each in reversed(values) if each is not None), None)
    if newest is None:
        return None
    return Part(
        label=in_words(tile, data.unit, newest),
        sub=sub_of(tile, data.unit),
        face="number",
        data={
            "value": newest,
            "fmt": fmt_of(tile, data.unit),
            "trend": None,
            "spark": {"values": values},
            "fill": bool(options_of(tile)["fill"]),
        },
    )


def to_hv(tile: Tile, data: Points) -> Any:
    """The line as a curve."""
    return hv_parts.curves(data, data.unit, tile.title)


KIND = Kind("sparkline", read, draw, to_hv)
