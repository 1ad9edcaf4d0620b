"""Numbers read the same everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.views import format as words

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


@given(FINITE)
def test_no_number_has_a_fifth_decimal(value: float) -> None:
    """Whatever the value, at most four decimals are shown, in every way of saying it."""
    for text in (
        words.number(value),
        words.compact(value),
        words.money(value, "EUR"),
        words.percent(value),
        words.duration(value),
    ):
        assert not re.search(r"\.\d{5}", text), text


@given(st.floats(min_value=1, max_value=9.99e14))
def test_compact_numbers_have_at_most_four_digits(value: float) -> None:
    """Axis labels stay short, also where a value rounds up to the next letter."""
    assert len(re.sub(r"\D", "", words.compact(value))) <= 4


@given(FINITE)
def test_nothing_is_shown_as_minus_zero(value: float) -> None:
    """A negative value that rounds to zero has no sign."""
    assert words.number(value) not in ("-0", f"{words.MINUS}0")


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_not_known_is_a_dash(value: float | None) -> None:
    """Unknown values are said to be unknown, with no unit and no zero."""
    said = (words.number(value), words.money(value, "EUR"), words.duration(value))
    assert {*said, words.value(value, "1/min"), words.percent(value)} == {words.NOTHING}


def test_a_currency_is_shown_only_where_it_is_known() -> None:
    """Without a currency an amount is a bare number."""
    assert words.money(12.5) == "12.50"
    assert words.value(12.5, "") == "12.5"
    assert words.value(12.5, "", currency="EUR") == "€12.50"


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (None, 1.0, ""),
        (1.0, None, ""),
        (0.0, 0.0, "= same as previous hour"),
        (50.0, 100.0, "▼ 50 % vs previous hour"),
        (5_000.0, 100.0, "▲ 50× previous hour"),
    ],
)
def test_trends_are_words(now: float | None, before: float | None, said: str) -> None:
    """A trend says its direction and size in words, and nothing without a value to compare."""
    assert words.plain(words.trend(now, before, "hour")) == said


def test_ago_never_goes_negative() -> None:
    """An event a little ahead of the clock came just now."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert words.ago(now + timedelta(seconds=30), now) == "just now"


def test_html_is_escaped() -> None:
    """Markup and quotes in data become text."""
    assert words.escape("<img src=x onerror='y'>") == "&lt;img src=x onerror=&#x27;y&#x27;&gt;"
