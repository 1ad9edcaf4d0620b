from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datawatch_lab.ingest.envelopes import ENVELOPES
from datawatch_lab.ingest.envelopes.base import members_of
from datawatch_lab.ingest.envelopes.datawatch import DataWatch
from datawatch_lab.ingest.envelopes.savegress import Savegress
from tests.ingest.samples import decoded, event, one, reason, text

FULL = (
    b'{"id":"e-1","source":"shop","schema":"sales","table":"orders","operation":"UPDATE",'
    b'"timestamp":"2026-01-02T03:04:05.123456Z","transaction_id":"771",'
    b'"position":{"lsn":"0/1A2B","sequence": 3},"before":{"id": 1},'
    b'"after":{"id":1,"amount" : "1.50" },'
    b'"metadata":{"database":"shop","captured_at":"2026-01-02T03:04:06Z"},'
    b'"ddl_type":null,"ddl_command":null}'
)


def test_a_whole_savegress_event() -> None:
    """Every field of the envelope lands in its column, images exactly as they came."""
    assert one(FULL) == {
        "line": 1,
        "offset": 0,
        "schema": "sales",
        "table": "orders",
        "op": "u",
        "ts": datetime(2026, 1, 2, 3, 4, 5, 123456, UTC),
        "event_id": "e-1",
        "origin": "shop",
        "position": '{"lsn":"0/1A2B","sequence": 3}',
        "txid": "771",
        "tx_order": 3,
        "after": '{"id":1,"amount" : "1.50" }',
        "before": '{"id": 1}',
        "extra": '{"metadata":{"database":"shop","captured_at":"2026-01-02T03:04:06Z"}}',
    }


def test_datawatch_is_savegress_with_type() -> None:
    """The same event under ``type`` gives the same row."""
    assert one(FULL.replace(b'"operation"', b'"type"')) == one(FULL)


@pytest.mark.parametrize("marker", ["operation", "type"])
@pytest.mark.parametrize(
    ("word", "op"),
    [("insert", "c"), ("Update", "u"), (" DELETE ", "d"), ("snapshot", "r"), ("READ", "r")],
)
def test_operations_in_any_case(marker: str, word: str, op: str) -> None:
    """The operation is known whatever its case."""
    assert one({marker: word, "table": "t", "after": {"a": 1}})["op"] == op


def test_the_least_an_event_needs() -> None:
    """Operation, table and one image are enough."""
    row = one({"type": "DELETE", "table": "t", "before": {"a": 1}})
    assert (row["schema"], row["origin"], row["ts"], row["position"]) == ("", "", None, None)
    assert (row["after"], row["extra"], row["txid"]) == (None, None, None)
    assert row["event_id"].startswith("h:")


def test_marks_need_no_table_and_no_image() -> None:
    """BEGIN and COMMIT have a transaction and nothing else; their table is empty."""
    assert one({"operation": "BEGIN", "transaction_id": 7})["txid"] == "7"
    assert one({"operation": "commit", "table": "orders"})["table"] == ""


def test_ddl_and_unknown_fields_go_to_extra() -> None:
    """What has no column is kept as JSON, in the words it came in."""
    row = one(
        b'{"operation":"DDL","table":"t","ddl_type":"ALTER","ddl_command":"ALTER TABLE \\"t\\"",'
        b'"metadata":{"x": 1.50},"shard":[1, 2],"type":"x"}'
    )
    assert row["op"] == "ddl"
    assert '"x": 1.50' in row["extra"]
    assert json.loads(row["extra"]) == {
        "metadata": {"x": 1.5},
        "ddl_type": "ALTER",
        "ddl_command": 'ALTER TABLE "t"',
        "shard": [1, 2],
        "type": "x",
    }


@pytest.mark.parametrize(
    ("given", "expected"), [(5, "5"), (2**80, str(2**80)), ("a-1", "a-1"), ("", None), (None, None)]
)
def test_ids_become_text(given: Any, expected: str | None) -> None:
    """An id may be a number of any size; an empty one is none."""
    found = one(event(id=given))["event_id"]
    assert found == expected if expected else found.startswith("h:")


@pytest.mark.parametrize("order", [None, 4, "4"])
def test_order_in_the_transaction(order: Any) -> None:
    """The sequence of the position is the order in the transaction, if there is one."""
    row = one(event(position={"lsn": "0/1", "sequence": order}))
    assert row["tx_order"] == (None if order is None else 4)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (b'{"operation":"INSERT",', "not valid JSON: expecting property name"),
        (b"{nonsense}", "at byte 1"),
        (b'{"operation":"INSERT"} x', "extra data at byte 23"),
        (b"5", "is a number, not a JSON object"),
        (b'"x"', "is text, not a JSON object"),
        (b"null", "is null, not a JSON object"),
        (b'{"b":1,"table":"t"}', "database or type; keys found: b, table"),
        (b"{}", "keys found: none"),
        (b'{"operation":"UPSERT","table":"t","after":{"a":1}}', "'UPSERT' is not one of INSERT,"),
        (b'{"operation":5,"table":"t","after":{"a":1}}', "operation cannot be read"),
        (b'{"operation":"INSERT","after":{"a":1}}', "the INSERT event has no table"),
        (b'{"operation":"INSERT","table":null,"after":{"a":1}}', "has no table"),
        (b'{"operation":"INSERT","table":7,"after":{"a":1}}', "table cannot be read"),
        (b'{"operation":"INSERT","table":"t"}', "t: the INSERT event has no row image"),
        (b'{"operation":"UPDATE","table":"t","after":{},"before":null}', "no row image"),
        (b'{"operation":"INSERT","table":"t","after":[1]}', "after is not a JSON object but [1]"),
        (b'{"operation":"DELETE","table":"t","before":"x"}', "before is not a JSON object"),
        (b'{"operation":"DDL","table":"t"}', "no ddl_command"),
        (text(event(timestamp="soon")), "orders: timestamp 'soon' is not ISO 8601"),
        (text(event(timestamp=True)), "the timestamp is not ISO 8601"),
        (text(event(after={"a": "😀"})).replace(b"\xf0", b"\xff"), "after is not UTF-8"),
        (text(event(id="x")).replace(b'"x"', b'"\xff"'), "not UTF-8: byte 0xff at byte 7"),
        (text(event()).replace(b"12.50", b"\\ud800"), "half of a surrogate pair"),
        (text(event()).replace(b"12.50", b"\\udc00"), "half of a surrogate pair"),
        (text(event()).replace(b'"12.50"', b"[" * 90 + b"]" * 90), "more than 64 levels"),
        (text(event()).replace(b'"12.50"', b"[" * 9_000 + b"]" * 9_000), "nested too deep"),
        (b"[" * 9_000, "nested too deep"),
        (b'{"events":5}', "batch has events that are not an array"),
        (b"[[[[[1]]]]]", "nested more than 4 deep"),
    ],
)
def test_what_is_malformed_and_why(item: bytes, words: str) -> None:
    """The reason names the thing, the fault and the options; the bytes are kept."""
    assert words in reason(item)
    (row,) = decoded([b"", b" " + item]).bad.to_pylist()
    assert row["line"] == 2
    assert row["raw"] in item  # of nested batches the innermost that is refused


def test_a_bad_event_says_which_table() -> None:
    """Schema and table of a malformed event are told where they could be read."""
    items = [event(timestamp="soon"), event(timestamp=True), event(after={}), {"table": "orders"}]
    rows = decoded(items).bad.to_pylist()
    assert [(row["schema"], row["table"]) for row in rows] == [("public", "orders")] * 3 + [
        ("", "")
    ]


def test_a_bad_time_makes_only_that_event_bad() -> None:
    """Other events of the batch keep their times."""
    batch = decoded([event(1), event(2, timestamp="soon"), event(3, timestamp=1_767_225_600)])
    assert batch.events["line"].to_pylist() == [1, 3]
    assert batch.events["ts"].null_count == 0


def test_formats_mixed_and_batches_in_place() -> None:
    """Formats may change from event to event, and batches are opened where they stand."""
    datawatch = {"type": "INSERT", "table": "orders", "after": {"id": 2}, "id": "b"}
    batch: dict[str, Any] = {
        "batch_id": "1",
        "batch_size": 3,
        "events": [event(3), datawatch, 5, event(4)],
    }
    result = decoded([event(1), datawatch, batch, text([event(5), [event(6)]]), b" ", event(7)])
    assert result.events["event_id"].to_pylist() == [
        "evt-1", "b", "evt-3", "b", "evt-4", "evt-5", "evt-6", "evt-7",
    ]  # fmt: skip
    assert result.events["line"].to_pylist() == [1, 2, 3, 3, 3, 4, 4, 6]
    assert result.bad["line"].to_pylist() == [3]
    assert result.events["offset"].to_pylist() == sorted(set(result.events["offset"].to_pylist()))


def test_offsets_inside_a_batch_point_at_the_event() -> None:
    """The offset of an event in a batch is where its bytes begin in the input."""
    line = b'  {"note":[{}], "events": [ {"a":1}, ' + text(event()) + b" , {}] }"
    whole = b"{}\n" + line
    result = decoded([b"{}", line])
    (offset,) = result.events["offset"].to_pylist()
    assert whole[offset:].startswith(text(event()))
    assert all(whole[row["offset"] :].startswith(row["raw"]) for row in result.bad.to_pylist())


def test_every_format_has_a_marker_of_its_own() -> None:
    """Formats are told apart by a key, and their fast way refuses what it does not know."""
    assert len({known.marker for known in ENVELOPES}) == len(ENVELOPES)
    for known in (Savegress(), DataWatch()):
        plain = text({known.marker: "INSERT", "table": "t", "after": {"a": 1}})
        more = plain[:-1] + b',"more":1}'
        assert known.matches(members_of(plain))
        assert known.decode(plain).table == "t"
        (read,) = known.read(more, members_of(more))
        assert (read.table, read.rest) == ("t", b'"more":1')
        with pytest.raises(ValueError, match="more"):
            known.decode(more)
