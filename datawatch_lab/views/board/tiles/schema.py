"""Schema changes: what changed in the tables, and what it breaks."""

from __future__ import annotations

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.tiles.listed import Item, Listed, cut, draw, to_hv
from datawatch_lab.views.board.values import millis
from datawatch_lab.views.board.view import View

_RANKS = ("safe", "risky", "breaking")
_LEVELS = {"breaking": "bad", "risky": "warn", "safe": "schema"}


def read(view: View, tile: Tile) -> Listed:
    """The changes of the last 30 days, newest first.

    Raises:
        DataWatchError: they could not be had.
    """
    if "schema" in view.happened.problems:
        raise view.happened.problems["schema"]
    options = options_of(tile)
    mildest = 0 if options["impact"] == "all" else _RANKS.index(options["impact"])
    items = [
        Item(
            _LEVELS.get(each.impact, "schema"),
            each.impact.capitalize(),
            each.title,
            each.reason,
            millis(each.at) if each.at else None,
        )
        for each in view.happened.schema
        if options["table"] in ("", each.table)
        and (each.impact not in _RANKS or _RANKS.index(each.impact) >= mildest)
    ]
    return cut(items, options["limit"], "No schema changes in 30 days")


KIND = Kind("schema", read, draw, to_hv)
