"""The stream as batches, and the rows that DDL altered read again in their place in it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.mysql import driver, snapshot
from datawatch_lab.ingest.sources.mysql.catalogue import Table, ordinal
from datawatch_lab.ingest.sources.mysql.decode import Decoder, Entry, Piece
from datawatch_lab.ingest.sources.mysql.position import Position
from datawatch_lab.ingest.sources.mysql.stream import Stream

if TYPE_CHECKING:
    from datawatch_lab.ingest.sources.mysql.source import MysqlSource

log = logging.getLogger(__name__)

_LINGER = 0.1  # seconds between takes, so that single rows come in company
_TAKE = 0.25
_RENEW_AGAIN = 10.0  # seconds
_TELL_AGAIN = 5.0  # seconds after which a place is stored though nothing came that is wanted
_ALTERED = frozenset({1054, 1146, 1412})
"""A table is not as it was when the transaction began."""


class Reading:
    """Reads one connection's stream.

    Args:
        source: whose it is.
        stream: the log from the position on.
        position: moved on as batches are given.
    """

    def __init__(self, source: MysqlSource, stream: Stream, position: Position) -> None:
        self._source = source
        self._stream = stream
        self._position = position
        self._decoder = Decoder(position.copy(), source.within, source.session)
        self._reached = position.ordinal
        self._idle = False
        self._cut = False  # part of a transaction was given, and its end not yet
        self._again_at = 0.0
        self._told = position.ordinal
        self._tell_at = time.monotonic() + _TELL_AGAIN

    def run(self, target: int | None) -> Iterator[DecodedBatch]:
        """Batches until asked to end, or up to a place of the log."""
        while not self._source.halted:
            began = time.monotonic()
            if self._due(began):
                yield from self._renew()
            entries = self._stream.take(_TAKE, self._source.options.batch_bytes)
            yield from self._give(entries)
            if self._position.ordinal != self._told and began >= self._tell_at:
                yield self._batch()
            if target is not None and self._is_at(target) and not self._due(time.monotonic()):
                return
            if entries and self._stream.empty:
                self._source.rest(_LINGER - (time.monotonic() - began))

    def _due(self, now: float) -> bool:
        wanted = self._source.options.snapshot and self._decoder.position.stale
        return bool(wanted) and not self._decoder.in_transaction and now >= self._again_at

    def _is_at(self, target: int) -> bool:
        return not self._decoder.in_transaction and (self._reached >= target or self._idle)

    def _give(self, entries: list[Entry]) -> Iterator[DecodedBatch]:
        for entry in entries:
            self._idle = entry.kind == "HeartbeatLogEvent"
            if entry.pos and not self._idle:
                self._reached = max(self._reached, ordinal(entry.file, entry.pos))
        for piece in self._decoder.feed(entries):
            moved = piece.settled.ordinal > self._position.ordinal
            self._take_over(piece.settled)
            if piece.events.num_rows or (self._cut and moved):
                self._cut = self._decoder.in_transaction
                yield self._batch(piece)

    def _batch(self, piece: Piece | None = None) -> DecodedBatch:
        """The events of a piece, or none, and the place behind them."""
        self._told, self._tell_at = self._position.ordinal, time.monotonic() + _TELL_AGAIN
        if piece is None:
            return self._source.batch(self._position)
        return self._source.batch(
            self._position, piece.events, piece.rows, piece.declared, size=piece.size
        )

    def _take_over(self, settled: Position) -> None:
        held = self._position
        held.file, held.pos, held.gtid = settled.file, settled.pos, settled.gtid
        held.since, held.stale = dict(settled.since), set(settled.stale)

    # ------------------------------------------------------------------ rows that DDL altered

    def _renew(self) -> Iterator[DecodedBatch]:
        """Give the rows of stale tables again, in their place in the stream.

        What was committed before they are read is given first, what comes later after them. A
        table that is altered meanwhile is read once more.
        """
        stale = set(self._decoder.position.stale)
        self._again_at = time.monotonic() + _RENEW_AGAIN
        with snapshot.point(self._source.address, self._position.again) as at:
            session = self._source.session
            tables = [found for name in sorted(stale) if (found := session.table(name))]
            done = stale - {table.name for table in tables}
            yield from self._up_to(at.place.ordinal)
            for table in tables:
                if self._source.halted:
                    return
                if table.name not in self._decoder.position.stale:
                    continue
                try:
                    if table.key:
                        yield from self._rows(table, at)
                except SourceError as error:
                    if error.details.get("code") not in _ALTERED:
                        raise
                    log.info("%s Its rows are read again later.", error)
                    self._again_at = 0.0
                    break
                done.add(table.name)
        for memory in (self._position, self._decoder.position):
            memory.stale -= done
        self._decoder.settle()
        yield self._batch()

    def _rows(self, table: Table, at: snapshot.Point) -> Iterator[DecodedBatch]:
        with driver.telling(self._source.address):
            yield from self._source.rows(table, at, self._position)

    def _up_to(self, place: int) -> Iterator[DecodedBatch]:
        """Give the transactions that begin before a place; the rest stays in the stream."""
        while not self._source.halted:
            entries = self._stream.take(_TAKE, self._source.options.batch_bytes)
            end = next(
                (
                    at
                    for at, entry in enumerate(entries)
                    if entry.begins and ordinal(entry.file, entry.pos) > place
                ),
                len(entries),
            )
            self._stream.put_back(entries[end:])
            if end:
                yield from self._give(entries[:end])
            caught_up = self._reached >= place or self._idle
            if end < len(entries) or (caught_up and not self._decoder.in_transaction):
                return
