"""Entries of streams to items that the envelopes read, and to rows where they are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.ingest.decode import decode

Fields = Mapping[bytes, bytes]

_EVENT_FIELDS = (b"event", b"value", b"payload", b"data", b"message", b"json", b"default")
_KEYED = frozenset({b"key", b"value"})


class Entry(NamedTuple):
    """An entry: its stream, its id ``milliseconds-number``, its fields; None when it is gone."""

    stream: str
    id: str
    fields: Fields | None

    @property
    def order(self) -> tuple[int, int]:
        """The two parts of the id."""
        return order_of(self.id)


def order_of(id_: str) -> tuple[int, int]:
    """The two numbers of an id.

    >>> order_of("1526919030474-55")
    (1526919030474, 55)
    """
    millis, _, number = id_.partition("-")
    return int(millis), int(number or 0)


def decode_entries(entries: Sequence[Entry], *, source: str, offset: Offset) -> DecodedBatch:
    """Decode entries in the order in which they came.

    An entry that holds an event as JSON is read as that; any other is a row that is inserted into
    a table of the stream's name. What claims to be JSON and is no event goes to quarantine.

    Args:
        entries: that were not deleted.
        source: name of the source.
        offset: where it stands behind them.
    """
    items = [_item(entry) for entry in entries]
    places = [_place(entry) for entry in entries]
    return decode(items, [0] * len(items), places, source=source, offset=offset)


def _item(entry: Entry) -> bytes:
    fields = entry.fields or {}
    if fields.keys() >= _KEYED and _is_object(fields[b"value"]):
        key = fields[b"key"]
        if _is_object(key) and _is_json(key):
            return b'{"key":' + key + b',"value":' + fields[b"value"] + b"}"
        return fields[b"value"]
    for name in _EVENT_FIELDS:
        if name in fields and _is_object(fields[name]):
            return fields[name]
    if len(fields) == 1:  # Debezium writes the key as the name of the one field
        ((key, value),) = fields.items()
        if _is_object(key) and _is_object(value) and _is_json(key):
            return b'{"key":' + key + b',"value":' + value + b"}"
    return _row(entry, fields)


def _row(entry: Entry, fields: Fields) -> bytes:
    """An INSERT of the fields as they are: all values are texts."""
    millis, number = entry.order
    return msgspec.json.encode(
        {
            "id": f"{entry.stream}:{entry.id}",
            "operation": "INSERT",
            "table": entry.stream,
            "timestamp": millis,
            "position": {"stream": entry.stream, "pos": millis, "sequence": number},
            "after": {_text(name): _text(value) for name, value in fields.items()},
        }
    )


def _text(value: bytes) -> str:
    """Text, or backslash, x and hexadecimal digits for bytes that are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"\\x{value.hex()}"


def _is_object(value: bytes) -> bool:
    return value.lstrip()[:1] == b"{"


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


def _place(entry: Entry) -> int:
    """The id and its stream in 63 bits, so that what brings no identity has that of its place."""
    return crc32(f"{entry.stream}\0{entry.id}".encode()) << 31 | crc32(entry.id.encode()) >> 1
