from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from datawatch_lab.core.batches import Offset
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.kafka.messages import decode_messages
from datawatch_lab.ingest.sources.kafka.options import KafkaOptions
from datawatch_lab.ingest.sources.kafka.position import Position
from datawatch_lab.ingest.sources.kafka.source import KafkaSource


@dataclass
class Message:
    """A message as the client library gives it.

    Attributes:
        body: its value.
        name: its key.
        at: its offset.
    """

    body: bytes | None
    name: bytes | None = None
    at: int = 0
    where: int = 0

    def value(self) -> bytes | None:
        """Its value."""
        return self.body

    def key(self) -> bytes | None:
        """Its key."""
        return self.name

    def topic(self) -> str:
        """Its topic."""
        return "t"

    def partition(self) -> int:
        """Its partition."""
        return self.where

    def offset(self) -> int:
        """Its offset."""
        return self.at

    def timestamp(self) -> tuple[int, int]:
        """Its kind of time, and milliseconds."""
        return 1, 1_790_000_000_000


_OFFSET = Offset("k", {})


def _event(word: str = "INSERT", **more: object) -> bytes:
    return json.dumps({"operation": word, "table": "items", **more}).encode()


def test_keys_declare_the_key_and_stand_for_deleted_rows() -> None:
    """One message of a batch tells the key columns; a delete without an image takes its key."""
    batch = decode_messages(
        [
            Message(_event(after={"id": 1}), b'{"id":1}', 0),
            Message(_event(after={"id": 2}), b'{"id":2}', 1),
            Message(_event("DELETE"), b'{"id":2}', 2),
        ],
        source="k",
        offset=_OFFSET,
    )
    assert batch.bad.num_rows == 0
    assert batch.declared["", "items"].key == ("id",)
    assert json.loads(batch.events.column("before").to_pylist()[2]) == {"id": 2}


def test_what_has_no_identity_has_that_of_its_place() -> None:
    """The same bytes at another offset or in another partition are another event."""
    same = _event(after={"id": 1})
    messages = [Message(same, at=1), Message(same, at=2), Message(same, at=1, where=1)]
    first = decode_messages(messages, source="k", offset=_OFFSET)
    again = decode_messages(messages, source="k", offset=_OFFSET)
    ids = first.events.column("event_id").to_pylist()
    assert len(set(ids)) == 3
    assert again.events.column("event_id").to_pylist() == ids


def test_poison_goes_to_quarantine_with_a_reason() -> None:
    """Avro, garbage and events of no shape are told apart; what is good among them is read."""
    batch = decode_messages(
        [
            Message(b"\0\0\0\0\1x", b"k", 0),
            Message(b"not json", None, 1),
            Message(b'{"a":1}', b'{"id":', 2),
            Message(_event(after={"id": 1}), b"plain key", 3),
        ],
        source="k",
        offset=_OFFSET,
    )
    assert batch.events.num_rows == 1
    reasons = batch.bad.column("reason").to_pylist()
    assert "schema registry" in reasons[0]
    assert len(reasons) == 3


def test_a_tombstone_is_a_mark() -> None:
    """A message without a value changes no row, whatever its key is."""
    keys = (b'{"id":1}', b"text", b'\xff"', None)
    batch = decode_messages(
        [Message(None, key, at) for at, key in enumerate(keys)], source="k", offset=_OFFSET
    )
    assert batch.bad.num_rows == 0
    assert batch.rows == {}
    assert len(set(batch.events.column("event_id").to_pylist())) == 4


def test_positions_come_back_as_they_went() -> None:
    """Offsets by topic and partition; what is none of them is refused with a way out."""
    held = Position("c", {("t", 0): 5, ("t", 1): 7, ("u", 0): 0})
    assert Position.read(held.plain()) == held
    with pytest.raises(SourceError) as raised:
        Position.read({"lsn": "0/1"})
    assert raised.value.hint


def test_patterns_choose_topics() -> None:
    """Patterns of the address and of the source; internal topics only by their name."""
    source = KafkaSource("kafka://h/shop.*,__odd", KafkaOptions(exclude=["*.audit"]))
    names = ["shop.a", "shop.audit", "other", "__odd", "__consumer_offsets"]
    found = [name for name in names if source.options.wants(name, source.patterns)]
    assert found == ["shop.a", "__odd"]
    assert source.name == "kafka:h/shop.*,__odd"
