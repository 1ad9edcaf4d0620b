"""Taking events in: single, batches, and decoded batches of another process of ours."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.engine import Engine, intake
from datawatch_lab.engine.receipts import OneApplied, Receipt
from datawatch_lab.service.answers import EventOutcome, EventsAnswer, OffsetAnswer
from datawatch_lab.service.operation import API, operation


class EventsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Events as they came over HTTP.

    Attributes:
        body: one JSON object, an array, a batch object or NDJSON.
        content_type: of the body, e.g. ``application/x-ndjson``; '' for JSON.
        content_encoding: ``gzip``, ``zstd`` or ''.
        wait: wait for room when the engine is at its limit, instead of answering 429.
    """

    body: bytes
    content_type: str = ""
    content_encoding: str = ""
    wait: bool = False


@operation("POST", f"{API}/events", role="editor", status=202, binary=True)
def post_event(engine: Engine, ask: EventsAsk) -> EventsAnswer:
    """Take one event (or several) in; the answer comes once they are durable and in metrics."""
    return _take(engine, ask)


@operation("POST", f"{API}/events/batch", role="editor", status=202, binary=True)
def post_events(engine: Engine, ask: EventsAsk) -> EventsAnswer:
    """Take a batch in: an array, ``{events: […]}`` or NDJSON; each event's outcome is answered."""
    return _take(engine, ask)


def _take(engine: Engine, ask: EventsAsk) -> EventsAnswer:
    receipt = intake.take_http(
        engine,
        ask.body,
        content_type=ask.content_type,
        content_encoding=ask.content_encoding,
        wait=ask.wait,
    )
    return _answer(receipt)


def _answer(receipt: Receipt | OneApplied) -> EventsAnswer:
    counts = receipt.counts
    return EventsAnswer(
        counts.received,
        counts.applied,
        counts.duplicate,
        counts.late,
        counts.quarantined,
        [EventOutcome(index, *row) for index, row in enumerate(receipt.told())],
        receipt.version,
    )


class BatchAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded batch of another process.

    Attributes:
        body: `engine.transfer.pack`.
    """

    body: bytes


@operation("POST", f"{API}/batches", role="admin", binary=True)
def submit_batch(engine: Engine, ask: BatchAsk) -> EventsAnswer:
    """Take in what another process read of a source, with its offset, in one transaction."""
    answer = _answer(intake.take_packed(engine, ask.body))
    return msgspec.structs.replace(answer, events=[])


class OffsetAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which source."""

    source: str


@operation("GET", f"{API}/offset", role="admin")
def source_offset(engine: Engine, ask: OffsetAsk) -> OffsetAnswer:
    """How far a source has been read, so that its reader can go on there."""
    position: Any = engine.begin(ask.source)
    return OffsetAnswer(ask.source, None if position is None else dict(position))
