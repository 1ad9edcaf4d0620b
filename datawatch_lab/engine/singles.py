"""Single events: their records in the journal, and the batch that those of a moment become."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.engine.submission import Single, Submission
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.single import decode_singles

log = logging.getLogger(__name__)

SOURCE = "http"
MARK = b"\xff" * 8
"""Begins a record of a single event, after the time; that of a batch has a length there."""

_MICROS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_RECORD = msgspec.msgpack.Decoder(tuple[int, str, bytes])


def submission_of(singles: Sequence[Single]) -> Submission:
    """One batch of single events, in the order in which they were answered for; at least one."""
    items, offsets = [each.item for each in singles], [each.offset for each in singles]
    try:
        batch = decode_singles(items, offsets, [s.id for s in singles if s.id], source=SOURCE)
    except (Exception, pl.exceptions.PanicException) as error:  # the latter is no Exception
        log.exception("%d events that were answered for cannot be decoded", len(singles))
        batch = _set_aside(items, offsets, f"it cannot be decoded: {error}")
    moments = [] if batch.bad.num_rows else [each.received for each in singles]
    last = singles[-1]
    return Submission(batch, last.received, journal=last.journal, moments=moments)


def _set_aside(items: Sequence[bytes], offsets: Sequence[int], reason: str) -> DecodedBatch:
    """All of them as malformed: what was answered for is not lost, whatever is wrong."""
    lines = [1] * len(items)
    return decode(
        items, lines, offsets, source=SOURCE, refused=dict.fromkeys(range(len(items)), reason)
    )


def packed_single(item: bytes, offset: int, id_: str, received: datetime) -> bytes:
    """A single event and when it was taken in, as a record of the journal."""
    micros = (received - _EPOCH) // _MICRO
    body = msgspec.msgpack.encode((offset, id_, item))
    return micros.to_bytes(_MICROS, "little", signed=True) + MARK + body


def unpacked_single(payload: bytes) -> Single | None:
    """What `packed_single` made a record of, without its number; None for records of batches."""
    start = _MICROS + len(MARK)
    if payload[_MICROS:start] != MARK:
        return None
    offset, id_, item = _RECORD.decode(payload[start:])
    micros = int.from_bytes(payload[:_MICROS], "little", signed=True)
    return Single(item, offset, id_, _EPOCH + micros * _MICRO, 0)
