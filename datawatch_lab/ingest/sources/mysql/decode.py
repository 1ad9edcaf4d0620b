"""Entries of the binary log to batches of events, transaction by transaction."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from datawatch_lab.core.batches import Declared, TableRows
from datawatch_lab.core.errors import SourceError
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.mysql import ddl
from datawatch_lab.ingest.sources.mysql.catalogue import Place, Table, TableName, ordinal
from datawatch_lab.ingest.sources.mysql.layout import Builder, Layout, Mark, told, type_of
from datawatch_lab.ingest.sources.mysql.position import Position, advanced
from datawatch_lab.ingest.sources.mysql.types import Column, members_of
from datawatch_lab.ingest.sources.mysql.within import Within

log = logging.getLogger(__name__)

_STANDALONE = 1  # flag of MariaDB's GTID event: no COMMIT follows
_ROW_BITS = 20  # an entry of the log has fewer rows than 2^20
_CACHED = 500  # layouts that are remembered
_PACKED = frozenset({40, *range(165, 172)})
"""Numbers of events that hold others, compressed: MySQL's transactions, MariaDB's entries."""
_AGAIN = "then remove the source and watch it again: its tables are copied anew."


@dataclass(frozen=True)
class Entry:
    """An event of the log's reader.

    Attributes:
        event: of `pymysqlreplication`.
        file: of the log that it stands in.
        pos: where it ends.
    """

    event: Any
    file: str
    pos: int

    @property
    def kind(self) -> str:
        """Name of its class."""
        return type(self.event).__name__

    @property
    def begins(self) -> bool:
        """Whether a transaction begins with it."""
        return self.kind in ("MariadbGtidEvent", "GtidEvent")


@dataclass(frozen=True)
class Piece:
    """Events of a part of the stream.

    Attributes:
        settled: the position after the last transaction that is whole; part of another may follow.
        size: bytes of the log.
    """

    events: pa.Table
    rows: Mapping[TableName, TableRows]
    declared: Mapping[TableName, Declared]
    settled: Position
    size: int


class Lookup(Protocol):
    """What the log does not say, asked of the server."""

    def table(self, name: TableName) -> Table | None:
        """The table as it is now; None when it is gone."""
        ...


class Decoder:
    """Reads entries in order, from a place between transactions.

    Args:
        position: where it begins; changed as it goes on.
        within: what is wanted.
        lookup: asked for keys, and for what is JSON in MariaDB.
    """

    def __init__(self, position: Position, within: Within, lookup: Lookup) -> None:
        self.position = position
        self._settled = position.copy()
        self._within = within
        self._lookup = lookup
        self._builder = Builder(position.origin, position.again)
        self._layouts: dict[tuple[object, ...], Layout] = {}
        self._members: dict[TableName, Mapping[str, list[str]]] = {}
        self._mark = Mark("", 0, "", 0)
        self._open = False  # inside a transaction
        self._group = False  # which ends with a COMMIT
        self._sequence = 0  # of the last event; counts what others do not want, too
        self._size = 0
        self._on: Mapping[str, Callable[[Entry], Iterator[Piece]]] = {
            "MariadbGtidEvent": self._gtid,
            "GtidEvent": self._gtid,
            "QueryEvent": self._query,
            "XidEvent": self._commit,
            "WriteRowsEvent": self._rows,
            "UpdateRowsEvent": self._rows,
            "DeleteRowsEvent": self._rows,
            "RotateEvent": self._rotate,
            "XAPrepareEvent": self._prepared,
            "PartialUpdateRowsEvent": self._partial,
            "NotImplementedEvent": self._unread,
        }

    @property
    def in_transaction(self) -> bool:
        """Whether the last entry was inside of one."""
        return self._open

    def settle(self) -> None:
        """Take what was changed in the position between transactions for settled."""
        self._settled = self.position.copy()

    def feed(self, entries: Iterable[Entry]) -> Iterator[Piece]:
        """What entries bring; ends with a piece that may have no events."""
        for entry in entries:
            self._size += entry.event.event_size
            act = self._on.get(entry.kind)
            if act is not None:
                yield from act(entry)
        yield self._piece()

    def _piece(self) -> Piece:
        events, rows, declared = self._builder.finish()
        size, self._size = self._size, 0
        return Piece(events, rows, declared, self._settled.copy(), size)

    # ------------------------------------------------------------------ transactions

    def _gtid(self, entry: Entry) -> Iterator[Piece]:
        event = entry.event
        self._begin(entry, event.gtid)
        self._group = entry.kind == "MariadbGtidEvent" and not event.flags & _STANDALONE
        yield from ()

    def _begin(self, entry: Entry, gtid: str = "") -> None:
        self._mark = Mark(entry.file, entry.pos, gtid, entry.event.timestamp)
        self._open, self._sequence = True, 0

    def _commit(self, entry: Entry) -> Iterator[Piece]:
        held, gtid = self.position, self._mark.gtid
        # Of MySQL's set, what was before GTIDs were switched on is missing for good.
        if gtid and (held.gtid or ":" not in gtid):
            held.gtid = advanced(held.gtid, gtid)
        held.file, held.pos = entry.file, entry.pos
        self._open = self._group = False
        self._settled = held.copy()
        yield from ()

    def _rotate(self, entry: Entry) -> Iterator[Piece]:
        """Files end between transactions."""
        if not self._open:
            place = Place(entry.event.next_binlog.rstrip("\0"), int(entry.event.position))
            if place.ordinal > self.position.ordinal:
                self.position.go_to(place)
                self._settled = self.position.copy()
        yield from ()

    def _prepared(self, entry: Entry) -> Iterator[Piece]:
        log.warning(
            "%s: an XA transaction was prepared; its rows are taken as committed.", entry.file
        )
        yield from self._commit(entry)

    def _partial(self, entry: Entry) -> Iterator[Piece]:
        del entry
        raise SourceError(
            "mysql: the log has parts of JSON documents, not whole rows.",
            hint=f"SET GLOBAL binlog_row_value_options = ''; {_AGAIN}",
        )
        yield  # an iterator as the others are

    def _unread(self, entry: Entry) -> Iterator[Piece]:
        """What the reader of the log does not know; most of it is of no matter."""
        if entry.event.event_type in _PACKED:
            raise SourceError(
                f"mysql: the log is compressed at {entry.file}:{entry.pos}, and cannot be read.",
                hint="SET GLOBAL log_bin_compress = OFF (MariaDB) or "
                f"binlog_transaction_compression = OFF (MySQL); {_AGAIN}",
            )
        yield from ()

    # ------------------------------------------------------------------ statements

    def _query(self, entry: Entry) -> Iterator[Piece]:
        text, schema = _text(entry.event.query), _text(entry.event.schema)
        word = text.split(None, 1)[0].upper().rstrip(";") if text.strip() else ""
        if word == "BEGIN":
            if not self._mark.gtid or not self._open:
                self._begin(entry)
            self._group = True
            return
        if word in ("COMMIT", "ROLLBACK"):
            yield from self._commit(entry)
            return
        if not self._open:
            self._begin(entry)
        self._next_entry()
        statement = ddl.read(text, schema)
        if statement is not None:
            yield from self._ddl(statement, text)
        if not self._group:
            yield from self._commit(entry)

    def _ddl(self, statement: ddl.Statement, text: str) -> Iterator[Piece]:
        """A change of tables stands alone in a piece, so that no batch has two layouts."""
        tables = self._named(statement)
        if not tables:
            return
        if self._builder.count:
            yield self._piece()
        self._layouts.clear()
        self._members.clear()
        memory = self.position
        for name in tables:
            gone = name in statement.gone or statement.act == "database"
            if statement.act == "create":
                memory.since.setdefault(name, 0)
            if self._mark_ordinal <= memory.since.get(name, 0):
                continue
            self._note(name, Op.DDL, told(statement.word, text))
            if gone or statement.act == "truncate":
                self._note(name, Op.TRUNCATE)
            if gone:
                memory.since.pop(name, None)
                memory.stale.discard(name)
            elif statement.silent or (name in statement.made and statement.act == "rename"):
                memory.since.setdefault(name, 0)
                memory.stale.add(name)
        if self._builder.count:
            yield self._piece()

    def _named(self, statement: ddl.Statement) -> list[TableName]:
        if statement.act == "database":
            schema = statement.tables[0][0]
            return [name for name in sorted(self.position.since) if name[0] == schema]
        return [name for name in statement.tables if self._within.table(name)]

    @property
    def _mark_ordinal(self) -> int:
        return ordinal(self._mark.file, self._mark.pos)

    def _next_entry(self) -> None:
        """Number events by their entry, so that they keep their numbers whatever is selected."""
        self._sequence = ((self._sequence >> _ROW_BITS) + 1) << _ROW_BITS

    def _note(self, name: TableName, op: Op, extra: str | None = None) -> None:
        self._sequence += 1
        self._builder.single(name, op, self._mark, self._sequence, extra)

    # ------------------------------------------------------------------ rows

    def _rows(self, entry: Entry) -> Iterator[Piece]:
        event = entry.event
        name = (event.schema, event.table)
        if not self._open:
            self._begin(entry)
        self._next_entry()
        if not self._within.table(name):
            return
        if self._mark_ordinal <= self.position.since.get(name, 0):
            return
        layout = self._layout(event)
        if not self._builder.fits(layout):
            yield self._piece()
        rows = _read(event)
        op, after, before = _sides(entry.kind, rows)
        if layout.has_sets:
            for row, values in _with_nones(entry.kind, rows):
                values.update(row)
        self._builder.rows(layout, op, self._mark, self._sequence + 1, after, before)
        self._sequence += len(rows)

    def _layout(self, event: Any) -> Layout:
        name = (event.schema, event.table)
        self._spell(name, event.columns)
        described = [
            (column.name, type_of(column), bool(column.is_primary)) for column in event.columns
        ]
        signature = (name, *described)
        found = self._layouts.get(signature)
        if found is not None:
            return found
        if any(column[0] is None for column in described):
            raise SourceError(
                f"mysql: the log does not name the columns of {'.'.join(name)}.",
                hint=f"SET GLOBAL binlog_row_metadata = 'FULL'; {_AGAIN}",
            )
        if len(self._layouts) >= _CACHED:
            self._layouts.clear()
        made = self._layouts[signature] = self._described(name, described)
        return made

    def _spell(self, name: TableName, columns: Iterable[Any]) -> None:
        """Give enums and sets the members that the log's reader lost: it takes all for UTF-8."""
        for column in columns:
            enum, members = (
                getattr(column, "enum_values", None),
                getattr(column, "set_values", None),
            )
            listed = enum[1:] if enum else members  # the first is what stands for no member
            if not listed or "" not in listed:
                continue
            if name not in self._members:
                now = self._lookup.table(name)
                found = now.columns if now else ()
                self._members[name] = {each.name: members_of(each.type) for each in found}
            spelled = self._members[name].get(column.name, [])
            if len(spelled) != len(listed):
                continue
            if enum:
                column.enum_values = ["", *spelled]
            else:
                column.set_values = spelled

    def _described(self, name: TableName, described: Sequence[tuple[str, str, bool]]) -> Layout:
        now = self._lookup.table(name)
        json = {c.name for c in now.columns if c.json} if now else set()
        key = tuple(column for column, _, primary in described if primary)
        if (
            now
            and {*now.key} <= {column for column, _, _ in described}
            and (not key or {*key} == {*now.key})
        ):
            key = now.key
        columns = tuple(
            Column(column, type_, column in json)
            for column, type_, _ in described
            if column in key or self._within.column(name, column)
        )
        return Layout(name, columns, key, any(c.word == "set" for c in columns))


def _read(event: Any) -> Sequence[Mapping[str, Any]]:
    """The rows of an event.

    Raises:
        SourceError: they are not whole, or a value is none of its type.
    """
    table = f"{event.schema}.{event.table}"
    for name in ("columns_present_bitmap", "columns_present_bitmap2"):
        present = getattr(event, name, None)
        if present is not None and int.from_bytes(present).bit_count() < event.number_of_columns:
            raise SourceError(
                f"mysql: the log has parts of rows of {table}, not whole ones.",
                hint=f"SET GLOBAL binlog_row_image = 'FULL'; {_AGAIN}",
            )
    try:
        rows: Sequence[Mapping[str, Any]] = event.rows
    except (ValueError, LookupError, ArithmeticError, NotImplementedError, struct.error) as error:
        raise SourceError(
            f"mysql: a row of {table} cannot be read: {error}.",
            hint=f"Correct the value and watch it again from a new copy, or exclude {table}.",
        ) from None
    return rows


def _sides(kind: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Op, list[Any], list[Any]]:
    """Operation, images after and images before."""
    if kind == "UpdateRowsEvent":
        after = [row["after_values"] for row in rows]
        return Op.UPDATE, after, [row["before_values"] for row in rows]
    values = [row["values"] for row in rows]
    return (Op.INSERT, values, []) if kind == "WriteRowsEvent" else (Op.DELETE, [], values)


def _with_nones(
    kind: str, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Sets that are empty, which the reader tells apart from null, and the values they are of."""
    sides = ("after_", "before_") if kind == "UpdateRowsEvent" else ("",)
    for row in rows:
        for side in sides:
            nones = row[f"{side}none_sources"]
            empty = {name: "" for name, why in nones.items() if why == "empty set"}
            if empty:
                yield empty, row[f"{side}values"]


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
