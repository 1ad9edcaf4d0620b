from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.ingest.rows import MAX_DEPTH, decode_images, decode_mixed, decode_rows, depth
from datawatch_lab.ingest.tokens import LONG_NUMBER, inexact


def rows_of(*texts: str | bytes) -> tuple[RowFrame, list[tuple[int, str]]]:
    """Texts decoded; their positions are 0, 10 and so on."""
    images = [text.encode() if isinstance(text, str) else text for text in texts]
    return decode_rows(images, np.arange(len(images)) * 10)


def values(frame: RowFrame, name: str) -> list[Any]:
    """A column as a list."""
    return frame.columns[name].to_list()


def absent(frame: RowFrame, name: str) -> list[bool]:
    """Where a column is missing, as a list."""
    mask = frame.absent.get(name)
    return [False] * frame.columns.height if mask is None else mask.to_list()


@pytest.mark.parametrize(
    ("texts", "dtype", "expected"),
    [
        (['{"a":1}', '{"a":-0}', '{"a":null}'], pl.Int64, [1, 0, None]),
        (['{"a":9223372036854775808}', '{"a":1}'], pl.Int128, [2**63, 1]),
        ([f'{{"a":{2**127 - 1}}}', '{"a":1}'], pl.Int128, [2**127 - 1, 1]),
        ([f'{{"a":{2**127}}}', '{"a":1}'], pl.String, [str(2**127), "1"]),
        ([f'{{"a":{-(2**127) - 1}}}'], pl.String, [str(-(2**127) - 1)]),
        (['{"a":1}', '{"a":1.5}'], pl.Float64, [1.0, 1.5]),
        (['{"a":2.0}'], pl.Float64, [2.0]),
        (['{"a":0.30000000000000004}'], pl.Float64, [0.1 + 0.2]),
        (['{"a":true}', '{"a":false}'], pl.Boolean, [True, False]),
        (['{"a":null}', '{"a":null}'], pl.String, [None, None]),
        (['{"a":"123.450"}'], pl.String, ["123.450"]),
        (['{"a":"x"}', '{"a":1}'], pl.String, ["x", "1"]),
        (['{"a":true}', '{"a":1}'], pl.String, ["true", "1"]),
        (['{"a":true}', '{"a":1.5}'], pl.String, ["true", "1.5"]),
        (['{"a":9007199254740993}', '{"a":1.5}'], pl.String, ["9007199254740993", "1.5"]),
        (['{"a":12345678901234567.25}'], pl.String, ["12345678901234567.25"]),
        (['{"a":0.10000000000000000001}', '{"a":"x"}'], pl.String, ["0.10000000000000000001", "x"]),
        (['{"a":1e400}', '{"a":1}'], pl.String, ["1e400", "1"]),
        (['{"a":1e-400}', '{"a":0.5}'], pl.String, ["1e-400", "0.5"]),
        ([f'{{"a":{10**45}}}', '{"a":1}'], pl.String, [str(10**45), "1"]),
        ([f'{{"a":{10**45}}}', '{"a":"x"}'], pl.String, [str(10**45), "x"]),
    ],
)
def test_types_and_exact_numbers(texts: list[str], dtype: pl.DataType, expected: list[Any]) -> None:
    """Each mixture of values gets the type that holds all of them as they were written."""
    frame, misfits = rows_of(*texts)
    assert misfits == []
    assert frame.columns["a"].dtype == dtype
    assert values(frame, "a") == expected


def test_nested_values_stay_text_exactly() -> None:
    """Objects and arrays are their own text, also where other rows have plain values."""
    frame, misfits = rows_of('{"a":{"k": 1.50, "z":[1]}}', '{"a":"x"}', '{"a":[ 1]}', '{"a":1.50}')
    assert misfits == []
    assert values(frame, "a") == ['{"k": 1.50, "z":[1]}', "x", "[ 1]", "1.50"]
    assert frame.json == {"a"}


def test_text_that_looks_like_json_is_no_json() -> None:
    """A string that begins with a bracket is a string."""
    frame, _ = rows_of('{"a":"[x","b":"{\\"k\\":1}"}', '{"a":"1234567890123456789"}')
    assert values(frame, "a") == ["[x", "1234567890123456789"]
    assert values(frame, "b") == ['{"k":1}', None]
    assert frame.json == frozenset()


def test_missing_is_not_null() -> None:
    """A field that is not there is told from one that is null."""
    frame, _ = rows_of('{"a":null,"b":"null"}', '{"a":1}', "{}", '{"c":true,"b":null}')
    assert absent(frame, "a") == [False, False, True, True]
    assert absent(frame, "b") == [False, True, True, False]
    assert absent(frame, "c") == [True, True, True, False]
    assert values(frame, "a") == [None, 1, None, None]


@pytest.mark.parametrize("rest", [[], ['{"a":{"a":1}}'], ['{"b":"\\":"}'], ['{"a" : true}']])
def test_the_last_of_equal_keys_counts(rest: list[str]) -> None:
    """Which of two equal keys counts does not depend on the rows beside it."""
    frame, misfits = rows_of('{"a":1,"a":2}', '{"a":3,"a":null}', '{"a":5}', *rest)
    assert misfits == []
    assert [str(v) for v in values(frame, "a")[:3]] == ["2", "None", "5"]
    assert absent(frame, "a")[:3] == [False, False, False]


def test_only_misfits_are_left_out() -> None:
    """Rows that no parser takes are named, and the others are decoded."""
    texts: list[str | bytes] = [
        '{"a":1}',
        '{"a":NaN}',
        "[1]",
        '{"a":2}x',
        b'{"a":"\xff"}',
        '{"a":"\\ud800"}',
        "",
        "null",
        '{"a":1},{"a":2}',
        '{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}",
        '{"a":' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"a":7}',
    ]
    frame, misfits = rows_of(*texts)
    assert frame.rows.tolist() == [0, 110]
    assert values(frame, "a") == [1, 7]
    assert [at for at, _ in misfits] == list(range(10, 110, 10))
    assert all(len(reason) > 20 for _, reason in misfits)


def test_depth_to_the_limit_is_taken() -> None:
    """Nesting up to the limit is decoded, and brackets in strings are no nesting."""
    deepest = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    frame, misfits = rows_of(f'{{"a":{deepest}}}', '{"a":"' + "[" * 200 + '"}')
    assert misfits == []
    assert values(frame, "a") == [deepest, "[" * 200]
    assert depth(b'{"a\\"[":[]}') == 2


def test_surrogate_pairs_are_characters() -> None:
    """An escaped pair is one character and not a fault."""
    frame, misfits = rows_of('{"a":"\\ud83d\\ude00é\\u00e9"}')
    assert (values(frame, "a"), misfits) == (["😀éé"], [])


def test_names_of_any_kind() -> None:
    """Column names may hold quotes, be empty, or differ by case only."""
    frame, _ = rows_of('{"a\\"b":1,"":2,"A":3,"a":4}', '{"a\\"b":null}')
    assert frame.columns.columns == ['a"b', "", "A", "a"]
    assert absent(frame, 'a"b') == [False, False]
    assert absent(frame, "") == [False, True]


def test_images_over_several_lines() -> None:
    """Line ends between the values of an image do no harm."""
    frame, _ = rows_of('{\n "a":\r\n 1\n}', '{"a":2}')
    assert values(frame, "a") == [1, 2]


def test_arrow_input_and_nothing() -> None:
    """Arrow strings, also a slice of them, are taken; no images give no rows."""
    array = pa.array(['{"a":0}', '{"a":1}', '{"a":2}'], pa.large_string())[1:]
    frame, _ = decode_rows(array, np.array([3, 4]))
    assert (frame.rows.tolist(), values(frame, "a")) == ([3, 4], [1, 2])
    empty, misfits = decode_rows([], np.array([], dtype=np.int64))
    assert (empty.columns.height, misfits) == (0, [])


NUMBER = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.integers(10**36, 10**40),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=20).map(str),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-420, 420)),
).map(str)
SCALAR = st.one_of(
    NUMBER, st.sampled_from(["null", "true", "false"]), st.text().map(json.dumps)
).filter(lambda text: "\\ud" not in text)
NESTED = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: "[" + ", ".join(parts) + "]"),
        st.dictionaries(st.sampled_from("kn:"), inner, max_size=3).map(
            lambda parts: "{" + ",".join(f'"{k}":{v}' for k, v in parts.items()) + "}"
        ),
    ),
    max_leaves=6,
)
KINDS = (st.integers(-99, 99).map(str), NUMBER, SCALAR, NESTED)
COLUMNS = ("id", "a b", 'q"', "ü")


@st.composite
def images(draw: st.DrawFn) -> list[dict[str, str]]:
    """Images as mappings from name to the token of the value."""
    kinds = {name: draw(st.sampled_from(KINDS)) for name in COLUMNS}
    row = st.fixed_dictionaries({}, optional=kinds)
    return draw(st.lists(row, min_size=1, max_size=8))


def equals(found: object, token: str) -> bool:
    """Whether a decoded value is exactly what the token says."""
    meant = json.loads(token, parse_float=Decimal, parse_int=Decimal)
    if isinstance(meant, bool):
        return found is meant or found == token
    if isinstance(meant, Decimal):
        return not isinstance(found, bool) and Decimal(str(found)) == meant
    return found == (token if isinstance(meant, list | dict) else meant)


@settings(max_examples=80, deadline=None)
@given(images())
def test_every_value_comes_back(tokens: list[dict[str, str]]) -> None:
    """Whatever is mixed in a column, each value is exact, and missing is told from null."""
    texts = [
        "{" + ", ".join(f"{json.dumps(k)}: {v}" for k, v in row.items()) + "}" for row in tokens
    ]
    frame, misfits = rows_of(*texts)
    assert misfits == []
    assert frame.rows.tolist() == [at * 10 for at in range(len(tokens))]
    for name in {name for row in tokens for name in row}:
        found, missing = values(frame, name), absent(frame, name)
        assert missing == [name not in row for row in tokens]
        for value, row in zip(found, tokens, strict=True):
            assert equals(value, row.get(name, "null")), (value, row.get(name))
        nested = any(row.get(name, "")[:1] in ("{", "[") for row in tokens if name in row)
        assert (name in frame.json) == nested


@settings(max_examples=80, deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=5))
def test_inexact_agrees_with_decimal(literals: list[str]) -> None:
    """A list of literals is inexact if, and only if, a double changes one of them."""
    changed = [Decimal(repr(float(text))) != Decimal(text) for text in literals]
    assert inexact(pl.Series(literals)) == any(changed)
    long = pl.Series(literals).str.contains(LONG_NUMBER)
    assert all(found for found, lossy in zip(long, changed, strict=True) if lossy)


@pytest.mark.parametrize("space", ["", " ", "\t", "\n", "\r\n ", " " * 9])
def test_of_a_field_named_twice_the_last_counts(space: str) -> None:
    """Also where another image has spaces before its colons, so that their number tells nothing."""
    images = [f'{{"id"{space}:null}}'.encode(), b'{"id":0,"id":1}']
    for decode in (decode_images, decode_mixed):
        assert decode(images).columns["id"].to_list() == [None, 1]
