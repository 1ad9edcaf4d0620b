"""The PostgreSQL source: a consistent snapshot, then the stream, for as long as it is wanted."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datawatch_lab.core.batches import (
    BAD_SCHEMA,
    EVENT_SCHEMA,
    Declared,
    DecodedBatch,
    Offset,
    TableRows,
)
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.sources.postgres import driver, publication, slots, snapshot
from datawatch_lab.ingest.sources.postgres.address import Address
from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue, Published
from datawatch_lab.ingest.sources.postgres.decode import Decoder, Memory, Wanted
from datawatch_lab.ingest.sources.postgres.options import CopyProgress, PostgresOptions
from datawatch_lab.ingest.sources.postgres.pgoutput import ProtocolError, Relation
from datawatch_lab.ingest.sources.postgres.position import Position, lsn_of
from datawatch_lab.ingest.sources.postgres.relations import TableName
from datawatch_lab.ingest.sources.postgres.session import Session
from datawatch_lab.ingest.sources.postgres.stream import Stream

log = logging.getLogger(__name__)

_SLOT_NAME = re.compile(r"[a-z0-9_]{1,63}")
_BACK_OFF = (0.25, 30.0)  # seconds: first and longest
_SLOT_BUSY = 30.0  # seconds after which a slot that another reader has is an error
_LINGER = 0.1  # seconds between takes, so that single rows come in company
_TAKE = 0.25
_RENEW_AGAIN = 30.0  # seconds


class PostgresSource:
    """Reads a database by logical replication.

    Every change since the snapshot comes once; after a crash what was not stored comes again with
    the same identity. The offset holds what is known of tables too, so a column that changed while
    nobody watched is told.

    Args:
        url: ``postgresql://user:password@host:port/database`` or libpq's ``host=… dbname=…``.
        options: how it is read.
        progress: told of the snapshot after each batch.

    Raises:
        InputError: the address cannot be read, or the slot's name is none.
    """

    def __init__(
        self,
        url: str,
        options: PostgresOptions | None = None,
        *,
        progress: Callable[[CopyProgress], None] | None = None,
    ) -> None:
        self.address = Address.parse(url)
        self.options = options or PostgresOptions()
        if not _SLOT_NAME.fullmatch(self.options.slot):
            raise InputError(
                f"{self.options.slot!r} is no name of a replication slot.",
                hint="It has 1 to 63 of a–z, 0–9 and _.",
            )
        self.progress = progress
        self.trouble: SourceError | None = None
        """Why it is connecting again now; None while all is well."""
        self._halt = threading.Event()
        self._stream: Stream | None = None
        self._cut = False  # part of a transaction was given, and its end not yet
        self._stored = 0
        self._given = 0
        self.session = Session(self.address)
        """The ordinary connection to the database, for what messages do not say."""

    def __repr__(self) -> str:
        return f"PostgresSource({str(self.address)!r}, slot={self.options.slot!r})"

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        return self.options.name or self.address.name

    @property
    def reading(self) -> bool:
        """Whether it is connected to the stream now; not during the snapshot or a reconnect."""
        return self._stream is not None

    def stop(self) -> None:
        """Ask it to end after the batch in hand; safe from another thread."""
        self._halt.set()

    def stored(self, position: Mapping[str, object]) -> None:
        """Say that all up to the position of an offset is durable, so the server may forget it.

        Safe from another thread. Without it the server keeps its log from the start of the run on.
        """
        self._stored = max(self._stored, lsn_of(position))
        stream = self._stream
        if stream is not None:
            stream.confirm(self._stored)

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """The snapshot of tables that have none yet, then the stream.

        Raises:
            SourceError: the server cannot be reached at first, refuses, or lacks what is needed;
                says how to fix it. A connection that breaks later is tried again until stopped.
        """
        try:
            position = self._prepare(resume)
            yield from self._reconnecting(position, self._copy)
            yield from self._reconnecting(position, self._listen)
        finally:
            self.session.close()

    # ------------------------------------------------------------------ before the first batch

    def _prepare(self, resume: Mapping[str, object] | None) -> Position:
        try:
            return self._begin(resume)
        except driver.psycopg2().Error as error:
            raise self._told(error) from None

    def _begin(self, resume: Mapping[str, object] | None) -> Position:
        self.session.open()
        catalogue = self.session.catalogue
        if catalogue.setting("wal_level") != "logical":
            found = catalogue.setting("wal_level")
            raise SourceError(
                f"{self.address}: wal_level is {found!r}; reading changes needs 'logical'.",
                hint="ALTER SYSTEM SET wal_level = 'logical'; and restart the server.",
            )
        self._publications = publication.ensure(
            catalogue,
            self.options.publication,
            self.options.selection,
            event_trigger=self.options.event_trigger,
        )
        system = f"{catalogue.system()}/{catalogue.database()}"
        if resume is None:
            return Position(system, self.options.slot)
        position = Position.read(resume)
        if position.system != system:
            raise SourceError(
                f"{self.address}: this is another database than the one read before under the "
                f"name {self.name!r}.",
                hint="Give the source another name, or correct the address.",
            )
        if position.slot != self.options.slot:  # everything since then is unknown: anew
            outdated = set(position.memory.since) | position.partial
            return Position(system, self.options.slot, partial=outdated)
        if slots.find(catalogue.connection, position.slot) is None:
            raise SourceError(
                f"{self.address}: there is no replication slot {position.slot!r} any more.",
                hint=driver.LOST,
            )
        self._stored = self._given = position.lsn
        return position

    def _decoder(self, position: Position) -> Decoder:
        selection = self.options.selection
        wanted = Wanted(selection.table, selection.column)
        return Decoder(
            f"postgresql:{position.system}", self.session, wanted, position.memory.copy()
        )

    # ------------------------------------------------------------------ trying again

    def _reconnecting(
        self, position: Position, part: Callable[[Position], Iterator[DecodedBatch]]
    ) -> Iterator[DecodedBatch]:
        """Run a part of the reading again, from where it stands, when the connection breaks."""
        wait, busy_since = _BACK_OFF[0], None
        while not self._halt.is_set():
            reached, error = (position.lsn, len(position.memory.since)), None
            try:
                yield from part(position)
                return
            except (driver.psycopg2().Error, SourceError) as caught:
                error = caught
            except ProtocolError as caught:
                raise SourceError(f"{self.address}: {caught}.") from caught
            if not driver.is_lost(error):
                raise self._told(error)
            if driver.is_busy(error):
                busy_since = busy_since or time.monotonic()
                if time.monotonic() - busy_since > _SLOT_BUSY:
                    raise self._told(error)
            if reached != (position.lsn, len(position.memory.since)):
                wait = _BACK_OFF[0]
            self.trouble = self._told(error)
            log.warning("%s Trying again in %.3g s.", self.trouble, wait)
            self._halt.wait(wait)
            wait = min(2 * wait, _BACK_OFF[1])

    def _told(self, error: BaseException) -> SourceError:
        if isinstance(error, SourceError):
            return error
        return driver.refusal(self.address, error)

    # ------------------------------------------------------------------ snapshot

    def _copy(self, position: Position) -> Iterator[DecodedBatch]:
        """Copy the tables that have no snapshot, all as of one point of the log."""
        catalogue = self.session.open()
        names, wanted = self._publications.names, self.options.selection.table
        left_out = position.forget(name for name in position.memory.since if not wanted(name))
        missing = [
            each
            for each in catalogue.published(names, self.options.selection)
            if each.table.name not in position.memory.since
        ]
        known = slots.find(catalogue.connection, position.slot)
        if known is not None and not position.lsn:
            position.lsn = known.confirmed
        if known is not None and not missing:
            position.memory.complete = True
            if left_out:  # before the server forgets what came meanwhile
                yield self._batch(position, backfill=True)
            return
        slots.refuse_unreadable(catalogue, missing)
        with slots.point(self.address, catalogue, position.slot, temporary=known is not None) as at:
            if known is None:
                position.lsn = at.lsn
            yield from self._copy_all(position, missing, at)
        position.memory.complete = True
        yield self._batch(position, backfill=True)

    def _copy_all(
        self, position: Position, missing: list[Published], at: snapshot.Point
    ) -> Iterator[DecodedBatch]:
        with slots.reading(self.address, at) as connection:
            catalogue = Catalogue(connection)
            expected = [catalogue.estimate(each.table) for each in missing]
            before = 0
            for done, published in enumerate(missing):
                table = self._source(catalogue, published, position.memory)
                if not self.options.snapshot:
                    position.memory.since[published.table.name] = at.lsn
                    continue
                count = 0
                for batch in self._copy_table(connection, table, at, position):
                    yield batch
                    if self._halt.is_set():
                        return
                    count += batch.events.num_rows
                    expected[done] = (max(expected[done][0], count), expected[done][1])
                    self._tell(missing, done, count, before, expected)
                before += count
                expected[done] = (count, True)

    def _source(
        self, catalogue: Catalogue, published: Published, memory: Memory | None = None
    ) -> snapshot.Source:
        """The table as it is now; ``memory`` learns of it where it knows nothing yet."""
        table, selection = published.table, self.options.selection
        whole = catalogue.relation(table, published.columns)
        if memory is not None:
            memory.relations[table.oid] = whole
        key = self._key(catalogue, whole)
        kept = tuple(
            c
            for c in whole.columns
            if c.key or c.name in key or selection.column(table.name, c.name)
        )
        relation = Relation(table.oid, *table.name, table.identity, kept)
        return snapshot.Source(
            published, relation, self.session.known_types([c.type for c in kept]), key
        )

    def _key(self, catalogue: Catalogue, relation: Relation) -> tuple[str, ...]:
        if relation.identity == "n":
            return ()
        if relation.identity == "f":
            return catalogue.key(relation)
        return tuple(column.name for column in relation.columns if column.key)

    def _copy_table(
        self, connection: Any, table: snapshot.Source, at: snapshot.Point, position: Position
    ) -> Iterator[DecodedBatch]:
        name = table.published.table.name
        if name in position.partial and table.key:
            empty = snapshot.emptied(table, at, f"postgresql:{position.system}")
            yield self._batch(position, empty, backfill=True)
        position.partial.add(name)
        yield from self._rows(connection, table, at, position)
        position.partial.discard(name)
        position.memory.since[name] = at.lsn
        yield self._batch(position, declared={name: snapshot.declared(table)}, backfill=True)

    def _rows(
        self, connection: Any, table: snapshot.Source, at: snapshot.Point, position: Position
    ) -> Iterator[DecodedBatch]:
        name = table.published.table.name
        origin, declared = f"postgresql:{position.system}", {name: snapshot.declared(table)}
        rows = 0
        for part in snapshot.chunks(connection, table.statement(), self.options.copy_bytes):
            events, images = snapshot.events_of(part, table, at, origin, rows)
            rows += events.num_rows
            yield self._batch(
                position, events, {name: images}, declared, size=len(part), backfill=True
            )

    def _tell(
        self,
        tables: Sequence[Published],
        done: int,
        rows: int,
        before: int,
        expected: Sequence[tuple[int, bool]],
    ) -> None:
        if self.progress is not None:
            about, known = expected[done]
            progress = CopyProgress(
                table=".".join(tables[done].table.name),
                rows=rows,
                expected=about,
                estimated=not known,
                tables_done=done,
                tables=len(tables),
                all_rows=before + rows,
                all_expected=sum(count for count, _ in expected),
            )
            self.progress(progress)

    # ------------------------------------------------------------------ stream

    def _listen(self, position: Position) -> Iterator[DecodedBatch]:
        catalogue = self.session.open()
        target = None if self.options.follow else catalogue.flushed()
        decoder = self._decoder(position)
        decoder.types = self.session.known
        connection = driver.connect(self.address, replication=True)
        stream = Stream(connection, limit_bytes=self.options.buffer_bytes)
        try:
            stream.start(
                position.slot,
                position.lsn,
                self._publications.names,
                messages=catalogue.version >= 140000,
            )
            self._stream, self.trouble = stream, None
            yield from self._take(stream, decoder, position, target)
        finally:
            self._stream = None
            stream.confirm(self._stored)
            stream.close()

    def _take(
        self, stream: Stream, decoder: Decoder, position: Position, target: int | None
    ) -> Iterator[DecodedBatch]:
        self._cut, renew_at = False, 0.0
        while not self._halt.is_set():
            began = time.monotonic()
            if position.memory.stale and began >= renew_at:
                renew_at = began + _RENEW_AGAIN
                yield from self._renew(stream, decoder, position)
            payloads, reached = stream.take(_TAKE, self.options.batch_rows)
            yield from self._decoded(payloads, decoder, position)
            if self._stored >= self._given:
                stream.confirm(max(reached, position.lsn))
            waits = position.memory.stale and time.monotonic() >= renew_at
            if target is not None and max(position.lsn, reached) >= target and not waits:
                return
            if payloads:
                self._halt.wait(max(0.0, _LINGER - (time.monotonic() - began)))

    def _decoded(
        self, payloads: Sequence[bytes], decoder: Decoder, position: Position
    ) -> Iterator[DecodedBatch]:
        for piece in decoder.feed(payloads):
            if piece.end is not None:
                position.lsn, position.memory = piece.end, decoder.settled
            if piece.events.num_rows or (self._cut and piece.end is not None):
                self._cut = decoder.in_transaction
                yield self._batch(
                    position, piece.events, piece.rows, piece.declared, size=piece.size
                )

    # ------------------------------------------------------------------ rows that DDL altered

    def _renew(
        self, stream: Stream, decoder: Decoder, position: Position
    ) -> Iterator[DecodedBatch]:
        """Give the rows of stale tables again, in their place in the stream.

        What was committed before they are read is given first, what comes later after them. When
        it cannot be done, a warning says why, and it is tried again later.
        """
        stale = set(position.memory.stale)
        try:
            catalogue = self.session.open()
            tables = [
                each
                for each in catalogue.published(self._publications.names, self.options.selection)
                if each.table.name in stale and each.table.readable
            ]
            if tables and self.options.snapshot:
                yield from self._read_again(tables, stream, decoder, position)
        except driver.psycopg2().Error as error:
            if driver.is_lost(error):
                raise
            log.warning("%s Rows that DDL altered are read later.", self._told(error))
            return
        if not self._halt.is_set():
            for memory in (position.memory, decoder.settled, decoder.memory):
                memory.stale -= stale
            yield self._batch(position)

    def _read_again(
        self, tables: Sequence[Published], stream: Stream, decoder: Decoder, position: Position
    ) -> Iterator[DecodedBatch]:
        here = self.session.catalogue
        with (
            slots.point(self.address, here, position.slot, temporary=True) as at,
            slots.reading(self.address, at) as connection,
        ):
            yield from self._up_to(at.lsn, stream, decoder, position)
            point = replace(at, at=here.now())
            for published in tables:
                table = self._source(Catalogue(connection), published)
                for batch in self._rows(connection, table, point, position) if table.key else ():
                    if self._halt.is_set():
                        return
                    yield batch

    def _up_to(
        self, lsn: int, stream: Stream, decoder: Decoder, position: Position
    ) -> Iterator[DecodedBatch]:
        """Give what was committed before an LSN; the rest stays in the stream."""
        while not self._halt.is_set():
            payloads, reached = stream.take(_TAKE, self.options.batch_rows)
            end = slots.first_behind(payloads, lsn)
            stream.put_back(payloads[end:])
            if end:
                yield from self._decoded(payloads[:end], decoder, position)
            if end < len(payloads) or max(position.lsn, reached) >= lsn:
                return

    def _batch(
        self,
        position: Position,
        events: Any = None,
        rows: Mapping[TableName, TableRows] | None = None,
        declared: Mapping[TableName, Declared] | None = None,
        *,
        size: int = 0,
        backfill: bool = False,
    ) -> DecodedBatch:
        self._given = position.lsn
        self.trouble = None
        return DecodedBatch(
            source=self.name,
            events=EVENT_SCHEMA.empty_table() if events is None else events,
            rows=rows or {},
            bad=BAD_SCHEMA.empty_table(),
            offset=Offset(self.name, position.plain()),
            size=size,
            backfill=backfill,
            declared=declared or {},
            ordered=True,
        )
