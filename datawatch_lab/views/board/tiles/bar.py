"""Bars: values by label, or over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of, replace
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.tiles.line import label_of
from datawatch_lab.views.board.values import (
    Line,
    Points,
    Shares,
    Value,
    moments,
    points_of,
    shares_of,
)
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


@dataclass(frozen=True)
class Barred:
    """Bars.

    Attributes:
        names: of the places along the axis.
        series: (name, values), a value for each place.
        times: of the places, ms; empty for labels.
        label: that a click filters by; '' for none.
    """

    names: tuple[str, ...]
    series: tuple[tuple[str, tuple[Value, ...]], ...]
    unit: str = ""
    times: tuple[int, ...] = ()
    step: int = 0
    label: str = ""
    open: int | None = None


def read(view: View, tile: Tile) -> Barred:
    """The values by label; over time where the tile says so or has no label."""
    options = options_of(tile)
    query = tile.all_queries[0]
    if options["over"] == "time" or (query.metric and not query.by and len(tile.all_queries) == 1):
        return over_time(points_of(view, tile, bars=True))
    if len(tile.all_queries) == 1:
        return by_label(shares_of(view, tile, options["limit"]), tile)
    return _beside(view, tile, options["limit"])


def over_time(points: Points) -> Barred:
    """Points as bars."""
    times = tuple(moments(points))
    series = tuple((each.name, each.values) for each in points.lines)
    names = tuple(str(each) for each in times)
    return Barred(names, series, points.unit, times, points.step, "", points.open)


def by_label(shares: Shares, tile: Tile) -> Barred:
    """Values by label as bars."""
    names = tuple(name for name, _ in shares.rows)
    values = tuple(value for _, value in shares.rows)
    said = tile.query.label or tile.query.metric if tile.query else ""
    return Barred(names, ((said or "value", values),), shares.unit, label=shares.label)


def _beside(view: View, tile: Tile, limit: int) -> Barred:
    """Several queries beside one another, on the labels of the first."""
    found = [
        (each, shares_of(view, _only(tile, at), 100)) for at, each in enumerate(tile.all_queries)
    ]
    names = tuple(name for name, _ in found[0][1].rows[:limit])
    series = tuple(
        (query.label or query.metric or f"query {at + 1}", _at(shares, names))
        for at, (query, shares) in enumerate(found)
    )
    return Barred(names, series, found[0][1].unit, label=found[0][1].label)


def _only(tile: Tile, at: int) -> Tile:
    return replace(tile, query=tile.all_queries[at], queries=())


def _at(shares: Shares, names: tuple[str, ...]) -> tuple[Value, ...]:
    known = dict(shares.rows)
    return tuple(known.get(name) for name in names)


def draw(tile: Tile, data: Barred) -> Part | None:
    """The bars."""
    if all(value is None for _, values in data.series for value in values):
        return None
    options = options_of(tile)
    return Part(
        label=_label(tile, data),
        sub=sub_of(tile, data.unit),
        face="bar",
        data={
            "names": data.names,
            "times": data.times or None,
            "step": data.step,
            "series": [{"name": name, "values": values} for name, values in data.series],
            "fmt": fmt_of(tile, data.unit),
            "label": data.label,
            "across": options.get("direction") == "across" and not data.times,
            "stack": bool(options.get("stack", False)),
            "threshold": options.get("threshold"),
            "low": options.get("low"),
            "high": options.get("high"),
            "log": bool(options.get("log", False)),
            "open": data.open,
        },
    )


def _label(tile: Tile, data: Barred) -> str:
    if data.times:
        lines = tuple(Line(name, values) for name, values in data.series)
        return label_of(tile, Points(data.times[0], data.step, lines, data.unit, data.open), 0)
    pairs = zip(data.names, data.series[0][1], strict=True)
    return ", ".join(f"{name} {in_words(tile, data.unit, value)}" for name, value in pairs)[:400]


def to_hv(tile: Tile, data: Barred) -> Any:
    """The bars of the first series; those of more are stacked by name."""
    rows = [
        (name if len(data.series) == 1 else f"{name} · {series}", value)
        for series, values in data.series
        for name, value in zip(data.names, values, strict=True)
    ]
    return hv_parts.bars(rows, data.label, data.unit, tile.title)


KIND = Kind("bar", read, draw, to_hv)
