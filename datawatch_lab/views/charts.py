"""The Bokeh charts of the overview: made empty for each session, then fed with increments.

Text and grid take their colours from the page by CSS variables, so a change of theme needs no
server. The bucket that is not over yet is drawn lighter: its value still grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.models.annotations import BoxAnnotation
from bokeh.models.renderers import DataRenderer
from bokeh.models.text import BaseText
from bokeh.plotting import figure

from datawatch_lab.views import axes, theme
from datawatch_lab.views.clock import local, zone_word
from datawatch_lab.views.drawing import COLUMNS, Drawing, Kind
from datawatch_lab.views.increments import Columns, increment
from datawatch_lab.views.ranges import Window

_HEIGHT = 232


class Chart:
    """One chart of one session."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        # Filled in place: a new model would cost Bokeh a walk over the whole document.
        self.tickers = {axis: FixedTicker(ticks=[]) for axis in ("x", "y")}
        self.figure = _figure(kind, self.tickers)
        self.gap = BoxAnnotation(fill_color="#8a93a5", fill_alpha=0.16, visible=False)
        self.figure.add_layout(self.gap)
        self.sources: dict[str, ColumnDataSource] = {}
        self._sent: dict[str, Columns] = {}
        self._shown: Drawing | None = None
        self._labels: dict[str, Mapping[float, str]] = {}
        for place, (name, label) in enumerate(kind.lines):
            self._add(name, label, place)

    def _add(self, name: str, label: str, place: int) -> None:
        prefix = f"{label}: " if label else ""
        glyphs = self._bars(name) if self.kind.bars else self._line(name, theme.colour(place))
        self.figure.add_tools(
            HoverTool(
                renderers=glyphs,
                tooltips=f"<div class='dw-tip'>{prefix}<b>@said</b><br>@at</div>",
                mode="vline",
                attachment="vertical",
                line_policy="nearest",
            )
        )

    def _source(self, name: str) -> ColumnDataSource:
        self.sources[name] = ColumnDataSource({column: [] for column in COLUMNS})
        return self.sources[name]

    def _bars(self, name: str) -> list[DataRenderer]:
        source = self._source(name)
        bars = self.figure.vbar(
            "x", "width", "y", source=source, color=theme.ACCENT, alpha="alpha", line_color=None
        )
        return [bars]

    def _line(self, name: str, colour: str) -> list[DataRenderer]:
        source, growing = self._source(name), self._source(f"{name}/open")
        if len(self.kind.lines) == 1:
            self.figure.varea("x", 0, "y", source=source, color=colour, alpha=0.1)
        line = self.figure.line("x", "y", source=source, color=colour, line_width=2)
        dashed = self.figure.line(
            "x", "y", source=growing, color=colour, alpha=0.6, line_width=2, line_dash=(3, 3)
        )
        for points in (source, growing):
            self.figure.scatter("x", "y", size="dot", source=points, color=colour, line_color=None)
        return [line, dashed]

    def show(self, drawing: Drawing) -> None:
        """Bring the chart up to date with as little as possible sent."""
        if drawing is self._shown:
            return
        self._shown = drawing
        for name, columns in drawing.columns.items():
            self._send(name, columns)
        for name, columns in drawing.growing.items():
            self._send(f"{name}/open", columns)
        self.figure.y_range.update(end=drawing.ticks.end * 1.04)
        self.figure.yaxis[0].axis_label = drawing.unit
        self._set_ticks("y", drawing.ticks)

    def move(self, window: Window, silent: datetime | None) -> None:
        """Let the axis go on; shade the time since the source fell silent."""
        start, end = window.start.timestamp() * 1e3, window.end.timestamp() * 1e3
        if self.kind.bars:
            # The first bar is shown whole.
            step = window.bars.total_seconds() * 1e3
            start = start // step * step
        self.figure.x_range.update(start=start, end=end)
        self._set_ticks("x", axes.times(local(window.start), local(window.end)))
        self.figure.xaxis[0].axis_label = f"Time ({zone_word(window.end)})"
        if silent is None:
            self.gap.visible = False
        else:
            left = max(start, silent.timestamp() * 1e3)
            self.gap.update(left=left, right=end, visible=True)

    def _set_ticks(self, axis: str, ticks: axes.Ticks) -> None:
        if self._labels.get(axis) == ticks.labels:
            return
        self._labels[axis] = ticks.labels
        target = self.figure.xaxis[0] if axis == "x" else self.figure.yaxis[0]
        labels: dict[float | str, str | BaseText] = dict(ticks.labels.items())
        # Labels before ticks: a tick without its label would show a bare number for a moment.
        target.major_label_overrides = labels
        self.tickers[axis].ticks = ticks.places

    def _send(self, name: str, columns: Columns) -> None:
        source, sent = self.sources[name], self._sent.get(name)
        step = increment(sent, columns) if sent is not None else None
        self._sent[name] = columns
        if step is None or (not len(step.added["x"]) and step.rollover < len(source.data["x"])):
            if sent is None or len(columns["x"]) or len(sent["x"]):
                source.data = {key: column.copy() for key, column in columns.items()}
            return
        if step.patches:
            source.patch({key: list(changes) for key, changes in step.patches.items()})
        if len(step.added["x"]):
            source.stream(dict(step.added), rollover=step.rollover)


def _figure(kind: Kind, tickers: Mapping[str, FixedTicker]) -> figure:
    plot = figure(
        name=f"dw-{kind.name}",
        height=_HEIGHT,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        tools="",
        toolbar_location=None,
        output_backend="canvas",
        min_border_right=22,
        min_border_left=8,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
    )
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        axis.axis_line_color = None
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.major_label_text_font = theme.FONT
        axis.major_label_text_font_size = "12px"
        axis.axis_label_text_font = theme.FONT
        axis.axis_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_standoff = 6
    plot.xgrid[0].visible = False
    plot.xaxis[0].ticker = tickers["x"]
    plot.yaxis[0].ticker = plot.ygrid[0].ticker = tickers["y"]
    return plot
