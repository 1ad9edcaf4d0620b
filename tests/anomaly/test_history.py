"""A history scored at once says what detectors stepped through it say."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from datawatch_lab.anomaly.arrivals import Arrivals, silence_history, with_silence
from datawatch_lab.anomaly.combined import Combined
from datawatch_lab.anomaly.episodes import Rules, fold
from datawatch_lab.anomaly.history import TOLERANCE, score_history
from datawatch_lab.anomaly.kinds import kind_of
from datawatch_lab.anomaly.level_history import level_history
from datawatch_lab.anomaly.levels import Levels
from datawatch_lab.anomaly.metric_detector import MetricDetector
from datawatch_lab.anomaly.whole_history import whole_history

START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
Row = np.ndarray


def _series(kind: str) -> tuple[Row, Row]:
    rng = np.random.default_rng(5)
    t = START + 60.0 * np.arange(2_500)
    if kind == "seasonal":
        x = rng.poisson(20 + 10 * np.sin(2 * np.pi * t / 86_400)).astype(float)
        x[2_000:2_020] *= 4
        x[2_200:2_230] = 0
        return x, t
    if kind == "zeros":
        return np.where(rng.random(2_000) < 0.02, 1.0, 0.0), t[:2_000]
    if kind == "shrinks":
        return np.r_[rng.normal(1e4, 100, 400), rng.normal(10, 1, 1_600)], t[:2_000]
    if kind == "gaps":
        return np.where(rng.random(2_000) < 0.2, np.nan, rng.lognormal(0, 2, 2_000)), t[:2_000]
    return np.exp(rng.normal(0, 2, 2_000)), START + np.cumsum(rng.exponential(100, 2_000))


@pytest.mark.parametrize("kind", ["seasonal", "zeros", "shrinks", "gaps", "irregular"])
def test_it_is_the_detector(kind: str) -> None:
    """Raw scores, scores after the policy and warming are those of a `MetricDetector`."""
    x, t = _series(kind)
    detector, raw, score = MetricDetector(), [], []
    for value, at in zip(x.tolist(), t.tolist(), strict=True):
        moment = datetime.fromtimestamp(at, UTC)
        raw.append(detector.raw_score_one(value, moment))
        score.append(detector.score_one(value, moment))
        detector.learn_one(value, moment)
    found = score_history(x, t)
    assert np.allclose(found.raw, raw, atol=TOLERANCE, equal_nan=True)
    assert np.allclose(found.score, score, atol=TOLERANCE, equal_nan=True)


def test_little_history_is_unknown() -> None:
    """Fifty values score nothing."""
    assert np.isnan(score_history(np.ones(50), START + 60.0 * np.arange(50)).raw).all()
    assert len(score_history([], []).raw) == 0


def test_no_count_is_expected_below_zero() -> None:
    """Where a count comes down to nothing, in hours that were quiet as well, nothing is usual.

    Other values may be expected below 0.
    """
    t: Row = START + 60.0 * np.arange(3 * 1_440)
    usual = np.random.default_rng(2).poisson(np.where(t % 86_400 < 12 * 3_600, 20.0, 2.0))
    x: Row = np.where(t < START + 86_400 + 8 * 3_600, usual, 0).astype(float)
    counted, other = (level_history(x, t, counted=each) for each in (True, False))
    assert np.nanmin(other.expected) < 0.0
    assert np.nanmin(counted.expected) == 0.0
    levels, one = Levels(1), np.array([0])
    for row in range(2 * 1_440):
        found = levels.step(one, x[row : row + 1], t[row : row + 1], np.array([True]))
        assert not found.expected[0] < 0.0


@pytest.mark.parametrize("counted", [True, False])
def test_levels_step_by_step_are_levels_at_once(counted: bool) -> None:
    """A history of baselines hour by hour is the same as row by row, for several series at once."""
    x, t = (each[-1_800:] for each in _series("seasonal" if counted else "gaps"))
    levels = Levels(3)
    rows = np.array([2, 0])
    both = np.array([counted, counted])
    silent = (np.arange(len(x)) > 1_000) & (x == 0.0)
    stepped = [
        levels.step(rows, np.array([v, v]), np.array([at, at]), both, np.array([none, none]))
        for v, at, none in zip(x.tolist(), t.tolist(), silent.tolist(), strict=True)
    ]
    at_once = level_history(x, t, counted=counted, silent=silent)
    for name in ("z", "expected", "sigma"):
        columns = np.array([getattr(each, name) for each in stepped])
        assert np.allclose(columns[:, 0], getattr(at_once, name), atol=1e-3, equal_nan=True)
        assert np.array_equal(columns[:, 0], columns[:, 1], equal_nan=True)


def test_a_shift_of_half_is_seen_and_not_learnt() -> None:
    """Half an hour at half as much again stands out of two days; the baseline stays as it was."""
    rng = np.random.default_rng(2)
    t = START + 60.0 * np.arange(4 * 1_440)
    x = rng.poisson(8, len(t)).astype(float)
    quiet = level_history(x, t, counted=True)
    x[4_000:4_030] = rng.poisson(14, 30)
    loud = level_history(x, t, counted=True)
    assert np.abs(loud.z[4_000:4_030]).max() > 5.0 > np.nanmax(np.abs(quiet.z[2_880:]))
    assert abs(loud.expected[4_000 + 1_440] - quiet.expected[4_000 + 1_440]) < 1.0


def test_every_profile_changes_a_decision() -> None:
    """The same value is strange at its hour of day, or of week, and ordinary at another."""
    t = START + 60.0 * np.arange(21 * 1_440)
    hour = (t // 3_600).astype(int)
    weekend = np.isin((t // 86_400 + 3) % 7, (5, 6))
    noon = hour % 24 == 12
    usual = np.where(noon, np.where(weekend, 20.0, 80.0), 20.0)
    x = np.random.default_rng(4).poisson(usual).astype(float)
    for day, strange in ((14, False), (19, True)):  # a Monday and a Saturday
        changed = x.copy()
        at = day * 1_440 + 720
        changed[at : at + 20] = np.random.default_rng(6).poisson(80, 20)
        z = level_history(changed, t, counted=True).z[at : at + 20]
        assert bool(np.abs(z).max() > 5.0) is strange
    night = x.copy()
    night[14 * 1_440 + 180 : 14 * 1_440 + 200] = 80.0
    assert level_history(night, t, counted=True).z[14 * 1_440 + 180 : 14 * 1_440 + 200].max() > 5.0


def test_runs_of_zeros_step_by_step_are_those_at_once() -> None:
    """And a run counts only when it is longer than those that were there before."""
    x, _ = _series("zeros")
    x[1_500:1_900] = 0.0
    x[::97] = np.nan
    arrivals = Arrivals(1)
    stepped = [arrivals.note(np.array([0]), x[n : n + 1]) for n in range(len(x))]
    at_once = silence_history(x)
    for name, mine in zip(at_once._fields, at_once, strict=True):
        assert np.allclose(np.concatenate([getattr(each, name) for each in stepped]), mine), name
    nothing, usual, counted = np.zeros(len(x)), np.full(len(x), 0.5), np.array(True)
    scored = with_silence(Combined(nothing, usual, usual, nothing), at_once, counted).score
    assert scored[1_899] > 2.2 > scored[1_000:1_500].max()


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_silence_in_an_hour_that_is_not_known_is_missed(hour: int) -> None:
    """On the first day: its zeros are not taken for what is usual, and found until it is over."""
    t = START + 60.0 * np.arange(8 * 60)
    x = np.random.default_rng(3).poisson(10, len(t)).astype(float)
    first, last = 60 * hour + 10, 60 * hour + 150
    x[first:last] = 0.0
    row = score_history(x, t)
    found = whole_history(x, t, (row.score, row.expected, row.sigma), counted=True)
    rules = Rules(opens=2.2, goes_on=1.1, gap=10)
    (gap,) = fold(t.astype(int).tolist(), x, found, rules)
    assert 0 <= (gap.first - t[first]) / 60 <= 2
    assert gap.last == t[last - 1]
    assert kind_of(gap, counted=True, spread=False) == "missing"


def test_a_silence_is_no_baseline() -> None:
    """After an outage on the first day the same hours of the next day are as they should be."""
    t = START + 60.0 * np.arange(30 * 60)
    x = np.random.default_rng(3).poisson(10, len(t)).astype(float)
    x[120:210] = 0.0
    row = score_history(x, t)
    found = whole_history(x, t, (row.score, row.expected, row.sigma), counted=True)
    rules = Rules(opens=2.2, goes_on=1.1, gap=10)
    assert [each.first for each in fold(t.astype(int).tolist(), x, found, rules)] == [t[121]]
