"""Ways into an engine: a source that is read to its end, the body of a request, a packed batch."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.sources import Acknowledged, Source
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine.receipts import OneApplied, Receipt
from datawatch_lab.engine.transfer import unpack
from datawatch_lab.engine.writer import USUAL_TABLES
from datawatch_lab.ingest.single import plain_event
from datawatch_lab.ingest.sources.http import decode_body, is_by_line

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_WAIT_SECONDS = 30.0
_LARGE_BYTES = 16 * 1024  # packed, perhaps
_IN_FLIGHT = 2  # batches of a source between its decoder and the store
_IN_FLIGHT_WIDE = 4  # the same of many tables, so that a commit finds several; see `Writer`


def run(
    engine: Engine, source: Source, progress: Callable[[LedgerCounts], None] | None = None
) -> LedgerCounts:
    """Read a source from its stored offset to its end; decoding overlaps with storing.

    A source that is `Acknowledged` hears of each batch as soon as it is stored, also while nothing
    new comes. When a batch cannot be stored the source is stopped, and the error raised once all
    that came after it has failed too: the next run must find none of it in the queue.
    """
    pending: list[Future[Receipt]] = []
    acknowledgement = Acknowledgement(source)
    total = LedgerCounts()

    def settle() -> None:
        nonlocal total
        total += pending.pop(0).result().counts
        if progress:
            progress(total)

    resume = engine.begin(source.name)
    try:
        for number, batch in enumerate(source.batches(resume)):
            fresh = batch.fresh or (number == 0 and resume is None)
            pending.append(engine.submit(replace(batch, fresh=fresh)))
            acknowledgement.follow(pending[-1], batch.offset)
            ahead = _IN_FLIGHT
            if len(batch.rows) > USUAL_TABLES and engine.has_much_room():
                ahead = _IN_FLIGHT_WIDE
            while pending and (pending[0].done() or len(pending) > ahead):
                settle()
    except BaseException:
        wait(pending)
        while pending and not pending[0].cancelled() and pending[0].exception() is None:
            settle()
        raise
    wait(pending)
    while pending:
        settle()
    ending = ending_of(source.name, engine.offset(source.name))
    if ending is not None:
        engine.end(ending)
    return total


class Acknowledgement:
    """Tells a source what is stored; nothing any more after a batch that was not.

    Args:
        source: heeded or not, as it wishes.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._broken = False

    def follow(self, stored: Future[Receipt], offset: Offset | None) -> None:
        """Tell the source when a batch is stored; the futures end in the order of the batches."""
        stored.add_done_callback(lambda done: self._tell(done, offset))

    def _tell(self, done: Future[Receipt], offset: Offset | None) -> None:
        if done.cancelled() or done.exception() is not None:
            self._broken = True
            self._source.stop()
        elif not self._broken:
            acknowledge(self._source, offset)


def acknowledge(source: Source, offset: Offset | None) -> None:
    """Tell a source that wants to know it that all up to an offset is durable."""
    if offset is not None and isinstance(source, Acknowledged):
        source.stored(offset.position)


def ending_of(source: str, position: object) -> Offset | None:
    """The offset that says that a run is over, or None when the source was not read to its end."""
    if not isinstance(position, dict) or not position.get("done"):
        return None
    return Offset(source, {**position, "closed": True})


def take_http(
    engine: Engine, body: bytes, *, content_type: str, content_encoding: str, wait: bool
) -> Receipt | OneApplied:
    """Decode a request's body, store it, and give its receipt.

    A few ordinary events are answered for once they are in the journal, unless ``wait`` is true.

    Raises:
        InputError: see `ingest.sources.http.decode_body`.
        BusyError: there is no room, and ``wait`` is false or it took too long.
    """
    if not wait:
        engine.refuse_when_full()
        plain = None if content_encoding or is_by_line(content_type) else plain_event(body)
        if plain is not None and (answered := engine.accept_plain(plain)) is not None:
            return answered
    return take_decoded(
        engine,
        len(body),
        lambda: decode_body(
            body,
            content_type=content_type,
            content_encoding=content_encoding,
            id_factory=lambda: uuid.uuid4().hex,
        ),
        wait=wait,
    )


def take_decoded(
    engine: Engine, size: int, decode: Callable[[], DecodedBatch], *, wait: bool
) -> Receipt:
    """Decode a body of ``size`` bytes once there is room for it, store it, give its receipt.

    Few large bodies are decoded at a time; a few ordinary events are answered for once they are in
    the journal, unless ``wait`` is true.
    """
    if not wait:
        engine.refuse_when_full()
    with engine.decoders if size > _LARGE_BYTES else nullcontext():
        batch = decode()
    if not wait and (answered := engine.accept(batch)) is not None:
        return answered
    return engine.submit(batch, wait=wait, timeout=_WAIT_SECONDS).result()


def take_packed(engine: Engine, body: bytes) -> Receipt:
    """Store what another process decoded."""
    return engine.submit(unpack(body), timeout=_WAIT_SECONDS).result()
