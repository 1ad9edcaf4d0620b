"""Bodies of HTTP requests as a source: decoding, identity, and what to answer for each event."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.cutting import Cut, Cutter
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.identity import IdFactory
from datawatch_lab.ingest.sources.streams import unpacker_for

MAX_BODY = 64 * 1024 * 1024
"""Bytes that a body may have, compressed or not, unless the caller says otherwise."""

_LINES = re.compile(r"ndjson|jsonl|json-seq|jsonlines", re.IGNORECASE)
_ENCODINGS = "gzip, zstd, identity"
_SPACES = b" \t\r\n"
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Outcome:
    """What to answer for one event of a body.

    Attributes:
        index: place among the events of the body, from 0.
        line: line or element that it stands in, from 1.
        status: ``accepted``, ``rejected``, or what the caller knows better (``duplicate``, …).
        event_id: its identity.
        table: the source's table name, '' where it could not be read.
        reason: why it was rejected; '' otherwise.
    """

    index: int
    line: int
    status: str
    event_id: str
    table: str
    reason: str


def decode_body(
    body: bytes,
    *,
    content_type: str = "",
    content_encoding: str = "",
    id_factory: IdFactory,
    source: str = "http",
    max_bytes: int = MAX_BODY,
) -> DecodedBatch:
    """Decode a body: one event, an array of events, a batch object, or one of these a line.

    Args:
        body: as received.
        content_type: NDJSON types are read by line; other bodies show what they are.
        content_encoding: ``gzip``, ``zstd``, ``identity`` or empty; first bytes tell too.
        id_factory: gives ids to events without one, so that two equal posts are two events.
        source: name of the source.
        max_bytes: bound for the body, compressed or not.

    Returns:
        ``line`` counts elements of an array or batch, or lines; events of one line are told apart
        by ``offset``.

    Raises:
        InputError: the body is empty, too long (status 413), or not in the encoding it claims.
    """
    cut = cut_body(
        body, content_type=content_type, content_encoding=content_encoding, max_bytes=max_bytes
    )
    return decode(
        cut.items,
        cut.lines,
        cut.offsets,
        source=source,
        id_factory=id_factory,
        refused=cut.refused,
    )


def cut_body(
    body: bytes, *, content_type: str = "", content_encoding: str = "", max_bytes: int = MAX_BODY
) -> Cut:
    """The items of a body: elements of an array, lines, or the one object that it is.

    Raises:
        InputError: as for `decode_body`.
    """
    text = _unpacked(body, content_encoding, max_bytes)
    if not text.removeprefix(codecs.BOM_UTF8).strip(_SPACES):
        raise InputError(
            "the body is empty.", hint="Send an event, an array of events, a batch, or NDJSON."
        )
    return _cut(text, by_line=is_by_line(content_type))


def is_by_line(content_type: str) -> bool:
    """Whether a body of that type is read by line."""
    return bool(_LINES.search(content_type))


def outcomes(batch: DecodedBatch, became: Mapping[str, str] | None = None) -> list[Outcome]:
    """What to answer for each event of a body, in the order of the body.

    Args:
        batch: from `decode_body`.
        became: by event id, what became of an accepted event if it is not ``accepted``.
    """
    known = became or {}
    good = batch.events.select(["offset", "line", "event_id", "table"]).to_pylist()
    bad = batch.bad.select(["offset", "line", "event_id", "table", "reason"]).to_pylist()
    rows = [{**row, "reason": "", "status": known.get(row["event_id"], "accepted")} for row in good]
    rows += [{**row, "status": "rejected"} for row in bad]
    rows.sort(key=lambda row: row.pop("offset"))
    return [Outcome(index=index, **row) for index, row in enumerate(rows)]


def _cut(text: bytes, *, by_line: bool) -> Cut:
    """The events of a body, each as an item of its own where the body is sound JSON."""
    if not by_line and (cut := _elements(text)) is not None:
        return cut
    cutter = Cutter(mode="lines") if by_line else Cutter()
    first, last = cutter.feed(text), cutter.finish()
    refused = {at + len(first.items): reason for at, reason in last.refused.items()}
    return Cut(
        first.items + last.items,
        first.lines + last.lines,
        first.offsets + last.offsets,
        first.modes + last.modes,
        first.refused | refused,
    )


def _elements(text: bytes) -> Cut | None:
    """The body as one JSON value, its elements numbered; None when it is not one value."""
    start = len(text) - len(text.lstrip(_SPACES))
    try:
        whole = msgspec.json.decode(text, type=Raw)
        if text[start : start + 1] != b"[":
            return _numbered([bytes(whole)], text)
        return _numbered([bytes(e) for e in msgspec.json.decode(text, type=list[Raw])], text)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _numbered(items: list[bytes], text: bytes) -> Cut:
    cut, start = Cut(), 0
    for number, item in enumerate(items, 1):
        start = text.index(item, start)
        cut.add(item, number, start, "array")
        start += len(item)
    return cut


def _unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise _too_long(max_bytes)
    name = encoding.strip().lower()
    if name not in ("", "identity", "gzip", "x-gzip", "zstd"):
        raise _refusal(
            f"content encoding {encoding!r} is not known.", 415, f"Known are {_ENCODINGS}."
        )
    unpacker = unpacker_for(body)
    if unpacker is None:
        if name in ("", "identity"):
            return body
        raise _refusal(f"the body is not {name}, which its content encoding says.", 400, "")
    parts, size, fed = [], 0, 0
    while unpacker.waiting or fed < len(body):
        piece = b"" if unpacker.waiting else body[fed : fed + _PIECE]
        fed += len(piece)
        try:
            parts.append(unpacker.unpack(piece, max_bytes + 1 - size))
        except ValueError as error:
            raise _refusal(f"the compressed body is damaged: {error}.", 400, "") from None
        size += len(parts[-1])
        if size > max_bytes:
            raise _too_long(max_bytes)
    if unpacker.inside:
        raise _refusal("the compressed body ends before its end: it was cut short.", 400, "")
    return b"".join(parts)


def _too_long(max_bytes: int) -> InputError:
    return _refusal(
        f"the body has more than {max_bytes:,} bytes, unpacked.", 413, "Send smaller batches."
    )


def _refusal(message: str, status: int, hint: str) -> InputError:
    error = InputError(message, hint=hint)
    error.status = status
    return error


__all__ = ["MAX_BODY", "Outcome", "cut_body", "decode_body", "is_by_line", "outcomes"]
