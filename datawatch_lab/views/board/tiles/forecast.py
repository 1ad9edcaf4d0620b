"""Forecast: what is coming, with its interval, after what was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.service.operations.forecasts import ForecastSeries
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.tiles import line
from datawatch_lab.views.board.tiles.line import Lined
from datawatch_lab.views.board.values import Line, Points, Value, evened, finite, millis, title_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words

_AHEAD = "forecast"


def read(view: View, tile: Tile) -> Lined:
    """The history of the largest series, and what follows it."""
    query, options = tile.all_queries[0], options_of(tile)
    answer = view.workspace.forecast(
        query.metric,
        horizon=options["horizon"],
        by=",".join(query.by) or None,
        filters=view.filters_of(query),
        aggregation=query.aggregation or None,
        level=options["level"],
        threshold=options["threshold"],
    )
    found = next((each for each in answer.series if each.points), None)
    if found is None:
        return Lined(Points(0, 60_000, (), answer.unit))
    return _lined(found, title_of(query), answer.unit)


def _lined(found: ForecastSeries, name: str, unit: str) -> Lined:
    """What was and what is coming, at their own times: days and months differ in length."""
    past: dict[int, Value] = {millis(at): finite(value) for at, value in found.history}
    ahead = {millis(each.at): each for each in found.points}
    times = sorted({*past, *ahead})
    gaps = [later - earlier for earlier, later in pairwise(times)]
    step = min(gaps, default=60_000)
    middle: dict[int, Value] = {at: each.value for at, each in ahead.items()}
    if past:
        last = max(past)
        middle[last] = past[last]
    low: dict[int, Value] = {at: each.low for at, each in ahead.items()}
    high: dict[int, Value] = {at: each.high for at, each in ahead.items()}
    columns = ((name, past), (_AHEAD, middle), ("low", low), ("high", high))
    lines = tuple(Line(each, tuple(values.get(at) for at in times)) for each, values in columns)
    uneven = () if all(gap == step for gap in gaps) else tuple(times)
    made = evened(Points(times[0], step, lines, unit, None, uneven))
    shown = replace(made, lines=made.lines[:2])
    low_values, high_values = (each.values for each in made.lines[2:])
    span = (times[0], times[-1] + step)
    return Lined(shown, (), low_values, high_values, span, (_AHEAD,))


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
