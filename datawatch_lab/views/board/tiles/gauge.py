"""Gauge: a value on its way to a goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.values import Figure, Value, figure_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


@dataclass(frozen=True)
class Gauged:
    """A figure on a scale from ``low`` to ``goal``."""

    figure: Figure
    low: float
    goal: float


def read(view: View, tile: Tile) -> Gauged:
    """The value; a share without a goal of its own goes to 100 %."""
    figure = figure_of(view, tile, tile.all_queries[0])
    options = options_of(tile)
    low = float(options["low"] or 0.0)
    goal = options["goal"]
    if goal is None:
        goal = {"ratio": 1.0, "percent": 100.0}.get(figure.unit) or _round_goal(figure, low)
    return Gauged(figure, low, float(goal) if goal > low else low + 1.0)


def _round_goal(figure: Figure, low: float) -> float:
    """The next 1, 2 or 5 times a power of ten above what was reached."""
    reached = max(abs(figure.now or 0.0), abs(figure.before or 0.0), abs(low)) or 1.0
    power: float = 10.0 ** (len(str(int(reached))) - 1) if reached >= 1 else 1.0
    return next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= reached)


def _state(tile: Tile, value: Value) -> str:
    """bad, warn or good by the limits of the tile; '' where it has none."""
    options = options_of(tile)
    critical, warning = options["critical"], options["warning"]
    if value is None or (critical is None and warning is None):
        return ""
    up = options["good"] == "up"

    def past(limit: float | None) -> bool:
        return limit is not None and (value <= limit if up else value >= limit)

    return "bad" if past(critical) else "warn" if past(warning) else "good"


def draw(tile: Tile, data: Gauged) -> Part | None:
    """The dial."""
    value, unit = data.figure.now, data.figure.unit
    if value is None:
        return None
    state = _state(tile, value)
    goal = in_words(tile, unit, data.goal)
    word = {"bad": "▲ critical", "warn": "▲ warning", "good": "● good"}.get(state, f"of {goal}")
    return Part(
        label=f"{in_words(tile, unit, value)} of {goal}{', ' + word[2:] if state else ''}",
        sub=sub_of(tile, unit),
        face="gauge",
        data={
            "value": value,
            "low": data.low,
            "goal": data.goal,
            "warning": options_of(tile)["warning"],
            "critical": options_of(tile)["critical"],
            "state": state,
            "word": word,
            "fmt": fmt_of(tile, unit),
        },
    )


def to_hv(tile: Tile, data: Gauged) -> Any:
    """The value as one bar, on the same scale."""
    rows = [(data.figure.name or "value", data.figure.now)]
    plot = hv_parts.bars(rows, "name", data.figure.unit, tile.title)
    return plot.opts(ylim=(data.low, data.goal))


KIND = Kind("gauge", read, draw, to_hv)
