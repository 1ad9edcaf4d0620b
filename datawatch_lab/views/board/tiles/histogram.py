"""Histogram: how often values fall into each range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views import format as texts
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import Fmt, fmt_of, shown
from datawatch_lab.views.board.values import points_of
from datawatch_lab.views.board.view import View


@dataclass(frozen=True)
class Binned:
    """Counts between edges; there is one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    unit: str = ""


def read(view: View, tile: Tile) -> Binned:
    """The values of all buckets and series, sorted into ranges of one width."""
    points = points_of(view, tile)
    values = np.array(
        [value for each in points.lines for value in each.values if value is not None],
        dtype=np.float64,
    )
    if not values.size:
        return Binned((), (), points.unit)
    counts, edges = np.histogram(values, bins=options_of(tile)["bins"])
    return Binned(
        tuple(float(each) for each in edges), tuple(int(each) for each in counts), points.unit
    )


def _names(tile: Tile, data: Binned) -> list[str]:
    fmt = fmt_of(tile, data.unit)
    return [
        f"{texts.plain(shown(low, fmt, short=True))} to {texts.plain(shown(high, fmt, short=True))}"
        for low, high in zip(data.edges, data.edges[1:], strict=False)
    ]


def draw(tile: Tile, data: Binned) -> Part | None:
    """Bars, one a range."""
    if not data.counts:
        return None
    names = _names(tile, data)
    most = max(range(len(names)), key=lambda at: data.counts[at])
    return Part(
        label=f"{sum(data.counts)} values, most of them from {names[most]}",
        sub="buckets in each range",
        face="bar",
        data={
            "names": names,
            "times": None,
            "step": 0,
            "series": [{"name": "buckets", "values": data.counts}],
            "fmt": Fmt(),
            "label": "",
            "across": False,
            "stack": False,
            "threshold": None,
            "low": None,
            "high": None,
            "log": bool(options_of(tile)["log"]),
            "open": None,
        },
    )


def to_hv(tile: Tile, data: Binned) -> Any:
    """The same ranges as a histogram."""
    hv = hv_parts.ready()
    edges = data.edges or (0.0, 1.0)
    counts = data.counts or (0,)
    return hv.Histogram((np.array(edges), np.array(counts))).opts(title=tile.title)


KIND = Kind("histogram", read, draw, to_hv)
