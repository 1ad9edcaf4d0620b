"""A stream of ``pgoutput`` messages to batches of events; keeps what it knows, reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import Declared, TableRows
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.postgres import pgoutput, relations
from datawatch_lab.ingest.sources.postgres.events import Chunk, Marks, assemble
from datawatch_lab.ingest.sources.postgres.images import NO_IMAGES, Column, Images, make_images
from datawatch_lab.ingest.sources.postgres.pgoutput import (
    Attribute,
    Messages,
    Places,
    Relation,
    Transaction,
)
from datawatch_lab.ingest.sources.postgres.relations import TableName
from datawatch_lab.ingest.sources.postgres.small import MOST_ROWS
from datawatch_lab.ingest.sources.postgres.types import TypeRow, Types, spelled

DDL_PREFIX = "datawatch.ddl"
"""Prefix of the messages that the event trigger writes; see `ddl`."""

_ROWS = (pgoutput.INSERT, pgoutput.UPDATE, pgoutput.DELETE)
_LETTERS = np.full(256, "", dtype="<U1")
_LETTERS[list(_ROWS)] = [Op.INSERT.value, Op.UPDATE.value, Op.DELETE.value]


class Lookup(Protocol):
    """What messages do not say and the database's catalogue does."""

    def types(self, oids: Iterable[int]) -> Sequence[TypeRow]:
        """Rows of ``pg_type`` for these oids and what they are made of."""
        ...

    def key(self, relation: Relation) -> tuple[str, ...]:
        """The primary key of a table, () when it has none."""
        ...

    def filled(self, name: TableName, columns: Sequence[str]) -> bool:
        """Whether any of some new columns had a value for the rows that were there."""
        ...

    def partition(self, relation: Relation) -> bool:
        """Whether a table is a partition: it is described, but its rows come as its parent's."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What of the stream becomes events.

    Attributes:
        table: whether a table does.
        column: whether a column of a table does; columns of the key always do.
    """

    table: Callable[[TableName], bool] = lambda _: True
    column: Callable[[TableName, str], bool] = lambda _, __: True


@dataclass
class Memory:
    """What the stream has told so far; goes with the offset.

    Attributes:
        relations: by oid.
        since: by table, the LSN from which on its changes count; those of transactions committed
            before are in its snapshot already.
        told: tables whose last change of columns an event trigger told.
        stale: tables of which a change of columns altered rows that no message tells of.
        complete: whether a table that is not known here is a new one.
    """

    relations: dict[int, Relation] = field(default_factory=dict)
    since: dict[TableName, int] = field(default_factory=dict)
    told: set[TableName] = field(default_factory=set)
    stale: set[TableName] = field(default_factory=set)
    complete: bool = False

    def copy(self) -> Memory:
        """One that can be changed without changing this one."""
        return Memory(
            dict(self.relations),
            dict(self.since),
            set(self.told),
            set(self.stale),
            self.complete,
        )


@dataclass(frozen=True)
class Piece:
    """Part of a stream within which no table changed its columns.

    Attributes:
        events: `core.batches.EVENT_SCHEMA`, in the order of the stream.
        rows, declared: as in `core.batches.DecodedBatch`.
        end: end LSN of the last transaction that is complete with this piece, or None.
        size: bytes.
    """

    events: pa.Table
    rows: Mapping[TableName, TableRows]
    declared: Mapping[TableName, Declared]
    end: int | None
    size: int


class Decoder:
    """Decodes a stream from the start of a transaction on.

    Args:
        origin: of the events: names the database for good.
        lookup: asked about types and keys that were not met before.
        wanted: what becomes events.
        memory: what is known from before; changed as the stream goes on.
    """

    def __init__(
        self, origin: str, lookup: Lookup, wanted: Wanted, memory: Memory | None = None
    ) -> None:
        self.origin = origin
        self.lookup = lookup
        self.wanted = wanted
        self.memory = memory or Memory()
        self.types = Types()
        self.settled = self.memory.copy()
        self._open: Transaction | None = None
        self._declared: dict[int, Declared] = {}

    @property
    def in_transaction(self) -> bool:
        """Whether the stream stands inside a transaction."""
        return self._open is not None

    def restart(self) -> None:
        """The stream begins anew behind the last complete transaction."""
        self.memory = self.settled.copy()
        self._open = None
        self._declared.clear()

    def feed(self, payloads: Sequence[bytes]) -> Iterator[Piece]:
        """Decode messages in the order of the stream.

        Raises:
            ProtocolError: a message is not as the protocol has it.
        """
        start = 0
        for at, relation in self._redefined(payloads):
            if at > start:
                yield self._piece(payloads[start:at], None)
            yield self._piece(payloads[at : at + 1], relation)
            start = at + 1
        if start < len(payloads):
            yield self._piece(payloads[start:], None)

    def _redefined(self, payloads: Sequence[bytes]) -> Iterator[tuple[int, Relation]]:
        """Relation messages that say something new; what they say holds once they are passed."""
        for at, payload in enumerate(payloads):
            if payload[:1] == b"R":
                relation = pgoutput.read_relation(payload)
                if self.memory.relations.get(relation.oid) != relation:
                    yield at, relation

    def _piece(self, payloads: Sequence[bytes], relation: Relation | None) -> Piece:
        messages = Messages(payloads)
        places = pgoutput.places(messages, self._open)
        chunks = list(self._chunks(messages, places))
        if relation is not None:
            chunks += self._meet(relation)
        events, positions = assemble(chunks, Marks.of(places), self.origin)
        rows, declared = self._tables(chunks, positions)
        self._open = places.open
        if places.open is None or places.end is not None:
            self.settled = self.memory.copy()
        return Piece(events, rows, declared, places.end, int(messages.ends[-1]))

    def _chunks(self, messages: Messages, places: Places) -> Iterator[Chunk]:
        numbers = np.flatnonzero(np.isin(messages.tags, _ROWS))
        oids = messages.int32(messages.starts[numbers] + 1)
        for oid in np.unique(oids).tolist():
            yield from self._changes(oid, numbers[oids == oid], messages, places)
        for at in np.flatnonzero(messages.tags == pgoutput.TRUNCATE).tolist():
            yield from self._truncates(at, messages.payloads[at], int(places.lsn[at]))
        for at in np.flatnonzero(messages.tags == pgoutput.MESSAGE).tolist():
            yield from self._told(at, messages.payloads[at])

    def _relation(self, oid: int) -> Relation:
        relation = self.memory.relations.get(oid)
        if relation is None:
            raise pgoutput.ProtocolError(f"rows of a table (oid {oid}) that was not described")
        return relation

    def _counts(self, relation: Relation, lsn: np.ndarray) -> np.ndarray:
        """Which changes of a table, by the LSN of their commit, become events."""
        name = relation.schema, relation.table
        return np.asarray(lsn >= self.memory.since.get(name, 0)) & self.wanted.table(name)

    def _changes(
        self, oid: int, numbers: np.ndarray, messages: Messages, places: Places
    ) -> Iterator[Chunk]:
        relation = self._relation(oid)
        numbers = numbers[self._counts(relation, places.lsn[numbers])]
        if not len(numbers):
            return
        self._learn(relation.columns)
        found = pgoutput.row_images(messages, numbers, len(relation.columns))
        after = self._images(relation, messages, found.after, None)
        before = self._images(relation, messages, found.before, found.key_only)
        yield Chunk(
            schema=relation.schema,
            table=relation.table,
            numbers=numbers,
            ops=_LETTERS[messages.tags[numbers]],
            oid=oid,
            after=after,
            with_after=found.with_after,
            before=before,
            with_before=found.with_before,
        )

    def _images(
        self, relation: Relation, messages: Messages, at: np.ndarray, key_only: np.ndarray | None
    ) -> Images:
        if not len(at):
            return NO_IMAGES
        name = relation.schema, relation.table
        cells, _ = pgoutput.tuples(messages, at, len(relation.columns))
        columns = []
        for attribute, cell in zip(relation.columns, cells, strict=True):
            if not (attribute.key or self.wanted.column(name, attribute.name)):
                continue
            absent = cell.unchanged
            if key_only is not None and not attribute.key:
                absent = absent | key_only
            columns.append(
                Column(
                    attribute.name,
                    self.types[attribute.type],
                    cell.few(messages) if len(at) <= MOST_ROWS else cell.texts(messages),
                    pl.Series(absent) if absent.any() else None,
                )
            )
        return make_images(columns, len(at))

    def _truncates(self, at: int, payload: bytes, lsn: int) -> Iterator[Chunk]:
        for sub, oid in enumerate(pgoutput.read_truncate(payload)):
            relation = self._relation(oid)
            if self._counts(relation, np.array([lsn])).any():
                yield Chunk.single(
                    relation.schema, relation.table, at, Op.TRUNCATE, sub=sub, oid=oid
                )

    # ------------------------------------------------------------------ definitions

    def _meet(self, relation: Relation) -> Iterator[Chunk]:
        """Remember what a relation message says; tell it as DDL when it says something new."""
        old = self.memory.relations.get(relation.oid)
        self.memory.relations[relation.oid] = relation
        self._declared.pop(relation.oid, None)
        name = relation.schema, relation.table
        if old is not None and (old.schema, old.table) != name:
            self.memory.since.pop((old.schema, old.table), None)
        if self.wanted.table(name):
            self.memory.since.setdefault(name, 0)
        changes = relations.compare(old, relation, self._spell) if old else []
        text = relations.command(old, relation, changes, self._spell)
        if name in self.memory.told:
            self.memory.told.discard(name)
        elif text and (old or self.memory.complete) and self._told_of(relation):
            if old is not None:
                columns = [[self._column(c) for c in each.columns] for each in (old, relation)]
                self._check_stale(name, columns[0], columns[1], text)
            kind = "ALTER TABLE" if old else "CREATE TABLE"
            yield Chunk.single(*name, 0, Op.DDL, extra=self._ddl(relation, kind, text, changes))

    def _check_stale(
        self,
        name: TableName,
        old: relations.Columns | None,
        new: relations.Columns,
        command: str,
    ) -> None:
        """Note a table whose rows are others now; of one that was not described none are known."""

        def filled(columns: list[str]) -> bool:
            return self.lookup.filled(name, columns)

        if old is not None and relations.is_silent(old, new, command, filled):
            self.memory.stale.add(name)

    def _told_of(self, relation: Relation) -> bool:
        wanted = self.wanted.table((relation.schema, relation.table))
        return wanted and not self.lookup.partition(relation)

    def _learn(self, columns: Sequence[Attribute]) -> None:
        """Ask for types that were not met; one that is gone by now reads as text."""
        unknown = {column.type for column in columns} - self.types.oids
        if unknown:
            self.types.learn([TypeRow(oid, "unknown", type="u") for oid in unknown])
            self.types.learn(self.lookup.types(unknown))

    def _spell(self, column: Attribute) -> str:
        self._learn([column])
        return spelled(self.types[column.type], column.modifier)

    def _columns(self, name: TableName) -> relations.Columns | None:
        """Names and types of a table's columns as last described; None when it never was."""
        found = [r for r in self.memory.relations.values() if (r.schema, r.table) == name]
        return [self._column(c) for c in found[-1].columns] if found else None

    def _column(self, column: Attribute) -> dict[str, str]:
        return {"name": column.name, "type": self._spell(column)}

    def _ddl(
        self, relation: Relation, kind: str, text: str, changes: Sequence[relations.ColumnChange]
    ) -> str:
        columns = [self._column(column) for column in relation.columns]
        told = [{"change": c.change, "name": c.name, "type": c.type, "was": c.was} for c in changes]
        members = {"ddl_type": kind, "ddl_command": text, "inferred": True}
        return msgspec.json.encode({**members, "columns": columns, "changes": told}).decode()

    def _told(self, at: int, payload: bytes) -> Iterator[Chunk]:
        """What the event trigger wrote of a DDL command."""
        message = pgoutput.read_message(payload)
        if message.prefix != DDL_PREFIX or not message.transactional:
            return
        try:
            told = msgspec.json.decode(message.content, type=_Told)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise pgoutput.ProtocolError(f"a message {DDL_PREFIX!r} that cannot be read") from error
        for sub, each in enumerate(told.tables):
            name = each.schema, each.table
            if self.wanted.table(name):
                known = self._columns(name)
                if each.columns not in (known, None):  # else its description has come before
                    self.memory.told.add(name)
                    self._check_stale(name, known, each.columns, told.command)
                members = {"ddl_type": told.tag, "ddl_command": told.command, "inferred": False}
                extra = msgspec.json.encode({**members, "columns": each.columns}).decode()
                yield Chunk.single(*name, at, Op.DDL, sub=sub, extra=extra)

    # ------------------------------------------------------------------ tables

    def _tables(
        self, chunks: Sequence[Chunk], positions: Sequence[np.ndarray]
    ) -> tuple[dict[TableName, TableRows], dict[TableName, Declared]]:
        rows: dict[TableName, TableRows] = {}
        declared: dict[TableName, Declared] = {}
        for chunk, at in zip(chunks, positions, strict=True):
            name = chunk.schema, chunk.table
            if chunk.oid:
                declared[name] = self._declare(self._relation(chunk.oid))
            if chunk.has_images:
                rows[name] = TableRows(
                    chunk.after.frame(at[chunk.with_after]),
                    chunk.before.frame(at[chunk.with_before]),
                )
        return rows, declared

    def _declare(self, relation: Relation) -> Declared:
        known = self._declared.get(relation.oid)
        if known is None:
            self._learn(relation.columns)
            known = self._declared[relation.oid] = Declared(
                key=self._key(relation),
                types={c.name: self.types[c.type].kind.declared for c in relation.columns},
                whole=True,
            )
        return known

    def _key(self, relation: Relation) -> tuple[str, ...]:
        """The key that rows are known by; () where their updates cannot be told apart or seen."""
        if relation.identity == "n":
            return ()
        if relation.identity == "f":
            return self.lookup.key(relation)
        return tuple(column.name for column in relation.columns if column.key)


class _ToldTable(msgspec.Struct):
    schema: str
    table: str
    columns: list[dict[str, str]] | None = []  # None: they are as they were


class _Told(msgspec.Struct):
    """What the event trigger writes; see `ddl`."""

    tag: str
    command: str
    tables: list[_ToldTable] = []
