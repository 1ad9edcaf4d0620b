"""The second opinion of trees: River's, in arrays, and over a whole history."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.anomaly import joint
from datawatch_lab.anomaly.bank import TOLERANCE, Bank
from datawatch_lab.anomaly.bank_joint import Joints
from datawatch_lab.anomaly.history import TOLERANCE as NEAR
from datawatch_lab.anomaly.history import score_history
from datawatch_lab.anomaly.joint import Joint, new_trees, paths, rarity
from datawatch_lab.anomaly.metric_detector import MetricDetector
from datawatch_lab.core.errors import InputError

ML = ("statistical", "seasonal", "ml")
ROWS = 400
SMALL = 60
"""Rows of a window in these tests, so that few are enough."""


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("joint", "bank_joint", "history"):
        for field, value in {
            "WINDOW": SMALL,
            "KNOWN": 2 * SMALL,
            "_ENOUGH": 0.1 * SMALL,
            "_ALL": joint.TREES * SMALL * (joint.NODES - 1),
        }.items():
            monkeypatch.setattr(f"datawatch_lab.anomaly.{name}.{field}", value, raising=False)


def _series(seed: int, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = 1.7e9 + 300.0 * np.arange(rows)
    x = rng.lognormal(1.0, rng.uniform(0.1, 1.0), rows) + 3.0 * (t % 86_400 < 40_000)
    x[rng.random(rows) < 0.01] *= 20.0
    return x, t


def _departures(seed: int, rows: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(0.0, rng.choice([0.01, 1.0, 1e6]), (rows, 6))
    found[rng.random(rows) < 0.2] = 0.0
    return np.asarray(found)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_arrays_score_as_river_does(seed: int) -> None:
    """Mass by mass and row by row the arrays are River's Half-Space Trees."""
    rows = _departures(seed, 3 * SMALL)
    trees, mine = new_trees(), Joints()
    mine.keep([4])
    for row in rows:
        features = dict(enumerate(joint.scaled(row[None, joint.OF])[0].tolist()))
        river = trees.score_one(features)
        seen = mine.look(np.array([4]), row[None, :])
        if mine["known"][0] >= SMALL:
            masses = mine["before"][0][np.arange(joint.TREES)[:, None], paths(row[None])[0]]
            assert rarity(masses[None].astype(float))[0] == pytest.approx(1.0 / (1.0 - river))
        trees.learn_one(features)
        mine.learn(seen)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=3, deadline=None)
def test_the_bank_with_trees_is_the_detector_with_ml(seed: int) -> None:
    """Scores of a series that trees look at are those of a `MetricDetector` with ``ml``."""
    x, t = _series(seed)
    bank, detector = Bank(3), MetricDetector(algorithms=ML)
    bank.joints.keep([1])
    for value, at in zip(x.tolist(), t.tolist(), strict=True):
        moment = datetime.fromtimestamp(at, UTC)
        expected = detector.score_one(value, moment)
        detector.learn_one(value, moment)
        found = bank.step([0, 1], [value, value], [at, at])
        np.testing.assert_allclose(found.score[1], expected, atol=TOLERANCE, equal_nan=True)
    assert np.isnan(found.parts[0, 6])
    assert found.parts[1, 6] >= 0.0


def test_a_history_with_trees_is_the_detector_with_ml() -> None:
    """Scored at once it says the same; the trees only ever take something off."""
    x, t = _series(7, 600)
    detector = MetricDetector(algorithms=ML)
    expected = []
    for value, at in zip(x.tolist(), t.tolist(), strict=True):
        moment = datetime.fromtimestamp(at, UTC)
        expected.append(detector.raw_score_one(value, moment))
        detector.learn_one(value, moment)
    found, without = score_history(x, t, joint=True), score_history(x, t)
    np.testing.assert_allclose(found.raw, expected, atol=4 * NEAR, equal_nan=True)
    known = ~np.isnan(found.joint)
    assert known.sum() == 600 - 50 - 2 * SMALL
    assert (found.raw[known] <= without.raw[known] + 1e-9).all()
    assert (found.raw[known] < without.raw[known] - 0.01).any()
    assert np.isnan(without.joint).all()


def test_what_is_ordinary_together_scores_less() -> None:
    """A row that comes each fourth time is less of an anomaly once the trees have seen that."""
    one = Joint()
    usual, odd = (0.0, 0.2, 0.1, 0.3, 0.1, 0.2), (0.0, 9.0, 9.0, 4.0, 6.0, -9.0)
    for row in range(4 * SMALL):
        one.learn(odd if row % 4 == 0 else usual)
    assert one.objected(2.5, odd) < 2.5
    assert one.objected(2.5, (0.0, 9.0, 9.0, -4.0, -6.0, 9.0)) > one.objected(2.5, odd)
    assert one.objected(0.1, odd) == 0.1


def test_trees_go_on_from_their_arrays_and_with_others() -> None:
    """Stored and restored, or beside others that come and go, a series' trees say the same."""
    rows = _departures(3, 5 * SMALL)
    alone, other = Joints(), Joints()
    alone.keep([7])
    other.keep([2, 7])
    for n, row in enumerate(rows):
        if n == 2 * SMALL + 7:
            other.keep([7, 9])
        if n == 3 * SMALL + 3:
            other = Joints.from_arrays({name: each.copy() for name, each in other.of.items()})
        found = other.look(np.array([0, 7]), np.stack([row, row]))
        expected = alone.look(np.array([7]), row[None])
        assert np.isnan(found.surprise[0])
        np.testing.assert_array_equal(found.surprise[1:], expected.surprise)
        other.learn(found)
        alone.learn(expected)
    assert other.series == [7, 9]
    other.restart(np.array([7]))
    assert other["known"].tolist() == [0, 0]
    with pytest.raises(InputError, match="no array masses"):
        Joints.from_arrays({name: each for name, each in alone.of.items() if name != "masses"})


def test_what_is_held_is_not_learnt_by_the_trees() -> None:
    """Rows that a bank leaves out of its baseline are left out of the trees too."""
    mine = Joints()
    mine.keep([0, 1])
    seen = mine.look(np.array([0, 1]), _departures(1, 2))
    mine.learn(seen, np.array([True, False]))
    assert mine["known"].tolist() == [1, 0]
