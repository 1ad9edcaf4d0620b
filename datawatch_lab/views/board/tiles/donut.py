"""Donut: shares of a whole, by label."""

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
    """The values by label, largest first."""
    return shares_of(view, tile, options_of(tile)["limit"])


def _slices(data: Shares) -> tuple[list[tuple[str, float]], list[str], bool]:
    """Slices with what a click filters by, and whether the last one is of all others."""
    keys = data.picks or [name for name, _ in data.rows]
    shown = [
        (name, value, key)
        for (name, value), key in zip(data.rows, keys, strict=True)
        if value is not None and value > 0
    ]
    rows = [(name, value) for name, value, _ in shown]
    has_rest = bool(rows and data.more and data.rest)
    if has_rest:
        rows.append((f"{data.more} others", data.rest or 0.0))
    return rows, [key for _, _, key in shown] + [""] * has_rest, has_rest


def draw(tile: Tile, data: Shares) -> Part | None:
    """Slices; what is beyond the limit is one slice where values add up to a whole.

    Where they do not, as averages and what is negative, there is no total and are no shares.
    """
    rows, picks, has_rest = _slices(data)
    if not rows:
        return None
    options = options_of(tile)
    total = None if data.rest is None else sum(value for _, value in rows)
    if total is None:
        label = ", ".join(f"{name} {in_words(tile, data.unit, value)}" for name, value in rows)
    else:
        parts = ", ".join(f"{name} {100 * value / total:.0f} %" for name, value in rows)
        label = f"{in_words(tile, data.unit, total)}: {parts}"
    return Part(
        label=label[:400],
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
            "rest": len(rows) - 1 if has_rest else -1,
            **({"picks": picks} if data.picks else {}),
        },
    )


def to_hv(tile: Tile, data: Shares) -> Any:
    """The slices as bars, which HoloViews draws exactly."""
    return hv_parts.bars(_slices(data)[0], data.label, data.unit, tile.title)


KIND = Kind("donut", read, draw, to_hv)
