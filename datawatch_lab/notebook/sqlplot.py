"""A result of SQL as a plot: what is time, what tells series apart, what is a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.core.errors import InputError
from datawatch_lab.views import theme

if TYPE_CHECKING:
    import pandas as pd

_MOST_SERIES, _MOST_BARS = 12, 40


def draw(frame: pd.DataFrame, kind: str = "") -> Any:
    """A frame as lines over its first time, or as bars over its first text.

    Args:
        frame: of a query; needs a number and, beside it, a time or a text.
        kind: ``line``, ``bar``, or '' for what suits it.

    Raises:
        InputError: nothing in it can be drawn so; says what it has.
    """
    from datawatch_lab.notebook import plots

    times, texts, numbers = _roles(frame)
    kind = kind or ("line" if times else "bar")
    if not numbers or not (times if kind == "line" else texts or times):
        raise InputError(
            f"nothing to draw as {kind}: the columns are {', '.join(map(str, frame.columns))}.",
            hint="A line needs a time and a number, a bar a text (or a time) and a number.",
        )
    plots.set_up()
    if kind == "line":
        return _lines(frame, times[0], texts, numbers)
    return _bars(frame, (texts or times)[0], numbers[0])


def _roles(frame: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Times, texts and numbers among the columns; decimals count as numbers."""
    import pandas as pd

    times, texts, numbers = [], [], []
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            times.append(name)
        elif pd.api.types.is_bool_dtype(column):
            continue
        elif pd.api.types.is_numeric_dtype(column) or _decimal(column):
            numbers.append(name)
        else:
            texts.append(name)
    return times, texts, numbers


def _decimal(column: pd.Series[Any]) -> bool:
    from decimal import Decimal

    known = column.dropna()
    return bool(len(known)) and isinstance(known.iloc[0], Decimal)


def _lines(frame: pd.DataFrame, time: str, texts: list[str], numbers: list[str]) -> Any:
    import holoviews as hv

    tall = frame.assign(**{name: frame[name].astype(float) for name in numbers})
    tall[time] = tall[time].dt.tz_localize(None) if tall[time].dt.tz is not None else tall[time]
    tall = tall.sort_values(time)
    if texts and tall[texts[0]].nunique() > 1:
        value = numbers[0]
        parts = [(str(key), group, value) for key, group in tall.groupby(texts[0], sort=False)]
        parts.sort(key=lambda part: -float(part[1][value].abs().sum()))
    else:
        value = numbers[0] if len(numbers) == 1 else "value"
        parts = [(name, tall, name) for name in numbers]
    curves = [
        hv.Curve(
            (group[time].to_numpy(), group[name].to_numpy()),
            hv.Dimension("time", label=f"{time} (UTC)"),
            hv.Dimension("value", label=value),
            label=label,
        ).opts(color=theme.colour(place), line_width=2)
        for place, (label, group, name) in enumerate(parts[:_MOST_SERIES])
    ]
    return hv.Overlay(curves).opts(hv.opts.Overlay(show_legend=len(curves) > 1, **_dress()))


def _bars(frame: pd.DataFrame, name: str, value: str) -> Any:
    import holoviews as hv

    totals = frame.assign(**{value: frame[value].astype(float)})
    totals = totals.groupby(name, sort=False, dropna=False)[value].sum().head(_MOST_BARS)
    rows = [(str(key), amount) for key, amount in totals.items()]
    bars = hv.Bars(rows, hv.Dimension("name", label=name), hv.Dimension("value", label=value))
    rotated = 45 if len(rows) > 8 else 0
    return bars.opts(
        hv.opts.Bars(color=theme.ACCENT, line_color=None, xrotation=rotated, **_dress())
    )


def _dress() -> dict[str, Any]:
    from functools import partial

    from datawatch_lab.notebook.plots import _dress as dress  # same room

    return {"responsive": True, "height": 320, "hooks": [partial(dress, unit="")], "title": ""}
