"""Live tables: versions folded to current rows and transitions, whatever order they come in."""
# ruff: noqa: D102, ARG002 — the methods of the fake are documented by the protocol it stands for

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, cast

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import TableBatch, Transitions
from datawatch_lab.core.storage import LIVE_HEADS, LiveAsk, LiveRows, Store
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.engine.images import parse_images
from datawatch_lab.engine.live import Changed, LiveTables
from datawatch_lab.engine.live import tables as live_tables
from datawatch_lab.engine.live.asking import tracked
from datawatch_lab.engine.live.folding import no_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = TableInfo(
    id=1,
    schema="",
    table="orders",
    name="orders",
    key=("id",),
    columns=(
        Column(name="id", type="integer", role=Role.ID),
        Column(name="status", role=Role.STATUS),
        Column(name="amount", type="number", role=Role.NUMERIC),
        Column(name="note"),
    ),
)
Event = dict[str, Any]


class MemoryStore:
    """Live rows of one table in a dict, as `Store` promises them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], tuple[dict[str, Any], dict[str, Any]]] = {}
        self.index: set[tuple[int, int, int]] = set()
        self.log: dict[int, Event] = {}

    def hash_texts(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        digests = [hashlib.md5(text.encode(), usedforsecurity=False).digest() for text in texts]
        halves = np.frombuffer(b"".join(digests), dtype=">i8").reshape(-1, 2).astype(np.int64)
        return halves[:, 0], halves[:, 1]

    def live_rows(self, table: TableInfo, keys: pl.DataFrame, fields: Sequence[str]) -> LiveRows:
        found = [self.rows[key] for key in keys.select("k_hi", "k_lo").rows() if key in self.rows]
        return _rows(found, fields)

    def live_rows_of(self, asks: Sequence[LiveAsk]) -> list[LiveRows]:
        return [self.live_rows(each.table, each.keys, each.fields) for each in asks]

    def live_scan(
        self, table: TableInfo, fields: Sequence[str], *, chunk: int = 0
    ) -> Iterator[LiveRows]:
        there = [pair for pair in self.rows.values() if not pair[0]["gone"]]
        if there:
            yield _rows(there, fields)

    def live_versions(self, table: TableInfo, keys: pl.DataFrame) -> pl.DataFrame:
        wanted = set(keys.select("k_hi", "k_lo").rows())
        seqs = sorted({seq for hi, lo, seq in self.index if (hi, lo) in wanted})
        return _log([self.log[seq] for seq in seqs])

    def read_truncates(self) -> pl.DataFrame:
        return _log([event for event in self.log.values() if event["op"] == "t"])

    def first_seq(self) -> int:
        return min(self.log, default=1)

    def newest_event(self, table_id: int) -> datetime | None:
        return max((event["ts"] for event in self.log.values()), default=None)

    def put(self, rows: LiveRows, versions: pl.DataFrame) -> None:
        for head, row in zip(
            rows.heads.to_dicts(), _dicts(rows.rows, rows.heads.height), strict=True
        ):
            key = (head["k_hi"], head["k_lo"])
            assert key not in self.rows or _order(head) >= _order(self.rows[key][0])
            self.rows[key] = head, row
        self.index |= set(versions.rows())

    def current(self) -> dict[int, dict[str, Any]]:
        return {
            lo: {name: row.get(name) for name in ("status", "amount", "note")}
            for (_, lo), (head, row) in self.rows.items()
            if not head["gone"]
        }


def _order(head: Mapping[str, Any]) -> tuple[Any, ...]:
    return head["at"], head["ordinal"], head["sub"], head["seq"]


def _dicts(frame: pl.DataFrame, height: int) -> list[dict[str, Any]]:
    return frame.to_dicts() if frame.width else [{} for _ in range(height)]


def _rows(
    found: Sequence[tuple[dict[str, Any], dict[str, Any]]], fields: Sequence[str]
) -> LiveRows:
    heads = pl.DataFrame([head for head, _ in found], schema=LIVE_HEADS)
    types = {"id": pl.Int64, "amount": pl.Int64, "status": pl.String, "note": pl.String}
    rows = {
        name: pl.Series(name, [row.get(name) for _, row in found], dtype=types[name])
        for name in fields
    }
    return LiveRows(heads, pl.DataFrame(rows) if rows else pl.DataFrame(height=len(found)))


def _log(events: Sequence[Event]) -> pl.DataFrame:
    return pl.DataFrame(
        [{**event, "table_id": 1} for event in events],
        schema={
            "seq": pl.Int64,
            "table_id": pl.Int32,
            "op": pl.String,
            "ts": pl.Datetime("us", "UTC"),
            "ordinal": pl.Int64,
            "after": pl.String,
            "before": pl.String,
        },
    )


def _batch(table: TableInfo, frame: pl.DataFrame) -> TableBatch:
    return TableBatch(
        table=table,
        events=frame.select(
            "seq",
            "op",
            "ts",
            pl.col("ts").alias("received"),
            "ordinal",
            pl.lit(0, pl.Int64).alias("sub"),
            pl.lit(value=False).alias("ordered"),
        ),
        after=parse_images(frame["after"]),
        before=parse_images(frame["before"]),
    )


class World:
    """Live tables over a memory store; feeds events and adds up transitions."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.live = LiveTables(cast("Store", self.store), _batch)
        self.states: dict[tuple[int, str | None], int] = {}
        self.net: dict[int, int] = {}
        self.seq = 0

    def feed(self, events: Sequence[Event]) -> None:
        """One commit."""
        numbered = [{**event, "seq": self.seq + place + 1} for place, event in enumerate(events)]
        self.seq += len(numbered)
        past = _log(list(self.store.log.values()))
        batch = _batch(TABLE, _log(numbered))
        (result,) = self.live.change(
            [Changed(TABLE, TABLE, [batch], lambda: [_batch(TABLE, past)])]
        )
        if result is not None:
            self.store.put(result.change.put, result.change.versions)
            self.live.keep([result])
            for each in result.transitions:
                self._add(each)
        self.store.log |= {event["seq"]: event for event in numbered}

    def _add(self, moved: Transitions) -> None:
        for step, old, new in zip(
            moved.steps.to_dicts(), moved.old.to_dicts(), moved.new.to_dicts(), strict=True
        ):
            second = int((step["at"] - START).total_seconds())
            for there, row, sign in ((step["had"], old, -1), (step["has"], new, 1)):
                if there:
                    key = (second, row["status"])
                    self.states[key] = self.states.get(key, 0) + sign * step["weight"]
                    change = sign * step["weight"] * (row["amount"] or 0)
                    self.net[second] = self.net.get(second, 0) + change

    def outcome(self) -> tuple[object, ...]:
        """Current rows, rows by status and second, change of the amount by second."""
        return (
            self.store.current(),
            {key: count for key, count in self.states.items() if count},
            {key: total for key, total in self.net.items() if total},
        )


def expected(events: Sequence[Event]) -> tuple[object, ...]:
    """The same in plain Python, event by event in order of time and position."""
    rows: dict[int, dict[str, Any]] = {}
    states: dict[tuple[int, str | None], int] = {}
    net: dict[int, int] = {}

    def move(second: int, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        for row, sign in ((old, -1), (new, 1)):
            if row is not None:
                states[second, row["status"]] = states.get((second, row["status"]), 0) + sign
                net[second] = net.get(second, 0) + sign * (row["amount"] or 0)

    blank = {"status": None, "amount": None, "note": None}
    for event in sorted(events, key=lambda e: (e["ts"], e["ordinal"])):
        second = int((event["ts"] - START).total_seconds())
        after = msgspec.json.decode(event["after"] or "null")
        before = msgspec.json.decode(event["before"] or "null")
        if event["op"] == "t":
            for key in list(rows):
                move(second, rows.pop(key), None)
            continue
        if event["op"] == "d":
            move(second, rows.pop(before["id"], None), None)
            continue
        fields = {name: after[name] for name in blank if name in after}
        old = rows.get(after["id"])
        base = blank if event["op"] == "c" else (old or blank)
        if event["op"] == "u" and before is not None and before["id"] != after["id"]:
            left = rows.pop(before["id"], None)
            move(second, left, None)
            base = left or blank
        rows[after["id"]] = {**base, **fields}
        move(second, old, rows[after["id"]])
    return (
        rows,
        {key: count for key, count in states.items() if count},
        {key: total for key, total in net.items() if total},
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Changes of a few rows; no two with the same time and position."""
    moments = draw(
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), unique=True, max_size=14)
    )
    events: list[Event] = []
    for second, ordinal in sorted(moments):
        op = draw(st.sampled_from("cuuuudcuuuudcuuut"))
        key = draw(st.integers(1, 3))
        fields = {
            "status": draw(st.sampled_from(["new", "paid", None])),
            "amount": draw(st.sampled_from([1, 2, 30, None])),
            "note": draw(st.sampled_from(["a", "b"])),
        }
        kept = draw(st.sets(st.sampled_from(sorted(fields)))) if op == "u" else set(fields)
        after = {"id": key} | {name: fields[name] for name in sorted(kept)}
        event: Event = {"op": op, "ts": START + timedelta(seconds=second), "ordinal": ordinal}
        event["after"] = None if op in "dt" else _text(after)
        event["before"] = _text({"id": key}) if op == "d" else None
        if op == "u" and draw(st.integers(0, 3)) == 0:
            event["before"] = _text({"id": draw(st.integers(1, 3))})
        events.append(event)
    return events


@settings(max_examples=60, deadline=None)
@given(streams(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_any_batching_give_the_same(
    events: list[Event], random: Any, cuts: int
) -> None:
    """Rows, rows by state and sums per second do not depend on order of arrival or on batches."""
    deliver(events, random, cuts)


def deliver(events: list[Event], random: Any, cuts: int) -> None:
    """Deliver events in any order and compare the outcome."""
    arrived = list(events)
    random.shuffle(arrived)
    world = World()
    size = max(1, len(arrived) // cuts)
    for start in range(0, len(arrived), size):
        world.feed(arrived[start : start + size])
    assert world.outcome() == expected(events)


@settings(max_examples=40, deadline=None)
@given(streams(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_gives_the_same_where_tables_are_folded_together(
    events: list[Event], random: Any, cuts: int
) -> None:
    """The same of the fold of many tables, which leaves to the other what it cannot do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_tables, "TOGETHER", 1)
        deliver(events, random, cuts)


def _event(op: str, second: int, after: object = None, before: object = None) -> Event:
    return {
        "op": op,
        "ts": START + timedelta(seconds=second),
        "ordinal": 0,
        "after": None if after is None else _text(after),
        "before": None if before is None else _text(before),
    }


def test_a_row_that_changes_its_key_keeps_what_the_change_does_not_name() -> None:
    """The new row has the fields of the old one, also within one batch and over several moves."""
    events = [
        _event("c", 1, {"id": 1, "status": "new", "amount": 5, "note": "n"}),
        _event("u", 2, {"id": 2, "status": "paid"}, {"id": 1}),
        _event("u", 3, {"id": 3, "amount": 6}, {"id": 2}),
    ]
    for size in (1, 3):
        world = World()
        for start in range(0, 3, size):
            world.feed(events[start : start + size])
        assert world.outcome() == expected(events)
        assert world.store.current() == {3: {"status": "paid", "amount": 6, "note": "n"}}


def test_a_late_event_reaches_the_row_that_its_row_became() -> None:
    """A row keeps over changes of its key what a late event says of it, whatever comes first."""
    events = [
        _event("c", 1, {"id": 1, "status": "new", "amount": 5, "note": "n"}),
        _event("u", 2, {"id": 1, "amount": 7}),
        _event("u", 3, {"id": 2}, {"id": 1}),
        _event("u", 4, {"id": 3, "status": "sent"}, {"id": 2}),
    ]
    for order in permutations(events):
        world = World()
        for event in order:
            world.feed([event])
        assert world.outcome() == expected(events)


def test_a_late_event_takes_its_place_between_two_states() -> None:
    """What the later state had counted is taken back and counted from the late one."""
    first = _event("c", 1, {"id": 1, "status": "new", "amount": 5, "note": "n"})
    last = _event("u", 9, {"id": 1, "status": "sent"})
    late = _event("u", 5, {"id": 1, "status": "paid", "amount": 7})
    world = World()
    for event in (first, last, late):
        world.feed([event])
    assert world.outcome() == expected([first, late, last])
    assert world.states[9, "paid"] == -1
    assert world.store.current()[1]["amount"] == 7


def test_rows_older_than_the_log_are_kept_when_the_key_changes() -> None:
    """A new key is made of the stored rows and of what the log still holds."""
    world = World()
    world.feed(
        [_event("c", n, {"id": n, "status": "new", "amount": n, "note": "n"}) for n in (1, 2)]
    )
    world.feed([_event("u", 3, {"id": 2, "status": "paid"})])
    world.store.log = {seq: event for seq, event in world.store.log.items() if seq == 3}
    past = _log(list(world.store.log.values()))
    renamed = msgspec.structs.replace(TABLE, key=("note", "id"))
    (result,) = world.live.change([Changed(TABLE, renamed, [], lambda: [_batch(TABLE, past)])])
    assert result is not None
    assert result.change.restart
    found = sorted(
        zip(*(result.change.put.rows[n].to_list() for n in ("id", "amount")), strict=True)
    )
    assert (1, 1) in found
    moved = list(world.live.history(TABLE, ["status"], lambda: [_batch(TABLE, past)]))
    ends = [row["status"] for each in moved for row in each.new.to_dicts()]
    assert sorted(ends) == ["new", "paid"]


def test_changes_without_a_key_change_no_row() -> None:
    """An update whose images lack the key is passed over; an insert is a row of its own."""
    world = World()
    world.feed([_event("u", 1, {"status": "new"}), _event("c", 2, {"status": "new", "amount": 1})])
    world.feed([_event("c", 3, {"status": "new", "amount": 2})])
    assert sorted(row["amount"] for row in world.store.current().values()) == [1, 2]


def test_without_batches_nothing_is_made() -> None:
    """A table without a key has no live rows; empty rows have no columns."""
    world = World()
    keyless = msgspec.structs.replace(TABLE, key=())
    assert world.live.change([Changed(keyless, keyless, [], lambda: ())]) == [None]
    assert no_rows().heads.height == 0
    assert tracked(TABLE) == ["status", "amount"]
