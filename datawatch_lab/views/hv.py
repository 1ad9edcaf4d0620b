"""Answers of range queries as HoloViews objects: lines, one per series, with units and hover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models.axes import DatetimeAxis, LinearAxis
from bokeh.models.formatters import NumeralTickFormatter

from datawatch_lab.core.errors import InputError
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views import theme

KINDS = ("line", "bar")
_MOST_SERIES = 12
_WIDTH, _HEIGHT = 720, 300


def to_hv(
    answer: QueryAnswer, *, kind: str = "line", title: str = "", width: int | None = None
) -> Any:
    """A plot of an answer with points.

    Args:
        answer: of `Workspace.range`; each series becomes a line. The bucket that is not over yet is
            drawn dashed and lighter.
        kind: ``line``, or ``bar`` for the last value of each series.
        title: above the plot; by default the metric's name and aggregation.
        width: in pixels; None fills the cell.

    Returns:
        A `holoviews.Overlay` of curves, or `holoviews.Bars`.

    Raises:
        InputError: there is no such kind.
    """
    import holoviews as hv

    if kind not in KINDS:
        raise InputError(f"no kind of plot {kind!r}. Kinds: {', '.join(KINDS)}.")
    if "bokeh" not in hv.Store.renderers:
        hv.extension("bokeh", inline=True, logo=False)
    hv.renderer("bokeh").webgl = False
    heading = title or f"{answer.metric} ({answer.aggregation})"
    if kind == "bar":
        return _bars(answer, heading, width)
    return _lines(answer, heading, width)


def value_label(answer: QueryAnswer) -> str:
    """Name of the value axis with its unit."""
    mark = {"1": "count", "": "", "1/min": "per minute"}.get(answer.unit, answer.unit)
    return f"{answer.aggregation} ({mark})" if mark else answer.aggregation


def series_name(series: SeriesAnswer) -> str:
    """The labels of a series as text; ``total`` for one without."""
    if len(series.labels) == 1:
        return next(iter(series.labels.values())) or "(empty)"
    return ", ".join(f"{name}={value}" for name, value in series.labels.items()) or "total"


def ranked(answer: QueryAnswer) -> Sequence[SeriesAnswer]:
    """The series with the largest totals first, at most twelve."""

    def total(series: SeriesAnswer) -> float:
        return sum(abs(value) for _, value in series.points if value is not None)

    return sorted(answer.series, key=total, reverse=True)[:_MOST_SERIES]


def columns(series: SeriesAnswer) -> tuple[Any, Any]:
    """Times (datetime64[ms], UTC) and values (NaN where nothing is known)."""
    times = np.array([at.removesuffix("Z") for at, _ in series.points], dtype="datetime64[ms]")
    values = np.array([np.nan if v is None else v for _, v in series.points], dtype=np.float64)
    return times, values


def _size(width: int | None) -> dict[str, Any]:
    return {"width": width} if width else {"responsive": True, "min_width": 320}


def _lines(answer: QueryAnswer, heading: str, width: int | None) -> Any:
    import holoviews as hv

    shown = ranked(answer)
    parts = []
    for place, series in enumerate(shown):
        name, colour = series_name(series), theme.colour(place)
        times, values = columns(series)
        end = len(times) - 1 if answer.open is not None and len(times) > 1 else len(times)
        parts.append(_curve(answer, name, times[:end], values[:end]).opts(color=colour))
        if end < len(times):
            growing = _curve(answer, name, times[end - 1 :], values[end - 1 :])
            parts.append(growing.opts(color=colour, alpha=0.5, line_dash="dashed"))
    if not parts:
        parts = [_curve(answer, "total", np.empty(0, "datetime64[ms]"), np.empty(0))]
    return hv.Overlay(parts).opts(
        hv.opts.Overlay(
            title=heading,
            height=_HEIGHT,
            show_legend=len(shown) > 1,
            legend_position="right",
            fontsize={"title": 12, "labels": 11, "ticks": 10},
            padding=(0.01, 0.08),
            active_tools=[],
            hooks=[_polish],
            **_size(width),
        )
    )


def _curve(answer: QueryAnswer, name: str, times: Any, values: Any) -> Any:
    import holoviews as hv

    said = np.array([words.plain(words.value(v, answer.unit)) for v in values], dtype=object)
    value = hv.Dimension(answer.metric, label=value_label(answer))
    curve = hv.Curve(
        (times, values, said), hv.Dimension("time", label="Time (UTC)"), [value, "said"], label=name
    )
    return curve.opts(
        hv.opts.Curve(
            line_width=2,
            tools=["hover"],
            hover_tooltips=[("", name), ("time", "@time{%F %T} UTC"), ("value", "@said")],
            framewise=True,
            show_grid=True,
        )
    )


def _polish(plot: Any, _element: Any) -> None:
    """Our fonts and quiet axes; the wheel scrolls the notebook, not the plot."""
    figure = plot.state
    figure.toolbar.logo = None
    figure.toolbar.autohide = True
    for axis in (*figure.xaxis, *figure.yaxis):
        axis.minor_tick_line_color = None
        axis.axis_line_alpha = 0.3
        axis.major_tick_line_alpha = 0.3
        axis.axis_label_text_font = axis.major_label_text_font = theme.FONT
        axis.axis_label_text_font_style = "normal"
        if isinstance(axis, LinearAxis) and not isinstance(axis, DatetimeAxis):
            axis.update(formatter=NumeralTickFormatter(format="0.[00]a"))
    if figure.title is not None:
        figure.title.text_font = theme.FONT


def _bars(answer: QueryAnswer, heading: str, width: int | None) -> Any:
    import holoviews as hv

    rows = [
        (series_name(each), next((v for _, v in reversed(each.points) if v is not None), 0.0))
        for each in ranked(answer)
    ]
    rows.sort(key=lambda row: row[1], reverse=True)
    label = next(iter(answer.series[0].labels), "series") if answer.series else "series"
    value = hv.Dimension(answer.metric, label=value_label(answer))
    bars = hv.Bars(rows[::-1], hv.Dimension(label), value)
    return bars.opts(
        hv.opts.Bars(
            title=heading,
            invert_axes=True,
            color=theme.ACCENT,
            line_color=None,
            height=80 + 34 * max(1, len(rows)),
            tools=["hover"],
            active_tools=[],
            hooks=[_polish],
            show_grid=False,
            **_size(width),
        )
    )
