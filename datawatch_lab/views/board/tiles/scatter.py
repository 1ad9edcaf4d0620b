"""Scatter: two metrics against one another, and how strongly they go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.core.errors import InputError
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.values import clock_texts, finite, moments, points_of
from datawatch_lab.views.board.view import View

_MOST = 5_000
_NUMBERS = ("integer", "number", "decimal")


@dataclass(frozen=True)
class Scattered:
    """Pairs of values.

    Attributes:
        names: of the pairs: their time.
        x_name, y_name: of the two.
        r: Pearson's correlation, in [-1, 1]; None where one does not vary.
        line: (slope, intercept) of least squares; None without one.
    """

    pairs: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    x_name: str = ""
    y_name: str = ""
    x_unit: str = ""
    y_unit: str = ""
    r: float | None = None
    line: tuple[float, float] | None = None


def read(view: View, tile: Tile) -> Scattered:
    """Values of the same buckets; or the first two numbers of each row.

    Raises:
        InputError: there are not two things to compare.
    """
    queries = tile.all_queries
    if len(queries) == 1 and not queries[0].metric:
        return _rows(view, tile)
    if len(queries) == 1 and not queries[0].by:
        raise InputError(
            "a scatter plot needs two metrics, or SQL with two columns of numbers.",
            hint="Add a second query to this tile.",
        )
    points = points_of(view, tile)
    if len(points.lines) < 2:
        return Scattered((), ())
    (x, y), names = points.lines[:2], clock_texts(moments(points), view.status.timezone)
    pairs = [
        (left, right, name)
        for left, right, name in zip(x.values, y.values, names, strict=True)
        if left is not None and right is not None
    ]
    units = [view.metric(each.metric).unit if each.metric else "" for each in queries[:2]]
    return _fitted(pairs, (x.name, y.name), (units[0], units[-1]))


def _rows(view: View, tile: Tile) -> Scattered:
    answer = view.rows(tile.all_queries[0], tile, _MOST)
    numbers = [at for at, each in enumerate(answer.columns) if each.type in _NUMBERS]
    if len(numbers) < 2:
        raise InputError("a scatter plot needs SQL with two columns of numbers.")
    one, other = numbers[:2]
    pairs = []
    for row in answer.rows:
        left, right = finite(row[one]), finite(row[other])
        if left is not None and right is not None:
            pairs.append((left, right, ""))
    names = (answer.columns[one].name, answer.columns[other].name)
    return _fitted(pairs, names, ("", ""))


def _fitted(
    rows: list[tuple[float, float, str]], names: tuple[str, str], units: tuple[str, str]
) -> Scattered:
    pairs = tuple((x, y) for x, y, _ in rows)
    r, line = None, None
    if len(pairs) > 2:
        data = np.array(pairs, dtype=np.float64)
        with np.errstate(over="ignore"):  # a spread beyond what a double holds is none
            spread = float(data[:, 0].std()), float(data[:, 1].std())
        if min(spread) > 0 and np.isfinite(spread).all():
            r = float(np.asarray(np.corrcoef(data.T))[0, 1])
            slope = r * spread[1] / spread[0]
            line = (float(slope), float(data[:, 1].mean() - slope * data[:, 0].mean()))
    return Scattered(pairs, tuple(name for _, _, name in rows), *names, *units, r, line)


def draw(tile: Tile, data: Scattered) -> Part | None:
    """The pairs, and the straight line through them."""
    if not data.pairs:
        return None
    fit = None
    if data.line and options_of(tile)["fit"]:
        slope, base = data.line
        ends = min(x for x, _ in data.pairs), max(x for x, _ in data.pairs)
        fit = [(x, base + slope * x) for x in ends]
    said = "" if data.r is None else f", correlation {data.r:.2f}"
    return Part(
        label=f"{len(data.pairs)} points of {data.x_name} and {data.y_name}{said}",
        sub="" if data.r is None else f"correlation {data.r:.2f}",
        face="scatter",
        data={
            "points": data.pairs,
            "names": data.names,
            "x": {"title": data.x_name, "fmt": Fmt(u=data.x_unit)},
            "y": {"title": data.y_name, "fmt": fmt_of(tile, data.y_unit)},
            "fit": fit,
        },
    )


def to_hv(tile: Tile, data: Scattered) -> Any:
    """The pairs as points."""
    hv = hv_parts.ready()
    # One name for both axes is one dimension too few.
    y_name = data.y_name if data.y_name != data.x_name else f"{data.y_name} (y)"
    names = data.x_name or "x", y_name or "y"
    return hv.Scatter(list(data.pairs), *names).opts(title=tile.title)


KIND = Kind("scatter", read, draw, to_hv)
