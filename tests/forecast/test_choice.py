"""Choosing a model, its intervals, its words, the calendar, and the judge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from datawatch_lab.forecast.backtest import backtest, origins_of
from datawatch_lab.forecast.base import Series
from datawatch_lab.forecast.choice import LEAST, Outcome, forecast
from datawatch_lab.forecast.intervals import adapted, conformal
from datawatch_lab.forecast.judge import Recorded, judge
from datawatch_lab.forecast.registry import QUICK
from datawatch_lab.forecast.seasons import seasons_of
from datawatch_lab.forecast.words import recommend
from tests.forecast.series import hourly, waves

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _said(values: np.ndarray, ahead: int = 6) -> Outcome:
    return forecast(hourly(values, ahead), QUICK, ahead, 0.8)


def test_the_best_model_of_the_past_speaks() -> None:
    """A line is left to the linear model; a wave to one that knows seasons, below MASE 1."""
    assert _said(np.arange(200.0)).model == "linear"
    wave = _said(waves(24 * 14))
    assert wave.model in {"profile", "holt_winters"}
    assert wave.best.mase < 1
    errors = [each.mase for each in wave.tested]
    assert errors == sorted(errors)


def test_conformal_intervals_hold_what_they_promise() -> None:
    """Of new errors of the same kind, skewed ones too, about 80 % lie in the interval."""
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        errors = rng.exponential(1.0, (100, 3)) - 1
        low, high = conformal(errors, 0.8)
        new = rng.exponential(1.0, (50, 3)) - 1
        inside.append(((new >= low) & (new <= high)).mean())
    assert 0.77 < float(np.mean(inside)) < 0.85


def test_growing_errors_widen_the_interval() -> None:
    """Errors that grow with time ask for a higher level; steady ones for about the one meant."""
    rng = np.random.default_rng(4)
    steady = rng.normal(0, 1, (120, 3))
    growing = steady * np.linspace(1, 8, 120)[:, None]
    assert adapted(growing, 0.8) > adapted(steady, 0.8)
    assert adapted(steady, 0.8) < 0.86
    assert adapted(steady[:5], 0.8) == 0.8


def test_no_error_known_is_no_width() -> None:
    """Without a known error the interval is the value itself."""
    low, high = conformal(np.full((4, 2), np.nan), 0.8)
    assert low.tolist() == high.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("points", [LEAST, LEAST + 1, 30])
def test_a_few_points_are_enough(points: int) -> None:
    """From 20 points on there is a forecast, less sure than one of many."""
    few = _said(waves(points))
    assert np.isfinite([few.values, few.low, few.high]).all()
    assert (few.low <= few.values).all()
    assert (few.values <= few.high).all()


def test_constants_counters_and_outages() -> None:
    """What never changes stays, and is sure; a counter never goes below zero; gaps do no harm."""
    constant = _said(np.full(60, 7.0))
    assert constant.values.tolist() == constant.low.tolist() == [7.0] * 6
    assert constant.confidence == 1.0
    assert _said(np.zeros(60)).high.tolist() == [0.0] * 6
    counts = np.random.default_rng(1).poisson(0.3, 200).astype(float)
    assert (_said(counts).low >= 0).all()
    gapped = waves(24 * 14)
    gapped[100:130] = np.nan
    gapped[-3:] = np.nan
    whole = _said(waves(24 * 14))
    assert np.abs(_said(gapped).values - whole.values).max() < 6


def test_a_level_step_is_followed() -> None:
    """A few hours after a step of the level the forecast is on the new level."""
    stepped = waves(24 * 14)
    stepped[-24:] += 100
    assert _said(stepped, 3).values.min() > 100


def test_the_same_series_gives_the_same_forecast() -> None:
    """Nothing in it is drawn by lot, and the input is not changed."""
    values = waves(200)
    before = values.copy()
    assert _said(values).values.tolist() == _said(values).values.tolist()
    assert values.tolist() == before.tolist()


def test_origins_leave_a_past_and_meet_all_hours() -> None:
    """Origins begin after a past, end with the series, and fall on every hour of the day."""
    origins = origins_of(hourly(waves(720)))
    assert origins[0] >= 240
    assert origins[-1] == 720
    assert set((origins[:-1] % 24).tolist()) == set(range(24))
    assert len(backtest(hourly(waves(60)), QUICK, 6)) == len(QUICK)


def test_phases_go_by_the_clock_of_the_zone() -> None:
    """The hour of the day is the local one, on both sides of the change to summer time."""
    begin = datetime(2026, 3, 20, tzinfo=UTC)
    times = [begin + HOUR * each for each in range(24 * 16)]
    day, week = seasons_of(times, 24 * 15, HOUR, "Europe/Berlin")
    assert (day.phases[0], day.phases[-1]) == (1, 1)
    assert week.length == 168
    assert not seasons_of(times, 47, HOUR, "UTC")


def _outcome(values: list[float], spread: float) -> Outcome:
    said = np.array(values)
    tested = tuple(backtest(Series(np.arange(40.0)), QUICK, len(values)))
    return Outcome(said, said - spread, said + spread, "linear", 0.9, tested)


@pytest.mark.parametrize(
    ("values", "thresholds", "words"),
    [
        ([60.0, 70, 81, 90], [80.0], "cpu will pass 80 % in 40 minutes."),
        ([60.0, 70, 75, 78], [80.0], "cpu may pass 80 % in 40 minutes: the 80% interval"),
        ([60.0, 60, 60, 60], [80.0], "cpu stays below 80 % for 1 hour."),
        ([60.0, 30, 20, 10], [25.0], "cpu will fall below 25 % in 40 minutes."),
        ([60.0, 60, 60, 60], [], "cpu stays about 60 % for 1 hour."),
        ([60.0, 70, 80, 95], [], "cpu rises from 60 % to about 95 % in 1 hour."),
    ],
)
def test_words(values: list[float], thresholds: list[float], words: str) -> None:
    """The sentence says when a threshold is passed, or what the course is."""
    said = recommend(
        "cpu",
        _outcome(values, 8),
        now=60.0,
        ahead=[timedelta(minutes=20 * each - 1) for each in range(4)],
        horizon=HOUR,
        level=0.8,
        unit="percent",
        thresholds=thresholds,
    )
    assert said.startswith(words)
    assert said.endswith("at the end; confidence is high.")


def test_the_judge_tells_good_from_naive() -> None:
    """On noisy waves forecasts beat the seasonal naive one, and the intervals hold their share."""
    recorded = [Recorded(f"waves/{seed}", START, waves(600, seed)) for seed in range(3)]
    found = {(each.name, each.lead): each for each in judge(recorded, QUICK, origins=3)}
    every = found["all", 24]
    assert every.forecasts == 9
    assert every.mase < every.naive
    assert 0.7 < every.coverage < 0.92
    assert {name for name, _ in found} == {"all", "waves", "waves/0", "waves/1", "waves/2"}
