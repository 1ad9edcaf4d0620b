"""Commits that show nothing new of schemas count as if their rows had been read from the log."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.brought import Part
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.schema.log import SchemaLog
from datawatch_lab.engine.schema.usual import take_usual
from datawatch_lab.schema.presence import TableState, Window, advance, kinds_follow
from datawatch_lab.store.schema_log import is_sampled
from tests.schema.engines import Event, feed, opened, plain, row

Row = tuple[str, int, dict[str, Any]]
"""Operation, event time in seconds, image."""

TYPES = {int: "UBIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR", type(None): "NULL"}
KINDS = {int: "integer", float: "number", bool: "boolean", str: "text", type(None): ""}


def new(rows: list[Row], after: int) -> list[tuple[int, int, dict[str, Any]]]:
    """Sequence number, µs and image of inserted and copied rows."""
    numbered = enumerate(rows, after + 1)
    return [(seq, at * 1_000_000, image) for seq, (op, at, image) in numbered if op in "cr"]


def read(state: TableState, rows: list[Row], after: int) -> list[object]:
    """What the log's rows come to."""
    found = new(rows, after)
    if not found:
        return []
    fields = list(dict.fromkeys(tuple(image) for *_, image in found))
    seq, at = (np.array([each[place] for each in found], dtype=np.int64) for place in (0, 1))
    code = np.array([fields.index(tuple(image)) for *_, image in found])
    told: list[object] = list(advance(state, Window(seq, at, code, fields)))
    state.described |= state.rows >= 20
    kinds = [
        (seq, at, {name: KINDS.get(type(v), "json") for name, v in image.items()})
        for seq, at, image in found
        if is_sampled(np.array([seq]))[0]
    ]
    return told + list(kinds_follow(state, kinds))


def batch_of(rows: list[Row], after: int) -> TableBatch:
    """The rows as a commit brings them."""
    micros = pl.Series([at * 1_000_000 for _, at, _ in rows], dtype=pl.Int64)
    events = pl.DataFrame(
        {
            "seq": pl.Series(range(after + 1, after + 1 + len(rows)), dtype=pl.Int64),
            "op": [op for op, _, _ in rows],
            "ts": micros.cast(pl.Datetime("us", "UTC")),
        }
    )
    texts = pl.Series([json.dumps(image) if op != "d" else None for op, _, image in rows])
    table = TableInfo(id=1, schema="public", table="orders", name="orders")
    return TableBatch(table, events, parse_images(texts.cast(pl.String)), RowFrame.empty())


VALUES = {
    "id": st.integers(0, 10**6),
    "price": st.floats(0, 100, width=16).map(lambda each: each + 0.5),
    "paid": st.booleans(),
    "status": st.sampled_from(["new", "paid", "12a"]),
    "amount": st.sampled_from(["12.50", "7", "new"]),
    "tags": st.sampled_from([["a"], {"b": 1}]),
}
ODD = {**VALUES, "amount": st.sampled_from(["12.50", 7, True, None]), "id": st.floats(1, 2)}


def rows_of(values: dict[str, st.SearchStrategy[Any]], size: int) -> st.SearchStrategy[list[Row]]:
    """Rows, mostly inserted, not quite in order of time."""
    images = st.fixed_dictionaries({n: st.one_of(v, v, st.none()) for n, v in values.items()})
    one = st.tuples(st.sampled_from("ccccrud"), st.sampled_from([0, 0, 0, 9]), images)
    several = st.lists(one, min_size=size, max_size=60)
    return several.map(lambda rows: [(op, n - late, i) for n, (op, late, i) in enumerate(rows)])


def types_of(rows: list[Row], after: int, fields: list[str]) -> list[tuple[int, list[str], int]]:
    """What the log says of the fields of sampled rows."""
    return [
        (1, [TYPES.get(type(image[name]), "OBJECT") for name in fields], 1)
        for seq, _, image in new(rows, after)
        if is_sampled(np.array([seq]))[0]
    ]


@given(rows_of(VALUES, 40), st.one_of(rows_of(VALUES, 1), rows_of(ODD, 1)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_as_the_log_would(first: list[Row], then: list[Row], more: bool) -> None:
    """The same state; what may show something new is left alone, and said."""
    state = TableState()
    read(state, first, 0)
    extra = {"more": 1} if more else {}
    then = [(op, at + len(first), {**image, **extra}) for op, at, image in then]
    by_log, states = deepcopy(state), {1: deepcopy(state)}
    found = read(by_log, then, len(first))
    part = Part(len(first), len(first) + len(then), [batch_of(then, len(first))])
    taken = take_usual(part, states, lambda fields: types_of(then, len(first), list(fields)))
    assert taken is not None
    if taken.unlike:
        assert states[1] == state
        return
    assert not more or not new(then, len(first))
    if taken.untold:
        kinds = [
            (seq, at, {name: KINDS.get(type(v), "json") for name, v in image.items()})
            for seq, at, image in new(then, len(first))
            if is_sampled(np.array([seq]))[0]
        ]
        kinds_follow(states[1], kinds)
    else:
        assert not found
    assert states[1] == by_log


def test_a_commit_with_other_events_is_read() -> None:
    """Sequence numbers that are no row changes may tell of DDL."""
    rows: list[Row] = [("c", 1, {"id": 1})]
    assert take_usual(Part(0, 2, [batch_of(rows, 0)]), {}, lambda _: ()) is None


def test_a_table_that_is_not_known_yet_is_unlike() -> None:
    """Its rows are for the log to tell."""
    taken = take_usual(Part(0, 1, [batch_of([("c", 1, {"id": 1})], 0)]), {}, lambda _: ())
    assert taken is not None
    assert (taken.tables, taken.unlike) == (frozenset(), frozenset({1}))


def _events() -> list[Event]:
    """Usual rows of two tables, of which one gets a column, loses one and has one changed."""
    draw = random.Random(3)
    events: list[Event] = []
    for at in range(400):
        more: dict[str, Any] = {"extra": 1} if 150 < at < 300 else {}
        kind = "x" if at < 250 else at
        amount = draw.choice(["1.50", 2.5, None]) if at > 350 else "1.50"
        events.append(row(2 * at, amount=amount, kind=kind, **more))
        events.append(row(2 * at + 1, "items", price=at + 0.5, note=draw.choice("ab"), ok=True))
    return events


def test_history_is_that_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings and states are the same when every commit is read from the log."""
    told = []
    for by_log in (False, True):
        if by_log:
            monkeypatch.setattr(SchemaLog, "_note", lambda *_: None)
        engine = opened(tmp_path / f"{by_log}.duckdb")
        for start in range(0, 800, 80):  # each is looked at before the next comes
            log = feed(engine, _events()[start : start + 80])
        states = {id_: msgspec.to_builtins(each) for id_, each in log._states.items()}
        told.append((plain(log.changes), states))
        engine.close()
    assert told[0] == told[1]
    assert len(told[0][0]) > 3
