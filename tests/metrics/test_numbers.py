from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.metrics.numbers import (
    decimal_array,
    decimal_floats,
    joined_words,
    moments_of,
    negate_words,
    numbers_of,
    sum_words,
)


def exact(column: pl.Series) -> list[Decimal | None]:
    """The exact values of a column."""
    numbers = numbers_of(column)
    found: list[Decimal | None] = decimal_array(numbers.words, numbers.exact).to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "value", "is_exact"),
    [
        ("123.456", 123.456, True),
        ("-0.000000001", -1e-9, True),
        ("0.1234567890", 0.123456789, True),
        ("0.1234567891", 0.1234567891, False),
        ("1234567890.1234567891", 1234567890.1234567891, False),
        ("1e3", 1000.0, True),
        ("1e-10", 1e-10, False),
        ("18446744073709551617", 18446744073709551617.0, True),
        ("100000000000000000000", 1e20, False),
        ("1e300", 1e300, False),
    ],
)
def test_decimal_text_is_a_number(text: str, value: float, is_exact: bool) -> None:
    """Texts are read as numbers, exactly where nine decimals and twenty digits hold them."""
    numbers = numbers_of(pl.Series([text, None]))
    assert numbers.valid.tolist() == [True, False]
    assert numbers.values[0] == value
    assert exact(pl.Series([text]))[0] == (Decimal(text) if is_exact else None)


@given(st.lists(st.decimals(-(10**12), 10**12, places=9), min_size=1, max_size=30))
def test_sums_of_words_are_exact(values: list[Decimal]) -> None:
    """Sums of 128-bit words are the decimal sums, and negation is negation."""
    numbers = numbers_of(pl.Series([str(value) for value in values]))
    starts = np.array([0])
    ones = np.ones(1, dtype=np.bool_)
    assert decimal_array(sum_words(numbers.words, starts), ones)[0].as_py() == sum(values)
    negative = sum_words(negate_words(numbers.words), starts)
    assert decimal_array(negative, ones)[0].as_py() == -sum(values)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_scaled_integers_are_words(values: list[int]) -> None:
    """Billionths as 64-bit integers become exact values of either sign."""
    found = decimal_array(np.array(values), np.ones(len(values), dtype=np.bool_))
    assert [int(value.scaleb(9)) for value in found.to_pylist()] == values


@given(st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 4)), min_size=1))
def test_short_floats_are_exact(values: list[float]) -> None:
    """A double that was written with few decimals is taken as those decimals."""
    assert exact(pl.Series(values)) == [Decimal(repr(value)) for value in values]


@pytest.mark.parametrize(
    ("column", "valid"),
    [
        (pl.Series(["NaN", "inf", "-Infinity", "", " ", "abc", "1_0"]), [False] * 7),
        (pl.Series([float("nan"), float("inf"), 1.0]), [False, False, True]),
        (pl.Series([True, False, None]), [True, True, False]),
        (pl.Series([2**70, None], dtype=pl.Int128), [True, False]),
        (pl.Series([None, None], dtype=pl.String), [False, False]),
        (pl.Series([], dtype=pl.String), []),
    ],
)
def test_what_is_a_number(column: pl.Series, valid: list[bool]) -> None:
    """Only finite numbers are; empty columns are fine."""
    assert numbers_of(column).valid.tolist() == valid


@given(st.lists(st.decimals(-(10**19), 10**19, places=9), min_size=1))
def test_decimals_become_the_nearest_double(values: list[Decimal]) -> None:
    """No last digit is lost on the way from an exact sum to a double."""
    column = pl.Series([str(value) for value in values]).cast(pl.Decimal(38, 9))
    assert decimal_floats(column).to_list() == [float(value) for value in values]


NOON = datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00.5Z",
        "2026-01-31T12:00:00.500000123Z",
        "2026-01-31T14:00:00.5+02:00",
        "2026-01-31T14:00:00.5+0200",
        "2026-01-31 12:00:00.5",
        "2026-01-31T12:00:00.5",
        "2026-01-31 12:00:00.5+00",
        "2026-01-31 06:30:00.500 -05:30",
        "2026-01-31 12:00:00.5 UTC",
        str(NOON),
        NOON,
        round(NOON * 1e3),
        round(NOON * 1e6),
        round(NOON * 1e9),
    ],
)
def test_moments_in_any_spelling(value: Any) -> None:
    """The same moment as text with or without offset and as an epoch in any unit."""
    for column in (pl.Series([value]), pl.Series([value, None])):
        seconds, valid = moments_of(column)
        assert valid[0]
        assert seconds[0] == pytest.approx(NOON, abs=1e-6)


@pytest.mark.parametrize("value", ["2026-01-31", 20260131, 20484])
def test_days_count_from_their_midnight(value: Any) -> None:
    """A day as text, as digits, or as days since 1970."""
    seconds, valid = moments_of(pl.Series([value]))
    assert valid[0]
    assert seconds[0] == datetime(2026, 1, 31, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "12:30", "31.01.2026", None])
def test_what_is_no_moment(value: str | None) -> None:
    """Other text gives none, also beside a moment."""
    _, valid = moments_of(pl.Series([value, "2026-01-31"], dtype=pl.String))
    assert valid.tolist() == [False, True]


@given(
    st.lists(
        st.one_of(
            st.decimals(-2_000_000_000, 2_000_000_000, places=6).map(str),
            st.floats(-1e12, 1e12).map(str),
            st.sampled_from(["1e3", "12E-1", ".5", "5.", "+1.5", "-0", "1.5000000000000001", "x"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_number_is_the_same_in_any_company(texts: list[str]) -> None:
    """What a text is worth does not depend on the other texts of its batch."""
    numbers = numbers_of(pl.Series(texts))
    whole = decimal_array(numbers.words, numbers.exact).to_pylist()
    for place, text in enumerate(texts):
        alone = numbers_of(pl.Series([text]))
        assert alone.valid[0] == numbers.valid[place]
        assert alone.values[0] == numbers.values[place]
        assert decimal_array(alone.words, alone.exact).to_pylist() == [whole[place]]
        if alone.exact[0]:
            assert whole[place] == Decimal(text)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8))
def test_a_double_is_worth_its_shortest_digits(values: list[float]) -> None:
    """The exact value of a JSON number is the decimal that it is written as, if that fits."""
    numbers = numbers_of(pl.Series(values))
    found = decimal_array(numbers.words, numbers.exact).to_pylist()
    for value, exact in zip(values, found, strict=True):
        if exact is not None:
            assert float(exact) == value


def test_exact_values_join_whatever_their_form() -> None:
    """Small and large exact values stand one after another unchanged."""
    small, large = numbers_of(pl.Series([1, -2])), numbers_of(pl.Series([10**12, -(10**12)]))
    joined = joined_words((small.words, large.words))
    found = decimal_array(joined, np.ones(4, dtype=np.bool_)).to_pylist()
    assert found == [1, -2, 10**12, -(10**12)]
