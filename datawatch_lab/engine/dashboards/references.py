"""Which tiles read a table, a column, or a metric: dashboards in the blast radius of a change."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery
from datawatch_lab.core.schema_changes import Reference


def tiles_reading(
    boards: Iterable[Dashboard], table: str, column: str, metrics: Collection[str]
) -> Iterator[Reference]:
    """The tiles that a change touches, a reference each.

    Args:
        boards: all dashboards.
        table: that changes.
        column: of it; '' for the whole table.
        metrics: names of those that read the column.
    """
    for board in boards:
        for tile in board.tiles:
            found = (_why(each, tile, table, column, metrics) for each in tile.all_queries)
            how = next((each for each in found if each), "")
            how = how or _named(tile, table, column)
            if how:
                name = f"{board.name}: {tile.title or tile.id}"
                yield Reference(kind="tile", name=name, how=how)
        for variable in board.variables:
            if variable.metric in metrics:
                name = f"{board.name}: ${variable.name}"
                yield Reference(
                    kind="variable", name=name, how=f"its choices are of {variable.metric}"
                )


def _why(query: TileQuery, tile: Tile, table: str, column: str, metrics: Collection[str]) -> str:
    if query.metric in metrics:
        return f"it shows {query.metric}"
    if query.table == table:
        shown = tile.options.get("columns", ())
        if not column or not shown or column in shown:
            return f"it shows rows of {table}"
    if query.sql and _mentions(query.sql, table) and (not column or _mentions(query.sql, column)):
        return f"its SQL names {column or table}"
    return ""


def _named(tile: Tile, table: str, column: str) -> str:
    """A tile of a list that is about one table."""
    if not column and tile.options.get("table") == table:
        return f"it is about {table}"
    return ""


def _mentions(sql: str, name: str) -> bool:
    """Whether a name stands in SQL as a word, whatever the case; a star stands for all columns."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE) is not None
