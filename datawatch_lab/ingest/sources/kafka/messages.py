"""Messages to items that the envelopes read: the value, with the key where that says more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.ingest.decode import decode

_DELETES = re.compile(rb'"d"|delete', re.IGNORECASE)
_REGISTRY = (
    "the value is in the wire format of a schema registry (Avro, Protobuf), which is not read; "
    "let the connector write JSON (value.converter=org.apache.kafka.connect.json.JsonConverter)"
)
_OFFSET_BITS = 40


def decode_messages(messages: Sequence[Any], *, source: str, offset: Offset) -> DecodedBatch:
    """Decode messages in the order in which they came.

    What is no event goes to quarantine; a message without a value is a tombstone. An event that
    brings no identity has that of its place: topic, partition and offset.

    Args:
        messages: of the client library, none of them an error.
        source: name of the source.
        offset: where it stands behind them.
    """
    items: list[bytes] = []
    places: list[int] = []
    refused: dict[int, str] = {}
    keyed: set[tuple[str, int]] = set()
    for at, message in enumerate(messages):
        value, key = message.value(), message.key()
        places.append(_place(message))
        if value is None:
            items.append(_tombstone(message, key))
            continue
        if value[:1] == b"\0":
            refused[at] = _REGISTRY
        elif key and key[:1] == b"{" and value[:1] == b"{":
            value = _with_key(message.topic(), key, value, keyed)
        items.append(value)
    return decode(items, [0] * len(items), places, source=source, offset=offset, refused=refused)


def _with_key(topic: str, key: bytes, value: bytes, keyed: set[tuple[str, int]]) -> bytes:
    """The value within its message when the key adds something.

    It names the key columns, which one message of a topic does for all of a batch; and it stands
    for the row of a delete that has no image.
    """
    known = (topic, key.count(b":"))
    if known in keyed and not _DELETES.search(value):
        return value
    keyed.add(known)
    return b'{"key":' + key + b',"value":' + value + b"}" if _is_json(key) else value


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _tombstone(message: Any, key: bytes | None) -> bytes:
    _, at = message.timestamp()
    held = b"null" if not key else key if _is_json(key) else _quoted(key)
    head = msgspec.json.encode(
        {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "ts": max(0, at),
        }
    )
    return head[:-1] + b',"key":' + held + b',"payload":null}'


def _quoted(key: bytes) -> bytes:
    return msgspec.json.encode(key.decode("utf-8", "replace"))


def _place(message: Any) -> int:
    """Offset in the partition below a mark of topic and partition: 63 bits."""
    mark = crc32(f"{message.topic()}/{message.partition()}".encode()) >> 9
    offset = int(message.offset()) & ((1 << _OFFSET_BITS) - 1)
    return mark << _OFFSET_BITS | offset
