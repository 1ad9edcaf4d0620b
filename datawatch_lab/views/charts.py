"""The Bokeh charts of the overview: made empty for each session, then fed with increments.

Text and grid take their colours from the page by CSS variables, so a change of theme needs no
server. The bucket that is not over yet is drawn lighter: its value still grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.models.annotations import BoxAnnotation
from bokeh.models.renderers import DataRenderer
from bokeh.models.text import BaseText
from bokeh.plotting import figure

from datawatch_lab.views import axes, theme
from datawatch_lab.views import format as words
from datawatch_lab.views.increments import Columns, increment
from datawatch_lab.views.ranges import Window
from datawatch_lab.views.snapshot import EMPTY, Data, Series

_HEIGHT = 232
_OPEN_ALPHA = 0.35
_UTC_LABEL = "Time (UTC)"


@dataclass(frozen=True)
class Kind:
    """What a chart shows.

    Attributes:
        name: of the chart, also of its slot on the page.
        lines: names of `Data.series` with their labels; bars have one.
        bars: bars instead of lines.
    """

    name: str
    lines: tuple[tuple[str, str], ...]
    bars: bool = False


KINDS = (
    Kind("created", (("created", ""),)),
    Kind("amount", (("amount", ""),), bars=True),
    Kind("lag", (("lag_p50", "median"), ("lag_p95", "p95"))),
)


class Chart:
    """One chart of one session."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.figure = _figure(kind)
        self.gap = BoxAnnotation(fill_color="#8a93a5", fill_alpha=0.16, visible=False)
        self.figure.add_layout(self.gap)
        self.sources: dict[str, ColumnDataSource] = {}
        self._sent: dict[str, Columns] = {}
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
        columns = ("x", "y", "alpha", "width", "at", "said")
        self.sources[name] = ColumnDataSource({column: [] for column in columns})
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
        return [line, dashed]

    def show(self, data: Data, window: Window, silent: datetime | None) -> None:
        """Bring the chart up to date with as little as possible sent."""
        top = 0.0
        for name, _ in self.kind.lines:
            series = data.series.get(name, EMPTY)
            self._send(name, series, data)
            known = series.values[np.isfinite(series.values)]
            top = max(top, float(known.max()) if len(known) else 0.0)
        self.move(window, silent)
        ticks = self._ticks(top, data)
        self.figure.y_range.update(end=ticks.end * 1.04)
        self.figure.yaxis[0].axis_label = self._unit(data)
        self._set_ticks("y", ticks)

    def move(self, window: Window, silent: datetime | None) -> None:
        """Let the axis go on; shade the time since the source fell silent."""
        end = window.end.timestamp() * 1e3
        self.figure.x_range.update(start=window.start.timestamp() * 1e3, end=end)
        self._set_ticks("x", axes.times(window.start, window.end))
        if silent is None:
            self.gap.visible = False
        else:
            start = max(window.start, silent).timestamp() * 1e3
            self.gap.update(left=start, right=end, visible=True)

    def _ticks(self, top: float, data: Data) -> axes.Ticks:
        if self.kind.name == "lag":
            return axes.durations(top)
        if self.kind.name == "amount":
            unit, currency = data.spec.amount_unit, known_currency(data)
            return axes.amounts(top, lambda v: words.value(v, unit, currency=currency, short=True))
        return axes.amounts(top, words.compact)

    def _unit(self, data: Data) -> str | None:
        if self.kind.name == "lag":
            return None  # each tick has its own unit
        if self.kind.name == "created":
            return "Rows/min"
        unit = known_currency(data) or words.unit_mark(data.spec.amount_unit)
        return unit or data.spec.amount_field

    def _set_ticks(self, axis: str, ticks: axes.Ticks) -> None:
        if self._labels.get(axis) == ticks.labels:
            return
        self._labels[axis] = ticks.labels
        target = self.figure.xaxis[0] if axis == "x" else self.figure.yaxis[0]
        grid = self.figure.xgrid[0] if axis == "x" else self.figure.ygrid[0]
        ticker = FixedTicker(ticks=ticks.places)
        labels: dict[float | str, str | BaseText] = dict(ticks.labels.items())
        # Labels before ticks: a tick without its label would show a bare number for a moment.
        target.major_label_overrides = labels
        target.ticker = ticker
        grid.ticker = ticker

    def _send(self, name: str, series: Series, data: Data) -> None:
        columns = self._columns(series, data)
        source, sent = self.sources[name], self._sent.get(name)
        step = increment(sent, columns) if sent is not None else None
        self._sent[name] = columns
        if step is None:
            source.data = {key: column.copy() for key, column in columns.items()}
        else:
            if step.patches:
                source.patch({key: list(changes) for key, changes in step.patches.items()})
            if len(step.added["x"]):
                source.stream(dict(step.added), rollover=step.rollover)
            elif step.rollover < len(source.data["x"]):
                source.data = {key: column.copy() for key, column in columns.items()}
        if not self.kind.bars:
            self.sources[f"{name}/open"].data = _growing(self._all(series, data), series)

    def _columns(self, series: Series, data: Data) -> Columns:
        """Rows of the main glyph: of a line only the buckets that are over."""
        columns = self._all(series, data)
        if self.kind.bars:
            return columns
        known = np.flatnonzero(np.isfinite(series.values[: series.open]))
        end = int(known[-1]) + 1 if len(known) else 0
        return {name: column[:end] for name, column in columns.items()}

    def _all(self, series: Series, data: Data) -> Columns:
        size = len(series.times)
        alpha, x = np.full(size, 0.9), series.times
        if self.kind.bars:
            x = series.times + series.step / 2
            if series.open is not None:
                alpha[series.open] = _OPEN_ALPHA
        said = np.array([self._say(value, data) for value in series.values], dtype=object)
        at = np.array([_when(start, series, data.window) for start in series.times], dtype=object)
        width = np.full(size, series.step * 0.82)
        return {"x": x, "y": series.values, "alpha": alpha, "width": width, "at": at, "said": said}

    def _say(self, value: float, data: Data) -> str:
        if self.kind.name == "lag":
            return words.duration(value)
        if self.kind.name == "created":
            return words.value(value, "1/min")
        return words.value(value, data.spec.amount_unit, currency=known_currency(data))


def known_currency(data: Data) -> str:
    """The currency of the amounts, '' when it is not known or not one."""
    return "" if data.currency == "mixed" else data.currency


def amount_unit(data: Data) -> str:
    """What the amounts are in: a currency or a unit where it is known, else what is summed."""
    if data.currency == "mixed":
        return f"Sum of {data.spec.amount_field}, mixed currencies"
    unit = data.currency or words.unit_mark(data.spec.amount_unit)
    return unit or f"Sum of {data.spec.amount_field}"


def _when(start: float, series: Series, window: Window) -> str:
    at = datetime.fromtimestamp(start / 1e3, window.start.tzinfo)
    until = at + timedelta(milliseconds=series.step)
    return f"{words.moment(at, window.span)} – {until:%H:%M} UTC"


def _growing(columns: Columns, series: Series) -> dict[str, list[object]]:
    """The last closed point and the open one, which is drawn apart; nothing when none is open."""
    rows = slice(0, 0) if series.open is None else slice(max(0, series.open - 1), series.open + 1)
    return {name: column[rows].tolist() for name, column in columns.items()}


def _figure(kind: Kind) -> figure:
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
    plot.xaxis[0].axis_label = _UTC_LABEL
    plot.xgrid[0].visible = False
    return plot
