"""Line: values over time, one line a series, with what happened marked on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.marks import Mark, marks_of, placed
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of
from datawatch_lab.views.board.values import Points, Value, evened, points_of
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of


@dataclass(frozen=True)
class Lined:
    """Points and the marks on them.

    Attributes:
        low, high: of the range that was expected; empty for none.
        span: ms of the tile's own window; None where it goes with the board.
    """

    points: Points
    marks: tuple[Mark, ...] = ()
    low: tuple[Value, ...] = ()
    high: tuple[Value, ...] = ()
    span: tuple[int, int] | None = None
    dashed: tuple[str, ...] = field(default=())


def read(view: View, tile: Tile) -> Lined:
    """The points of all queries, and the marks."""
    options = options_of(tile)
    # Lines that are laid on one another have no place for those of another time.
    points = evened(points_of(view, tile, compare=not options["stack"]))
    marks = tuple(placed(marks_of(view, tile), points))
    low, high = _band(view, tile, points) if options["band"] else ((), ())
    return Lined(points, marks, low, high, own_span(view, tile))


def own_span(view: View, tile: Tile) -> tuple[int, int] | None:
    """From when to when a tile with a window of its own looks, ms; None for one without."""
    if not tile.window:
        return None
    where = view.window(tile)
    return int(where.start.timestamp() * 1e3), int(where.end.timestamp() * 1e3)


def _band(view: View, tile: Tile, points: Points) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """What was expected of one line: the quartiles of a moving window, widened, seen backwards.

    A bucket's range comes of the 24 buckets before it alone, so that no value explains itself; a
    bucket with fewer than 8 known ones before it has none. Tukey's fences (1977), 1.5 times the
    quartile range on both sides.
    """
    del view, tile
    if len(points.lines) != 1 or points.count < 9:
        return (), ()
    values = hv_parts.floats(points.lines[0].values)
    padded = np.concatenate([np.full(24, np.nan), values[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 24)
    known = np.isfinite(windows).sum(axis=1) >= 8
    low, high = np.full(points.count, np.nan), np.full(points.count, np.nan)
    if known.any():
        quarter, half = np.nanquantile(windows[known], (0.25, 0.75), axis=1)
        reach = 1.5 * (half - quarter)
        low[known], high[known] = quarter - reach, half + reach
    if np.nanmin(values, initial=0.0) >= 0:
        low = np.where(low < 0, 0.0, low)
    return _plain(low), _plain(high)


def _plain(values: Any) -> tuple[Value, ...]:
    return tuple(float(each) if np.isfinite(each) else None for each in values)


def draw(tile: Tile, data: Lined) -> Part | None:
    """The lines."""
    points, options = data.points, options_of(tile)
    if points.is_empty:
        return None
    return Part(
        label=label_of(tile, points, len(data.marks)),
        sub=sub_of(tile, points.unit, points.said),
        face="line",
        data={
            "t0": points.start,
            "step": points.step,
            "fmt": fmt_of(tile, points.unit),
            "series": [
                {
                    "name": each.name,
                    "values": each.values,
                    "dashed": each.is_before or each.name in data.dashed,
                    **own_fmt(tile, each.unit, points.unit),
                }
                for each in points.lines
            ],
            "band": {"low": data.low, "high": data.high} if data.low else None,
            "open": points.open,
            "marks": data.marks,
            "threshold": options.get("threshold"),
            "fill": bool(options.get("fill", False)),
            "stack": bool(options.get("stack", False)),
            "low": options.get("low"),
            "high": options.get("high"),
            "log": bool(options.get("log", False)),
            "legend": options.get("legend", "auto"),
            **({"span": data.span} if data.span else {}),
            **({"times": points.times} if points.times else {}),
        },
    )


def own_fmt(tile: Tile, unit: str | None, shared: str) -> dict[str, Fmt]:
    """The format of one series where its unit is not that of all."""
    return {} if unit is None or unit == shared else {"fmt": fmt_of(tile, unit)}


def label_of(tile: Tile, points: Points, marks: int) -> str:
    """The lines in words: each one's newest value, lowest and highest."""
    said = []
    for each in points.lines[:5]:
        closed = each.values[: points.open] or each.values
        known = [value for value in closed if value is not None]
        if known:
            now, low, high = (
                in_words(tile, points.unit if each.unit is None else each.unit, value)
                for value in (known[-1], min(known), max(known))
            )
            said.append(f"{each.name} now {now}, between {low} and {high}")
    if points.said:
        said.append(points.said)
    if marks:
        said.append(f"{marks} marked")
    return "; ".join(said)


def to_hv(tile: Tile, data: Lined) -> Any:
    """The lines as curves."""
    return hv_parts.curves(data.points, data.points.unit, tile.title)


KIND = Kind("line", read, draw, to_hv)
