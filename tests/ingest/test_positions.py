"""Order of events out of the texts of source positions."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.ingest.positions import order_of

FILE = 2**40


def order(
    positions: list[str | None], tx_order: list[int | None] | None = None
) -> list[tuple[int, int]]:
    """Ordinal and sub of each position."""
    given_order = [None] * len(positions) if tx_order is None else tx_order
    ordinal, sub = order_of(
        pl.Series(positions, dtype=pl.String), pl.Series(given_order, dtype=pl.Int64)
    )
    assert ordinal.dtype == pl.Int64
    assert sub.dtype == pl.Int64
    assert ordinal.null_count() == sub.null_count() == 0
    return list(zip(ordinal.to_list(), sub.to_list(), strict=True))


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ('{"lsn":"0/16B3748","sequence":3}', (0x16B3748, 3)),
        ('{ "sequence" : "3", "lsn" : "16/b3748" }', ((0x16 << 32) + 0xB3748, 3)),
        ('{"lsn":24023128}', (24023128, 0)),
        ('{"lsn":24023128,"sequence":"[\\"24023119\\",\\"24023128\\"]"}', (24023128, 0)),
        ('{"lsn":24023128,"sequence":["24023119","24023128"]}', (24023128, 0)),
        ('{"file":"mysql-bin.000003","pos":154,"row":2,"gtid":null}', (3 * FILE + 154, 2)),
        ('{"file":"mysql-bin.000003","position":"154"}', (3 * FILE + 154, 0)),
        ('{"pos":154}', (154, 0)),
        ('"binlog.000012:123"', (12 * FILE + 123, 0)),
        ('"0/16B3748"', (0x16B3748, 0)),
        ("123", (123, 0)),
        ('{"cluster_time":"1700000000:3"}', (1700000000 * 2**32 + 3, 0)),
        ('{"cluster_time":{"t":1700000000,"i":3}}', (1700000000 * 2**32 + 3, 0)),
        ('{"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:23"}', (23, 0)),
        ('{"gtid":"0-1-42"}', (42, 0)),
        (None, (0, 0)),
        ("{}", (0, 0)),
        ('{"lsn":null,"pos":5}', (5, 0)),
        ('{"lsn":""}', (0, 0)),
        ('{"lsn":"99999999999999999999999"}', (0, 0)),
        ('{"resume_token":"8263"}', (0, 0)),
        ('"', (0, 0)),
    ],
)
def test_shapes_of_positions(position: str | None, expected: tuple[int, int]) -> None:
    """Each source's shape gives its place in the log, alone and among others."""
    assert order([position]) == [expected]
    others = ['{"lsn":"0/1","sequence":1}', None, '{"file":"b.000001","pos":4}', '"0/2"']
    mixed = order([*others[:2], position, *others[2:]])
    assert mixed == [(1, 1), (0, 0), expected, (FILE + 4, 0), (2, 0)]


def test_order_in_the_transaction_stands_in_for_a_sequence() -> None:
    """A sequence that is a number counts first, then the transaction's order, then the row."""
    positions = [
        '{"lsn":1,"sequence":5}',
        '{"lsn":1,"sequence":"[null,\\"9\\"]"}',
        '{"pos":1,"row":3}',
        '{"pos":1,"row":3}',
        None,
    ]
    assert [sub for _, sub in order(positions, [9, 9, 9, None, 9])] == [5, 9, 9, 3, 9]


def test_without_positions_there_is_nothing_to_do() -> None:
    """Batches without positions, and empty ones, keep the order in the transaction."""
    assert order([]) == []
    assert order([None, None], [4, None]) == [(0, 4), (0, 0)]


def test_many_binary_logs_in_one_batch() -> None:
    """The file's number stands above the place, however many files a batch touches."""
    positions: list[str | None] = [f'{{"file":"b.{n:06d}","pos":{900 - n}}}' for n in range(40)]
    places = [ordinal for ordinal, _ in order(positions)]
    assert places == sorted(places) == [n * FILE + 900 - n for n in range(40)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1)), min_size=1))
def test_the_order_of_lsns_is_kept(places: list[tuple[int, int]]) -> None:
    """Texts and numbers of the same LSNs give the same ordinals, in the same order."""
    as_text: list[str | None] = [f'{{"lsn":"{high:X}/{low:X}"}}' for high, low in places]
    as_number: list[str | None] = [json.dumps({"lsn": (h << 32) + low}) for h, low in places]
    expected = [((high << 32) + low, 0) for high, low in places]
    assert order(as_text) == order(as_number) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["lsn", "sequence", "file", "pos", "row", "gtid", "cluster_time", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(JSON | st.none(), max_size=6), st.booleans())
def test_no_position_is_too_strange(values: list[Any], ascii_only: bool) -> None:
    """Whatever JSON stands there, two whole numbers of at least 0 come out, and each on its own."""
    positions: list[str | None] = [json.dumps(v, ensure_ascii=ascii_only) for v in values]
    found = order(positions)
    assert all(ordinal >= 0 and sub >= 0 for ordinal, sub in found)
    assert found == [order([position])[0] for position in positions]


ODD = st.sampled_from(
    ["", "-1", "1.5", "1e3", "007", "99999999999999999999", '"4"', "null", "12 ", '3,"row":8']
)
HALVES = st.one_of(st.integers(0, 2**64).map("{:X}".format), st.sampled_from(["", "g", "0 ", "-1"]))


@given(
    st.lists(st.tuples(HALVES, HALVES, st.integers(0, 10**6).map(str) | ODD), min_size=1),
    st.booleans(),
)
def test_the_usual_shape_reads_as_any_other(
    places: list[tuple[str, str, str]], are_usual: bool
) -> None:
    """Texts that are all written as most are, and the same one by one beside another shape."""
    if are_usual:
        places = [(f"{len(a):X}", f"{len(b):X}", str(len(c))) for a, b, c in places]
    texts: list[str | None] = [
        f'{{"lsn":"{high}/{low}","sequence":{number}}}' for high, low, number in places
    ]
    together = order(texts)
    assert together == [order([each, "7"])[0] for each in texts]
    if are_usual:
        expected = [((int(a, 16) << 32) + int(b, 16), int(c)) for a, b, c in places]
        assert together == expected
