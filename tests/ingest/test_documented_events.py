"""Events as the formats' own documentation shows them, and the meaning that it gives them.

The fixtures hold raw events and what they mean, written down from the documentation of Debezium's
PostgreSQL and MySQL connectors, wal2json and Maxwell. In `one_event_each` files every event has its
own expected row; in others each event means all the expected rows.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.batches import DecodedBatch
from tests.ingest.samples import decoded, text

FOLDER = Path(__file__).parent / "fixtures"
FILES = sorted(FOLDER.rglob("*.json"))
JSON = ("after", "before", "position")


def matches(row: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare what the fixture speaks of."""
    extra = json.loads(row["extra"] or "{}")
    for name, value in expected.items():
        if name in JSON:
            assert (None if row[name] is None else json.loads(row[name])) == value, name
        elif name == "ts":
            assert row["ts"] == datetime.fromisoformat(value)
        elif name == "mark":
            assert extra["mark"] == value
        elif name == "previous":
            assert extra["table_change"]["previousId"] == value
        elif name == "extra":
            assert extra | value == extra
        else:
            assert row[name] == value, name


def check(batch: DecodedBatch, expected: list[dict[str, Any]]) -> None:
    """Every expected row is there, in order, and nothing else."""
    assert batch.bad.to_pylist() == []
    rows = batch.events.to_pylist()
    assert len(rows) == len(expected)
    for row, meaning in zip(rows, expected, strict=True):
        matches(row, meaning)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_documented_events_mean_what_is_documented(file: Path) -> None:
    """Operation, table, images, time, position and declarations are those of the documentation."""
    case = json.loads(file.read_text())
    expected = case["expected"]
    if case.get("one_event_each"):
        batches = [decoded(case["events"])]
        check(batches[0], expected)
    else:
        batches = [decoded([event]) for event in case["events"]]
        for batch in batches:
            check(batch, expected)
    table = expected[0].get("schema", ""), expected[0].get("table", "")
    table = next(((e["schema"], e["table"]) for e in expected if e.get("schema")), table)
    if "types" in case:
        declared = batches[0].declared[table]
        assert {name: declared.types[name] for name in case["types"]} == case["types"]
    if "key" in case:
        assert batches[0].declared[table].key == tuple(case["key"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_identity_holds_on_a_second_delivery(file: Path) -> None:
    """Events at a position have the same identity wherever they stand, and no two share one."""
    events = json.loads(file.read_text())["events"]
    for event in events:
        first = decoded([event]).events
        again = decoded([b"", b"   ", text(event)]).events
        known = [row["position"] is not None and row["op"] != "r" for row in first.to_pylist()]
        ids, later = first["event_id"].to_pylist(), again["event_id"].to_pylist()
        pairs = zip(known, ids, later, strict=True)
        assert all(a == b for at_place, a, b in pairs if at_place)
        assert len(set(ids)) == len(ids)


def test_the_slow_way_reads_the_same() -> None:
    """An event with a member that the fast way does not know is the same event, that one kept."""
    checked = 0
    for file in sorted((FOLDER / "debezium").glob("*.json")):
        for event in json.loads(file.read_text())["events"]:
            if event.get("op") not in ("c", "u", "d", "r", "t"):
                continue
            (fast,) = decoded([event]).events.to_pylist()
            (slow,) = decoded([{**event, "more": 1}]).events.to_pylist()
            assert json.loads(slow["extra"]).pop("more") == 1
            fast.pop("extra")
            slow.pop("extra")
            assert json.loads(slow.pop("position")) == json.loads(fast.pop("position"))
            assert slow == fast
            checked += 1
    assert checked >= 8


def test_all_documented_events_in_one_stream() -> None:
    """The formats may be mixed in any way: each event means what it means alone."""
    events = [event for file in FILES for event in json.loads(file.read_text())["events"]]
    alone = [decoded([event]).events.drop(["line", "offset"]).to_pylist() for event in events]
    mixed = decoded(events * 2)
    assert mixed.bad.num_rows == 0
    rows = mixed.events.drop(["line", "offset"]).to_pylist()
    flat = [row for rows_of_one in alone for row in rows_of_one]
    timeless = {"ts", "event_id"}  # tombstones take the time of their neighbour
    for row, expected in zip(rows, flat * 2, strict=True):
        left_out = timeless if expected["ts"] is None or row["event_id"][:2] == "h:" else set()
        assert {k: v for k, v in row.items() if k not in left_out} == {
            k: v for k, v in expected.items() if k not in left_out
        }
