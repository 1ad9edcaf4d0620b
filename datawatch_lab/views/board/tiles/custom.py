"""Custom: an object that Python code gives to the board under a name; Panel shows it."""

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
    """Where the object is: a page without Python cannot show it."""
    del tile
    say = f"{data} is made by Python; open this board in a notebook or a Panel app to see it."
    return Part(state="empty", say=say if data else "Name the object that this tile shows.")


def to_hv(tile: Tile, data: str) -> Any:
    """Its name."""
    return hv_parts.table({"object": [data]}, tile.title)


KIND = Kind("custom", read, draw, to_hv)
