"""The MySQL and MariaDB source: a consistent copy, then the binary log, as long as it is wanted."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
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
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.findings import refuse_blocking
from datawatch_lab.ingest.sources.mysql import driver, snapshot
from datawatch_lab.ingest.sources.mysql.catalogue import Catalogue, Table, TableName
from datawatch_lab.ingest.sources.mysql.doctor import needed
from datawatch_lab.ingest.sources.mysql.options import MysqlOptions
from datawatch_lab.ingest.sources.mysql.position import Position
from datawatch_lab.ingest.sources.mysql.reading import Reading
from datawatch_lab.ingest.sources.mysql.session import Session, bytes_after, server_number
from datawatch_lab.ingest.sources.mysql.stream import Stream
from datawatch_lab.ingest.sources.mysql.within import Within
from datawatch_lab.ingest.sources.postgres.options import CopyProgress
from datawatch_lab.ingest.sources.retrying import Retrying

log = logging.getLogger(__name__)


class MysqlSource:
    """Reads a server's binary log.

    Every change since the copy comes once; after a crash what was not stored comes again with the
    same identity: the transaction's GTID (or its place in the log) and the order in it.

    Args:
        url: ``mysql://user:password@host:port/database``; without a database, all of them.
        options: how it is read.
        progress: told of the copy after each batch.

    Raises:
        InputError: the address cannot be read.
    """

    def __init__(
        self,
        url: str,
        options: MysqlOptions | None = None,
        *,
        progress: Callable[[CopyProgress], None] | None = None,
    ) -> None:
        self.address = Endpoint.parse(url, driver.SCHEME)
        self.options = options or MysqlOptions()
        self.progress = progress
        self.within = Within(self.options.selection, self.address.path)
        """The tables that are read."""
        self.session = Session(self.address, self.options)
        self._retrying = Retrying()
        self._stream: Stream | None = None
        self._stored: Mapping[str, object] = {}
        self._mariadb = self._gtid = False

    def __repr__(self) -> str:
        return f"MysqlSource({str(self.address)!r})"

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        return self.options.name or self.address.name

    @property
    def reading(self) -> bool:
        """Whether it is connected to the stream now; not during the copy or a reconnect."""
        return self._stream is not None

    @property
    def trouble(self) -> SourceError | None:
        """Why it is connecting again now; None while all is well."""
        return self._retrying.trouble

    def stop(self) -> None:
        """Ask it to end after the batch in hand; safe from another thread."""
        self._retrying.halt.set()

    def stored(self, position: Mapping[str, object]) -> None:
        """Hear that all up to an offset's position is durable; the server keeps its log anyway."""
        self._stored = position

    def lag(self) -> int:
        """Bytes of the server's log behind what is stored; asks on a connection of its own.

        Raises:
            SourceError: the server cannot be reached or refuses.
        """
        stored = self._stored
        if not stored:
            return 0
        connection = driver.connect(self.address)
        try:
            with driver.telling(self.address):
                return bytes_after(Catalogue(connection), Position.read(stored))
        finally:
            connection.close()

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """The copy of tables that have none yet, then the stream.

        Raises:
            SourceError: the server cannot be reached at first, refuses, or lacks what is needed;
                says how to fix it. A connection that breaks later is tried again until stopped.
        """
        try:
            position = self._prepare(resume)
            reached = lambda: (position.ordinal, len(position.since))  # noqa: E731
            yield from self._retrying.run(lambda: self._copy(position), reached)
            yield from self._retrying.run(lambda: self._listen(position), reached)
        finally:
            self.session.close()

    def _prepare(self, resume: Mapping[str, object] | None) -> Position:
        with driver.telling(self.address):
            catalogue = self.session.open()
            refuse_blocking(self.address, needed(catalogue, self.address))
            self._mariadb = catalogue.mariadb
            server = catalogue.server() or self.address.place
            gtids = catalogue.gtids
            folded = catalogue.setting("lower_case_table_names") not in ("", "0")
        self.within = replace(self.within, folded=folded)
        self._gtid = self.options.mode == "gtid" or (self.options.mode == "auto" and gtids)
        slot = self.options.slot
        if resume is None:
            return Position(f"mysql:{server}", slot=slot, server=server)
        position = Position.read(resume)
        if position.slot not in ("", slot):  # everything since then is unknown: anew
            return position.anew(slot, server)
        position.slot, self._stored = slot, resume
        self._recognise(position)
        return position

    def _recognise(self, position: Position) -> None:
        """Find the place in the log of the server that answers now.

        Raises:
            SourceError: it is another one, and the place is not known by GTID.
        """
        with driver.telling(self.address):
            catalogue = self.session.open()
            server = catalogue.server() or self.address.place
            if server == position.server:
                return
            if self._gtid and position.gtid:
                log.warning("%s: another server has taken over.", self.address)
                position.moved_to(server, catalogue.place().file)
                self._stored = position.plain()
                return
        raise SourceError(
            f"{self.address}: this is another server than the one read before under the name "
            f"{self.name!r}, and places in its log's files mean nothing here.",
            hint="Give the source another name, or correct the address.",
        )

    # ------------------------------------------------------------------ the copy

    def _copy(self, position: Position) -> Iterator[DecodedBatch]:
        """Copy the tables that have no copy, all as of one place of the log."""
        self._recognise(position)
        left_out = position.forget(n for n in position.since if not self.within.table(n))
        missing = [t for t in self.session.tables() if t.name not in position.since]
        if position.begun and not missing:
            position.complete = True
            if left_out:
                yield self.batch(position, backfill=True)
            return
        if not self.options.snapshot:
            with driver.telling(self.address):
                place = self.session.open().place()
            if not position.begun:
                position.go_to(place)
            position.since |= {t.name: 0 for t in missing}
        else:
            with snapshot.point(self.address, position.again) as at:
                if not position.begun:
                    position.go_to(at.place)
                yield from self._copy_all(position, missing, at)
        if self._retrying.halt.is_set():
            return
        position.complete = True
        declared = {t.name: snapshot.declared(t) for t in missing}
        yield self.batch(position, declared=declared, backfill=True)

    def _copy_all(
        self, position: Position, missing: Sequence[Table], at: snapshot.Point
    ) -> Iterator[DecodedBatch]:
        expected, before = [table.rows for table in missing], 0
        for done, table in enumerate(missing):
            point = at
            if table.name in position.partial and table.key:
                position.copies += 1
                point = replace(at, copies=position.copies)
                yield self.batch(
                    position, snapshot.emptied(table, point, position.origin), backfill=True
                )
            position.partial.add(table.name)
            count = 0
            for batch in self.rows(table, point, position):
                yield batch
                count += batch.events.num_rows
                expected[done] = max(expected[done], count)
                self._tell(missing, done, count, before + count, sum(expected))
                if self._retrying.halt.is_set():
                    return
            before, expected[done] = before + count, count
            position.partial.discard(table.name)
            position.since[table.name] = at.place.ordinal
            yield self.batch(
                position, declared={table.name: snapshot.declared(table)}, backfill=True
            )

    def rows(self, table: Table, at: snapshot.Point, position: Position) -> Iterator[DecodedBatch]:
        """The rows of one table at a place of the log."""
        declared, rows, seen = {table.name: snapshot.declared(table)}, 0, Counter[bytes]()
        with contextlib.closing(
            snapshot.chunks(self.address, at, table, self.options.copy_rows)
        ) as parts:
            for part in parts:
                events, images = snapshot.events_of(part, table, at, position.origin, seen, rows)
                rows += events.num_rows
                yield self.batch(position, events, {table.name: images}, declared, backfill=True)

    def _tell(
        self, tables: Sequence[Table], done: int, rows: int, all_rows: int, all_expected: int
    ) -> None:
        if self.progress is not None:
            table = tables[done]
            self.progress(
                CopyProgress(
                    table=".".join(table.name),
                    rows=rows,
                    expected=max(rows, table.rows),
                    estimated=True,
                    tables_done=done,
                    tables=len(tables),
                    all_rows=all_rows,
                    all_expected=all_expected,
                )
            )

    # ------------------------------------------------------------------ the stream

    def _listen(self, position: Position) -> Iterator[DecodedBatch]:
        self.session.close()  # a connection that is left of a server that has gone knows nothing
        self._recognise(position)
        with driver.telling(self.address):
            target = None if self.options.follow else self.session.open().place().ordinal
        stream = Stream(
            self.address,
            position,
            mariadb=self._mariadb,
            gtid=self._gtid and bool(position.gtid),
            server=server_number(self.options.slot),
            limit_bytes=self.options.buffer_bytes,
        )
        try:
            self._stream, self._retrying.trouble = stream, None
            reading = Reading(self, stream, position)
            yield from reading.run(target)
        finally:
            self._stream = None
            stream.close()

    @property
    def halted(self) -> bool:
        """Whether it was asked to end."""
        return self._retrying.halt.is_set()

    def rest(self, seconds: float) -> None:
        """Let some time pass, unless it is asked to end."""
        self._retrying.halt.wait(max(0.0, seconds))

    def batch(
        self,
        position: Position,
        events: Any = None,
        rows: Mapping[TableName, TableRows] | None = None,
        declared: Mapping[TableName, Declared] | None = None,
        *,
        size: int = 0,
        backfill: bool = False,
    ) -> DecodedBatch:
        """A batch that leaves the source at a position."""
        self._retrying.trouble = None
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
