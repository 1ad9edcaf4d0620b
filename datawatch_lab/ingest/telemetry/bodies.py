"""What clients post to the telemetry routes, as events: each client's field names are understood.

A body is one object, an array, an object that holds a list (``{"events": […]}``), or one of these a
line. What cannot be a row is quarantined with its reason and its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec
import pyarrow as pa
from msgspec import Raw

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.cutting import Cut
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.identity import IdFactory
from datawatch_lab.ingest.sources.http import MAX_BODY, cut_body
from datawatch_lab.ingest.telemetry.streams import SCHEMA, Stream

_LISTS = frozenset(
    {"events", "metrics", "measurements", "heartbeats", "actions", "tasks", "items", "batch"}
)
_NOTHING = (b"null", b'""')
_SHOWN = 40
_IDS = ("id", "event_id", "eventId")

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw]).decode

Fields = dict[str, Raw]


class _NoRowError(ValueError):
    """Says why something is no row of a stream."""


def decode_posted(
    stream: Stream,
    body: bytes,
    *,
    content_type: str = "",
    content_encoding: str = "",
    id_factory: IdFactory,
    source: str = "http",
    max_bytes: int = MAX_BODY,
) -> DecodedBatch:
    """Decode a body as rows of a stream.

    Args:
        stream: what the rows are of.
        body: as received.
        content_type: NDJSON types are read by line.
        content_encoding: ``gzip``, ``zstd``, ``identity`` or empty.
        id_factory: gives ids to rows without one.
        source: name of the source.
        max_bytes: bound for the body, compressed or not.

    Returns:
        INSERT events in the order of the body; what is malformed stands under the stream's name.

    Raises:
        InputError: the body is empty, too long (status 413), or not in the encoding it claims.
    """
    cut = cut_body(
        body, content_type=content_type, content_encoding=content_encoding, max_bytes=max_bytes
    )
    made = Cut()
    for item, line, reason in _elements(cut):
        offset = len(made.items)
        if reason:
            made.add(item, line, offset, "array", reason)
            continue
        try:
            made.add(event_of(stream, item), line, offset, "array")
        except _NoRowError as error:
            made.add(item, line, offset, "array", str(error))
    batch = decode(
        made.items,
        made.lines,
        made.offsets,
        source=source,
        id_factory=id_factory,
        refused=made.refused,
    )
    return replace(batch, bad=_named(batch.bad, stream))


def _elements(cut: Cut) -> Iterator[tuple[bytes, int, str]]:
    """The objects of a body, those of a list in an object one by one: bytes, line, fault."""
    for place, (item, line) in enumerate(zip(cut.items, cut.lines, strict=True)):
        inner = None if place in cut.refused else _held(item)
        if inner is None:
            yield item, line, cut.refused.get(place, "")
        else:
            for number, each in enumerate(inner, 1):
                yield bytes(each), number if len(cut.items) == 1 else line, ""


def _held(item: bytes) -> list[Raw] | None:
    """The list that an item is, or that is all an item holds; None for an ordinary object."""
    try:
        if item.lstrip()[:1] == b"[":
            return _list(item)
        fields = _fields(item)
        if len(fields) != 1 or not _LISTS.issuperset(fields):
            return None
        return _list(next(iter(fields.values())))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _named(bad: pa.Table, stream: Stream) -> pa.Table:
    """Malformed rows under the name of the stream they were posted to."""
    for name, value in (("schema", SCHEMA), ("table", stream.name)):
        column = pa.array([value] * bad.num_rows, pa.large_string())
        bad = bad.set_column(bad.schema.get_field_index(name), bad.schema.field(name), column)
    return bad


def event_of(stream: Stream, posted: bytes) -> bytes:
    """The INSERT event of one posted object; numbers and texts stay byte for byte.

    Raises:
        ValueError: it is no object, or lacks what a row of the stream needs; says what.
    """
    try:
        given = _fields(posted)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _NoRowError(f"{stream.name}: not a JSON object: {error}") from None
    row = row_of(stream, given)
    missing = [each for each in stream.needs if not _some(row, each.split("|"))]
    if missing:
        wanted = missing[0].replace("|", " or ")
        has = ", ".join(given) or "none"
        raise _NoRowError(f"{stream.name}: a row needs {wanted}; it has the fields: {has}")
    if "value" in stream.needs and not _is_number(row["value"]):
        shown = bytes(row["value"])[:_SHOWN].decode("utf-8", "replace")
        raise _NoRowError(f"{stream.name}: value must be a number, not {shown}")
    event: dict[str, object] = {
        "schema": SCHEMA,
        "table": stream.name,
        "operation": "INSERT",
        "after": row,
    }
    moment = next((row[name] for name in stream.times if _is_there(row.get(name))), None)
    if moment is not None:
        event["timestamp"] = moment
    own = next((row[name] for name in _IDS if _is_scalar(row.get(name))), None)
    if own is not None:
        event["id"] = own
    return msgspec.json.encode(event)


def row_of(stream: Stream, given: Mapping[str, Raw]) -> Fields:
    """The fields of a row, known ones by their own name and first; nothing is left out.

    A field under another name is also found in the objects that clients nest it in; there it stays
    as well.
    """
    nested: Fields = {}
    for name in stream.inside:
        nested |= _object(given.get(name))
    rest = dict(given)
    row: Fields = {}
    for name in stream.kinds:
        if name in rest:
            row[name] = rest.pop(name)
            continue
        other = next((each for each in stream.also.get(name, ()) if each in rest), None)
        if other is not None and other not in stream.kinds:
            row[name] = rest.pop(other)
            continue
        inner = next((each for each in (name, *stream.also.get(name, ())) if each in nested), None)
        if inner is not None and _is_scalar(nested[inner]):
            row[name] = nested[inner]
    if _is_there(row.get("data")) and stream.kinds.get("data") == "json":
        row["data"] = _as_object(row["data"])
    return row | rest


def _object(given: Raw | None) -> Fields:
    """The members of an object; none of anything else."""
    if given is None or bytes(given)[:1] != b"{":
        return {}
    try:
        return _fields(given)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}


def _as_object(given: Raw) -> Raw:
    """Data that was posted as JSON in a text, as the object that it is."""
    if bytes(given)[:1] != b'"':
        return given
    text = msgspec.json.decode(given, type=str)
    return Raw(text.encode()) if text[:1] == "{" and _object(Raw(text.encode())) else given


def _some(row: Fields, names: list[str]) -> bool:
    return any(_is_there(row.get(name)) for name in names)


def _is_there(value: Raw | None) -> bool:
    return value is not None and bytes(value) not in _NOTHING


def _is_number(value: Raw) -> bool:
    """Whether it is a number, also one that is written as a text."""
    try:
        return math.isfinite(float(bytes(value).strip(b'"')))
    except ValueError:
        return False


def _is_scalar(value: Raw | None) -> bool:
    return _is_there(value) and bytes(value or b"")[:1] not in (b"{", b"[")
