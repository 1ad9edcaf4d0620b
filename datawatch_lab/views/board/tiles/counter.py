"""Counter: one value, its trend, a small line of how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views import format as texts
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.values import Figure, Value, figure_of, points_of, whole_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import good_of, in_words, sub_of, trend_of


@dataclass(frozen=True)
class Counted:
    """A figure, and the points before it, oldest first."""

    figure: Figure
    spark: tuple[Value, ...] = ()


def read(view: View, tile: Tile) -> Counted:
    """The value over the tile's time, that of the time before, the points between."""
    query = tile.all_queries[0]
    figure = figure_of(view, tile, query)
    spark: tuple[Value, ...] = ()
    if query.metric and options_of(tile).get("sparkline", True):
        points = points_of(view, whole_of(tile), bars=True)
        if points.lines:
            # The bucket that is not over would end every line in a fall.
            spark = points.lines[0].values[: points.open]
    return Counted(figure, spark)


def draw(tile: Tile, data: Counted) -> Part | None:
    """The figure as a number."""
    figure = data.figure
    if figure.now is None:
        return None
    trend = trend_of(figure, good_of(tile))
    said = f", {texts.plain(trend.text)}" if trend else ""
    way = {"up": " up", "down": " down"}.get(trend.way, "") if trend else ""
    return Part(
        label=f"{in_words(tile, figure.unit, figure.now)}{way}{said}",
        sub=sub_of(tile, figure.unit) if options_of(tile).get("format") == "auto" else "",
        face="number",
        data={
            "value": figure.now,
            "fmt": fmt_of(tile, figure.unit),
            "trend": trend,
            "spark": {"values": data.spark} if data.spark else None,
            "fill": bool(options_of(tile).get("fill", True)),
        },
    )


def to_hv(tile: Tile, data: Counted) -> Any:
    """The value and the one before as a table."""
    figure = data.figure
    columns: dict[str, list[Any]] = {
        "name": [figure.name],
        "value": [figure.now],
        "before": [figure.before],
    }
    return hv_parts.table(columns, tile.title)


KIND = Kind("counter", read, draw, to_hv)
