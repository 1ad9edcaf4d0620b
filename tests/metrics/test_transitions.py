"""Transitions laid out, and fields as codes, against the plain way to say the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.metrics.current import _change
from datawatch_lab.metrics.images import label_texts
from datawatch_lab.metrics.numbers import Numbers, as_words
from datawatch_lab.metrics.transitions import _encoded, _in_time

VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pl.Boolean, st.booleans()),
    (pl.Int64, st.sampled_from([0, 1, -7, 2**62])),
    (pl.Float64, st.sampled_from([0.0, -0.0, 1.0, 1.5, float("nan")])),
    (pl.Int128, st.sampled_from([1, 2**100])),
    (pl.String, st.sampled_from(["true", "1", "(null)", "", "paid"])),
]


@st.composite
def columns(draw: st.DrawFn) -> pl.Series:
    """A column of any type, some of it null, perhaps in several pieces."""
    dtype, values = draw(st.sampled_from(VALUES))
    pieces = draw(st.lists(st.lists(st.none() | values, max_size=5), min_size=1, max_size=3))
    return pl.concat([pl.Series(each, dtype=dtype) for each in pieces], rechunk=False)


@given(st.lists(columns(), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_codes_stand_for_label_texts(found: list[pl.Series]) -> None:
    """Equal texts have one code, whatever their type; null has one that no text has."""
    values, codes = _encoded(found)
    texts = [text for each in found for text in label_texts(each).to_list()]
    assert [values[code] for code in codes] == [
        "(null)" if text is None else text for text in texts
    ]
    coded = dict(zip(texts, codes.tolist(), strict=True))
    assert [coded[text] for text in texts] == codes.tolist()
    assert len(set(coded.values())) == len(coded)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12))
def test_transitions_are_in_order_of_time(moments: list[tuple[int, int]]) -> None:
    """By event time, then by number; equal ones stay as they are."""
    at, seq = (np.array([each[n] for each in moments], dtype=np.int64) for n in range(2))
    plain = sorted(range(len(moments)), key=lambda place: moments[place])
    assert _in_time(at, seq).tolist() == plain


@given(st.lists(st.tuples(*[st.none() | st.integers(-(10**9) + 1, 10**9 - 1)] * 2), max_size=9))
def test_small_numbers_change_as_large_ones_do(pairs: list[tuple[int | None, int | None]]) -> None:
    """64 bits come to what 128 bits come to."""
    sides = [value for n in range(2) for value in (pair[n] for pair in pairs)]
    valid = np.array([value is not None for value in sides], dtype=np.bool_)
    values = np.array([value or 0 for value in sides], dtype=np.float64)
    words = np.array([(value or 0) * 10**9 for value in sides], dtype=np.int64)
    size = len(pairs)
    before, after = np.arange(size), size + np.arange(size)
    has = np.ones(size, dtype=np.bool_)
    small = _change(Numbers(values, valid, words, valid), before, after, has)
    large = _change(Numbers(values, valid, as_words(words), valid), before, after, has)
    assert small.row.tolist() == large.row.tolist()
    assert small.values.tolist() == large.values.tolist()
    assert as_words(small.words).tolist() == as_words(large.words).tolist()
    assert small.exact.tolist() == large.exact.tolist()
