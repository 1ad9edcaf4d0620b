"""Forecast: what is coming, with its interval, after what was."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.tiles import line
from datawatch_lab.views.board.tiles.line import Lined
from datawatch_lab.views.board.values import Line, Points, Value, finite, millis, title_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words

_AHEAD = "forecast"


def read(view: View, tile: Tile) -> Lined:
    """The history of the largest series, and what follows it."""
    query, options = tile.all_queries[0], options_of(tile)
    filters = [
        f"{label}={value}"
        for label, said in query.filters.items()
        for value in ((said,) if isinstance(said, str) else said)
    ]
    answer = view.workspace.forecast(
        query.metric,
        horizon=options["horizon"],
        by=",".join(query.by) or None,
        filters=filters or None,
        aggregation=query.aggregation or None,
        level=options["level"],
        threshold=options["threshold"],
    )
    found = next((each for each in answer.series if each.points), None)
    if found is None:
        return Lined(Points(0, 60_000, (), answer.unit))
    step = int(parse_duration(answer.step).total_seconds() * 1e3)
    history = [(millis(at), finite(value)) for at, value in found.history]
    start = history[0][0] if history else millis(found.points[0].at)
    ahead = [(millis(each.at), each) for each in found.points]
    count = (ahead[-1][0] - start) // step + 1
    past, middle, low, high = (list[Value]([None] * count) for _ in range(4))
    for at, value in history:
        past[(at - start) // step] = value
    for at, point in ahead:
        place = (at - start) // step
        middle[place], low[place], high[place] = point.value, point.low, point.high
    if history:
        middle[(history[-1][0] - start) // step] = history[-1][1]
    lines = (Line(title_of(query), tuple(past)), Line(_AHEAD, tuple(middle)))
    points = Points(start, step, lines, answer.unit)
    span = (start, ahead[-1][0] + step)
    return Lined(points, (), tuple(low), tuple(high), span, (_AHEAD,))


def draw(tile: Tile, data: Lined) -> Part | None:
    """The history as a line, the forecast dashed in its band."""
    found = line.draw(tile, data)
    if found is None:
        return None
    ahead = [value for value in data.points.lines[1].values if value is not None]
    label = (
        f"forecast {in_words(tile, data.points.unit, ahead[-1])} in {options_of(tile)['horizon']}"
    )
    return Part(label=label, sub=found.sub, face="line", data={**found.data, "legend": "below"})


def to_hv(tile: Tile, data: Lined) -> Any:
    """The history and the forecast as curves."""
    return hv_parts.curves(data.points, data.points.unit, tile.title)


KIND = Kind("forecast", read, draw, to_hv)
