"""Distinct counts: exact while few, within 2.5 % when folded, the same however merged."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.registers import estimate, fold, registers_of


def _rows(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """One row a register, with its highest rank."""
    register, rank = registers_of(hash_column(column))
    best = pl.DataFrame({"register": register, "rank": rank}).group_by("register").max()
    return best["register"].to_numpy(), best["rank"].to_numpy()


def _count(registers: np.ndarray, ranks: np.ndarray) -> float:
    return float(estimate(np.zeros(len(registers), dtype=np.int64), registers, ranks, 1)[0])


@pytest.mark.parametrize("size", [1, 2, 10, 32, 100])
def test_few_values_are_counted_exactly(size: int) -> None:
    """Small buckets are never off by one, for running integers and for texts."""
    for start in range(0, 7_000_000, 500_000):
        numbers = pl.Series(np.arange(start, start + size))
        assert round(_count(*_rows(numbers))) == size
        assert round(_count(*_rows("u-" + numbers.cast(pl.String)))) == size


@pytest.mark.parametrize("size", [1_000, 10_000, 40_000, 100_000, 1_000_000])
def test_many_values_are_within_a_fifth_of_a_percent(size: int) -> None:
    """Fine registers serve well beyond where they are folded."""
    numbers = pl.Series(np.arange(size))
    assert _count(*_rows(numbers)) == pytest.approx(size, rel=0.002)


@pytest.mark.parametrize("size", [100, 5_000, 100_000, 1_000_000])
def test_folded_registers_are_within_two_and_a_half_percent(size: int) -> None:
    """As far as 2^14 registers can tell (0.81 % standard error)."""
    for start in (0, 7_000_000):
        numbers = pl.Series(np.arange(start, start + size))
        assert _count(*fold(*_rows(numbers))) == pytest.approx(size, rel=0.025)


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=300), st.data())
def test_it_does_not_matter_which_part_was_folded(values: set[int], data: st.DataObject) -> None:
    """A sketch with some coarse registers reads as one that was folded whole."""
    registers, ranks = _rows(pl.Series(sorted(values)))
    part = data.draw(st.integers(1, len(registers)))
    some_registers, some_ranks = fold(registers[:part], ranks[:part])
    mixed = np.r_[some_registers, registers[part:]], np.r_[some_ranks, ranks[part:]]
    assert _count(*mixed) == _count(*fold(registers, ranks))


def test_sketches_side_by_side_do_not_mix() -> None:
    """Without rows a sketch counts 0; fine and folded ones stand in one call."""
    fine = _rows(pl.Series(range(50)))
    coarse = fold(*_rows(pl.Series(range(2_000))))
    cells = np.repeat([1, 3], [len(fine[0]), len(coarse[0])])
    got = estimate(
        cells, np.concatenate((fine[0], coarse[0])), np.concatenate((fine[1], coarse[1])), 5
    )
    assert got[[0, 2, 4]].tolist() == [0.0, 0.0, 0.0]
    assert round(got[1]) == 50
    assert got[3] == pytest.approx(2_000, rel=0.025)
