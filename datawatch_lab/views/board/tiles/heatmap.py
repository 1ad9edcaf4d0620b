"""Heat map: hours by weekdays, days by hours, labels over time, or how metrics go together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from datawatch_lab.core.dashboards import Tile, options_of, replace
from datawatch_lab.service.freshness import iso
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.values import (
    Points,
    Value,
    clock_texts,
    moments,
    points_of,
    wall_clock,
)
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = tuple(f"{hour:02d} h" for hour in range(24))
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_MOST_DAYS = 31


@dataclass(frozen=True)
class Heated:
    """Values by row and column.

    Attributes:
        values: one tuple a row; None where nothing is known.
        of: what is shown, as the option says.
    """

    xs: tuple[str, ...]
    ys: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    unit: str = ""
    of: str = ""


def read(view: View, tile: Tile) -> Heated:
    """Hourly values as the option says: means over the weeks, or each day of its own."""
    of = options_of(tile)["of"]
    if of == "correlation":
        return _correlation(points_of(view, tile))
    if of == "label":
        return _labels(points_of(view, tile, bars=True), view.status.timezone)
    hourly = replace(tile, queries=(), query=replace(tile.all_queries[0], step="1h"))
    where = view.window(tile)
    if tile.window is None and where.span < timedelta(days=7):
        # A week is what weekdays need; days of hours need several.
        week = where.end - timedelta(days=7)
        hourly = replace(hourly, window=f"{iso(week)}/{iso(where.end)}")
    points = points_of(view, hourly)
    make = _weekdays if of == "hour by weekday" else _by_day
    return make(points, view.status.timezone)


def _weekdays(points: Points, zone: str) -> Heated:
    """Means by weekday and hour."""
    if not points.lines:
        return Heated((), (), ())
    values = hv_parts.floats(points.lines[0].values[: points.open])
    starts = wall_clock(points.start + np.arange(values.size) * points.step, zone)
    hour = (starts // _HOUR_MS) % 24
    day = (starts // _DAY_MS + _EPOCH_WEEKDAY) % 7
    known = np.isfinite(values)
    place = (day * 24 + hour)[known].astype(np.int64)
    count = np.bincount(place, minlength=168)
    total = np.bincount(place, weights=values[known], minlength=168)
    mean = np.divide(total, count, out=np.full(168, np.nan), where=count > 0)
    return Heated(_HOURS, _DAYS, _rows(mean.reshape(7, 24)), points.unit, "hour by weekday")


def _by_day(points: Points, zone: str) -> Heated:
    """Each day with its hours; the newest day first."""
    if not points.lines or points.step != _HOUR_MS:
        return Heated((), (), ())
    values = hv_parts.floats(points.lines[0].values)
    starts = wall_clock(points.start + np.arange(values.size) * points.step, zone)
    day, hour = starts // _DAY_MS, (starts // _HOUR_MS) % 24
    first, last = int(day[0]), int(day[-1])
    grid = np.full((last - first + 1, 24), np.nan)
    grid[(day - first).astype(np.int64), hour.astype(np.int64)] = values
    names = np.arange(last, first - 1, -1).astype("datetime64[D]").astype(str)
    rows = _rows(grid[::-1])[:_MOST_DAYS]
    return Heated(
        _HOURS, tuple(str(each) for each in names)[:_MOST_DAYS], rows, points.unit, "day by hour"
    )


def _labels(points: Points, zone: str) -> Heated:
    """Each label's values over time, by the clocks of a zone."""
    # Some days are an hour shorter than others.
    width = 10 if points.step >= _DAY_MS - _HOUR_MS else 16
    xs = clock_texts(moments(points), zone, width)
    ys = tuple(each.name for each in points.lines)
    return Heated(xs, ys, tuple(each.values for each in points.lines), points.unit, "label")


def _correlation(points: Points) -> Heated:
    """Pearson's correlation of each pair of series, in [-1, 1]; None where one does not vary."""
    names = tuple(each.name for each in points.lines)
    data = np.array([hv_parts.floats(each.values) for each in points.lines], dtype=np.float64)
    found = np.full((len(names), len(names)), np.nan)
    for one in range(len(names)):
        for other in range(len(names)):
            both = np.isfinite(data[one]) & np.isfinite(data[other])
            left, right = data[one][both], data[other][both]
            with np.errstate(over="ignore"):  # a spread beyond what a double holds is none
                spread = left.std() * right.std() if left.size > 2 else 0.0
            if spread > 0 and np.isfinite(spread):
                found[one, other] = np.corrcoef(left, right)[0, 1]
    return Heated(names, names, _rows(found), "", "correlation")


def _rows(grid: Any) -> tuple[tuple[Value, ...], ...]:
    return tuple(tuple(float(each) if np.isfinite(each) else None for each in row) for row in grid)


def draw(tile: Tile, data: Heated) -> Part | None:
    """The cells."""
    known = [value for row in data.values for value in row if value is not None]
    if not known:
        return None
    is_signed = data.of == "correlation" or options_of(tile)["colours"] == "diverging"
    reach = 1.0 if data.of == "correlation" else max(abs(each) for each in known)
    low, high = (-reach, reach) if is_signed else (min(0.0, *known), max(known))
    most = max(
        (value, data.ys[y], data.xs[x])
        for y, row in enumerate(data.values)
        for x, value in enumerate(row)
        if value is not None
    )
    fmt = Fmt(d=2) if data.of == "correlation" else fmt_of(tile, data.unit)
    return Part(
        label=f"highest {in_words(tile, data.unit, most[0])} at {most[1]}, {most[2]}",
        sub="correlation" if data.of == "correlation" else sub_of(tile, data.unit),
        face="heatmap",
        data={
            "xs": data.xs,
            "ys": data.ys,
            "values": data.values,
            "low": low,
            "high": high if high > low else low + 1.0,
            "fmt": fmt,
            "diverging": is_signed,
            "written": data.of == "correlation",
        },
    )


def to_hv(tile: Tile, data: Heated) -> Any:
    """The cells as a heat map."""
    hv = hv_parts.ready()
    cells = [
        (x, y, np.nan if value is None else value)
        for y, row in zip(data.ys, data.values, strict=True)
        for x, value in zip(data.xs, row, strict=True)
    ]
    return hv.HeatMap(cells, ["x", "y"], "value").opts(title=tile.title, width=720, height=300)


KIND = Kind("heatmap", read, draw, to_hv)
