from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.ingest.sources.redis.entries import Entry, decode_entries


def _decode(*fields: dict[bytes, bytes], stream: str = "orders") -> DecodedBatch:
    entries = [Entry(stream, f"1790000000000-{at}", each) for at, each in enumerate(fields)]
    return decode_entries(entries, source="r", offset=Offset("r", {}))


def _after(batch: DecodedBatch) -> list[Any]:
    return [json.loads(text) for text in batch.events.column("after").to_pylist()]


_EVENT = b'{"operation":"INSERT","table":"items","after":{"id":1}}'


def test_fields_are_a_row_of_the_stream() -> None:
    """An entry that is no event is inserted as it is, at the time of its id."""
    batch = _decode({b"id": b"7", b"amount": b"1.50", b"raw": b"\xff\x00"})
    (row,) = _after(batch)
    assert row == {"id": "7", "amount": "1.50", "raw": "\\xff00"}
    event = batch.events.to_pylist()[0]
    assert (event["table"], event["op"]) == ("orders", "c")
    assert event["event_id"] == "orders:1790000000000-0"
    assert event["ts"].timestamp() == 1_790_000_000


def test_events_are_found_in_the_usual_fields() -> None:
    """A field that holds a JSON object under a known name is the event; others go with it."""
    names = (b"event", b"value", b"payload", b"data", b"message", b"json")
    batch = _decode(*({name: _EVENT, b"trace": b"x"} for name in names))
    assert set(batch.events.column("table").to_pylist()) == {"items"}
    assert batch.events.num_rows == len(names)


def test_debezium_writes_the_key_as_a_field() -> None:
    """Key and value, or the key as the name of the one field: both declare the key."""
    for fields in ({b"key": b'{"id":1}', b"value": _EVENT}, {b'{"id":1}': _EVENT}):
        assert _decode(fields).declared["", "items"].key == ("id",)
    assert _decode({b"default": _EVENT}).events.num_rows == 1


def test_poison_goes_to_quarantine() -> None:
    """What claims to be JSON and is none, or is no event, is kept with the reason."""
    batch = _decode({b"event": b"{broken"}, {b"value": b'{"a":1}'}, {b"event": _EVENT})
    assert (batch.events.num_rows, batch.bad.num_rows) == (1, 2)


def test_equal_entries_with_other_ids_are_two() -> None:
    """Identity is the id of the entry; read again it is the same."""
    first, again = (_decode({b"event": _EVENT}, {b"event": _EVENT}) for _ in range(2))
    ids = first.events.column("event_id").to_pylist()
    assert len(set(ids)) == 2
    assert again.events.column("event_id").to_pylist() == ids


@given(st.dictionaries(st.binary(min_size=1, max_size=8), st.binary(max_size=20), min_size=1))
def test_every_entry_comes_out_once(fields: dict[bytes, bytes]) -> None:
    """Whatever the fields hold, an entry is one event or one row of the quarantine."""
    assert _decode(fields).received >= 1
