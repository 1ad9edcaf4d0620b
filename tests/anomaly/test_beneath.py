"""Averages are strange where they moved, not where one row of a few is far off."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.beneath import (
    MOST,
    MOVED,
    Beneath,
    RowCounts,
    footing,
    footing_history,
)
from datawatch_lab.anomaly.combined import Combined
from datawatch_lab.anomaly.history import score_history
from datawatch_lab.anomaly.level_history import level_history
from datawatch_lab.anomaly.levels import Levels
from datawatch_lab.anomaly.whole_history import whole_history
from datawatch_lab.core.errors import InputError

START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
DAY = 1_440
Row = np.ndarray


def averages(rows: list[Row]) -> tuple[Row, Beneath]:
    """Averages of the rows of each bucket, and what they are made of."""
    n = np.array([float(len(each)) for each in rows])
    total = np.array([float(each.sum()) for each in rows])
    least = np.array([each.min(initial=np.inf) for each in rows])
    most = np.array([each.max(initial=-np.inf) for each in rows])
    x = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return x, Beneath.of(n, total, least, most)


def scored(x: Row, beneath: Beneath | None) -> Combined:
    """A history of averages by the minute, all that have a say."""
    t = START + 60.0 * np.arange(len(x))
    row = score_history(x, t)
    single = (row.score, row.expected, row.sigma)
    return whole_history(x, t, single, counted=False, beneath=beneath)


def shop(days: int = 3, usual: float = 3.0) -> list[Row]:
    """Rows by the minute that come by chance and have a long tail."""
    rng = np.random.default_rng(11)
    counts = rng.poisson(usual, days * DAY)
    return [rng.lognormal(4.0, 0.8, n) for n in counts]


@given(
    st.lists(
        st.lists(st.integers(-1_000, 1_000), max_size=5).map(lambda each: np.array(each, float)),
        min_size=1,
        max_size=40,
    )
)
def test_without_its_furthest_row_an_average_is_that_of_the_others(rows: list[Row]) -> None:
    """Low and high are the averages of all but the largest and all but the smallest row."""
    _, beneath = averages(rows)
    for place, each in enumerate(rows):
        ordered = np.sort(each)
        assert beneath.n[place] == len(each)
        if len(each) < 2:
            assert np.isnan(beneath.low[place])
            assert np.isnan(beneath.high[place])
        else:
            assert beneath.low[place] == pytest.approx(ordered[:-1].mean())
            assert beneath.high[place] == pytest.approx(ordered[1:].mean())


@given(st.lists(st.integers(0, 9), min_size=1, max_size=120))
def test_a_history_is_trusted_as_step_by_step(counts: list[int]) -> None:
    """All at once says what bucket by bucket says, for several series at once."""
    rng = np.random.default_rng(3)
    x, beneath = averages([rng.normal(5.0, 1.0, n) for n in counts])
    kept, rows = RowCounts(), np.array([2, 0])
    kept.grow(3)
    stepped = []
    for place in range(len(x)):
        both = Beneath(*(np.repeat(each[place], 2) for each in beneath))
        stepped.append(kept.note(rows, np.repeat(x[place], 2), both))
    at_once = footing_history(x, beneath)
    for name in ("weight", "low", "high"):
        columns = np.array([getattr(each, name) for each in stepped])
        assert np.allclose(columns[:, 0], getattr(at_once, name), equal_nan=True)
        assert np.array_equal(columns[:, 0], columns[:, 1], equal_nan=True)
    assert kept.of["usual"][1] == 0.0, "a series that was not stepped knows nothing"


def test_fewer_rows_weigh_less() -> None:
    """A quarter of the usual rows weighs half, and many more than usual as much as twice them."""
    beneath = Beneath(np.array([2.0, 8.0, 32.0, 0.0]), *(np.full(4, 5.0) for _ in range(2)))
    found = footing(np.full(4, 5.0), beneath, np.full(4, 8.0))
    assert found.weight.tolist() == [0.5, 1.0, np.sqrt(MOST), 1.0]


def test_what_has_one_row_a_bucket_is_trusted_as_it_is() -> None:
    """A sensor's only value is what there is to go by; of a shop's orders one says nothing."""
    one = Beneath(np.ones(2), *(np.full(2, np.nan) for _ in range(2)))
    found = footing(np.full(2, 90.0), one, np.array([1.0, 4.0]))
    moved = found.moved(np.full(2, 90.0), np.full(2, 50.0), np.full(2, 5.0))
    assert moved.tolist() == [True, False]


def test_what_is_no_average_is_as_it_was() -> None:
    """Among averages other values keep their weight, and count as soon as they leave the band."""
    beneath = Beneath(np.array([1.0]), np.array([np.nan]), np.array([np.nan]))
    x = np.array([7.0, 60.0])
    found = footing(x[1:], beneath, np.array([4.0])).among(x, np.array([1]))
    assert found.weight.tolist() == [1.0, 0.5]
    expected = np.array([7.0 - MOVED, 0.0])
    assert found.moved(x, expected, np.ones(2)).tolist() == [True, False]


def test_one_huge_row_is_no_strange_average() -> None:
    """It is far off by itself, and flagged where nobody knows what it is made of."""
    rows = shop()
    at = 2 * DAY + 600
    rows[at] = np.array([60.0, 45.0, 9_000.0])
    x, beneath = averages(rows)
    assert scored(x, None).score[at] >= 2.2
    assert scored(x, beneath).score[at] < 2.2


def test_several_huge_rows_are() -> None:
    """The average has moved when it is strange without its furthest row as well."""
    rows = shop()
    at = 2 * DAY + 600
    rows[at] = np.array([8_000.0, 7_500.0, 9_000.0])
    x, beneath = averages(rows)
    assert scored(x, beneath).score[at] >= 2.2


def test_small_buckets_raise_fewer_alarms() -> None:
    """Over days in which nothing happens, averages of few rows are flagged less than before."""
    x, beneath = averages(shop(days=12, usual=2.0))
    before, after = (np.flatnonzero(scored(x, each).score >= 2.2) for each in (None, beneath))
    assert len(before) > 0
    assert len(after) <= len(before) / 2


def test_a_shift_of_all_rows_is_seen_as_before() -> None:
    """Prices that rise threefold for half an hour are found as soon as without knowing rows."""
    rows = shop(usual=6.0)
    at = 2 * DAY + 600
    for place in range(at, at + 30):
        rows[place] = rows[place] * 3.0
    x, beneath = averages(rows)
    first = [
        int(np.flatnonzero(scored(x, each).score[at : at + 30] >= 2.2)[0])
        for each in (None, beneath)
    ]
    assert first[1] <= first[0] + 2


def test_levels_weigh_rows_step_by_step_as_at_once() -> None:
    """Baselines of averages are the same hour by hour and row by row."""
    x, beneath = averages(shop(days=2))
    t: Row = START + 60.0 * np.arange(len(x))
    weight = footing_history(x, beneath).weight
    levels, rows = Levels(1), np.array([0])
    counted = np.array([False])
    stepped = [
        levels.step(rows, x[n : n + 1], t[n : n + 1], counted, None, weight[n : n + 1])
        for n in range(len(x))
    ]
    at_once = level_history(x, t, counted=False, weight=weight)
    for name in ("z", "expected", "sigma"):
        column = np.array([getattr(each, name)[0] for each in stepped])
        assert np.allclose(column, getattr(at_once, name), atol=1e-3, equal_nan=True)
    plain = level_history(x, t, counted=False)
    assert not np.allclose(plain.sigma, at_once.sigma, equal_nan=True)


def test_counts_are_stored_and_come_back() -> None:
    """What is usual goes on from the arrays; others are refused."""
    kept = RowCounts()
    kept.grow(2)
    kept.note(np.array([1]), np.ones(1), Beneath(np.array([4.0]), np.ones(1), np.ones(1)))
    assert RowCounts.from_arrays(kept.of).of["usual"].tolist() == [0.0, 4.0]
    with pytest.raises(InputError):
        RowCounts.from_arrays({})
