"""Charts: every value where it belongs, nothing drawn where nothing is known."""

from __future__ import annotations

import json
import math
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.views.pages.plot import Line, Mark, Plot, draw, spark

HOUR = 3_600_000.0
VALUES = st.lists(
    st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False, allow_subnormal=False)),
    min_size=1,
    max_size=40,
)


def plotted(made: str) -> list[tuple[float, float]]:
    """The places of all points of the first line, as (x, y) of the plane."""
    path = re.search(r'<path d="([^"]*)"', made)
    assert path is not None
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path[1])]


def read_out(made: str) -> list[list[object]]:
    """What is read out of the first line."""
    found = re.search(r'data-plot="([^"]*)"', made)
    assert found is not None
    points: list[list[object]] = json.loads(unescape(found[1]))["lines"][0]["p"]
    return points


@given(VALUES)
def test_known_values_are_drawn_within_the_plane(values: list[float | None]) -> None:
    """Each known value is one point inside the plane; unknown ones are gaps."""
    points = [(HOUR * place, value) for place, value in enumerate(values)]
    known = [value for value in values if value is not None]
    made = draw(Plot("metric", [Line("metric", points)]))
    if not known:
        assert "No values in this range" in made
        return
    places = plotted(made)
    assert len(places) == len(known)
    assert all(-0.1 <= x <= 1000.1 and -0.1 <= y <= 200.1 for x, y in places)
    assert len(read_out(made)) == len(known)


@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=20, unique=True))
def test_a_larger_value_is_drawn_higher(values: list[float]) -> None:
    """The order of values is the order of heights."""
    made = draw(Plot("m", [Line("m", [(HOUR * i, value) for i, value in enumerate(values)])]))
    heights = [y for _, y in plotted(made)]
    for (one, low), (other, high) in zip(
        sorted(zip(values, heights, strict=True)),
        sorted(zip(values, heights, strict=True))[1:],
        strict=False,
    ):
        assert one <= other
        assert low >= high - 0.1


def test_what_is_read_out_is_the_value_with_its_unit() -> None:
    """The words under the pointer are formatted as everywhere else."""
    made = draw(Plot("lag", [Line("lag", [(0.0, 0.5), (HOUR, 90.0)])], "s"))
    assert [said for _, said, _ in read_out(made)] == ["500\u00a0ms", "1\u00a0min 30\u00a0s"]


def test_names_and_marks_are_text() -> None:
    """Names of series and sentences of marks are no markup."""
    evil = "</script><script>alert(1)</script>"
    plot = Plot(
        evil,
        [Line(evil, [(0.0, 1.0)]), Line(evil, [(0.0, 2.0)])],
        evil,
        marks=[Mark(0.0, None, "bad", evil)],
    )
    assert "<script" not in draw(plot)


def test_band_threshold_and_marks_are_drawn_and_named() -> None:
    """What is expected, the threshold and stretches are in the picture, and in its key."""
    points = [(HOUR * place, float(place)) for place in range(5)]
    band = [(at, (value or 0) - 1, (value or 0) + 1) for at, value in points]
    made = draw(
        Plot(
            "m",
            [Line("m", points)],
            band=band,
            threshold=3.0,
            marks=[Mark(HOUR, 2 * HOUR, "bad", "fired")],
        )
    )
    assert 'class="band"' in made
    assert 'class="threshold"' in made
    assert 'class="mark bad"' in made
    assert "expected" in made
    assert "threshold 3" in made


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_gap(bad: float) -> None:
    """NaN and infinities are not drawn."""
    made = draw(Plot("m", [Line("m", [(0.0, 1.0), (HOUR, bad), (2 * HOUR, 3.0)])]))
    assert len(plotted(made)) == 2


def test_a_spark_needs_two_values() -> None:
    """One value is no line."""
    assert spark([1.0], "x") == ""
    assert "polyline" in spark([1.0, None, 3.0], "x")
