"""Decoded batches on their way to another process: Arrow IPC behind a small header."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA, Declared, DecodedBatch, Offset
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.images import parse_events

_LENGTH_BYTES = 8


class _Header(msgspec.Struct, frozen=True):
    source: str
    size: int
    fresh: bool
    backfill: bool
    position: dict[str, Any] | None
    events: int  # bytes of the events' IPC stream
    declared: list[tuple[str, str, list[str] | None, dict[str, str], bool]] = []  # schema, table, …
    ordered: bool = False


def pack(batch: DecodedBatch) -> bytes:
    """A batch as bytes; its typed images are not sent, they are parsed again where it arrives."""
    events, bad = _ipc(batch.events), _ipc(batch.bad)
    header = msgspec.json.encode(
        _Header(
            source=batch.source,
            size=batch.size,
            fresh=batch.fresh,
            backfill=batch.backfill,
            position=None if batch.offset is None else dict(batch.offset.position),
            events=len(events),
            declared=[
                (*name, None if each.key is None else list(each.key), dict(each.types), each.whole)
                for name, each in batch.declared.items()
            ],
            ordered=batch.ordered,
        )
    )
    return len(header).to_bytes(_LENGTH_BYTES, "big") + header + events + bad


def unpack(body: bytes) -> DecodedBatch:
    """The batch that `pack` made.

    Raises:
        InputError: the bytes are none.
    """
    try:
        start = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
        header = msgspec.json.decode(body[_LENGTH_BYTES:start], type=_Header)
        middle = start + header.events
        events = pa.ipc.open_stream(body[start:middle]).read_all().cast(EVENT_SCHEMA)
        bad = pa.ipc.open_stream(body[middle:]).read_all().cast(BAD_SCHEMA)
    except (msgspec.DecodeError, pa.ArrowException, OverflowError, ValueError) as error:
        raise InputError(f"the body is not a packed batch: {error}.") from error
    rows = parse_events(events)
    offset = None if header.position is None else Offset(header.source, header.position)
    return DecodedBatch(
        source=header.source,
        events=events,
        rows=rows,
        bad=bad,
        offset=offset,
        size=header.size,
        fresh=header.fresh,
        backfill=header.backfill,
        declared={
            (schema, table): Declared(None if key is None else tuple(key), types, whole)
            for schema, table, key, types, whole in header.declared
        },
        ordered=header.ordered,
    )


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
