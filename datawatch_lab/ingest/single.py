"""A body that is one ordinary change: what decides its fate, read without columns.

A sender of single events is answered for each of them, so the fixed cost of columns would be paid
once an event. What is read here is enough to answer; columns are made of what came in a moment
together.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.envelopes import ENVELOPES
from datawatch_lab.ingest.envelopes.base import OPERATIONS, WordedChange, members_of
from datawatch_lab.ingest.envelopes.datawatch import DataWatch
from datawatch_lab.ingest.envelopes.savegress import Savegress
from datawatch_lab.ingest.reading import UNREADABLE
from datawatch_lab.ingest.times import usual_micros

_SPACES = b" \t\r\n"
_NO_IMAGE = (b"", b"null")
_CHANGES = (Op.INSERT, Op.UPDATE, Op.DELETE)
_NAMES = msgspec.json.Decoder(dict[str, Raw]).decode
_TEXT = rb'"[^"\\\x00-\x1f]*"'
_NUMBER = rb"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,15})?"
_MEMBER = rb"%b\s*:\s*(?:%b|%b|true|false|null)" % (_TEXT, _TEXT, _NUMBER)
_IMAGE = re.compile(rb"\{\s*(?:%b(?:\s*,\s*%b)*)?\s*\}" % (_MEMBER, _MEMBER))
"""An object of scalars that every way of reading it reads alike."""

_FORMATS = tuple(each for each in ENVELOPES if isinstance(each, Savegress | DataWatch))
"""Those whose fields are read as they are."""


class PlainEvent(NamedTuple):
    """One change that is surely well-formed.

    Attributes:
        item: the JSON object, without what surrounds it in the body.
        offset: where it begins in the body.
        op: insert, update or delete.
        id: '' where it brings none.
        schema, table, origin: as the envelope has them, '' where it does not.
        micros: of its time since 1970, UTC; None where it brings none.
        fields: names in the image after it.
    """

    item: bytes
    offset: int
    op: Op
    id: str
    schema: str
    table: str
    origin: str
    micros: int | None
    fields: frozenset[str]


def plain_event(body: bytes) -> PlainEvent | None:
    """What a body says of its one change; None for every body of which that is not certain at once.

    Law: where there is one, `ingest.sources.http.decode_body` reads the same of the body, and finds
    nothing malformed.
    """
    item = body.strip(_SPACES)
    if item[:1] != b"{" or b"\\" in item:
        return None
    try:
        if not item.isascii():
            item.decode()
        change = _change_of(item)
        if change is None or not change.table:
            return None
        after, before = _image(change.after), _image(change.before)
        if after is None or before is None or not (after or before):
            return None
        op = OPERATIONS.get(change.op)
        micros = None if change.timestamp is None else usual_micros(change.timestamp)
    except UNREADABLE:
        return None
    if op not in _CHANGES or (micros is None and change.timestamp is not None):
        return None
    return PlainEvent(
        item=item,
        offset=body.index(b"{"),
        op=op,
        id="" if change.id is None else str(change.id),
        schema=change.schema or "",
        table=change.table,
        origin=change.source or "",
        micros=micros,
        fields=after,
    )


def _change_of(item: bytes) -> WordedChange | None:
    """The change, read by the format that `ingest.reading` would choose; None for others."""
    for format_ in _FORMATS:
        try:
            change = format_.decode(item)
        except msgspec.ValidationError:
            continue
        if format_ is not ENVELOPES[0]:
            members = members_of(item)
            if next(each for each in ENVELOPES if each.matches(members)) is not format_:
                return None
        return change
    return None


def _image(image: Raw) -> frozenset[str] | None:
    """Names of the fields of an image, none where there is none; None for one of more."""
    text = bytes(image)
    if text in _NO_IMAGE:
        return frozenset()
    return frozenset(_NAMES(text)) if _IMAGE.fullmatch(text) else None


def decode_singles(
    items: Sequence[bytes], offsets: Sequence[int], ids: Sequence[str], *, source: str
) -> DecodedBatch:
    """Decode plain events that came one by one, in the order of their coming.

    Args:
        items: as `PlainEvent` has them.
        offsets: the same.
        ids: those that were given to events which bring none, in order.
        source: name of the source.
    """
    return decode(items, [1] * len(items), offsets, source=source, id_factory=_given(ids).__next__)


def _given(ids: Sequence[str]) -> Iterator[str]:
    yield from ids
    while True:
        yield uuid.uuid4().hex
