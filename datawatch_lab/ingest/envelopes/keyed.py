"""Messages of Kafka with their key: ``{key, value}`` as sinks write them, or as ``kcat -J`` does.

The value is an event of any other format. The key names the key columns of its table and, where a
delete brings no image of its row, stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared
from datawatch_lab.ingest.envelopes.base import (
    Columns,
    Envelope,
    Malformed,
    Members,
    ToldChange,
    inner,
    members_of,
    merged,
    text_of,
)
from datawatch_lab.ingest.envelopes.debezium_records import mark

_KCAT = frozenset({"topic", "partition", "offset", "tstype", "ts", "broker", "headers"})
_AROUND = _KCAT | {"timestamp", "timestampType"}
_NULLS = (b"", b"null")


class Keyed:
    """Messages of the shape ``{key, value}`` or ``{topic, partition, offset, key, payload}``.

    Args:
        formats: what a value may be.
    """

    name = "keyed message"
    marker = "value"

    def __init__(self, formats: Sequence[Envelope]) -> None:
        self._formats = tuple(formats)

    @property
    def decode(self) -> Callable[[bytes], Any]:
        """There is no fast way: the value must be looked at first."""
        return _refuse

    def columns(self, changes: Sequence[Any]) -> Columns:
        """Nothing is decoded on a fast way."""
        del changes
        return Columns({})

    def matches(self, members: Members) -> bool:
        """Whether it is a message with its key or its topic around an event."""
        if "payload" in members:
            return "topic" in members and members.keys() <= _KCAT | {"key", "payload"}
        return {"key", "value"} <= members.keys() <= _AROUND | {"key", "value"}

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The changes of the value, with what the key adds."""
        del item
        value = _unquoted(members["payload"] if "payload" in members else members["value"])
        key = _key(members.get("key"))
        around = {name: member for name, member in members.items() if name == "topic"}
        if value in _NULLS:
            return [_tombstone(members, key)]
        if value[:1] != b"{":
            raise Malformed("the value of the message is not a JSON object")
        parts = members_of(value)
        for known in self._formats:
            if known.matches(parts):
                return [_with_key(change, key, around) for change in known.read(value, parts)]
        keys = ", ".join(list(parts)[:20]) or "none"
        raise Malformed(f"the value of the message is no event; keys found: {keys}")


def _refuse(item: bytes) -> Any:
    del item
    raise msgspec.ValidationError("a keyed message is read by its value")


def _unquoted(member: Raw) -> bytes:
    """A value that may be JSON written as text."""
    return text_of(member).encode() if bytes(member)[:1] == b'"' else bytes(member)


def _key(member: Raw | None) -> dict[str, Raw]:
    """The key's columns; empty where it has none."""
    text = _unquoted(member) if member is not None else b""
    if text[:1] != b"{":
        return {}
    columns = members_of(text)
    if "payload" in columns and columns.keys() <= {"schema", "payload"}:
        inside = bytes(columns["payload"])
        return members_of(inside) if inside[:1] == b"{" else {}
    return columns


def _tombstone(members: Members, key: dict[str, Raw]) -> ToldChange:
    stamp = bytes(members["ts"]) if "ts" in members else b""
    at = int(stamp) if stamp.isdigit() and len(stamp) < 19 else None
    around = {name: members[name] for name in ("topic", "partition", "offset") if name in members}
    made = mark("tombstone", at, key=key or None, **around)
    if {"topic", "partition", "offset"} <= around.keys():
        made.id = "tombstone:" + ":".join(bytes(value).decode() for value in around.values())
    return made


def _with_key(change: ToldChange, key: dict[str, Raw], around: dict[str, Raw]) -> ToldChange:
    if around:
        change.rest = b",".join(filter(None, (change.rest, inner(around))))
    if not key or not change.table or change.op not in ("INSERT", "UPDATE", "DELETE", "SNAPSHOT"):
        return change
    change.declared = merged(change.declared, Declared(key=tuple(key)))
    if change.op == "DELETE" and bytes(change.before) in _NULLS:
        change.before = Raw(msgspec.json.encode(key))
    return change
