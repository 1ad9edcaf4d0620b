from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.engine.images import parse_images
from datawatch_lab.ingest.sources.postgres.images import Column, make_images
from datawatch_lab.ingest.sources.postgres.small import MOST_ROWS
from datawatch_lab.ingest.sources.postgres.types import Kind, PgType, Types, spelled
from datawatch_lab.ingest.sources.postgres.values import render

_TYPES = Types()
_OIDS = {
    "bool": 16, "bytea": 17, "int8": 20, "int4": 23, "text": 25, "json": 114, "float8": 701,
    "money": 790, "timestamptz": 1184, "timestamp": 1114, "date": 1082, "numeric": 1700,
    "uuid": 2950, "int4[]": 1007, "text[]": 1009, "jsonb[]": 3807, "bool[]": 1000,
    "timestamptz[]": 1185,
}  # fmt: skip
_HSTORE = PgType("hstore", Kind.HSTORE)


def _type(name: str) -> PgType:
    return _HSTORE if name == "hstore" else _TYPES[_OIDS[name]]


@pytest.mark.parametrize(
    ("name", "text", "token"),
    [
        ("bool", "t", "true"),
        ("bool", "f", "false"),
        ("int8", "-9223372036854775808", "-9223372036854775808"),
        ("numeric", "12.50", "12.50"),
        ("numeric", "NaN", '"NaN"'),
        ("numeric", "-Infinity", '"-Infinity"'),
        ("numeric", "12345678901234567890123456789012345678901234567890.5",
         "12345678901234567890123456789012345678901234567890.5"),
        ("float8", "1e+300", "1e+300"),
        ("money", "-$1,234.56", "-1234.56"),
        ("text", 'a "b" \\ \n\x01é', '"a \\"b\\" \\\\ \\n\\u0001é"'),
        ("bytea", "\\xdeadbeef", '"\\\\xdeadbeef"'),
        ("date", "2024-02-29", '"2024-02-29"'),
        ("timestamptz", "2024-02-29 12:00:00.5+00", '"2024-02-29T12:00:00.5Z"'),
        ("timestamptz", "infinity", '"infinity"'),
        ("timestamp", "2024-02-29 12:00:00", '"2024-02-29T12:00:00"'),
        ("timestamp", "0044-03-15 12:00:00 BC", '"0044-03-15T12:00:00 BC"'),
        ("json", ' {"a": [1, 2]} ', '{"a": [1, 2]}'),
        ("json", "null", "null"),
        ("json", '"\\ud800"', '"\\"\\\\ud800\\""'),
        ("int4[]", "{1,NULL,3}", "[1,null,3]"),
        ("int4[]", "[2:3]={5,6}", "[5,6]"),
        ("int4[]", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        ("text[]", '{a,"NULL","b,\\"c\\"",""}', '["a","NULL","b,\\"c\\"",""]'),
        ("text[]", "{}", "[]"),
        ("bool[]", "{t,f}", "[true,false]"),
        ("jsonb[]", '{"{\\"a\\": 1}"}', '[{"a": 1}]'),
        ("timestamptz[]", '{"2024-01-01 00:00:00+00"}', '["2024-01-01T00:00:00Z"]'),
        ("hstore", '"a"=>"1", "b"=>NULL, "c\\"d"=>"x=>y"', '{"a":"1","b":null,"c\\"d":"x=>y"}'),
    ],
)  # fmt: skip
def test_a_text_becomes_its_json(name: str, text: str, token: str) -> None:
    """Every type's text becomes the JSON that docs/postgresql.md says."""
    made = render(pl.Series([text, None]), _type(name))
    assert made.tokens.to_list() == [token, "null"]


_ODD = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _numerics() -> st.SearchStrategy[str]:
    digits = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: f"{d:f}")
    return digits | st.integers(-(10**40), 10**40).map(str) | st.sampled_from(["NaN", "Infinity"])


_WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
).map(lambda value: json.dumps(value, ensure_ascii=False))


def _array(words: list[str | None]) -> str:
    cells = []
    for word in words:
        quoted = (word or "").replace("\\", "\\\\").replace('"', '\\"')
        cells.append("NULL" if word is None else f'"{quoted}"')
    return "{" + ",".join(cells) + "}"


_TEXTS: dict[str, st.SearchStrategy[str]] = {
    "int8": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": _numerics(),
    "float8": st.floats().map(lambda f: _ODD.get(repr(f), repr(f))),
    "bool": st.sampled_from("tf"),
    "text": _WORDS,
    "bytea": st.binary(max_size=6).map(lambda b: f"\\x{b.hex()}"),
    "json": _JSON,
    "text[]": st.lists(st.none() | _WORDS, max_size=3).map(_array),
    "timestamptz": st.datetimes().map(lambda d: f"{d.isoformat(' ')}+00"),
    "date": st.dates().map(str),
}


@st.composite
def _columns(draw: st.DrawFn) -> tuple[list[Column], int]:
    height = draw(st.integers(1, 5))
    columns: list[Column] = []
    for name in draw(st.lists(st.sampled_from(sorted(_TEXTS)), min_size=1, max_size=5)):
        texts = draw(st.lists(st.none() | _TEXTS[name], min_size=height, max_size=height))
        absent = draw(st.lists(st.booleans(), min_size=height, max_size=height))
        held = [None if gone else text for text, gone in zip(texts, absent, strict=True)]
        mask = pl.Series(absent) if any(absent) else None
        spelt = f"{len(columns)} {draw(_WORDS)}"
        columns.append(Column(spelt, _type(name), pl.Series(held, dtype=pl.String), mask))
    return columns, height


@settings(deadline=None)
@given(_columns())
def test_columns_are_what_the_images_read_as(made: tuple[list[Column], int]) -> None:
    """The typed columns equal those that a replay from the log parses from the image texts."""
    columns, height = made
    images = make_images(columns, height)
    whole = images.texts.to_list()
    for text in whole:
        msgspec.json.decode(text)
    again = parse_images(images.texts)
    frame = images.frame(np.arange(height))
    if not columns or all(c.absent is not None and c.absent.all() for c in columns):
        assert not frame.columns.width
        return
    _assert_same(frame, again)


@settings(deadline=None)
@given(_columns())
def test_few_rows_read_as_many(made: tuple[list[Column], int]) -> None:
    """The way for a few rows and the way for many give the same images and columns."""
    columns, height = made
    times = 200  # more rows than the way for a few takes
    assert height <= MOST_ROWS < height * times
    many = [
        Column(
            each.name,
            each.type,
            pl.concat([pl.Series(each.texts, dtype=pl.String)] * times),
            None if each.absent is None else pl.concat([each.absent] * times),
        )
        for each in columns
    ]
    whole = make_images(many, height * times)
    part = make_images(columns, height)
    assert part.texts.to_list() == whole.texts.to_list()[:height]
    assert part.json == whole.json
    assert part.columns.equals(whole.columns[:height], null_equal=True)
    assert part.columns.schema == whole.columns.schema
    assert {name: mask.to_list() for name, mask in part.absent.items()} == {
        name: mask.to_list()[:height] for name, mask in whole.absent.items()
    }


def _assert_same(frame: RowFrame, again: RowFrame) -> None:
    assert set(frame.columns.columns) == set(again.columns.columns)
    assert frame.rows.tolist() == again.rows.tolist()
    assert frame.json == again.json
    for name in frame.columns.columns:
        ours, theirs = frame.columns[name], again.columns[name]
        assert ours.dtype == theirs.dtype, name
        assert ours.equals(theirs, check_dtypes=True, null_equal=True), name
        gone = pl.Series([False] * ours.len())
        assert frame.absent.get(name, gone).to_list() == again.absent.get(name, gone).to_list(), (
            name
        )


@settings(deadline=None)
@given(st.lists(_numerics(), min_size=1, max_size=4))
def test_numerics_keep_every_digit(texts: list[str]) -> None:
    """A number's token has the digits that came, whatever column it stands in."""
    for text, token in zip(texts, render(pl.Series(texts), _type("numeric")).tokens, strict=True):
        assert Decimal(json.loads(token, parse_float=str, parse_int=str)).compare_total(
            Decimal(text)
        ) == Decimal(0)


def test_json_that_is_too_deep_is_kept_as_text() -> None:
    """JSON nested deeper than this program reads comes as a string that holds it."""
    deep = "[" * 80 + "]" * 80
    made = render(pl.Series([deep, "[1]"]), _type("json"))
    assert json.loads(made.tokens[0]) == deep
    assert made.tokens[1] == "[1]"


@pytest.mark.parametrize(
    ("name", "modifier", "text"),
    [
        ("numeric", 786_438, "numeric(12,2)"),
        ("int4", -1, "integer"),
        ("timestamptz", 3, "timestamp(3) with time zone"),
    ],
)
def test_a_type_is_spelled_with_its_modifier(name: str, modifier: int, text: str) -> None:
    """A type in a DDL event reads as in a column definition."""
    assert spelled(_type(name), modifier) == text
