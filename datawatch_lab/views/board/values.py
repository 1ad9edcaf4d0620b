"""Answers as plain values: points over time, values by label, single figures, rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from datawatch_lab.core.dashboards import Tile, TileQuery, options_of
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views.board.view import View

Value = float | None

MOST_SERIES = 20
_NUMBERS = ("integer", "number", "decimal")
_TIMES = ("timestamp", "date")


@dataclass(frozen=True)
class Line:
    """One series of points: its name, and a value a step; None where nothing is known."""

    name: str
    values: tuple[Value, ...]
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Points:
    """Series over the same steps.

    Attributes:
        start: of the first bucket, ms since 1970 UTC.
        step: width of a bucket, ms; where they differ, the mean of days and months, the least of
            rows of SQL.
        unit: of the values.
        open: place of the bucket that is not over yet; None for none.
        times: start of each bucket where they are not evenly spread (rows of SQL, months, days
            among which clocks are changed).
    """

    start: int
    step: int
    lines: tuple[Line, ...]
    unit: str = ""
    open: int | None = None
    times: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Steps."""
        return max((len(each.values) for each in self.lines), default=0)

    @property
    def is_empty(self) -> bool:
        """Whether no value is known."""
        return all(value is None for each in self.lines for value in each.values)


@dataclass(frozen=True)
class Shares:
    """Values by the label that they are of, largest first.

    Attributes:
        label: name of the label, for filters by a click; '' where there is not one.
        more: values beyond these.
        rest: their sum.
    """

    rows: tuple[tuple[str, Value], ...]
    label: str = ""
    unit: str = ""
    more: int = 0
    rest: float = 0.0


@dataclass(frozen=True)
class Figure:
    """A value now, and that of the time it is compared with."""

    now: Value
    before: Value = None
    unit: str = ""
    name: str = ""
    previous: str = ""


def finite(value: Any) -> Value:
    """A number; None for what is none, such as NaN, infinity and text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def millis(text: str) -> int:
    """A moment of an answer as ms since 1970 UTC."""
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))


def wall_clock(times: np.ndarray, zone: str) -> np.ndarray:
    """Milliseconds since 1970, UTC, as the clocks of a zone show them.

    Where clocks are set back an hour comes twice.
    """
    stamps = pl.Series(times.astype(np.int64)).cast(pl.Datetime("ms", "UTC"))
    shown = stamps.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return shown.dt.epoch("ms").to_numpy()


def clock_texts(times: Sequence[int], zone: str, width: int = 16) -> tuple[str, ...]:
    """Moments, ms since 1970 UTC, as the clocks of a zone show them: to the minute, or to the day.

    >>> clock_texts([1_767_225_600_000], "Asia/Kolkata")
    ('2026-01-01 05:30',)
    """
    if not times:
        return ()
    shown = wall_clock(np.array(times, dtype=np.int64), zone).astype("datetime64[ms]").astype(str)
    return tuple(str(each).replace("T", " ")[:width] for each in shown)


def title_of(query: TileQuery) -> str:
    """What a query is called: its label, else what it asks, in words."""
    return query.label or (query.metric or query.table).replace("_", " ")


def name_of(series: SeriesAnswer, query: TileQuery, *, alone: bool) -> str:
    """What a series is called: its labels, else what the query says."""
    values = [value or "(empty)" for value in series.labels.values()]
    own = query.label or ("" if values else title_of(query))
    return " · ".join(filter(None, [*([] if alone and values else [own]), *values])) or "total"


def points_of(view: View, tile: Tile, *, bars: bool = False) -> Points:
    """The points of all queries of a tile, on the steps of the first one."""
    found: list[Points] = []
    for query in tile.all_queries:
        if query.metric:
            answer = view.points(query, tile, bars=bars)
            found.append(_points(answer, query, alone=len(tile.all_queries) == 1))
        else:
            found.append(_points_of_rows(view.rows(query, 10_000)))
    first = found[0]
    lines = [line for each in found for line in _on_steps(each, first)]
    return Points(
        first.start, first.step, tuple(lines[:MOST_SERIES]), first.unit, first.open, first.times
    )


def _points(answer: QueryAnswer, query: TileQuery, *, alone: bool) -> Points:
    if not answer.series:
        return Points(0, 60_000, (), answer.unit)
    times = [millis(at) for at, _ in answer.series[0].points]
    step = round((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else 60_000
    even = all(later - earlier == step for earlier, later in pairwise(times))
    lines = [
        Line(
            name_of(each, query, alone=alone),
            tuple(finite(value) for _, value in each.points),
            tuple(each.labels.items()),
        )
        for each in ranked(answer.series)
    ]
    is_open = answer.open is not None and bool(times) and millis(answer.open) == times[-1]
    return Points(
        times[0] if times else 0,
        step,
        tuple(lines),
        answer.unit,
        len(times) - 1 if is_open else None,
        () if even else tuple(times),
    )


def ranked(series: Sequence[SeriesAnswer]) -> list[SeriesAnswer]:
    """The series with the largest totals first, at most `MOST_SERIES`."""

    def total(each: SeriesAnswer) -> float:
        return sum(abs(value) for _, value in each.points if value is not None)

    return sorted(series, key=total, reverse=True)[:MOST_SERIES]


def _points_of_rows(answer: SqlAnswer) -> Points:
    """Rows whose first column of times is the axis, and whose numbers are the lines."""
    kinds = [each.type for each in answer.columns]
    axis = next((at for at, kind in enumerate(kinds) if kind in _TIMES), None)
    if axis is None:
        return Points(0, 60_000, ())
    rows = sorted((row for row in answer.rows if row[axis] is not None), key=lambda row: row[axis])
    times = [millis(str(row[axis])) for row in rows]
    lines = [
        Line(answer.columns[at].name, tuple(finite(row[at]) for row in rows))
        for at, kind in enumerate(kinds)
        if kind in _NUMBERS
    ]
    steps = [later - earlier for earlier, later in pairwise(times)]
    step = min((each for each in steps if each > 0), default=60_000)
    even = all(each == step for each in steps)
    start = times[0] if times else 0
    return Points(start, step, tuple(lines), "", None, () if even else tuple(times))


def _on_steps(given: Points, first: Points) -> list[Line]:
    """The lines of another query on the steps of the first; what lies between them is left out."""
    own, steps = moments(given), moments(first)
    if own == steps:
        return list(given.lines)
    place = {at: number for number, at in enumerate(own)}
    wanted = [place.get(at) for at in steps]
    return [
        Line(
            each.name,
            tuple(None if at is None else each.values[at] for at in wanted),
            each.labels,
        )
        for each in given.lines
    ]


def moments(points: Points) -> list[int]:
    """The start of each bucket, ms since 1970 UTC."""
    if points.times:
        return list(points.times)
    return [points.start + at * points.step for at in range(points.count)]


def evened(points: Points) -> Points:
    """Points that stand on even steps but leave some out, with gaps there; others as they are."""
    if not points.times or points.step <= 0:
        return points
    place = {(at - points.start) / points.step: number for number, at in enumerate(points.times)}
    last = int(max(place))
    if last > 20_000 or not all(each.is_integer() for each in place):
        return points
    lines = tuple(
        Line(
            each.name,
            tuple(each.values[place[at]] if at in place else None for at in range(last + 1)),
            each.labels,
        )
        for each in points.lines
    )
    return Points(points.start, points.step, lines, points.unit, None)


def shares_of(view: View, tile: Tile, limit: int, *, smallest: bool = False) -> Shares:
    """Values by label of a tile's first query."""
    query = tile.all_queries[0]
    if query.metric:
        answer = view.value(query, tile)
        rows = [
            (name_of(each, query, alone=True), finite(each.points[0][1]))
            for each in answer.series
            if each.points
        ]
        label, unit = query.by[0] if len(query.by) == 1 else "", answer.unit
    else:
        rows, label, unit = _rows_by_name(view.rows(query, 10_000)), "", ""
    known = [(name, value) for name, value in rows if value is not None]
    sign = 1 if smallest else -1
    known.sort(key=lambda row: (sign * (row[1] or 0.0), row[0]))
    rest = sum(value or 0.0 for _, value in known[limit:])
    return Shares(tuple(known[:limit]), label, unit, max(0, len(known) - limit), rest)


def _rows_by_name(answer: SqlAnswer) -> list[tuple[str, Value]]:
    kinds = [each.type for each in answer.columns]
    number = next((at for at, kind in enumerate(kinds) if kind in _NUMBERS), None)
    name = next((at for at, _ in enumerate(kinds) if at != number), None)
    if number is None:
        return []
    return [
        (str(row[name]) if name is not None else answer.columns[number].name, finite(row[number]))
        for row in answer.rows
    ]


def figure_of(view: View, tile: Tile, query: TileQuery) -> Figure:
    """The value of a query, and the one it is compared with, where its kind has a trend."""
    if not query.metric:
        return _figure_of_rows(view.rows(query, 1), query)
    where = view.window(tile)
    trend = query.compare or options_of(tile).get("trend", "none")
    compare = None if trend in ("", "none") else str(trend)
    if compare == "previous_period" and where.before is None:
        compare = None
    answer = view.value(query, tile, compare=compare)
    now = _first(answer.series)
    comparison = getattr(answer, "comparison", None)
    before = _first(comparison.series) if comparison else None
    names = {"same_hour_yesterday": "yesterday", "same_hour_last_week": "last week"}
    previous = names.get(compare or "", f"previous {where.previous}".strip())
    return Figure(now, before, answer.unit, title_of(query), previous)


def _first(series: Sequence[Any]) -> Value:
    return finite(series[0].points[0][1]) if series and series[0].points else None


def _figure_of_rows(answer: SqlAnswer, query: TileQuery) -> Figure:
    kinds = [each.type for each in answer.columns]
    at = next((at for at, kind in enumerate(kinds) if kind in _NUMBERS), None)
    if at is None or not answer.rows:
        return Figure(None, name=query.label or "SQL")
    return Figure(finite(answer.rows[0][at]), name=query.label or answer.columns[at].name)
