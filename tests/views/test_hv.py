"""Answers as HoloViews objects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.views.hv import to_hv
from tests.views.fakes import NOW


def answer(*names: str, unit: str = "1/min", is_open: bool = True) -> QueryAnswer:
    """Four points a series; the place of a name is added to its values."""
    times = [iso(NOW + timedelta(minutes=place)) or "" for place in range(4)]
    series = [
        SeriesAnswer(
            {"status": name} if name else {},
            [(at, None if place == 1 else place + 10.0 * rank) for place, at in enumerate(times)],
        )
        for rank, name in enumerate(names)
    ]
    until = iso(NOW + timedelta(minutes=4)) or ""
    opened = times[-1] if is_open else None
    return QueryAnswer("m", "rate", times[0], until, "1m", series, unit, open=opened)


def test_each_series_is_a_line_with_its_values() -> None:
    """The largest series comes first; a value that is not known is a gap."""
    curves = list(to_hv(answer("a", "b", is_open=False)))
    assert [each.label for each in curves] == ["b", "a"]
    assert curves[0].dimension_values(1).tolist()[0] == 10
    assert curves[1].dimension_values(1)[1] != curves[1].dimension_values(1)[1]


def test_the_open_bucket_is_drawn_apart() -> None:
    """The bucket that is not over yet belongs to a second, dashed line."""
    closed, growing = list(to_hv(answer("")))
    assert len(closed) == 3
    assert len(growing) == 2
    assert growing.opts.get("style").kwargs["line_dash"] == "dashed"


def test_the_axis_has_the_unit() -> None:
    """What the numbers are in stands on the axis."""
    (curve, _) = to_hv(answer(""))
    assert curve.vdims[0].label == "rate (per minute)"
    assert curve.kdims[0].label == "Time (UTC)"


def test_bars_show_the_last_values() -> None:
    """A bar a series, the largest on top."""
    bars = to_hv(answer("a", "b"), kind="bar")
    assert bars.dimension_values(0).tolist() == ["a", "b"]
    assert bars.dimension_values(1).tolist() == [3, 13]


def test_nothing_is_an_empty_plot() -> None:
    """An answer without series draws axes and no line."""
    (curve,) = to_hv(answer())
    assert len(curve) == 0


def test_a_plot_renders() -> None:
    """Bokeh draws it: titles, units and lines arrive in the document."""
    import holoviews as hv

    for kind in ("line", "bar"):
        plot = hv.renderer("bokeh").get_plot(to_hv(answer("a", "b"), kind=kind))
        assert plot.state.title.text == "m (rate)"
        assert plot.state.toolbar.logo is None
    assert hv.renderer("bokeh").webgl is False


def test_an_unknown_kind_is_refused() -> None:
    """The error names what there is."""
    with pytest.raises(InputError, match="Kinds: line, bar"):
        to_hv(answer(""), kind="pie")
