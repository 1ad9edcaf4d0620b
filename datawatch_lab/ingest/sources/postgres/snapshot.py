"""The rows that tables have at one point of the log: COPY as CSV, read column by column."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv

from datawatch_lab.core.batches import EVENT_SCHEMA, Declared, TableRows
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.postgres.catalogue import Published
from datawatch_lab.ingest.sources.postgres.driver import psycopg2
from datawatch_lab.ingest.sources.postgres.images import NO_IMAGES, Column, make_images
from datawatch_lab.ingest.sources.postgres.pgoutput import Relation, as_text, lsn_text
from datawatch_lab.ingest.sources.postgres.types import PgType

_AHEAD = 2  # chunks that are read before the first is taken
_WAIT = 0.2
_ROW = "\x01row"


@dataclass(frozen=True)
class Point:
    """A point of the log with a snapshot of what was committed before.

    Attributes:
        lsn: changes of transactions committed from here on are not in the snapshot, all others are.
        snapshot: its exported name.
        at: the server's clock before it was taken.
    """

    lsn: int
    snapshot: str
    at: datetime


@dataclass(frozen=True)
class Source:
    """A table as it is copied.

    Attributes:
        published: the table, and what of it is published.
        relation: its columns, those that are not wanted left out.
        types: of those columns.
        key: key columns, () when its rows have no key.
    """

    published: Published
    relation: Relation
    types: Sequence[PgType]
    key: tuple[str, ...]

    def statement(self) -> Any:
        """The COPY statement. A row without a key is known by its place and its transaction."""
        sql = psycopg2().sql
        columns = [sql.Identifier(column.name) for column in self.relation.columns]
        if not self.key:
            columns.insert(0, sql.SQL("concat_ws(':', tableoid, ctid, xmin)"))
        table, condition = self.published.table, self.published.filter
        return sql.SQL("COPY (SELECT {} FROM {}{}{}) TO STDOUT WITH (FORMAT csv)").format(
            sql.SQL(", ").join(columns),
            sql.SQL("ONLY " if table.kind == "r" else ""),
            sql.Identifier(table.schema, table.table),
            sql.SQL(f" WHERE {condition}" if condition else ""),
        )


def chunks(connection: Any, statement: Any, size: int) -> Iterator[bytes]:
    """What a COPY gives, cut between rows into parts of about ``size`` bytes.

    It is read in a thread of its own, at most two parts ahead, and is broken off when the iterator
    is closed.
    """
    parts: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    halt = threading.Event()

    def put(part: bytes | BaseException | None) -> None:
        while not halt.is_set():
            try:
                return parts.put(part, timeout=_WAIT)
            except queue.Full:
                continue
        return None

    def read() -> None:
        sink = _Sink(size, put, halt)
        try:
            with connection.cursor() as cursor:
                cursor.copy_expert(statement, sink, size)
            sink.flush()
        except BaseException as error:  # noqa: BLE001 — handed to whoever takes the parts
            put(error)
        put(None)

    thread = threading.Thread(target=read, name="datawatch-copy", daemon=True)
    thread.start()
    try:
        while (part := parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        halt.set()
        if thread.is_alive():
            connection.cancel()
        thread.join()


class _StoppedError(Exception):
    """The copy is not wanted any more."""


class _Sink(io.RawIOBase):
    """A file that the driver writes one row at a time to."""

    def __init__(self, size: int, put: Any, halt: threading.Event) -> None:
        self.size = size
        self.put = put
        self.halt = halt
        self.rows: list[bytes] = []
        self.held = 0

    def write(self, row: Any) -> int:
        if self.halt.is_set():
            raise _StoppedError
        self.rows.append(bytes(row))
        self.held += len(row)
        if self.held >= self.size:
            self.flush()
        return len(row)

    def flush(self) -> None:
        if self.rows:
            self.put(b"".join(self.rows))
            self.rows, self.held = [], 0


def read_rows(part: bytes, source: Source) -> tuple[list[pl.Series], pl.Series | None]:
    """Columns of texts, null for null, from CSV; and the places of rows without a key."""
    names = [f"c{at}" for at in range(len(source.relation.columns))]
    listed = names if source.key else [_ROW, *names]
    table = csv.read_csv(
        pa.BufferReader(part),
        read_options=csv.ReadOptions(column_names=listed, block_size=len(part) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(listed, pa.large_binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    columns = [as_text(table.column(name).combine_chunks()) for name in names]
    return columns, None if source.key else as_text(table.column(_ROW).combine_chunks())


def events_of(
    part: bytes, source: Source, point: Point, origin: str, start: int
) -> tuple[pa.Table, TableRows]:
    """The rows of a part as snapshot events.

    Args:
        part: CSV, whole rows.
        source: their table.
        point: when they were so.
        origin: names the database for good.
        start: rows of the table before the part.
    """
    texts, places = read_rows(part, source)
    columns = [
        Column(attribute.name, type_, text)
        for attribute, type_, text in zip(source.relation.columns, source.types, texts, strict=True)
    ]
    height = len(places if places is not None else texts[0])
    images = make_images(columns, height)
    ids = _ids(source, texts, places, point)
    order = pl.Series(np.arange(start + 1, start + 1 + height))
    frame = pl.DataFrame({"event_id": ids, "after": images.texts, "tx_order": order})
    table = _complete(frame, source, point, origin, Op.SNAPSHOT)
    return table, TableRows(images.frame(np.arange(height)), NO_IMAGES.frame(np.empty(0)))


def declared(source: Source) -> Declared:
    """Key and types of a table."""
    named = zip(source.relation.columns, source.types, strict=True)
    types = {column.name: type_.kind.declared for column, type_ in named}
    return Declared(source.key, types, whole=True)


def emptied(source: Source, point: Point, origin: str) -> pa.Table:
    """One event that empties the table: its snapshot begins anew."""
    frame = pl.DataFrame(
        {"event_id": [f"snapshot:{lsn_text(point.lsn)}"], "after": [None], "tx_order": [0]},
        schema_overrides={"after": pl.String},
    )
    return _complete(frame, source, point, origin, Op.TRUNCATE)


def _ids(
    source: Source, texts: Sequence[pl.Series], places: pl.Series | None, point: Point
) -> pl.Series:
    """Rows are known by their key at this point, or by their place, which stays as they do."""
    if places is not None:
        return "row:" + places
    by_name = {c.name: text for c, text in zip(source.relation.columns, texts, strict=True)}
    parts = [by_name[name].str.replace_all(":", "::", literal=True) for name in source.key]
    key = pl.select(pl.concat_str(parts, separator=":")).to_series()
    return f"snapshot:{lsn_text(point.lsn)}:" + key


def _complete(frame: pl.DataFrame, source: Source, point: Point, origin: str, op: Op) -> pa.Table:
    head = f'{{"lsn":"{lsn_text(point.lsn)}","sequence":'
    table = source.published.table
    whole = frame.with_columns(
        pl.lit(0, pl.Int64).alias("line"),
        pl.lit(-1, pl.Int64).alias("offset"),
        pl.lit(table.schema).alias("schema"),
        pl.lit(table.table).alias("table"),
        pl.lit(op.value).alias("op"),
        pl.lit(point.at).cast(pl.Datetime("us", "UTC")).alias("ts"),
        pl.lit(origin).alias("origin"),
        pl.lit(None, pl.String).alias("txid"),
        pl.lit(None, pl.String).alias("before"),
        pl.lit(None, pl.String).alias("extra"),
        pl.concat_str(pl.lit(head), "tx_order", pl.lit("}")).alias("position"),
    )
    return whole.select(EVENT_SCHEMA.names).to_arrow().cast(EVENT_SCHEMA)
