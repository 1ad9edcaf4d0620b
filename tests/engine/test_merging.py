"""Batches of one table in one commit are handed on as one, and stages tell no difference."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.merging import merged

START = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = {
    number: TableInfo(id=number, schema="", table=f"t{number}", name=f"t{number}")
    for number in (1, 2)
}
Image = dict[str, object] | None

values = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([0.5, "a", True, {"x": 1}]))
images = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["a", "b"]), st.one_of(st.none(), st.integers(0, 9))),
    st.dictionaries(st.sampled_from(["a", "b"]), values),
)
pieces = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.lists(st.tuples(images, images), min_size=1, max_size=4)),
    max_size=6,
)


def batch_of(table: int, rows: list[tuple[Image, Image]], first: int) -> TableBatch:
    """Updates with these images, numbered from ``first``."""
    count = len(rows)
    at = [START + timedelta(seconds=first + n) for n in range(count)]
    events = pl.DataFrame(
        {
            "seq": list(range(first, first + count)),
            "op": ["u"] * count,
            "ts": at,
            "received": at,
            "ordinal": [0] * count,
            "sub": [0] * count,
            "ordered": [False] * count,
        }
    )
    after, before = (
        parse_images(
            pl.Series([None if row[side] is None else json.dumps(row[side]) for row in rows],
                      dtype=pl.String)
        )
        for side in (0, 1)
    )  # fmt: skip
    return TableBatch(table=TABLES[table], events=events, after=after, before=before)


def cells(frame: RowFrame, at: int) -> dict[str, object] | None:
    """What a batch says of the image of one event: typed, null and absent told apart."""
    (places,) = np.nonzero(frame.rows == at)
    if not places.size:
        return None
    place = int(places[0])
    return {
        column.name: (
            None if column[place] is None else str(column.dtype),
            column[place],
            column.name in frame.json and column[place] is not None,
        )
        for column in frame.columns
        if column.name not in frame.absent or not frame.absent[column.name][place]
    }


def told(batches: list[TableBatch], table: int) -> list[tuple[object, ...]]:
    """Every event of a table with its images, in order."""
    return [
        (each.events["seq"][at], cells(each.after, at), cells(each.before, at))
        for each in batches
        if each.table.id == table
        for at in range(each.events.height)
    ]


def made(plan: list[tuple[int, list[tuple[Image, Image]]]]) -> list[TableBatch]:
    """Batches one after another."""
    batches, first = [], 1
    for table, rows in plan:
        batches.append(batch_of(table, rows, first))
        first += len(rows)
    return batches


@given(pieces)
@settings(max_examples=60, deadline=None)
def test_nothing_is_changed_by_merging(plan: list[tuple[int, list[tuple[Image, Image]]]]) -> None:
    """Each event keeps its images, with the type of each value, what is null and what is absent."""
    batches = made(plan)
    whole = merged(batches)
    assert len(whole) <= len(batches)
    for table in TABLES:
        assert told(whole, table) == told(batches, table)


def test_alike_batches_become_one() -> None:
    """Those of one table with the same columns; a column of nulls is like any other."""
    plan: list[tuple[int, list[tuple[Image, Image]]]] = [
        (1, [({"a": 1}, None)]),
        (2, [({"b": "x"}, None)]),
        (1, [({"a": None}, None), ({"a": 2}, None)]),
        (1, [({"a": 3}, None)]),
    ]
    assert [(each.table.id, each.events.height) for each in merged(made(plan))] == [(1, 4), (2, 1)]


def test_a_change_of_type_stays_apart() -> None:
    """A field that was a number and is now a text tells both, as it would in two commits."""
    plan: list[tuple[int, list[tuple[Image, Image]]]] = [
        (1, [({"a": 1}, None)]),
        (1, [({"a": None}, None)]),
        (1, [({"a": "x"}, None)]),
        (1, [({"a": "y"}, None)]),
    ]
    assert [each.events.height for each in merged(made(plan))] == [2, 2]


def test_batches_out_of_order_stay_apart() -> None:
    """One request may name a table in two ways; each batch ascends by sequence number."""
    later, earlier = batch_of(1, [({"a": 1}, None)], 5), batch_of(1, [({"a": 2}, None)], 2)
    assert [each.events["seq"].to_list() for each in merged([later, earlier])] == [[5], [2]]
    assert [each.events["seq"].to_list() for each in merged([earlier, later])] == [[2, 5]]
