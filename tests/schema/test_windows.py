"""Rows of the log parted by table, all at once."""

from __future__ import annotations

import json

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.engine.schema.events import samples, windows

NAMES = st.lists(st.sampled_from("abc"), unique=True, max_size=3)
ROWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 5), st.sampled_from(["x", "y"]), NAMES), max_size=12
)


@given(ROWS)
def test_each_table_has_its_rows(rows: list[tuple[int, int, str, list[str]]]) -> None:
    """In order, with the fields of each, tables and sets of fields as they appear."""
    frame = pl.DataFrame(
        [
            (id_, seq, at, source, json.dumps(names))
            for seq, (id_, at, source, names) in enumerate(rows)
        ],
        schema={
            "table_id": pl.Int32,
            "seq": pl.Int64,
            "at": pl.Int64,
            "source": pl.String,
            "fields": pl.String,
        },
        orient="row",
    )
    expected: dict[int, list[tuple[int, int, str, tuple[str, ...]]]] = {}
    for seq, (id_, at, source, names) in enumerate(rows):
        expected.setdefault(id_, []).append((seq, at, source, tuple(names)))
    found = list(windows(frame))
    assert [id_ for id_, _, _ in found] == list(expected)
    for id_, source, window in found:
        mine = expected[id_]
        assert source == mine[-1][2]
        told = zip(window.seq.tolist(), window.at.tolist(), window.code.tolist(), strict=True)
        assert [(seq, at, window.fields[code]) for seq, at, code in told] == [
            (seq, at, names) for seq, at, _, names in mine
        ]
        assert list(window.fields) == list(dict.fromkeys(names for *_, names in mine))


def test_kinds_are_listed_by_table() -> None:
    """In order of the rows; nothing for nothing."""
    texts = ['{"a":"BIGINT"}', '{"a":"NULL"}', '{"a":["VARCHAR"]}']
    frame = pl.DataFrame({"table_id": [2, 1, 2], "seq": [1, 2, 3], "at": [7, 8, 9], "kinds": texts})
    assert list(samples(frame)) == [
        (2, [(1, 7, {"a": "integer"}), (3, 9, {"a": "json"})]),
        (1, [(2, 8, {"a": ""})]),
    ]
    assert list(samples(frame[:0])) == []
