"""The ways to decode row images give the same columns: in step, one by one, and by a parser."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from datawatch_lab.ingest.alike import Decoded, columns_of_tables
from datawatch_lab.ingest.few import columns_of_few
from datawatch_lab.ingest.rows import Images, decode_mixed
from datawatch_lab.ingest.texts import Texts

TRICKY = ('a":1', 'x","b":"y', "\\", 'q"', '":', "{", "[1", "null", "", "é😀", "\x7f", "a\\", "\n")
STRINGS = st.one_of(st.sampled_from(TRICKY), st.text(max_size=6)).flatmap(
    lambda text: st.booleans().map(lambda plain: json.dumps(text, ensure_ascii=plain))
)
NUMBERS = st.one_of(
    st.integers(-99, 99).map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["-0", "0.10", "1e5", "1E400", "2.50", "-0.0", "123456789012345.678"]),
)
WHOLE = st.integers(-(10**6), 10**6).map(str)
BROKEN = st.sampled_from(["0.5", "1.25", "3", "-7.125", "10.0"])
WORDS = st.sampled_from(["true", "false"])
OTHER = st.sampled_from(['{"k":1}', "[]", "[1,2]", '["x"]', '{"a":{"b":[{}]}}'])
KINDS = (STRINGS, NUMBERS, WHOLE, BROKEN, WORDS)
NAMES = ("id", "a b", 'q"', "ü", "", "long_name_of_a_column", "status", "amount", "k\\")


@st.composite
def tables(draw: st.DrawFn, *, most: int = 12) -> list[list[bytes]]:
    """Images of a few tables, most of them written alike."""
    separators = draw(
        st.sampled_from([(",", ":"), (", ", ": "), (",", ":"), (",\n", ":\t"), (" ,", ":")])
    )
    made = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
        kinds = {name: draw(st.sampled_from(KINDS)) for name in names}
        made.append([_image(draw, kinds, separators) for _ in range(draw(st.integers(1, most)))])
    return made


def _image(
    draw: st.DrawFn, kinds: dict[str, st.SearchStrategy[str]], separators: tuple[str, str]
) -> bytes:
    comma, colon = separators
    odd = draw(st.integers(0, 99))
    names = list(kinds)
    if odd == 0:
        names = draw(st.permutations(names))
    if odd in (1, 2, 3):
        names = names[: draw(st.integers(1, len(names)))]
    if odd == 4:
        names.append(names[0])  # a key twice
    if odd == 5:
        comma, colon = ",", " :"
    members = []
    for name in names:
        value = draw(st.one_of(kinds[name], kinds[name], kinds[name], st.just("null")))
        if odd == 6:
            value = draw(st.one_of(OTHER, STRINGS, NUMBERS))
        members.append(json.dumps(name, ensure_ascii=odd % 2 == 0) + colon + value)
    return ("{" + comma.join(members) + "}").encode()


def same(found: Decoded, meant: Images) -> None:
    """Both have the same columns, types, values and missing fields; the order is free."""
    columns, absent = found
    assert_frame_equal(columns, meant.columns, check_column_order=False, check_exact=True)
    assert set(absent) == set(meant.absent)
    for name, mask in absent.items():
        assert mask.to_list() == meant.absent[name].to_list()
    assert meant.json == frozenset()
    assert not meant.misfits


@settings(max_examples=50, deadline=None)
@given(tables())
def test_images_written_alike_are_decoded_as_by_the_parser(given_tables: list[list[bytes]]) -> None:
    """Where the places of values follow from a layout, columns are those of the slow way."""
    everything = [image for images in given_tables for image in images]
    texts, rows, start = Texts.of(everything), [], 0
    for images in given_tables:
        rows.append(np.arange(start, start + len(images)))
        start += len(images)
    for images, found in zip(given_tables, columns_of_tables(texts, rows), strict=True):
        if found is not None:
            same(found, decode_mixed(images))


@settings(max_examples=50, deadline=None)
@given(tables(most=4))
def test_few_images_are_decoded_as_by_the_parser(given_tables: list[list[bytes]]) -> None:
    """The way for single posts gives the columns of the slow way."""
    for images in given_tables:
        found = columns_of_few(images)
        if found is not None:
            same(found, decode_mixed(images))


@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": ")])
def test_usual_images_take_the_fast_way(spaces: tuple[str, str]) -> None:
    """Tables as programs write them, with nulls, escapes and images of the key only."""
    rows = [
        {"id": n, "name": f'n "{n}" é\n', "price": n / 4, "ok": n % 2 == 0, "note": None}
        for n in range(40)
    ]
    rows[3]["name"] = None
    images = [json.dumps(row, separators=spaces).encode() for row in rows]
    images += [json.dumps({"id": n}, separators=spaces).encode() for n in range(5)]
    texts = Texts.of(images)
    found = columns_of_tables(texts, [np.arange(0, 45, 3), np.arange(1, 45, 3)])
    for which, columns in enumerate(found):
        assert columns is not None
        same(columns, decode_mixed(images[which:45:3]))


def test_types_are_those_of_each_table_alone() -> None:
    """Tables decoded together do not lend each other their types."""
    values = [["1", "2"], ["1.5", "2"], ["null", "null"], ["3.0", "null"]]
    images = [f'{{"a":{value}}}'.encode() for table in values for value in table]
    found = columns_of_tables(Texts.of(images), [np.arange(at, at + 2) for at in range(0, 8, 2)])
    kinds = [None if one is None else one[0]["a"].dtype for one in found]
    assert kinds == [pl.Int64, pl.Float64, pl.String, pl.Float64]


@pytest.mark.parametrize(
    "image",
    [
        b'{"a":"x","b" :"y"}',
        b'{"a":"x\\\\","b" :"y"}',
        b'{"a":"x","k\\\\":"y"}',
        b'{"a":"x","a":"y"}',
        b'{"a":{"a":1}}',
        b'{"a":"x" }',
    ],
)
def test_a_hidden_key_is_not_overlooked(image: bytes) -> None:
    """An image that only looks as the others do is not read as they are."""
    images = [b'{"a":"v"}', image]
    (found,) = columns_of_tables(Texts.of(images), [np.arange(2)])
    assert found is None or found[0].to_dicts() == decode_mixed(images).columns.to_dicts()
