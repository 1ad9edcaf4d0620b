"""Donut: shares of a whole, by label."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.values import Shares, shares_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


def read(view: View, tile: Tile) -> Shares:
    """The values by label, largest first."""
    return shares_of(view, tile, options_of(tile)["limit"])


def draw(tile: Tile, data: Shares) -> Part | None:
    """Slices; what is beyond the limit is one slice, and negative values are left out."""
    rows = [(name, value) for name, value in data.rows if value is not None and value > 0]
    if not rows:
        return None
    if data.more and data.rest > 0:
        rows.append((f"{data.more} others", data.rest))
    options = options_of(tile)
    total = sum(value for _, value in rows)
    label = ", ".join(f"{name} {100 * value / total:.0f} %" for name, value in rows)
    return Part(
        label=f"{in_words(tile, data.unit, total)}: {label}"[:400],
        sub=sub_of(tile, data.unit),
        face="donut",
        data={
            "names": [name for name, _ in rows],
            "values": [value for _, value in rows],
            "total": total,
            "fmt": fmt_of(tile, data.unit),
            "label": data.label,
            "hole": bool(options["hole"]),
            "legend": options["legend"],
            "rest": len(rows) - 1 if data.more and data.rest > 0 else -1,
        },
    )


def to_hv(tile: Tile, data: Shares) -> Any:
    """The slices as bars, which HoloViews draws exactly."""
    rows = [(name, value) for name, value in data.rows if value is not None and value > 0]
    if data.more and data.rest > 0:
        rows.append((f"{data.more} others", data.rest))
    return hv_parts.bars(rows, data.label, data.unit, tile.title)


KIND = Kind("donut", read, draw, to_hv)
