"""Top list: the largest values by label, with bars."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.shares import Shares, shares_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


def read(view: View, tile: Tile) -> Shares:
    """The values by label, in the order that the tile says."""
    options = options_of(tile)
    return shares_of(view, tile, options["limit"], smallest=options["order"] == "smallest")


def draw(tile: Tile, data: Shares) -> Part | None:
    """Rows."""
    if not data.rows:
        return None
    said = ", ".join(f"{name} {in_words(tile, data.unit, value)}" for name, value in data.rows)
    return Part(
        label=said[:400],
        sub=sub_of(tile, data.unit),
        face="top",
        data={
            "label": data.label,
            "fmt": fmt_of(tile, data.unit),
            "rows": [{"name": name, "value": value} for name, value in data.rows],
            **({"picks": data.picks} if data.picks else {}),
            "more": data.more,
        },
    )


def to_hv(tile: Tile, data: Shares) -> Any:
    """The rows as bars."""
    return hv_parts.bars(data.rows, data.label, data.unit, tile.title)


KIND = Kind("top", read, draw, to_hv)
