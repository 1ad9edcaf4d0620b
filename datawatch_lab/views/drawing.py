"""What each chart of the overview draws, as columns: made once per snapshot for all viewers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datawatch_lab.views import axes
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import local_ms, zone_word
from datawatch_lab.views.increments import Columns
from datawatch_lab.views.ranges import Window
from datawatch_lab.views.snapshot import EMPTY, Data, Floats, Series

COLUMNS = ("x", "y", "alpha", "width", "dot", "at", "said")
_SOLID, _OPEN = 0.9, 0.35
_DOT = 6.0


@dataclass(frozen=True)
class Kind:
    """A chart.

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


@dataclass(frozen=True)
class Drawing:
    """What a chart draws.

    Attributes:
        columns: `COLUMNS` by line: place in ms, value, opacity and width of bars, size of a dot,
            time and value in words. Of a line only the buckets that are over.
        growing: by line, the last bucket that is over and the one that is not; empty for bars.
        ticks: of the value axis.
        unit: on the value axis; None where each tick says its own.
    """

    columns: Mapping[str, Columns]
    growing: Mapping[str, Columns]
    ticks: axes.Ticks
    unit: str | None


def draw(data: Data) -> dict[str, Drawing]:
    """The drawings of all charts, by name."""
    return {kind.name: _draw(kind, data) for kind in KINDS}


def known_currency(data: Data) -> str:
    """The currency of the amounts, '' when it is not known or not one."""
    return "" if data.currency == "mixed" else data.currency


def amount_unit(data: Data) -> str:
    """What the amounts are in: a currency or a unit where it is known, else what is summed."""
    if data.currency == "mixed":
        return f"Sum of {data.spec.amount_field}, mixed currencies"
    unit = data.currency or words.unit_mark(data.spec.amount_unit)
    return unit or f"Sum of {data.spec.amount_field}"


def _draw(kind: Kind, data: Data) -> Drawing:
    columns, growing, top = {}, {}, 0.0
    for name, _ in kind.lines:
        series = data.series.get(name, EMPTY)
        whole = _columns(kind, series, data)
        columns[name] = whole if kind.bars else _rows(whole, 0, _closed(series))
        if not kind.bars:
            end = _rows(whole, *_open(series))
            # The newest point is marked, also when it is the only one.
            end = {**end, "dot": np.where(end["x"] == end["x"].max(initial=0.0), _DOT, 0.0)}
            growing[name] = end
        known = series.values[np.isfinite(series.values)]
        top = max(top, float(known.max()) if len(known) else 0.0)
    return Drawing(columns, growing, _ticks(kind, top, data), _unit(kind, data))


def _columns(kind: Kind, series: Series, data: Data) -> Columns:
    size, x = len(series.times), series.times
    alpha = np.full(size, _SOLID)
    if kind.bars:
        x = series.times + series.step / 2
        if series.open is not None:
            alpha[series.open] = _OPEN
    said = np.array([_say(kind, value, data) for value in series.values], dtype=object)
    at = np.array([_when(start, series, data.window) for start in series.times], dtype=object)
    width = np.full(size, series.step * 0.82)
    dot = np.where(_alone(series.values), _DOT, 0.0)
    return dict(zip(COLUMNS, (x, series.values, alpha, width, dot, at, said), strict=True))


def _alone(values: Floats) -> npt.NDArray[np.bool_]:
    """Which points have no neighbour to draw a line to."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    alone: npt.NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _rows(columns: Columns, start: int, end: int) -> Columns:
    return {name: column[start:end] for name, column in columns.items()}


def _closed(series: Series) -> int:
    """End of what is known of the buckets that are over."""
    known = np.flatnonzero(np.isfinite(series.values[: series.open]))
    return int(known[-1]) + 1 if len(known) else 0


def _open(series: Series) -> tuple[int, int]:
    return (0, 0) if series.open is None else (max(0, series.open - 1), series.open + 1)


def _say(kind: Kind, value: float, data: Data) -> str:
    if kind.name == "lag":
        return words.duration(value)
    if kind.name == "created":
        return words.value(value, "1/min")
    return words.value(value, data.spec.amount_unit, currency=known_currency(data))


def _when(start: float, series: Series, window: Window) -> str:
    at, until = local_ms(start), local_ms(start + series.step)
    return f"{words.moment(at, window.span)} – {until:%H:%M} {zone_word(until)}"


def _ticks(kind: Kind, top: float, data: Data) -> axes.Ticks:
    if kind.name == "lag":
        return axes.durations(top)
    if kind.name == "created":
        return axes.amounts(top, words.compact)
    unit, currency = data.spec.amount_unit, known_currency(data)
    return axes.amounts(top, lambda v: words.value(v, unit, currency=currency, short=True))


def _unit(kind: Kind, data: Data) -> str | None:
    if kind.name == "lag":
        return None
    if kind.name == "created":
        return "Rows/min"
    unit = known_currency(data) or words.unit_mark(data.spec.amount_unit)
    return unit or data.spec.amount_field
