"""Bars: values by label, or over time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.dashboards import Tile, options_of, replace
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.shares import Shares, shares_of
from datawatch_lab.views.board.tiles.line import label_of, own_fmt
from datawatch_lab.views.board.values import (
    Line,
    Points,
    Value,
    moments,
    points_of,
    title_of,
    titles_of,
    told_apart,
)
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


@dataclass(frozen=True)
class Barred:
    """Bars.

    Attributes:
        names: of the places along the axis.
        series: (name, values), a value for each place.
        units: of each series; () where all have the same.
        times: of the places, ms; empty for labels.
        label: that a click filters by; '' for none.
        picks: its values, place by place; None where they are the names.
        said: of the steps of several queries, in words; '' for nothing.
    """

    names: tuple[str, ...]
    series: tuple[tuple[str, tuple[Value, ...]], ...]
    unit: str = ""
    times: tuple[int, ...] = ()
    step: int = 0
    label: str = ""
    open: int | None = None
    units: tuple[str, ...] = ()
    picks: tuple[str, ...] | None = None
    said: str = ""


def read(view: View, tile: Tile) -> Barred:
    """The values by label; over time where the tile says so or has no label."""
    options = options_of(tile)
    if is_over_time(tile):
        return over_time(points(view, tile))
    if len(tile.all_queries) == 1:
        return by_label(shares_of(view, tile, options["limit"]), tile)
    return _beside(view, tile, options["limit"])


def is_over_time(tile: Tile) -> bool:
    """Whether the bars of a tile stand for times, not for labels."""
    query = tile.all_queries[0]
    is_alone = len(tile.all_queries) == 1
    return options_of(tile)["over"] == "time" or bool(query.metric and not query.by and is_alone)


def points(view: View, tile: Tile) -> Points:
    """What bars over time stand for."""
    return points_of(view, tile, bars=True, compare=not options_of(tile)["stack"])


def over_time(points: Points) -> Barred:
    """Points as bars."""
    times = tuple(moments(points))
    series = tuple((each.name, each.values) for each in points.lines)
    names = tuple(str(each) for each in times)
    units = tuple(points.unit if each.unit is None else each.unit for each in points.lines)
    found = Barred(names, series, points.unit, times, points.step, "", points.open, _own(units))
    return dataclasses.replace(found, said=points.said)


def _own(units: tuple[str, ...]) -> tuple[str, ...]:
    return units if len(set(units)) > 1 else ()


def by_label(shares: Shares, tile: Tile) -> Barred:
    """Values by label as bars."""
    names = tuple(name for name, _ in shares.rows)
    values = tuple(value for _, value in shares.rows)
    said = title_of(tile.all_queries[0]) if tile.all_queries else ""
    series = [(said or "value", values)]
    if shares.before:
        series.append((shares.previous, shares.before))
    return Barred(names, tuple(series), shares.unit, label=shares.label, picks=shares.picks)


def _beside(view: View, tile: Tile, limit: int) -> Barred:
    """Several queries beside one another, on the labels of the first."""
    found = [
        (each, shares_of(view, _only(tile, at), 100)) for at, each in enumerate(tile.all_queries)
    ]
    first = next((shares for _, shares in found if shares.rows), found[0][1])
    names = tuple(name for name, _ in first.rows[:limit])
    titles = told_apart(
        title or f"query {at + 1}" for at, title in enumerate(titles_of(tile.all_queries))
    )
    series = tuple(
        (title, _at(shares, names)) for title, (_, shares) in zip(titles, found, strict=True)
    )
    units = _own(tuple(shares.unit for _, shares in found))
    unit, picks = "" if units else first.unit, first.picks
    return Barred(
        names,
        series,
        unit,
        label=first.label,
        units=units,
        picks=None if picks is None else picks[:limit],
    )


def _only(tile: Tile, at: int) -> Tile:
    return replace(tile, query=replace(tile.all_queries[at], compare=""), queries=())


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
        sub=sub_of(tile, data.unit, data.said),
        face="bar",
        data={
            "names": data.names,
            "times": data.times or None,
            "step": data.step,
            "series": [
                {"name": name, "values": values, **_fmt(tile, data, at)}
                for at, (name, values) in enumerate(data.series)
            ],
            **({"picks": data.picks} if data.picks else {}),
            "fmt": fmt_of(tile, data.unit),
            "label": data.label,
            "across": options.get("direction") == "across" and not data.times,
            "stack": bool(options.get("stack", False)),
            "threshold": options.get("threshold"),
            "low": options.get("low"),
            "high": options.get("high"),
            "log": bool(options.get("log", False)),
            "open": data.open,
            "legend": options.get("legend", "auto"),
        },
    )


def _fmt(tile: Tile, data: Barred, at: int) -> dict[str, Fmt]:
    return own_fmt(tile, data.units[at], data.unit) if data.units else {}


def _label(tile: Tile, data: Barred) -> str:
    units = data.units or (None,) * len(data.series)
    if data.times:
        lines = tuple(
            Line(name, values, unit=unit)
            for (name, values), unit in zip(data.series, units, strict=True)
        )
        first, said = data.times[0], data.said
        points = Points(first, data.step, lines, data.unit, data.open, said=said)
        return label_of(tile, points, 0)
    pairs = zip(data.names, data.series[0][1], strict=True)
    unit = data.unit if units[0] is None else units[0]
    return ", ".join(f"{name} {in_words(tile, unit, value)}" for name, value in pairs)[:400]


def to_hv(tile: Tile, data: Barred) -> Any:
    """The bars of the first series; those of more are stacked by name."""
    rows = [
        (name if len(data.series) == 1 else f"{name} · {series}", value)
        for series, values in data.series
        for name, value in zip(data.names, values, strict=True)
    ]
    return hv_parts.bars(rows, data.label, data.unit, tile.title)


KIND = Kind("bar", read, draw, to_hv)
