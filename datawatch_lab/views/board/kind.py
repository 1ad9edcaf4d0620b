"""What every kind of tile is: three functions under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.view import View


@dataclass(frozen=True)
class Kind:
    """One kind of tile.

    Attributes:
        name: as `core.dashboards.TILE_KINDS` has it.
        read: asks for the values; raises a `DataWatchError` where they cannot be had.
        draw: the values as a message part; None when there are none to show. It asks nothing.
        to_hv: the same values as a HoloViews object.
    """

    name: str
    read: Callable[[View, Tile], Any]
    draw: Callable[[Tile, Any], Part | None]
    to_hv: Callable[[Tile, Any], Any]
