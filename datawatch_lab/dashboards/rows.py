"""Tiles and rows of tiles for templates: what cannot be asked is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from datawatch_lab.core.dashboards import TILE_KINDS, Tile, TileQuery
from datawatch_lab.core.values import Aggregation, MetricDef, TableInfo
from datawatch_lab.dashboards.facts import Facts, asked

MANY = 8
"""Series of a tile at most."""

Tiles = list[Tile]


def tile(kind: str, title: str, *queries: TileQuery | None, **how: Any) -> Tiles:
    """A tile, when one of its queries can be asked."""
    there = [each for each in queries if each is not None]
    if not there and (queries or TILE_KINDS[kind].needs_query):
        return []
    size = {name: how.pop(name) for name in ("w", "h", "window") if name in how}
    query = there[0] if there else None
    return [
        Tile(kind=kind, title=title, query=query, queries=tuple(there[1:]), options=how, **size)
    ]


def row(*tiles: Tiles, h: int | None = None) -> Tiles:
    """Tiles side by side over the whole width; those that are there share it."""
    there = [each for group in tiles for each in group]
    if not there:
        return []
    width, extra = divmod(12, len(there))
    most = max(each.h for each in there) if h is None else h
    widths = (width + (number < extra) for number in range(len(there)))
    return [replace(each, w=w, h=most) for each, w in zip(there, widths, strict=True)]


def placed(*rows: Tiles) -> Tiles:
    """Rows below one another."""
    found: Tiles = []
    y = 0
    for row in rows:
        x = 0
        for tile in row:
            found.append(replace(tile, x=x, y=y))
            x += tile.w
        y += max((each.h for each in row), default=0)
    return found


def several(facts: Facts, pick: Callable[[TableInfo], MetricDef | None]) -> list[TileQuery | None]:
    """A metric of each of the busiest tables."""
    return [asked(pick(table), label=table.name) for table in facts.busiest(MANY)]


def lists() -> Tiles:
    """Alerts, anomalies and schema changes side by side."""
    return row(
        tile("alerts", "Alerts"),
        tile("anomalies", "Anomalies"),
        tile("schema", "Schema changes"),
    )


def split(
    facts: Facts, table: TableInfo, field: str, how: Aggregation, fields: Iterable[str]
) -> list[tuple[str, TileQuery]]:
    """A field of a table by each of some labels that it has."""
    pairs = ((label, asked(facts.reading(table, field, how), label)) for label in fields)
    return [(label, query) for label, query in pairs if query is not None]
