"""Charts as SVG with HTML labels: drawn here, coloured by the page, read out by `plot.js`.

Lines stretch with the page, labels do not, since they are HTML beside the SVG. Each point carries
its time and value in words, so that what is read out is formatted as everywhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.views import axes, theme
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import local_ms, zone_word
from datawatch_lab.views.hv import ranked, series_name
from datawatch_lab.views.pages.parts import Html, empty, join, tag

_WIDTH, _HEIGHT = 1000.0, 200.0
_MOST_POINTS = 600

Points = Sequence[tuple[float, float | None]]
"""(ms since 1970 UTC, value), ascending; None where nothing is known."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: of the series.
        points: its values.
        colour: place in the palette.
        faint: the period that it is compared with.
    """

    name: str
    points: Points
    colour: int = 0
    faint: bool = False


@dataclass(frozen=True)
class Mark:
    """A stretch or a moment that is marked: an alert, an anomaly.

    Attributes:
        start: ms since 1970 UTC.
        end: None for a moment.
        tone: good, warn, bad or info.
        said: in words.
    """

    start: float
    end: float | None = None
    tone: str = "bad"
    said: str = ""


@dataclass(frozen=True)
class Plot:
    """A chart.

    Attributes:
        label: what it shows, for those who hear it.
        lines: first the main one.
        unit: of the values.
        start, end: of the time axis, ms since 1970 UTC; those of the points where 0.
        band: what is expected: (ms, low, high).
        threshold: a horizontal line, and what it is called.
        marks: stretches and moments.
        zoom: whether a drag over it chooses a range.
    """

    label: str
    lines: Sequence[Line]
    unit: str = ""
    start: float = 0.0
    end: float = 0.0
    band: Sequence[tuple[float, float | None, float | None]] = ()
    threshold: float | None = None
    threshold_name: str = "threshold"
    marks: Sequence[Mark] = ()
    zoom: bool = False


def ms(iso: str) -> float:
    """A moment of an answer, ms since 1970 UTC."""
    return datetime.fromisoformat(iso).timestamp() * 1e3


def lines_of(answer: QueryAnswer) -> list[Line]:
    """The series of an answer, the largest first."""
    return [
        Line(series_name(each), [(ms(at), value) for at, value in each.points], place)
        for place, each in enumerate(ranked(answer))
    ]


def draw(plot: Plot) -> Html:
    """The chart as HTML; words in its place when there is nothing to draw."""
    known = [value for line in plot.lines for _, value in line.points if value is not None]
    known = [value for value in known if math.isfinite(value)]
    if not known:
        return empty("No values in this range", "Choose a longer range, or another metric.")
    scale = _scale(plot, known)
    inner = [_grid(scale), _marks(plot, scale), _band(plot, scale)]
    inner += [_line(line, scale) for line in plot.lines]
    inner.append(_threshold(plot, scale))
    svg = tag(
        "svg",
        *inner,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    body = tag("div", svg, class_="plane", **_data(plot, scale))
    # Labels first: the widest decides where the plane begins.
    rows = tag("div", _y_labels(scale), body, class_="rows")
    said = tag("p", _sentence(plot, known), class_="heard")
    return tag(
        "figure", rows, _x_labels(scale), _key(plot), said, class_="dw-plot", aria_label=plot.label
    )


@dataclass(frozen=True)
class _Scale:
    start: float
    end: float
    low: float
    high: float
    ticks: axes.Ticks
    times: axes.Ticks

    def x(self, at: float) -> float:
        return (at - self.start) / max(self.end - self.start, 1.0) * _WIDTH

    def y(self, value: float) -> float:
        share = (value - self.low) / max(self.high - self.low, 1e-12)
        return _HEIGHT * (1 - share)


def _scale(plot: Plot, known: Sequence[float]) -> _Scale:
    moments = [at for line in plot.lines if not line.faint for at, _ in line.points]
    start, end = plot.start or min(moments), plot.end or max(moments)
    beside = [edge for _, low, high in plot.band for edge in (low, high) if edge is not None]
    if plot.threshold is not None:
        beside.append(plot.threshold)
    low, high = min([0.0, *known, *beside]), max([*known, *beside])
    ticks = _ticks(low, high, plot.unit)
    if start >= end:
        end = start + 60_000.0
    window = [local_ms(each) for each in (start, end)]
    top = max(ticks.end, high)
    return _Scale(start, end, min(ticks.places[0], low), top, ticks, axes.times(*window))


def _ticks(low: float, high: float, unit: str) -> axes.Ticks:
    """Round values from below the lowest to above the highest value."""
    say: Callable[[float], str] = lambda each: words.value(each, unit, short=True)  # noqa: E731
    if low < 0:
        size = max(-low, high)
        upper = axes.amounts(size, say, most=3)
        below = [-each for each in upper.places if -each > 1.2 * low and each]
        places = sorted([*below, *upper.places])
        return axes.Ticks({each: say(each) for each in places}, upper.end)
    if unit in ("s", "ms", "us"):
        part = {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit]
        seconds = axes.durations(high * part)
        return axes.Ticks(
            {at / part: said for at, said in seconds.labels.items()}, seconds.end / part
        )
    return axes.amounts(high, say)


def _path(points: Points, scale: _Scale) -> str:
    """A path with a gap where nothing is known; a point alone is a short dash."""
    made: list[str] = []
    pen, last = False, ""
    for at, value in points:
        if value is None or not math.isfinite(value):
            if pen and made and made[-1][0] == "M":
                made.append("h3")
            pen = False
            continue
        made.append(f"{'L' if pen else 'M'}{scale.x(at):.1f} {scale.y(value):.1f}")
        pen = True
    if made and made[-1][0] == "M":
        last = "h3"
    return "".join(made) + last


def _line(line: Line, scale: _Scale) -> Html:
    colour = theme.colour(line.colour)
    css = "line faint" if line.faint else "line"
    return tag("path", d=_path(line.points, scale), class_=css, stroke=colour)


def _band(plot: Plot, scale: _Scale) -> Html:
    sure = [(at, lo, hi) for at, lo, hi in plot.band if lo is not None and hi is not None]
    if not sure:
        return Html("")
    above = [f"{scale.x(at):.1f},{scale.y(hi):.1f}" for at, _, hi in sure]
    below = [f"{scale.x(at):.1f},{scale.y(lo):.1f}" for at, lo, _ in reversed(sure)]
    return tag("polygon", points=" ".join([*above, *below]), class_="band")


def _grid(scale: _Scale) -> Html:
    return join(
        tag(
            "line", x1=0, x2=_WIDTH, y1=f"{scale.y(at):.1f}", y2=f"{scale.y(at):.1f}", class_="grid"
        )
        for at in scale.ticks.places
    )


def _marks(plot: Plot, scale: _Scale) -> Html:
    made: list[Html] = []
    for mark in plot.marks:
        left = max(0.0, scale.x(mark.start))
        right = scale.x(mark.end) if mark.end is not None else left
        if right < 0 or left > _WIDTH:
            continue
        width = max(min(right, _WIDTH) - left, 3.0)
        made.append(
            tag(
                "rect",
                x=f"{left:.1f}",
                y=0,
                width=f"{width:.1f}",
                height=_HEIGHT,
                class_=f"mark {mark.tone}",
            )
        )
    return join(made)


def _threshold(plot: Plot, scale: _Scale) -> Html:
    if plot.threshold is None:
        return Html("")
    y = f"{scale.y(plot.threshold):.1f}"
    return tag("line", x1=0, x2=_WIDTH, y1=y, y2=y, class_="threshold")


def _y_labels(scale: _Scale) -> Html:
    widest = max((words.plain(each) for each in scale.ticks.labels.values()), key=len)
    rest = [
        tag("span", said, style=f"top:{scale.y(at) / _HEIGHT * 100:.2f}%")
        for at, said in scale.ticks.labels.items()
    ]
    return tag("div", tag("b", widest, aria_hidden="true"), *rest, class_="y")


def _x_labels(scale: _Scale) -> Html:
    made = []
    for place, (at, said) in enumerate(scale.times.labels.items()):
        share = scale.x(at) / _WIDTH * 100
        lines = said.split("\n")
        css = "odd" if place % 2 else None
        edge = " last" if share > 94 else ""
        inner = join([lines[0], *(tag("small", each) for each in lines[1:])])
        made.append(
            tag("span", inner, style=f"left:{share:.2f}%", class_=f"{css or ''}{edge}" or None)
        )
    return tag("div", *made, tag("em", zone_word(local_ms(scale.end))), class_="x")


def _key(plot: Plot) -> Html:
    made = []
    if len(plot.lines) > 1:
        for line in plot.lines:
            dash = "dash" if line.faint else ""
            mark = tag("i", class_=dash, style=f"--c:{theme.colour(line.colour)}")
            made.append(tag("li", mark, line.name))
    if any(low is not None and high is not None for _, low, high in plot.band):
        made.append(tag("li", tag("i", class_="band"), "expected"))
    if plot.threshold is not None:
        said = f"{plot.threshold_name} {words.value(plot.threshold, plot.unit)}"
        made.append(tag("li", tag("i", class_="threshold"), said))
    return tag("ul", *made, class_="key-list") if made else Html("")


def _data(plot: Plot, scale: _Scale) -> dict[str, object]:
    """What `plot.js` reads out: for each line its name, and places with words."""
    span = timedelta(milliseconds=scale.end - scale.start)
    shown = []
    for line in plot.lines:
        stride = max(1, len(line.points) // _MOST_POINTS)
        points = [
            [round(scale.x(at) / _WIDTH, 5), _said(value, plot.unit), _at(at, span)]
            for at, value in line.points[::stride]
            if value is not None and math.isfinite(value)
        ]
        shown.append({"n": line.name, "c": theme.colour(line.colour), "p": points})
    marks = [
        [round(scale.x(m.start) / _WIDTH, 5), round(scale.x(m.end or m.start) / _WIDTH, 5), m.said]
        for m in plot.marks
        if m.said
    ]
    text = json.dumps({"lines": shown, "marks": marks}, separators=(",", ":"))
    return {
        "data_plot": text,
        "data_start": f"{scale.start:.0f}",
        "data_end": f"{scale.end:.0f}",
        "data_zoom": plot.zoom,
    }


def _said(value: float, unit: str) -> str:
    return words.value(value, unit)


def _at(at: float, span: timedelta) -> str:
    moment = local_ms(at)
    return f"{words.moment(moment, span)} {zone_word(moment)}"


def _sentence(plot: Plot, known: Sequence[float]) -> str:
    """The chart for those who hear it."""
    low, high = (words.value(each, plot.unit) for each in (min(known), max(known)))
    return f"{plot.label}: from {low} to {high}, last {words.value(known[-1], plot.unit)}."


def spark(values: Sequence[float | None], label: str) -> Html:
    """A small line without axes."""
    known = [each for each in values if each is not None and math.isfinite(each)]
    if len(known) < 2:
        return Html("")
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    points = " ".join(
        f"{place / (len(values) - 1) * 100:.1f},{34 - (value - low) / span * 30:.1f}"
        for place, value in enumerate(values)
        if value is not None and math.isfinite(value)
    )
    line = tag("polyline", points=points)
    return tag(
        "svg",
        line,
        viewBox="0 0 100 36",
        preserveAspectRatio="none",
        class_="spark",
        role="img",
        aria_label=label,
    )
