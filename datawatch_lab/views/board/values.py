"""Answers as plain values: points over time, values by label, single figures, rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from datawatch_lab.core.dashboards import Tile, TileQuery, options_of, replace
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import TimeError
from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views.board.view import View

Value = float | None

MOST_SERIES = 20
NUMBERS = ("integer", "number", "decimal")
_TIMES = ("timestamp", "date")
EMPTY = "(empty)"
"""How a label without a value is called."""


@dataclass(frozen=True)
class Line:
    """One series of points: its name, and a value a step; None where nothing is known.

    Attributes:
        unit: of its values; None for that of all lines beside it.
        is_before: they are those of an earlier time, which the others are compared with.
    """

    name: str
    values: tuple[Value, ...]
    labels: tuple[tuple[str, str], ...] = ()
    unit: str | None = None
    is_before: bool = False


@dataclass(frozen=True)
class Points:
    """Series over the same steps.

    Attributes:
        start: of the first bucket, ms since 1970 UTC.
        step: width of a bucket, ms; where they differ, the mean of days and months, the least of
            rows of SQL.
        unit: of the values; '' where lines differ in theirs.
        open: place of the bucket that is not over yet; None for none.
        times: start of each bucket where they are not evenly spread (rows of SQL, months, days
            among which clocks are changed).
        said: in words, what of the steps that were asked for is not as asked; '' for nothing.
    """

    start: int
    step: int
    lines: tuple[Line, ...]
    unit: str = ""
    open: int | None = None
    times: tuple[int, ...] = ()
    said: str = ""

    @property
    def count(self) -> int:
        """Steps."""
        return max((len(each.values) for each in self.lines), default=0)

    @property
    def is_empty(self) -> bool:
        """Whether no value is known."""
        return all(value is None for each in self.lines for value in each.values)


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


def titles_of(queries: Sequence[TileQuery]) -> list[str]:
    """What queries beside one another are called; by their aggregation too where names are alike.

    >>> titles_of([TileQuery(metric="a", aggregation=each) for each in ("min", "max")])
    ['a min', 'a max']
    """
    names = [title_of(each) for each in queries]
    count = Counter(names)
    return [
        f"{name} {each.aggregation}".strip() if count[name] > 1 and not each.label else name
        for name, each in zip(names, queries, strict=True)
    ]


def told_apart(names: Iterable[str]) -> list[str]:
    """Names of which no two are the same: one that came before has a number.

    >>> told_apart(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    found: dict[str, None] = {}
    for name in names:
        made, number = name, 1
        while made in found:
            number += 1
            made = f"{name} ({number})"
        found[made] = None
    return list(found)


def name_of(labels: Iterable[str], title: str) -> str:
    """What a series is called.

    Args:
        labels: values of its labels.
        title: of its query; '' for one that is alone, of which labels say all.

    >>> name_of(["paid", ""], ""), name_of([], "orders"), name_of(["paid"], "orders")
    ('paid · (empty)', 'orders', 'orders · paid')
    """
    values = [value or EMPTY for value in labels]
    return " · ".join(filter(None, [title, *values])) or "total"


def points_of(view: View, tile: Tile, *, bars: bool = False, compare: bool = False) -> Points:
    """The points of all queries of a tile, on the same steps.

    Metrics are asked at the coarsest of the steps that their queries have. Rows of SQL stand where
    they stand: what lies between the steps of the first query that has any is left out, and said.

    Args:
        view: asked.
        tile: whose queries they are.
        bars: on the steps of bars, which are wider.
        compare: with those of the time that a query is compared with.
    """
    queries, said = _on_one_step(tile.all_queries)
    titles = titles_of(queries) if len(queries) > 1 else [""]
    found: list[Points] = []
    for query, title in zip(queries, titles, strict=True):
        if query.metric:
            to, previous = view.comparison(query.compare if compare else "", tile)
            answer = view.points(query, tile, bars=bars, compare=to)
            found.append(_points(answer, query, title, previous))
        else:
            found.append(_points_of_rows(view.rows(query, tile, 10_000)))
    first = next((each for each in found if each.lines), found[0])
    lines = [line for each in found for line in _on_steps(each, first)][:MOST_SERIES]
    between = [each for each in found if set(moments(each)) - set(moments(first))]
    if between and not first.is_empty:
        said = "values between these steps are left out"
    names = told_apart(each.name for each in lines)
    units = {each.unit for each in lines}
    unit = first.unit if len(units) <= 1 else ""
    lines = [changed(each, name=name) for each, name in zip(lines, names, strict=True)]
    return Points(first.start, first.step, tuple(lines), unit, first.open, first.times, said)


def _on_one_step(queries: tuple[TileQuery, ...]) -> tuple[tuple[TileQuery, ...], str]:
    """Queries of metrics with the coarsest step that one of them has, and in words what is not so.

    >>> fine, coarse = TileQuery(metric="a", step="1m"), TileQuery(metric="b", step="1h")
    >>> found, said = _on_one_step((fine, coarse, TileQuery(metric="c")))
    >>> [each.step for each in found], said
    (['1h', '1h', '1h'], 'each 1h, the coarsest of 1m and 1h')
    """
    steps = {each.step for each in queries if each.metric and each.step}
    if not steps:
        return queries, ""
    *finer, coarsest = sorted(steps, key=_width)
    stepped = tuple(replace(each, step=coarsest) if each.metric else each for each in queries)
    many = f"each {coarsest}, the coarsest of {', '.join(finer)} and {coarsest}"
    return stepped, many if finer else ""


def _width(step: str) -> timedelta:
    """How wide a bucket is, about; what is no step is the narrowest: who is asked says so.

    >>> _width("1mo") > _width("4w") > _width("1d"), _width("x")
    (True, datetime.timedelta(0))
    """
    months = step.removesuffix("mo")
    try:
        if months != step and months.isdecimal():
            return int(months) * timedelta(days=30.4)
        return parse_duration(step)
    except TimeError:
        return timedelta(0)


def _points(answer: QueryAnswer, query: TileQuery, title: str, previous: str) -> Points:
    if not answer.series:
        return Points(0, 60_000, (), answer.unit)
    times = [millis(at) for at, _ in answer.series[0].points]
    step = round((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else 60_000
    even = all(later - earlier == step for earlier, later in pairwise(times))
    unit = answer.unit
    shown = [(each, title, "") for each in ranked(answer.series)]
    comparison = getattr(answer, "comparison", None)
    if comparison:
        shown += [(each, title, previous) for each in ranked(comparison.series)]
    lines = [_line(series, query, said, before, unit) for series, said, before in shown]
    is_open = answer.open is not None and bool(times) and millis(answer.open) == times[-1]
    return Points(
        times[0] if times else 0,
        step,
        tuple(lines),
        answer.unit,
        len(times) - 1 if is_open else None,
        () if even else tuple(times),
    )


def _line(series: Any, query: TileQuery, title: str, before: str, unit: str) -> Line:
    values = series.labels.values()
    if not before:
        name = name_of(values, title or ("" if series.labels else title_of(query)))
    else:  # one line beside its own past is called by that time alone
        name = f"{name_of(values, title)}, {before}" if title or series.labels else before
    return Line(
        name,
        tuple(finite(value) for _, value in series.points),
        tuple(series.labels.items()),
        unit,
        bool(before),
    )


def ranked(series: Sequence[Any]) -> list[Any]:
    """The series with the largest totals first, at most `MOST_SERIES`."""

    def total(each: Any) -> float:
        return math.fsum(abs(value) for _, value in each.points if value is not None)

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
        if kind in NUMBERS
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
        changed(each, values=tuple(None if at is None else each.values[at] for at in wanted))
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
        changed(
            each,
            values=tuple(each.values[place[at]] if at in place else None for at in range(last + 1)),
        )
        for each in points.lines
    )
    return Points(points.start, points.step, lines, points.unit, None, said=points.said)


def whole_of(tile: Tile) -> Tile:
    """The first query of a tile without the labels that it is split by, for one value of all."""
    return replace(tile, query=replace(tile.all_queries[0], by=()), queries=())


def figure_of(view: View, tile: Tile, query: TileQuery) -> Figure:
    """The value of all that a query asks, and the one it is compared with, where it has a trend."""
    if not query.metric:
        return _figure_of_rows(view.rows(query, tile, 1), query)
    trend = query.compare or str(options_of(tile).get("trend", "none"))
    compare, previous = view.comparison("" if trend == "none" else trend, tile)
    answer = view.value(replace(query, by=()), tile, compare=compare)
    now = _first(answer.series)
    comparison = getattr(answer, "comparison", None)
    before = _first(comparison.series) if comparison else None
    return Figure(now, before, answer.unit, title_of(query), previous)


def _first(series: Sequence[Any]) -> Value:
    return finite(series[0].points[0][1]) if series and series[0].points else None


def _figure_of_rows(answer: SqlAnswer, query: TileQuery) -> Figure:
    kinds = [each.type for each in answer.columns]
    at = next((at for at, kind in enumerate(kinds) if kind in NUMBERS), None)
    if at is None or not answer.rows:
        return Figure(None, name=query.label or "SQL")
    return Figure(finite(answer.rows[0][at]), name=query.label or answer.columns[at].name)
