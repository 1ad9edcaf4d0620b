from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.anomaly import MetricDetector
from datawatch_lab.anomaly.bank import TOLERANCE, Bank
from datawatch_lab.core.errors import InputError
from tests.anomaly.series import daily

ODD = [0.0, 1.0, -5.0, np.nan, np.inf, -np.inf, 1e-300, 1e200]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _values(seed: int, rows: int, zeros: float, scale: float) -> np.ndarray:
    """Series of a scale with bursts, stretches of zeros and odd values."""
    rng = np.random.default_rng(seed)
    values = scale * rng.lognormal(0.0, rng.uniform(0.05, 1.5), rows)
    values *= np.where(rng.random(rows) < 0.02, rng.choice([0.01, 30.0]), 1.0)
    values[rng.random(rows) < zeros] = 0.0
    values[rows // 2 :] *= rng.choice([1.0, 0.01, 100.0])
    odd = rng.random(rows) < 0.005
    return np.asarray(np.where(odd, rng.choice(ODD, rows), values))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    zeros=st.sampled_from([0.0, 0.3, 0.97, 1.0]),
    scale=st.sampled_from([1e-9, 1.0, 1e6]),
    step=st.sampled_from([1, 60, 300, 3_600]),
)
def test_the_bank_is_the_detector(seed: int, zeros: float, scale: float, step: int) -> None:
    """For any series, gaps, repeated and backward times, both give the same scores."""
    rows = 250
    x = _values(seed, rows, zeros, scale)
    rng = np.random.default_rng(seed)
    times = 1.7e9 + np.cumsum(step * rng.choice([1, 1, 1, 1, 0, -2, 50], rows)).astype(float)
    bank, detector = Bank(3), MetricDetector()
    for value, t in zip(x.tolist(), times.tolist(), strict=True):
        expected = (
            detector.score_one(value, _at(t)),
            detector.raw_score_one(value, _at(t)),
        )
        detector.learn_one(value, _at(t))
        found = bank.step([1], [value], [t])
        np.testing.assert_allclose(
            (found.score[0], found.raw[0]), expected, atol=TOLERANCE, equal_nan=True
        )


def test_it_is_the_detector_over_weeks() -> None:
    """Over four weeks with a season, the largest difference stays within the tolerance."""
    values, times = daily(4_000, seed=5, step=600)
    bank, detector, worst = Bank(1), MetricDetector(), 0.0
    for x, t in zip(values.tolist(), times.tolist(), strict=True):
        expected = detector.score_one(x, _at(t))
        detector.learn_one(x, _at(t))
        found = bank.step([0], [x], [float(t)]).score[0]
        if not np.isnan(expected):
            worst = max(worst, abs(expected - found))
    assert worst < TOLERANCE


def _stepped(bank: Bank, rows: range) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    table = rng.lognormal(1.0, 0.5, (300, 8))
    index = np.arange(8)
    return [bank.step(index, table[row], np.full(8, 60.0 * row)).score for row in rows]


def test_it_goes_on_from_its_arrays() -> None:
    """A bank stored and restored in the middle, while some warm, gives the same scores."""
    whole = _stepped(Bank(8), range(300))
    for cut in (20, 50, 170):
        first = Bank(8)
        _stepped(first, range(cut))
        arrays = first.to_arrays()
        rest = _stepped(Bank.from_arrays(arrays), range(cut, 300))
        np.testing.assert_array_equal(np.array(rest), np.array(whole[cut:]))


def test_stepping_parts_is_stepping_all() -> None:
    """In what batches and order of series the rows come does not matter."""
    rng = np.random.default_rng(4)
    x = rng.lognormal(0.0, 1.0, (120, 5))
    together, apart = Bank(5), Bank(5)
    for row in range(120):
        t = np.full(5, 300.0 * row)
        expected = together.step(np.arange(5), x[row], t).score
        order = rng.permutation(5)
        found = np.empty(5)
        found[order[:2]] = apart.step(order[:2], x[row, order[:2]], t[:2]).score
        found[order[2:]] = apart.step(order[2:], x[row, order[2:]], t[2:]).score
        np.testing.assert_array_equal(found, expected)


def test_a_series_may_come_twice_in_a_step() -> None:
    """Rows of one series in one step are taken one after the other, in their order."""
    values = np.random.default_rng(6).normal(10.0, 1.0, 200)
    one, many = Bank(2), Bank(2)
    expected = [one.step([1], [x], [60.0 * row]).score[0] for row, x in enumerate(values)]
    found = many.step(np.ones(200, dtype=int), values, 60.0 * np.arange(200)).score
    np.testing.assert_array_equal(found, expected)


def test_it_grows_without_forgetting() -> None:
    """New series start unknown; the old ones go on as if nothing had happened."""
    grown, fixed = Bank(1), Bank(2)
    for row in range(80):
        if row == 60:
            grown.grow(2)
        found = grown.step([0], [float(row % 7)], [60.0 * row]).score
        np.testing.assert_array_equal(found, fixed.step([0], [float(row % 7)], [60.0 * row]).score)
    assert len(grown) == 2
    assert grown.warming.tolist() == [False, True]


def test_it_is_small() -> None:
    """A series takes less than 4 kB, stored or not."""
    assert Bank(1_000).nbytes <= 4_000 * 1_000


def test_what_does_not_fit_is_refused() -> None:
    """Errors name the series, the lengths, the version or the array at fault."""
    bank = Bank(3)
    with pytest.raises(InputError, match="no series 3; there are 3"):
        bank.step([3], [1.0], [0.0])
    with pytest.raises(InputError, match="as many of each"):
        bank.step([0, 1], [1.0], [0.0])
    with pytest.raises(InputError, match="never shrinks"):
        bank.grow(2)
    arrays = bank.to_arrays()
    with pytest.raises(InputError, match="no array slots"):
        Bank.from_arrays({name: each for name, each in arrays.items() if name != "slots"})
    with pytest.raises(InputError, match="array tails is float64"):
        Bank.from_arrays({**arrays, "tails": arrays["tails"].astype(np.float64)})
    with pytest.raises(InputError, match="version 99"):
        Bank.from_arrays({**arrays, "version": np.array(99)})


def test_an_empty_step_is_nothing() -> None:
    """No rows, no scores; also of a bank without series."""
    assert Bank(0).step([], [], []).score.shape == (0,)
