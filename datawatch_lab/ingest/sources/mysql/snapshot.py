"""The rows that tables have at one place of the binary log, read in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import EVENT_SCHEMA, Declared, TableRows
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.mysql.catalogue import Catalogue, Place, Table
from datawatch_lab.ingest.sources.mysql.driver import connect, driver, query, quoted, telling
from datawatch_lab.ingest.sources.mysql.layout import prefix_of
from datawatch_lab.ingest.sources.postgres.images import NO_IMAGES, make_images
from datawatch_lab.ingest.sources.postgres.images import Column as Sent


@dataclass(frozen=True)
class Point:
    """A place of the log, and a transaction that sees what was committed before it.

    Attributes:
        place: in the log.
        at: the server's clock before it was taken.
        connection: with the transaction.
        again: how often the watch began anew.
        copies: which copy of a table it is, where it was emptied before; 0 for the first.
    """

    place: Place
    at: datetime
    connection: Any
    again: int = 0
    copies: int = 0


@contextmanager
def point(address: Endpoint, again: int) -> Iterator[Point]:
    """Begin a transaction whose place in the log is known; it ends with the context.

    MariaDB says the place itself. For MySQL all tables are locked for the moment in which the
    transaction begins (FLUSH TABLES WITH READ LOCK, which needs the right RELOAD).

    Args:
        address: of the server.
        again: how often the watch began anew; part of the identity of the rows.

    Raises:
        SourceError: the server cannot be reached or refuses.
    """
    connection = connect(address, conv={})  # values stay texts
    try:
        with telling(address):
            query(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            plain = connect(address)
            try:
                catalogue = Catalogue(plain)
                at = catalogue.now()
                place = (
                    _mariadb(connection, catalogue)
                    if catalogue.mariadb
                    else _locked(connection, catalogue)
                )
            finally:
                plain.close()
        yield Point(place, at, connection, again)
    finally:
        connection.close()


def _mariadb(connection: Any, catalogue: Catalogue) -> Place:
    query(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    said = {
        str(name).lower(): str(value)
        for name, value in query(connection, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%'")
    }
    file, pos = said["binlog_snapshot_file"], int(said["binlog_snapshot_position"])
    return Place(file, pos, catalogue.gtid_at(file, pos))


def _locked(connection: Any, catalogue: Catalogue) -> Place:
    query(connection, "FLUSH TABLES WITH READ LOCK")
    try:
        query(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
        return catalogue.place()
    finally:
        query(connection, "UNLOCK TABLES")


def chunks(
    address: Endpoint, at: Point, table: Table, rows: int
) -> Generator[list[Sequence[Any]], None, None]:
    """The rows of a table, so many at a time; the table is not held once they are read.

    Raises:
        SourceError: it was altered since the transaction began, or the connection broke.
    """
    shown = ", ".join(c.form.select.format(quoted(c.name)) for c in table.columns)
    statement = f"SELECT {shown} FROM {quoted(*table.name)}"  # noqa: S608 — names are quoted
    with telling(address):
        query(at.connection, "SAVEPOINT datawatch")
        cursor = at.connection.cursor(driver().cursors.SSCursor)
        whole = False
        try:
            cursor.execute(statement)
            while part := cursor.fetchmany(rows):
                yield list(part)
            whole = True
        finally:
            if whole:
                cursor.close()
            else:  # closing would read the rest, and so would the result's end
                if cursor._result is not None:  # noqa: SLF001 — the driver has no other way
                    cursor._result.unbuffered_active = False  # noqa: SLF001
                at.connection._force_close()  # noqa: SLF001
        query(at.connection, "ROLLBACK TO SAVEPOINT datawatch")


def events_of(
    part: Sequence[Sequence[Any]],
    table: Table,
    at: Point,
    origin: str,
    seen: Counter[bytes],
    start: int,
) -> tuple[pa.Table, TableRows]:
    """Rows as snapshot events.

    Args:
        part: rows as the driver gives them, values as text.
        table: theirs.
        at: when they were so.
        origin: names the server for good.
        seen: of a table without a key, how often each row came; changed.
        start: rows of the table before the part.
    """
    texts = [
        column.form.copied(pl.Series([_text(value) for value in values], dtype=pl.String))
        for column, values in zip(table.columns, zip(*part, strict=True), strict=True)
    ]
    columns = [
        Sent(column.name, column.form.type, text)
        for column, text in zip(table.columns, texts, strict=True)
    ]
    images = make_images(columns, len(part))
    ids = _ids(table, texts, at) if table.key else _numbered(images.texts, seen)
    order = pl.Series(np.arange(start + 1, start + 1 + len(part)))
    frame = pl.DataFrame({"event_id": ids, "after": images.texts, "tx_order": order})
    whole = _complete(frame, table, at, origin, Op.SNAPSHOT)
    return whole, TableRows(images.frame(np.arange(len(part))), NO_IMAGES.frame(np.empty(0)))


def declared(table: Table) -> Declared:
    """Key and types of a table."""
    return Declared(table.key, table.types, whole=True)


def emptied(table: Table, at: Point, origin: str) -> pa.Table:
    """One event that empties the table: its copy begins anew."""
    frame = pl.DataFrame(
        {"event_id": [f"snapshot:{_place(at)}"], "after": [None], "tx_order": [0]},
        schema_overrides={"after": pl.String},
    )
    return _complete(frame, table, at, origin, Op.TRUNCATE)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _place(at: Point) -> str:
    """What sets a copy apart: its place, and its number where the log may not have moved since."""
    number = f"#{at.copies}" if at.copies else ""
    return f"{prefix_of(at.again)}{at.place.file}:{at.place.pos}{number}"


def _ids(table: Table, texts: Sequence[pl.Series], at: Point) -> pl.Series:
    """Rows are known by their key at this place."""
    by_name = {c.name: text for c, text in zip(table.columns, texts, strict=True)}
    parts = [by_name[name].str.replace_all(":", "::", literal=True) for name in table.key]
    key = pl.select(pl.concat_str(parts, separator=":")).to_series()
    return f"snapshot:{_place(at)}:" + key


def _numbered(images: pl.Series, seen: Counter[bytes]) -> pl.Series:
    """Rows without a key are known by what they hold, and which of equal rows they are."""
    made = []
    for image in images:
        digest = blake2b(image.encode(), digest_size=12).digest()
        seen[digest] += 1
        made.append(f"row:{digest.hex()}:{seen[digest]}")
    return pl.Series(made, dtype=pl.String)


def _complete(frame: pl.DataFrame, table: Table, at: Point, origin: str, op: Op) -> pa.Table:
    gtid = f',"gtid":"{at.place.gtid}"' if at.place.gtid else ""
    head = f'{{"file":"{at.place.file}","pos":{at.place.pos}{gtid},"sequence":'
    whole = frame.with_columns(
        pl.lit(0, pl.Int64).alias("line"),
        pl.lit(-1, pl.Int64).alias("offset"),
        pl.lit(table.name[0]).alias("schema"),
        pl.lit(table.name[1]).alias("table"),
        pl.lit(op.value).alias("op"),
        pl.lit(at.at).cast(pl.Datetime("us", "UTC")).alias("ts"),
        pl.lit(origin).alias("origin"),
        pl.lit(None, pl.String).alias("txid"),
        pl.lit(None, pl.String).alias("before"),
        pl.lit(None, pl.String).alias("extra"),
        pl.concat_str(pl.lit(head), "tx_order", pl.lit("}")).alias("position"),
    )
    return whole.select(EVENT_SCHEMA.names).to_arrow().cast(EVENT_SCHEMA)
