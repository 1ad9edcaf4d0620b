"""Values that are looked at together tell what each would alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from datawatch_lab.metrics.evidence import _united
from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.shapes import DECIMAL, INTEGER, shape_of
from datawatch_lab.metrics.telling import tell

NUMERIC = st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}(e[+-]?[0-9]{1,4})?", fullmatch=True)
MOMENTS = st.from_regex(
    r"2[0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9](\.[0-9]{1,6})?)?"
    r"( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?",
    fullmatch=True,
)
TEXTS = st.one_of(
    NUMERIC,
    MOMENTS,
    st.text(max_size=12),
    st.sampled_from(["", " ", "007", "0\u0663", "paid", "ord_8f3a", "-0.0", "7\n", "1" * 300]),
    st.sampled_from(
        ["1." + "5" * 250 + "e5", "9" * 198 + "e+5", "0" * 300, "3." + "1" * 300 + "x"]
    ),
)
SAMPLES = st.lists(st.lists(TEXTS, max_size=8), min_size=1, max_size=5)


def plain(text: str) -> str:
    """Whole floats as integers."""
    digits = text.removesuffix(".0").removeprefix("-")
    whole = text.endswith(".0") and digits.isascii() and digits.isdigit()
    return text.removesuffix(".0") if whole else text


@given(SAMPLES)
@example([["1.0", "1"], ["x", "2.0"]])
def test_texts(samples: list[list[str]]) -> None:
    """Shapes, numbers in order, the longest, and hashes, each value looked at alone."""
    told = tell([pl.Series(each, dtype=pl.String) for each in samples])
    for values, one in zip(samples, told, strict=True):
        texts = [plain(each) for each in values]
        shapes = [shape_of(each[:200]) for each in texts]
        assert one.shapes == Counter(shapes)
        known = zip(texts, shapes, strict=True)
        numbers = [
            float(text[:200] if text.endswith("x") else text)
            for text, shape in known
            if shape in (INTEGER, DECIMAL)
        ]
        assert one.numbers.tolist() == numbers
        assert one.longest == max(map(len, texts), default=0)
        alone = [hash_column(pl.Series([each], dtype=pl.String))[0] for each in texts]
        assert one.hashes.tolist() == alone


@given(st.lists(st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", fullmatch=True)))
def test_decimals_hash_as_among_other_texts(texts: list[str]) -> None:
    """A column of nothing else is hashed in one go, to the same."""
    alone = hash_column(pl.Series(texts, dtype=pl.String))
    among = hash_column(pl.Series([*texts, "paid"], dtype=pl.String))
    assert alone.tolist() == among[:-1].tolist()


HASHES = st.lists(st.integers(0, 20).map(lambda each: each * 2**59))


@given(HASHES, HASHES)
def test_united_hashes(known: list[int], told: list[int]) -> None:
    """Those of either, sorted, each once."""
    before = np.unique(np.array(known, dtype=np.uint64))
    new = np.array(told, dtype=np.uint64)
    assert _united(before, new).tolist() == np.union1d(before, new).tolist()
