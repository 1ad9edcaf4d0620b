from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datawatch_lab.anomaly as public
from datawatch_lab.anomaly import MetricDetector
from datawatch_lab.anomaly.evidence import WARM_ROWS
from datawatch_lab.anomaly.judge import events
from tests.anomaly.series import daily, planted

START = datetime(2026, 1, 5, tzinfo=UTC)


def _taught(rows: int = 3_000, seed: int = 1) -> tuple[MetricDetector, datetime]:
    """A detector that knows a daily series of five-minute rows, and the time of the next row."""
    values, times = daily(rows, seed)
    detector = MetricDetector()
    for x, t in zip(values.tolist(), times.tolist(), strict=True):
        detector.learn_one(x, datetime.fromtimestamp(t, UTC))
    return detector, datetime.fromtimestamp(int(times[-1]) + 300, UTC)


def test_it_is_a_river_anomaly_detector() -> None:
    """It can be used where River wants one, and is the public name of the package."""
    from river.base import AnomalyDetector

    assert issubclass(public.MetricDetector, AnomalyDetector)


def test_it_warms_for_fifty_values() -> None:
    """Scores are NaN until 50 values were learnt; NaN values do not count."""
    detector = MetricDetector()
    for row in range(WARM_ROWS + 7):
        assert isnan(detector.score_one(1.0, START))
        detector.learn_one(float("nan") if row < 7 else row % 5, START + row * timedelta(minutes=1))
    assert not detector.warming
    assert not isnan(detector.score_one(1.0, START + timedelta(hours=2)))


@pytest.mark.parametrize("factor", [3.0, 0.1, -1.0])
def test_spikes_and_drops_are_anomalies(factor: float) -> None:
    """A value far from its time of day is flagged; the usual one of that time is not."""
    detector, at = _taught()
    (usual,) = daily(3_001, seed=1)[0][-1:]
    assert not detector.is_anomaly(usual, at)
    assert detector.is_anomaly(usual * factor, at)


def test_the_hour_of_day_decides() -> None:
    """A value that is usual at the top of the day is strange at its bottom: profiles are read."""
    values, times = daily(6_000, seed=2)
    detector = MetricDetector()
    for x, t in zip(values.tolist(), times.tolist(), strict=True):
        detector.learn_one(x, datetime.fromtimestamp(t, UTC))
    top = datetime.fromtimestamp(int(times[-1]), UTC).replace(hour=6, minute=0)
    bottom = top.replace(hour=18)
    at_top, at_bottom = detector.raw_score_one(290.0, top), detector.raw_score_one(290.0, bottom)
    assert at_bottom > at_top + 0.5


def test_the_hour_of_week_decides() -> None:
    """A weekday's value on a weekend is stranger once weekends were seen three times."""
    found = {}
    for weeks in (2, 5):
        detector = MetricDetector()
        for hour in range(weeks * 168):
            at = START + timedelta(hours=hour)
            x = 100.0 if at.weekday() < 5 else 40.0
            detector.learn_one(x + hour * 7919 % 5, at)
        saturday = START + timedelta(weeks=weeks, days=5, hours=12)
        found[weeks] = detector.raw_score_one(100.0, saturday)
    assert found[5] > found[2] + 0.5


def test_the_scale_does_not_matter() -> None:
    """A thousand or a millionth times the series is as strange."""
    values, times = daily(1_500, seed=3)
    scores = []
    for scale in (1.0, 1e3, 1e-6):
        detector = MetricDetector()
        for x, t in zip((values * scale).tolist(), times.tolist(), strict=True):
            detector.learn_one(x, datetime.fromtimestamp(t, UTC))
        at = datetime.fromtimestamp(int(times[-1]) + 300, UTC)
        scores.append(detector.raw_score_one(500.0 * scale, at))
    assert scores == pytest.approx([scores[0]] * 3, abs=0.02)


def test_small_moves_of_a_large_value_are_seen() -> None:
    """A degree on 300 kelvin that vary by a tenth is strange, as five are on a hundred."""
    rng = np.random.default_rng(8)
    detector = MetricDetector()
    for row in range(2_000):
        detector.learn_one(300.0 + 0.1 * rng.standard_normal(), START + row * timedelta(minutes=5))
    at = START + timedelta(minutes=5 * 2_000)
    assert detector.is_anomaly(303.0, at)
    assert not detector.is_anomaly(300.1, at)


def test_a_start_of_another_scale_is_forgotten() -> None:
    """A series that begins a thousand times larger starts anew and then sees small things."""
    rng = np.random.default_rng(9)
    detector, restarted = MetricDetector(), False
    for row in range(6_000):
        x = 1e5 if row < 60 else 100.0
        detector.learn_one(
            x * (1 + 0.05 * rng.standard_normal()), START + row * timedelta(minutes=1)
        )
        restarted = restarted or (row > 60 and detector.warming)
    at = START + timedelta(minutes=6_000)
    assert restarted
    assert detector.is_anomaly(300.0, at)


def test_a_flat_series_is_told_of_its_first_move() -> None:
    """A series that was 0 for days scores 0 while it is, and its first value is strange."""
    detector = MetricDetector()
    for row in range(3_000):
        detector.learn_one(0.0, START + row * timedelta(minutes=5))
    at = START + timedelta(minutes=5 * 3_000)
    assert detector.score_one(0.0, at) < 0.1
    assert detector.score_one(3.0, at) > 1.3


def test_the_step_is_inferred_or_given() -> None:
    """Hourly rows score higher than those of each minute, whether told or seen."""
    inferred, told = MetricDetector(), MetricDetector(step=timedelta(hours=1))
    for row in range(200):
        inferred.learn_one(row % 7, START + row * timedelta(hours=1))
        told.learn_one(row % 7, START + row * timedelta(minutes=1))
    assert inferred.inferred_step == pytest.approx(timedelta(hours=1), rel=0.01)
    assert told.inferred_step == timedelta(hours=1)


def test_an_alarm_is_told_once() -> None:
    """Of a lasting shift the first rows pass the policy and the following are hushed."""
    detector, at = _taught()
    passed = []
    for row in range(40):
        passed.append(detector.is_anomaly(1_000.0, at + row * timedelta(minutes=5)))
        detector.learn_one(1_000.0, at + row * timedelta(minutes=5))
    assert any(passed[:3])
    assert sum(passed) <= 10


def test_sensitivity_sets_the_threshold_and_not_the_score() -> None:
    """Low, medium and high differ in what they flag, not in how strange it is."""
    low, high = MetricDetector("low"), MetricDetector("high")
    assert low.threshold > MetricDetector().threshold > high.threshold
    for row in range(200):
        for detector in (low, high):
            detector.learn_one(row % 7, START + row * timedelta(minutes=1))
    at = START + timedelta(minutes=200)
    assert low.score_one(9.0, at) == high.score_one(9.0, at)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(width=64), st.integers(-(10**6), 10**6)), min_size=60, max_size=150
    )
)
def test_no_value_and_no_time_breaks_it(rows: list[tuple[float, int]]) -> None:
    """Any floats at any times: no exception, and scores are finite and ≥ 0 once warm."""
    detector = MetricDetector()
    for x, seconds in rows:
        at = START + timedelta(seconds=seconds)
        score = detector.score_one(x, at)
        assert isnan(score) == detector.warming
        assert detector.warming or 0.0 <= score <= detector.raw_score_one(x, at) < 20.0
        detector.learn_one(x, at)


def test_planted_anomalies_are_found_and_little_else() -> None:
    """On simulated series all are found at medium; at low hardly any alarm is false."""
    corpus = [planted(seed) for seed in range(5)]
    scores = []
    for series in corpus:
        detector, found = MetricDetector(), []
        for x, second in zip(series.values.tolist(), series.times.tolist(), strict=True):
            at = datetime.fromtimestamp(second, UTC)
            found.append(detector.score_one(x, at))
            detector.learn_one(x, at)
        scores.append(np.array(found))
    marked = events.mark(corpus, scores)
    medium = events.outcome(marked, MetricDetector("medium").threshold)
    low = events.outcome(marked, MetricDetector("low").threshold)
    assert (medium.events, medium.caught) == (15, 15)
    assert medium.false_alarms <= 10  # in 20 weeks of rows
    assert low.recall >= 0.6
    assert low.precision >= 0.85
