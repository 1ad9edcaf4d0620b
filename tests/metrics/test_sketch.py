from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.sketch import (
    ACCURACY,
    bin_values,
    bins_of,
    quantile,
)

reals = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(reals, min_size=1))
def test_a_bin_knows_its_values_to_half_a_percent(values: list[float]) -> None:
    """The value of a bin is within the accuracy of every value in it; tiny values are zero."""
    array = np.array(values)
    back = bin_values(bins_of(array))
    error = np.abs(back - array)
    assert np.all(error <= ACCURACY * 1.000001 * np.abs(array) + 1e-12)


@given(st.lists(reals, min_size=2))
def test_bins_keep_the_order_of_values(values: list[float]) -> None:
    """Larger values never lie in smaller bins."""
    ordered = np.sort(np.array(values))
    assert np.all(np.diff(bins_of(ordered)) >= 0)


@given(
    st.lists(
        st.lists(st.floats(-1e9, 1e9).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=40),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_quantiles_are_those_of_numpy(cells: list[list[float]], q: float) -> None:
    """Many sketches at once agree with numpy's linear interpolation to half a percent."""
    arrays = [np.array(cell) for cell in cells]
    sketches = [np.unique(bins_of(array), return_counts=True) for array in arrays]
    at = np.concatenate([np.full(len(bins), n) for n, (bins, _) in enumerate(sketches)])
    got = quantile(
        at,
        np.concatenate([bins for bins, _ in sketches]),
        np.concatenate([counts for _, counts in sketches]),
        q,
        np.array([array.min() for array in arrays]),
        np.array([array.max() for array in arrays]),
    )
    for found, array in zip(got, arrays, strict=True):
        # between a negative and a positive neighbour the error is relative to them, not to the sum
        ordered, rank = np.sort(array), q * (len(array) - 1)
        near = np.abs(ordered[[int(np.floor(rank)), int(np.ceil(rank))]]).max()
        assert abs(found - np.quantile(array, q)) <= ACCURACY * 1.000001 * near


def test_a_quantile_of_one_or_two_values_is_exact() -> None:
    """Smallest and largest value are known, so nothing is estimated."""
    for values in ([12.345], [1.0, 2.0]):
        array = np.array(values)
        bins, counts = np.unique(bins_of(array), return_counts=True)
        cells = np.zeros(len(bins), dtype=np.int64)
        low, high = array[:1], array[-1:]
        assert quantile(cells, bins, counts, 0.5, low, high)[0] == np.median(array)


def test_a_sketch_without_rows_has_no_quantile() -> None:
    """Nothing known is NaN, never 0."""
    nothing = np.empty(0, dtype=np.int64)
    got = quantile(nothing, nothing.astype(np.int32), nothing, 0.5, np.zeros(2), np.zeros(2))
    assert np.isnan(got).all()


def test_hashes_never_change() -> None:
    """Stored registers depend on these values; a change here is a migration."""
    numbers = pl.Series([0, 1, -7, 10**18 - 1, 10**18, 2**63 - 1])
    assert [f"{value:x}" for value in hash_column(numbers).tolist()] == [
        "e220a8397b1dcdaf",
        "910a2dec89025cc1",
        "6c1e186443822970",
        "d53f1e2170375582",
        "21b27a7a89100785",
        "fa97a39c986ab95d",
    ]
    texts = pl.Series(["", "a", "paid", "käse", "x" * 300, "007"])
    assert [f"{value:x}" for value in hash_column(texts).tolist()] == [
        "399cb48bc72e8d68",
        "bb5daf0b1e30b724",
        "3a55b3b9ee0dcf7",
        "b2bfe04220053a88",
        "1546d9cac139b512",
        "882a1243451788f3",
    ]


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_hashes_alike_in_every_type(value: int) -> None:
    """A column that drifts between integer, wide integer and text counts a value once."""
    whole = hash_column(pl.Series([value], dtype=pl.Int64))[0]
    assert whole == hash_column(pl.Series([value], dtype=pl.Int128))[0]
    assert whole == hash_column(pl.Series([str(value)]))[0]
    if abs(value) < 2**53:
        assert whole == hash_column(pl.Series([float(value)]))[0]
        assert whole == hash_column(pl.Series([f"{value}.0"]))[0]


def test_look_alikes_stay_apart() -> None:
    """Leading zeros, exponents and booleans are not the number they resemble."""
    texts = ["7", "007", "7e0", "7.5", "07.5", "true", "-7", "+7"]
    assert len(set(hash_column(pl.Series(texts)).tolist())) == len(texts)


@given(st.lists(st.text(max_size=40), unique=True, min_size=2, max_size=50))
def test_texts_hash_as_their_bytes_wherever_they_stand(texts: list[str]) -> None:
    """A text's hash does not depend on its neighbours, and a slice hashes like a copy."""
    column = pl.Series(texts)
    together = hash_column(column)
    alone = [hash_column(pl.Series([text]))[0] for text in texts]
    assert together.tolist() == alone
    assert hash_column(column[1:]).tolist() == alone[1:]


def test_hashes_of_many_values_do_not_collide() -> None:
    """A hundred thousand ids of each kind have as many hashes."""
    numbers = pl.Series(np.arange(100_000))
    for column in (numbers, numbers.cast(pl.String) + "-x", numbers / 7):
        assert len(np.unique(hash_column(column))) == 100_000
