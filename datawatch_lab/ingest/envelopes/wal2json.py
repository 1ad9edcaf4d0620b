"""wal2json: format 1 has a transaction an object, format 2 a change an object.

Source: https://github.com/eulerto/wal2json. Column types are declared; the identity of an update or
delete is the image before, whole or the key only, as the replica identity of the table has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared
from datawatch_lab.ingest.envelopes.base import (
    NOTHING,
    Columns,
    Malformed,
    Members,
    ToldChange,
    inner,
    rest_of,
    told_columns,
)
from datawatch_lab.ingest.envelopes.debezium_records import mark
from datawatch_lab.ingest.envelopes.declared import declared_types

_ACTIONS = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}
_MARKS = {"B": "BEGIN", "C": "COMMIT"}
_KINDS = {kind.lower(): kind for kind in _ACTIONS.values()}
_PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ")


class _Column(msgspec.Struct, gc=False):
    name: str
    type: str = ""
    value: Raw = Raw(b"null")


class _Change(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One object of format 2."""

    action: str
    schema: str = ""
    table: str = ""
    columns: list[_Column] = []
    identity: list[_Column] = []
    pk: list[_Column] | None = None
    xid: int | None = None
    timestamp: str | None = None
    lsn: str | None = None
    nextlsn: str | None = None
    origin: int | str | None = None
    transactional: bool | None = None
    prefix: str | None = None
    content: str | None = None


class _OldKeys(msgspec.Struct, gc=False):
    keynames: list[str] = []
    keytypes: list[str] = []
    keyvalues: list[Raw] = []


class _Pk(msgspec.Struct, gc=False):
    pknames: list[str] = []
    pktypes: list[str] = []


class _Part(msgspec.Struct, gc=False):
    """One change of a transaction of format 1."""

    kind: str
    schema: str = ""
    table: str = ""
    columnnames: list[str] = []
    columntypes: list[str] = []
    columnvalues: list[Raw] = []
    oldkeys: _OldKeys = msgspec.field(default_factory=_OldKeys)
    pk: _Pk | None = None
    transactional: bool | None = None
    prefix: str | None = None
    content: str | None = None


class _Transaction(msgspec.Struct, gc=False):
    change: list[_Part]
    xid: int | None = None
    timestamp: str | None = None
    nextlsn: str | None = None


_NAME, _VALUE, _NAME_AND_TYPE = attrgetter("name"), attrgetter("value"), attrgetter("name", "type")
_CHANGE = msgspec.json.Decoder(_Change)
_TRANSACTION = msgspec.json.Decoder(_Transaction)


class Wal2Json:
    """Objects of the shape ``{action, …}`` (format 2) or ``{change: […], …}`` (format 1)."""

    name = "wal2json"
    marker = "action, change"
    decode: Callable[[bytes], ToldChange]

    def __init__(self) -> None:
        seen: dict[object, _Known] = {}
        self.decode = lambda item: _told(_CHANGE.decode(item), b"", seen)

    def columns(self, changes: Sequence[ToldChange]) -> Columns:
        """The columns."""
        return told_columns(changes)

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The changes of one object."""
        try:
            if "change" in members:
                known = _Transaction.__struct_encode_fields__
                return _told_all(_TRANSACTION.decode(item), rest_of(members, known))
            loose = {
                name: value
                for name, value in members.items()
                if name in _Change.__struct_encode_fields__
            }
            change = _CHANGE.decode(msgspec.json.encode(loose))
            return [_told(change, rest_of(members, loose), {})]
        except msgspec.ValidationError as error:
            raise Malformed(f"wal2json event: cannot be read: {error}") from None

    def matches(self, members: Members) -> bool:
        """Whether it is a change of format 2 or a transaction of format 1."""
        if "type" in members or "operation" in members:
            return False
        if "change" in members:
            return bytes(members["change"])[:1] == b"["
        return "action" in members and len(bytes(members["action"])) == len('"I"')


class _Known(NamedTuple):
    """What follows from the names and types of an object's columns.

    Attributes:
        after, before: what stands before each value of an image.
    """

    declared: Declared
    after: tuple[bytes, ...]
    before: tuple[bytes, ...]


def _known(change: _Change, seen: dict[object, _Known]) -> _Known:
    columns, identity, pk = change.columns, change.identity, change.pk
    shape = (
        change.schema,
        change.table,
        change.action == "U",
        tuple(map(_NAME_AND_TYPE, columns)),
        tuple(map(_NAME_AND_TYPE, identity)),
        None if pk is None else tuple(map(_NAME, pk)),
    )
    known = seen.get(shape)
    if known is None:
        if len(seen) > _MOST_SHAPES:
            seen.clear()
        known = _Known(_declared(change), *(_heads(map(_NAME, x)) for x in (columns, identity)))
        seen[shape] = known
    return known


def _told(change: _Change, rest: bytes, seen: dict[object, _Known]) -> ToldChange:
    at = change.timestamp
    lsn = change.lsn
    position = Raw(b"")
    if lsn is not None:
        position = Raw(msgspec.json.encode({"lsn": lsn}))
    if change.action in _MARKS or change.action == "M":
        return _told_mark(change, position)
    word = _ACTIONS.get(change.action)
    if word is None:
        options = ", ".join([*_ACTIONS, *_MARKS, "M"])
        reason = f"{change.table}: action {change.action!r} is not one of {options}"
        raise Malformed(reason, schema=change.schema, table=change.table)
    known = _known(change, seen)
    after = _filled(known.after, map(_VALUE, change.columns))
    before = _filled(known.before, map(_VALUE, change.identity))
    told = None
    if lsn is not None:
        images = blake2b(b"|".join((before, after)), digest_size=10).hexdigest()
        told = f"{lsn}:{'' if change.xid is None else change.xid}:{change.action}:{images}"
    return ToldChange(
        id=told,
        schema=change.schema,
        table=change.table,
        op=word,
        timestamp=at,
        transaction_id=None if change.xid is None else str(change.xid),
        position=position,
        before=before,
        after=after,
        rest=rest,
        declared=known.declared,
    )


_MOST_SHAPES = 10_000


def _told_mark(change: _Change, position: Raw) -> ToldChange:
    if change.action == "M":
        said = {"prefix": change.prefix, "content": change.content}
        made = mark("message", change.timestamp, message=said)
    else:
        rest = b"" if change.nextlsn is None else inner({"nextlsn": change.nextlsn})
        made = ToldChange(op=_MARKS[change.action], timestamp=change.timestamp, rest=rest)
        made.follows = change.timestamp is None
    if change.lsn is not None:
        content = "" if change.content is None else f":{change.prefix}:{change.content}"
        made.id = f"{change.action}:{change.xid or ''}:{change.lsn}{content}"
    made.position = position
    made.transaction_id = None if change.xid is None else str(change.xid)
    return made


def _image(names: Sequence[str], values: Sequence[Raw]) -> Raw:
    """A row image of names and JSON values; nothing when there are none."""
    if len(names) != len(values):
        raise Malformed("wal2json event: there are not as many values as columns")
    return _filled(_heads(names), values)


def _heads(names: Iterable[str]) -> tuple[bytes, ...]:
    """What stands before each value of an image: bracket or comma, and the key."""
    keys = (f'"{n}":' if _PLAIN_KEY.issuperset(n) else _quoted(n) for n in names)
    return tuple(("," if at else "{").encode() + key.encode() for at, key in enumerate(keys))


def _filled(heads: Sequence[bytes], values: Iterable[Raw]) -> Raw:
    """An image with these values; nothing when it has none."""
    if not heads:
        return NOTHING
    return Raw(b"".join([*chain.from_iterable(zip(heads, values, strict=True)), b"}"]))


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode() + ":"


def _declared(change: _Change) -> Declared:
    types = {c.name: c.type for c in (*change.identity, *change.columns) if c.type}
    key = None
    if change.pk is not None:
        key = tuple(column.name for column in change.pk)
    elif change.action == "U":
        key = _key_of([c.name for c in change.identity], [c.name for c in change.columns])
    return Declared(key, declared_types(types.items()))


def _key_of(identity: Sequence[str], columns: Sequence[str]) -> tuple[str, ...] | None:
    """The key, where the identity is a part of the columns; a whole row says nothing of it."""
    if identity and len(identity) < len(columns) and set(identity) <= set(columns):
        return tuple(identity)
    return None


def _told_all(transaction: _Transaction, rest: bytes) -> Iterable[ToldChange]:
    at, lsn = transaction.timestamp, transaction.nextlsn
    txid = None if transaction.xid is None else str(transaction.xid)
    if not transaction.change:
        made = mark("transaction", at)
        made.transaction_id = txid
        return [made]
    changes = []
    for number, part in enumerate(transaction.change):
        made = _told_part(part, at)
        made.transaction_id, made.timestamp = txid, at
        made.tx_order = number
        if lsn is not None:
            made.id = f"{lsn}:{txid or ''}:{number}"
            made.position = Raw(msgspec.json.encode({"lsn": lsn, "sequence": number}))
        made.rest = b",".join(filter(None, (made.rest, rest)))
        changes.append(made)
    return changes


def _told_part(part: _Part, at: str | None) -> ToldChange:
    if part.kind == "message":
        return mark("message", at, message={"prefix": part.prefix, "content": part.content})
    word = _KINDS.get(part.kind)
    if word is None:
        options = ", ".join([*_KINDS, "message"])
        reason = f"{part.table}: kind {part.kind!r} is not one of {options}"
        raise Malformed(reason, schema=part.schema, table=part.table)
    old = part.oldkeys
    types = dict(zip(old.keynames, old.keytypes, strict=False))
    types |= dict(zip(part.columnnames, part.columntypes, strict=False))
    key = tuple(part.pk.pknames) if part.pk is not None else None
    if key is None and word == "UPDATE":
        key = _key_of(old.keynames, part.columnnames)
    return ToldChange(
        schema=part.schema,
        table=part.table,
        op=word,
        before=_image(old.keynames, old.keyvalues),
        after=_image(part.columnnames, part.columnvalues),
        declared=Declared(key, declared_types(types.items())),
    )
