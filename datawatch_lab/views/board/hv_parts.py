"""HoloViews objects that several kinds of tiles are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datawatch_lab.views import theme
from datawatch_lab.views.board.values import Points, Value

_WIDTH, _HEIGHT = 720, 300


def ready() -> Any:
    """HoloViews with its Bokeh renderer, which needs no network and no WebGL."""
    import holoviews as hv

    if "bokeh" not in hv.Store.renderers:
        hv.extension("bokeh", inline=True, logo=False)
    hv.renderer("bokeh").webgl = False
    return hv


def floats(values: Sequence[Value]) -> Any:
    """Values as an array; NaN where nothing is known."""
    return np.array([np.nan if each is None else each for each in values], dtype=np.float64)


def times(points: Points) -> Any:
    """Starts of buckets, datetime64[ms] UTC."""
    if points.times:
        return np.array(points.times, dtype="datetime64[ms]")
    steps = points.start + np.arange(points.count) * points.step
    return steps.astype("datetime64[ms]")


def curves(points: Points, unit: str, title: str) -> Any:
    """Lines over time, one a series."""
    hv = ready()
    made = {
        each.name: hv.Curve(
            (times(points), floats(each.values)), "time", "value", label=each.name
        ).opts(color=theme.colour(at), line_width=2)
        for at, each in enumerate(points.lines)
    }
    return hv.Overlay(list(made.values())).opts(
        width=_WIDTH, height=_HEIGHT, title=title, ylabel=unit or "value", show_legend=True
    )


def bars(rows: Sequence[tuple[str, Value]], dimension: str, unit: str, title: str) -> Any:
    """Bars by name."""
    hv = ready()
    data = [(name, np.nan if value is None else value) for name, value in rows]
    return hv.Bars(data, dimension or "name", "value").opts(
        width=_WIDTH, height=_HEIGHT, title=title, ylabel=unit or "value", color=theme.ACCENT
    )


def table(columns: Mapping[str, Sequence[Any]], title: str) -> Any:
    """Rows as a table."""
    hv = ready()
    names = list(columns) or ["nothing"]
    data = {name: list(columns.get(name, ())) for name in names}
    return hv.Table(data, names).opts(width=_WIDTH, title=title)
