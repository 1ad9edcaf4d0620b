"""Plots: HoloViews objects with unit, hover, gaps, and the open bucket apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import holoviews as hv
import numpy as np
import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.plots import plot, restore, set_up
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from tests.notebook.conftest import START

RANGE: dict[str, Any] = {
    "start": START.isoformat(),
    "end": (START + timedelta(minutes=11)).isoformat(),
}


def _answer(values: list[float | None], *, is_open: bool = False) -> QueryAnswer:
    times = [f"2026-01-05T12:{minute:02}:00Z" for minute in range(len(values))]
    series = SeriesAnswer({}, list(zip(times, values, strict=True)))
    last = times[-1] if is_open else None
    return QueryAnswer("m", "sum", times[0], times[-1], "1m", [series], unit="s", open=last)


def _figure(drawn: Any) -> Any:
    return hv.renderer("bokeh").get_plot(drawn).state


def test_a_plot_is_a_holoviews_object_with_gaps(lab: Lab) -> None:
    """A metric plots as an overlay of curves; the minute without orders is NaN, not 0."""
    drawn = lab.metric("orders_amount_sum").plot(step="1m", **RANGE)
    assert isinstance(drawn, hv.Overlay)
    values = next(iter(drawn)).dimension_values(1)
    assert np.isnan(values).sum() == 1
    assert np.nansum(values) == sum(range(60))


def test_the_figure_wears_the_colours_of_the_page() -> None:
    """Grounds are transparent, and text takes its colour from variables of the page."""
    figure = _figure(plot(_answer([1.0, 2.0, 3.0])))
    assert figure.background_fill_color is None
    assert figure.border_fill_color is None
    assert any("--bk-major-label-text-color" in str(each) for each in figure.stylesheets)
    assert "(s)" in figure.yaxis[0].axis_label
    assert figure.xaxis[0].axis_label == "Time (UTC)"


def test_a_point_between_gaps_is_drawn() -> None:
    """A value with nothing known on both sides is a dot, since a line does not show it."""
    drawn = plot(_answer([1.0, None, 5.0, None, 2.0, 3.0]))
    (dots,) = [each for each in drawn if isinstance(each, hv.Scatter)]
    assert list(dots.dimension_values(1)) == [1.0, 5.0]


def test_the_open_bucket_is_drawn_apart() -> None:
    """The bucket that is not over yet is a curve of its own, dashed."""
    closed, growing = plot(_answer([1.0, 2.0, 3.0])), plot(_answer([1.0, 2.0, 3.0], is_open=True))
    curves = [[each for each in drawn if isinstance(each, hv.Curve)] for drawn in (closed, growing)]
    assert [len(each) for each in curves] == [1, 2]
    assert curves[1][1].opts.get("style").kwargs["line_dash"] == "dashed"


def test_bars_and_unknown_kinds(lab: Lab) -> None:
    """Bars show the newest value of each series; an unknown kind is refused with the options."""
    metric = lab.metric("orders_by_status")
    assert isinstance(metric.plot(kind="bar", step="1m", **RANGE), hv.Bars)
    with pytest.raises(InputError, match="Kinds: line, bar"):
        metric.plot(kind="pie", step="1m", **RANGE)


def test_setting_up_is_undone() -> None:
    """What setting up changes in HoloViews is put back."""
    hv.extension("bokeh", logo=False)
    renderer = hv.renderer("bokeh")
    before = bool(renderer.webgl)
    try:
        renderer.webgl = True
        found = set_up()
        assert not renderer.webgl
        restore(found)
        assert renderer.webgl
    finally:
        renderer.webgl = before
