"""The history of schemas: what it reads of the log, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.schema_changes import SchemaChange, Snapshot
from datawatch_lab.store.measures import utc_frame
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import append, fetch_arrow, fetch_row

_EVENTS = """
SELECT seq, table_id, ts, source, event_id, txid, position, extra FROM changes.log
WHERE op = 'ddl' AND seq > ? AND seq <= ? ORDER BY seq
"""

_FIELDS = """
SELECT seq, table_id, source, epoch_us(ts) AS "at", to_json(json_keys("after"))::VARCHAR AS fields
FROM changes.log
WHERE seq > $1 AND seq <= $2 AND op IN ('c', 'r') AND "after" IS NOT NULL
  AND ($3::INTEGER[] IS NULL OR list_contains($3::INTEGER[], table_id))
ORDER BY seq
"""

# One row in eight, spread so that tables whose rows take turns are all met; see `is_sampled`.
_SAMPLED = """
WHERE seq > $1 AND seq <= $2 AND op IN ('c', 'r') AND "after" IS NOT NULL
  AND (seq % 1000003) * 2654435761 % 4294967296 < 536870912
"""

_KINDS = f"""
SELECT seq, table_id, epoch_us(ts) AS "at", json_structure("after")::VARCHAR AS kinds
FROM changes.log {_SAMPLED}
  AND ($3::INTEGER[] IS NULL OR list_contains($3::INTEGER[], table_id))
ORDER BY seq
"""

_TYPES = f"""
SELECT table_id, json_type("after", $3::VARCHAR[]) AS types, count(*)
FROM changes.log {_SAMPLED} GROUP BY ALL
"""


def is_sampled(seq: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the rows with some sequence numbers `read_row_kinds` reads."""
    return np.asarray((seq % 1_000_003) * 2_654_435_761 % 2**32 < 2**29)


_VALUES = """
SELECT list(DISTINCT value), list(DISTINCT kind) FROM (
    SELECT "after" ->> $pointer AS value, json_type("after", $pointer) AS kind FROM changes.log
    WHERE table_id = $table AND seq > $after AND seq <= $upto AND op IN ('c', 'r')
      AND "after" IS NOT NULL
    ORDER BY seq DESC LIMIT 500
) WHERE value IS NOT NULL
"""


@dataclass(frozen=True)
class SchemaStored:
    """What is stored of the history, up to a sequence number."""

    cursor: int
    changes: tuple[SchemaChange, ...]
    states: Mapping[int, bytes]
    snapshots: tuple[Snapshot, ...]


def read_schema_events(con: duckdb.DuckDBPyConnection, after: int, to: int) -> pl.DataFrame:
    """Events that tell of DDL with numbers in (after, to]: seq, table_id, ts, source, event_id,
    txid, position and extra, in order of seq.
    """  # noqa: D205 — a sentence that does not fit
    return utc_frame(fetch_arrow(con, _EVENTS, [after, to]))


def read_row_fields(
    con: duckdb.DuckDBPyConnection, after: int, to: int, tables: Sequence[int] | None = None
) -> pl.DataFrame:
    """Inserted and copied rows with numbers in (after, to]: seq, table_id, source, at (µs since
    1970) and fields (the names of their fields as a JSON list), in order of seq; of all tables, or
    of some.
    """  # noqa: D205 — a sentence that does not fit
    return pl.DataFrame(fetch_arrow(con, _FIELDS, [after, to, tables]))


def read_row_kinds(
    con: duckdb.DuckDBPyConnection, after: int, to: int, tables: Sequence[int] | None = None
) -> pl.DataFrame:
    """A part of those rows: seq, table_id, at and kinds (JSON: kind of value by field)."""
    return pl.DataFrame(fetch_arrow(con, _KINDS, [after, to, tables]))


def read_row_types(
    con: duckdb.DuckDBPyConnection, fields: Sequence[str], after: int, to: int
) -> list[tuple[int, list[str | None], int]]:
    """Of the same rows: table id, JSON type of each of some fields, how many rows have these."""
    return con.execute(_TYPES, [after, to, list(map(_pointer, fields))]).fetchall()


def _pointer(field: str) -> str:
    """Where a field stands in a row (RFC 6901)."""
    return "/" + field.replace("~", "~0").replace("/", "~1")


def read_values(
    con: duckdb.DuckDBPyConnection, table_id: int, field: str, after: int, to: int
) -> tuple[set[str], set[str]]:
    """Distinct values of a field, as text, and their JSON types, in the last 500 rows of
    (after, to].
    """  # noqa: D205 — a sentence that does not fit
    asked = {"pointer": _pointer(field), "table": table_id, "after": after, "upto": to}
    (found,) = con.execute(_VALUES, asked).fetchall()
    values, kinds = found
    return set(values or ()), set(kinds or ())


def load_schema(con: duckdb.DuckDBPyConnection) -> SchemaStored:
    """All that is stored."""
    (cursor,) = fetch_row(con, "SELECT max(seq) FROM meta.schema_cursor")
    changes = con.execute("SELECT document FROM meta.schema_changes").fetchall()
    states = con.execute("SELECT table_id, document FROM meta.schema_states").fetchall()
    named = con.execute("SELECT document FROM meta.schema_snapshots ORDER BY name").fetchall()
    return SchemaStored(
        cursor=int(cursor),
        changes=tuple(msgspec.json.decode(text, type=SchemaChange) for (text,) in changes),
        states={int(table): text.encode() for table, text in states},
        snapshots=tuple(msgspec.json.decode(text, type=Snapshot) for (text,) in named),
    )


def save_schema(
    con: duckdb.DuckDBPyConnection,
    cursor: int,
    changes: Sequence[SchemaChange],
    states: Mapping[int, bytes],
) -> None:
    """Store what was derived up to a cursor, and the cursor; a change that is there stays."""
    (done,) = fetch_row(con, "SELECT max(seq) FROM meta.schema_cursor")
    if cursor > done:
        con.execute("UPDATE meta.schema_cursor SET seq = ?", [cursor])
    ids = [each.id for each in changes]
    known = con.execute(
        "SELECT id FROM meta.schema_changes WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids]
    ).fetchall()
    there = {each for (each,) in known}
    new = [each for each in changes if each.id not in there]
    rows = {
        "id": [each.id for each in new],
        "seq": pa.array([each.seq for each in new], pa.int64()),
        "happened": pa.array([each.at for each in new], pa.timestamp("us", tz="UTC")),
        "document": [msgspec.json.encode(each).decode() for each in new],
    }
    append(con, "meta.schema_changes", pa.table(rows))
    con.execute(
        "DELETE FROM meta.schema_states WHERE table_id IN (SELECT unnest(?::INTEGER[]))",
        [list(states)],
    )
    kept = {
        "table_id": pa.array(list(states), pa.int32()),
        "document": [each.decode() for each in states.values()],
    }
    append(con, "meta.schema_states", pa.table(kept))


def put_snapshot(con: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Store a named snapshot, in place of one of the same name."""
    con.execute("DELETE FROM meta.schema_snapshots WHERE name = ?", [snapshot.name])
    con.execute(
        "INSERT INTO meta.schema_snapshots VALUES (?, ?)",
        [snapshot.name, msgspec.json.encode(snapshot).decode()],
    )


class SchemaStore(Part):
    """What a workspace keeps of the history of schemas; any thread may ask and write."""

    def stored(self) -> SchemaStored:
        """The history of schemas as it is stored."""
        with self.snapshot() as con:
            return load_schema(con)

    def events(self, after: int, to: int) -> pl.DataFrame:
        """Events that tell of DDL; see `store.schema_log`."""
        with self.reading() as con:
            return read_schema_events(con, after, to)

    def row_fields(self, after: int, to: int, tables: Sequence[int] | None = None) -> pl.DataFrame:
        """Names of the fields of new rows; see `store.schema_log`."""
        with self.reading() as con:
            return read_row_fields(con, after, to, tables)

    def row_kinds(self, after: int, to: int, tables: Sequence[int] | None = None) -> pl.DataFrame:
        """Kinds of the values of some new rows; see `store.schema_log`."""
        with self.reading() as con:
            return read_row_kinds(con, after, to, tables)

    def row_types(
        self, fields: Sequence[str], after: int, to: int
    ) -> list[tuple[int, list[str | None], int]]:
        """JSON types of some fields in some new rows; see `store.schema_log`."""
        with self.reading() as con:
            return read_row_types(con, fields, after, to)

    def row_values(
        self, table_id: int, field: str, after: int, to: int
    ) -> tuple[set[str], set[str]]:
        """Distinct values and JSON types of a field in some rows; see `store.schema_log`."""
        with self.reading() as con:
            return read_values(con, table_id, field, after, to)

    def save(
        self, cursor: int, changes: Sequence[SchemaChange], states: Mapping[int, bytes]
    ) -> None:
        """Store changes of schemas with what they were derived from, and the cursor."""
        with self.writing() as con:
            save_schema(con, cursor, changes, states)

    def put_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a named snapshot, in place of one of the same name."""
        with self.writing() as con:
            put_snapshot(con, snapshot)
