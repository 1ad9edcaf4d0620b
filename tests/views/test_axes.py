"""Axes that can be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.views import axes
from datawatch_lab.views import format as words

START = datetime(2026, 3, 1, 11, 17, 23, tzinfo=UTC)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_amounts_have_few_round_ticks_that_hold_the_largest(top: float) -> None:
    """From 0 to a round value at or above the largest, in at most seven ticks, all told apart."""
    for ticks in (axes.amounts(top, words.compact), axes.durations(top)):
        assert ticks.places[0] == 0
        assert ticks.end >= top * 0.999
        assert 2 <= len(ticks.places) <= 7
        if top > 1e-3:
            assert len(set(ticks.labels.values())) == len(ticks.labels)


@given(st.integers(60, 400_000_000))
def test_times_have_at_most_six_ticks_inside_the_range(seconds: int) -> None:
    """Six labels fit 390 pixels, whatever the range."""
    end = START + timedelta(seconds=seconds)
    ticks = axes.times(START, end)
    assert len(ticks.places) <= 6
    assert all(START.timestamp() * 1e3 <= each <= ticks.end for each in ticks.places)


def test_midnight_and_the_first_tick_show_the_date() -> None:
    """The day is said once at the left and wherever it changes."""
    labels = list(axes.times(START, START + timedelta(hours=20)).labels.values())
    assert labels == ["12:00\n1 Mar", "16:00", "20:00", "00:00\n2 Mar", "04:00"]


def test_an_axis_without_data_still_has_a_scale() -> None:
    """Nothing, zero and not-a-number give the axis from 0 to 1."""
    for top in (0.0, float("nan")):
        assert axes.amounts(top, words.compact).end == 1
