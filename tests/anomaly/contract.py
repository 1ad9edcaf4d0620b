"""What every detector keeps to; `test_contract` runs it over the registry."""

from __future__ import annotations

import inspect
import pickle
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf, isfinite, isnan, nan

from datawatch_lab.anomaly.base import SeriesDetector

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=30)
ENOUGH = 700
"""Rows after which every detector of the registry scores: two weeks of half hours, and more."""

Row = tuple[float, datetime]


def usual(rows: int, seed: int = 1) -> Iterator[Row]:
    """A series with a day in it and some noise."""
    rng = random.Random(seed)
    for row in range(rows):
        at = START + row * STEP
        yield 100.0 + 20.0 * (at.hour in range(8, 20)) + rng.gauss(0.0, 2.0), at


def taught(detector: SeriesDetector, rows: int = ENOUGH) -> SeriesDetector:
    """The detector after so many usual rows."""
    for x, t in usual(rows):
        detector.learn_one(x, t)
    return detector


def check_parameters_are_kept(detector: SeriesDetector) -> None:
    """Constructor arguments are attributes of the same name, so that `clone` works."""
    for name, parameter in inspect.signature(type(detector).__init__).parameters.items():
        if name != "self":
            assert getattr(detector, name) == parameter.default, name


def check_clone_is_untrained(detector: SeriesDetector) -> None:
    """A clone of a trained detector has its parameters and none of its knowledge."""
    clone = taught(detector).clone()
    assert type(clone) is type(detector)
    assert isnan(clone.score_one(100.0, START))
    check_parameters_are_kept(clone)


def check_warming_is_said(detector: SeriesDetector) -> None:
    """The first scores are NaN, and none is after the first that is a number."""
    known = False
    for row, (x, t) in enumerate(usual(ENOUGH)):
        if row % 5:  # some scores take milliseconds
            detector.learn_one(x, t)
            continue
        score = detector.score_one(x, t)
        assert not (known and isnan(score))
        known = known or not isnan(score)
        assert isnan(score) or (isfinite(score) and score >= 0.0)
        detector.learn_one(x, t)
    assert known


def check_scoring_changes_nothing(detector: SeriesDetector) -> None:
    """Any number of scores leaves a detector as if it had never been asked."""
    taught(detector)
    asked = pickle.loads(pickle.dumps(detector))  # noqa: S301 — made a line above
    for x in (0.0, 100.0, 1e9, nan, inf):
        asked.score_one(x, START + ENOUGH * STEP)
    for row in range(ENOUGH, ENOUGH + 50):
        t = START + row * STEP
        assert asked.score_one(90.0 + row % 7, t) == detector.score_one(90.0 + row % 7, t)
        asked.learn_one(90.0 + row % 7, t)
        detector.learn_one(90.0 + row % 7, t)


def check_odd_input_is_borne(detector: SeriesDetector) -> None:
    """NaN, infinities, huge and tiny values, repeated and backward times do not raise or stick."""
    taught(detector)
    at = START + ENOUGH * STEP
    odd = [nan, inf, -inf, 1e308, -1e308, 1e-308, 0.0, -0.0]
    times = [at, at, at - timedelta(days=400), at + timedelta(days=400), at]
    for x in odd:
        for t in times:
            score = detector.score_one(x, t)
            assert isnan(score) or (isfinite(score) and score >= 0.0), (x, t)
            detector.learn_one(x, t)
    for row in range(ENOUGH):
        detector.learn_one(100.0 + row % 5, at + (row + 1) * STEP)
    score = detector.score_one(100.0, at + 2 * ENOUGH * STEP)
    assert isnan(score) or isfinite(score)


def check_odd_start_is_borne(detector: SeriesDetector) -> None:
    """A series that begins with NaN, zeros, one constant or huge values is scored in the end."""
    for row in range(60):
        detector.learn_one((nan, inf, 0.0, 0.0)[row % 4], START + row * STEP)
    score = detector.score_one(1.0, START + 60 * STEP)
    assert isnan(score) or isfinite(score)
    for row in range(60, 60 + 2 * ENOUGH):
        detector.learn_one(5.0, START + row * STEP)
    score = detector.score_one(5.0, START + (60 + 2 * ENOUGH) * STEP)
    assert isfinite(score)
    assert score >= 0.0


def check_same_rows_same_scores(detector: SeriesDetector) -> None:
    """Two of a kind that saw the same rows give the same score: seeds are explicit."""
    twin = detector.clone()
    at = START + ENOUGH * STEP
    assert taught(detector).score_one(150.0, at) == taught(twin).score_one(150.0, at)


CHECKS = (
    check_parameters_are_kept,
    check_clone_is_untrained,
    check_warming_is_said,
    check_scoring_changes_nothing,
    check_odd_input_is_borne,
    check_odd_start_is_borne,
    check_same_rows_same_scores,
)
