"""Stat grid: several values, each with its trend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.values import Figure, figure_of, titles_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import good_of, in_words, trend_of


def read(view: View, tile: Tile) -> tuple[Figure, ...]:
    """A figure for each query."""
    queries = tile.all_queries
    found = (figure_of(view, tile, each) for each in queries)
    return tuple(
        replace(each, name=name) if query.metric else each
        for each, name, query in zip(found, titles_of(queries), queries, strict=True)
    )


def draw(tile: Tile, data: tuple[Figure, ...]) -> Part | None:
    """The figures side by side."""
    if all(each.now is None for each in data):
        return None
    items = [
        {
            "label": each.name,
            "value": each.now,
            "fmt": fmt_of(tile, each.unit),
            "trend": trend_of(each, good_of(tile)),
        }
        for each in data
    ]
    return Part(
        label="; ".join(f"{each.name} {in_words(tile, each.unit, each.now)}" for each in data),
        face="stats",
        data={"items": items, "columns": options_of(tile)["columns"]},
    )


def to_hv(tile: Tile, data: tuple[Figure, ...]) -> Any:
    """The figures as a table."""
    columns: dict[str, list[Any]] = {
        "name": [each.name for each in data],
        "value": [each.now for each in data],
        "before": [each.before for each in data],
    }
    return hv_parts.table(columns, tile.title)


KIND = Kind("stats", read, draw, to_hv)
