"""Custom: a Panel or HoloViews object that Python code gives under a name; Panel shows it."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.view import View


def read(view: View, tile: Tile) -> str:
    """The name of the object."""
    del view
    return str(options_of(tile)["object"])


def draw(tile: Tile, data: str) -> Part | None:
    """Where the object stands; the page puts it there, or says that it was not given."""
    del tile
    if not data:
        return Part(state="empty", say="Name the object that this tile shows.")
    say = f"{data} is made by Python, and was not given to this page."
    return Part(label=data, face="object", data={"name": data, "say": say})


def to_hv(tile: Tile, data: str) -> Any:
    """Its name."""
    return hv_parts.table({"object": [data]}, tile.title)


KIND = Kind("custom", read, draw, to_hv)
