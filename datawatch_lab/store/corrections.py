"""Closes of buckets, and the first values of closed buckets that changed after all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.storage import CLOSE_SCHEMA, Corrections, FirstStates
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName
from datawatch_lab.store.measures import (
    BINS,
    LEVEL_NUMBERS,
    PARTIALS,
    REGISTERS,
    StateKind,
    floor_us,
    to_micros,
)
from datawatch_lab.store.part import Part
from datawatch_lab.store.sql import append, column_list, fetch_arrow, fetch_row, naive, run_with

_WIDTHS = ", ".join(
    f"({number}, {LEVEL_SECONDS[name] * 1_000_000}::BIGINT)"
    for name, number in LEVEL_NUMBERS.items()
    if number
)
_START = f"make_timestamp({floor_us('epoch_us(g.bucket)', 'l.width')})"


def append_closes(con: duckdb.DuckDBPyConnection, closes: pa.Table) -> None:
    """Store control entries, numbered in order; `core.storage.CLOSE_SCHEMA`."""
    names = column_list(CLOSE_SCHEMA.names)
    if closes.num_rows:
        run_with(
            con,
            closes,
            f"INSERT INTO meta.closes (number, {names}) "
            "SELECT (SELECT coalesce(max(number), 0) FROM meta.closes) + row_number() OVER (), "
            f"{names} FROM given",
        )


def read_closes(con: duckdb.DuckDBPyConnection, seq: int, number: int) -> pl.DataFrame:
    """Control entries at or after a sequence number and after a number, in order of number."""
    return pl.DataFrame(
        pl.from_arrow(
            fetch_arrow(
                con,
                "SELECT * FROM meta.closes WHERE after_seq >= ? AND number > ? ORDER BY number",
                [seq, number],
            )
        )
    ).with_columns(pl.col("closed_from", "closed_until", "at").dt.replace_time_zone("UTC"))


def read_closed(
    con: duckdb.DuckDBPyConnection,
) -> dict[int, tuple[datetime, datetime | None]]:
    """By table id, until when its minutes are closed, and until when the clock closed them.

    The newest entry holds, not the furthest: a clock that was set back opened minutes again.
    """
    rows = con.execute(
        "SELECT table_id, arg_max(closed_until, number), "
        'arg_max(closed_until, number) FILTER ("by" = ?) '
        "FROM meta.closes GROUP BY table_id ORDER BY table_id",
        ["clock"],
    ).fetchall()
    return {
        table_id: (until.replace(tzinfo=UTC), clock and clock.replace(tzinfo=UTC))
        for table_id, until, clock in rows
    }


def append_corrections(
    con: duckdb.DuckDBPyConnection, corrections: Corrections, at: datetime, version: int
) -> None:
    """Keep first values, and count further corrections of buckets that have theirs.

    Args:
        con: in the transaction of the commit.
        corrections: what it corrects.
        at: when, by the clock.
        version: data version that the commit makes.
    """
    moment = pa.scalar(at.replace(tzinfo=None), pa.timestamp("us"))
    first, again = corrections.first, corrections.again
    if first.num_rows:
        when = pa.repeat(moment, first.num_rows)
        stamped = first.append_column("corrected_at", when)
        stamped = stamped.append_column("last_corrected_at", when)
        number = pa.repeat(pa.scalar(version, pa.int64()), first.num_rows)
        append(con, "measures.corrections", stamped.append_column("version", number))
    if again.num_rows:
        run_with(
            con,
            again.append_column("moment", pa.repeat(moment, again.num_rows)),
            "UPDATE measures.corrections c SET rows = c.rows + g.rows, "
            f"last_corrected_at = g.moment, version = {version:d} FROM given g "
            "WHERE c.level = g.level AND c.series = g.series AND c.bucket = g.bucket",
        )


def read_first_states(
    con: duckdb.DuckDBPyConnection,
    appends: MeasureAppends,
) -> FirstStates:
    """States before correction, merged from what is stored and what the commit itself brings.

    Args:
        con: in a transaction, at the state before the commit.
        appends: what the commit brings to the buckets in question, at level 1s, each table with
            two more columns: ``part`` (int64, ascending in order of arrival; corrections of one
            part see the rest of it) and ``depth`` (int8: to how many levels from 1m up the rows
            are corrections).
    """
    con.register("late", naive(_keyed(appends.partials)))
    try:
        con.execute(f"""
CREATE OR REPLACE TEMP TABLE corrected AS
SELECT l.level::UTINYINT AS level, g.series, {_START} AS bucket, min(g.part) AS part,
    sum(g.n)::BIGINT AS rows
FROM late g JOIN (VALUES {_WIDTHS}) l(level, width) ON g.depth >= l.level GROUP BY ALL""")
        again = fetch_arrow(
            con,
            "SELECT level, series, bucket, c.rows FROM corrected c "
            "SEMI JOIN measures.corrections USING (level, series, bucket)",
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE firsts AS SELECT * FROM corrected "
            "ANTI JOIN measures.corrections USING (level, series, bucket)"
        )
        first = fetch_arrow(con, "SELECT level, series, bucket, rows FROM firsts")
        bounds = fetch_row(con, "SELECT min(bucket), max(bucket) FROM firsts")
        kinds = (
            (PARTIALS, appends.partials),
            (BINS, appends.bins),
            (REGISTERS, appends.registers),
        )
        states = [_before(con, kind, given, bounds) for kind, given in kinds]
    finally:
        con.unregister("late")
        con.execute("DROP TABLE IF EXISTS corrected")
        con.execute("DROP TABLE IF EXISTS firsts")
    return FirstStates(pl.DataFrame(pl.from_arrow(first)), again, *states)


def _keyed(partials: pa.Table) -> pa.Table:
    return partials.select(["series", "bucket", "n", "part", "depth"])


def _before(
    con: duckdb.DuckDBPyConnection, kind: StateKind, given: pa.Table, bounds: Sequence[object]
) -> pl.DataFrame:
    """Merged states of ``firsts`` without their corrections."""
    brought = " UNION ALL ".join(_brought(kind, level) for level in LEVEL_NUMBERS.values() if level)
    con.register("brought", naive(given))
    try:
        table = fetch_arrow(
            con,
            f"""
SELECT p.level, p.series, p.bucket{kind.key}, {kind.merged} FROM (
    SELECT s.level, s.series, s.bucket, {kind.columns}
    FROM measures.all_{kind.table} s SEMI JOIN firsts f USING (level, series, bucket)
    WHERE s.level > 0 AND s.bucket BETWEEN ? AND ?
    UNION ALL {brought}
) p GROUP BY ALL""",
            list(bounds),
        )
    finally:
        con.unregister("brought")
    return pl.DataFrame(pl.from_arrow(table))


def _brought(kind: StateKind, level: int) -> str:
    """Rows of the commit itself at one level; a join on plain columns, since it is hashed then."""
    start = floor_us("epoch_us(g.bucket)", str(list(LEVEL_SECONDS.values())[level] * 1_000_000))
    return f"""
    SELECT f.level, f.series, f.bucket, {_prefixed(kind)}
    FROM (SELECT *, make_timestamp({start}) AS start FROM brought g) g
    JOIN (SELECT * FROM firsts WHERE level = {level}) f
    ON f.series = g.series AND f.bucket = g.start
    WHERE g.part < f.part OR (g.part = f.part AND g.depth < {level})"""


def _prefixed(kind: StateKind) -> str:
    return ", ".join(f"g.{name}" for name in kind.schema)


def read_corrections(
    con: duckdb.DuckDBPyConnection,
    level: LevelName,
    series: Sequence[int],
    start: datetime,
    end: datetime,
) -> pl.DataFrame:
    """Corrected buckets of some series in [start, end), with their first states; times are UTC."""
    wanted = pa.table({"id": pa.array(list(series), pa.int32())})
    con.register("wanted", wanted)
    try:
        table = fetch_arrow(
            con,
            "SELECT c.* FROM measures.corrections c JOIN wanted w ON c.series = w.id "
            "WHERE level = ?::UTINYINT AND bucket >= make_timestamp(?::BIGINT) "
            "AND bucket < make_timestamp(?::BIGINT) ORDER BY series, bucket",
            [LEVEL_NUMBERS[level], to_micros(start), to_micros(end)],
        )
    finally:
        con.unregister("wanted")
    frame = pl.DataFrame(pl.from_arrow(table))
    times = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime("us")]
    return frame.with_columns(pl.col(times).dt.replace_time_zone("UTC"))


class ClosingStore(Part):
    """What a workspace keeps of closed buckets; any thread may ask."""

    def first_states(self, appends: MeasureAppends) -> FirstStates:
        """States of closed buckets before a commit corrects them."""
        with self.snapshot() as con:
            return read_first_states(con, appends)

    def corrections(
        self, level: LevelName, series: Sequence[int], start: datetime, end: datetime
    ) -> pl.DataFrame:
        """Corrected buckets of some series, with their first states."""
        with self.reading() as con:
            return read_corrections(con, level, series, start, end)

    def closed(self) -> dict[int, tuple[datetime, datetime | None]]:
        """By table id, until when minutes are closed, and until when the clock closed them."""
        with self.reading() as con:
            return read_closed(con)

    def closes(self, seq: int, number: int = 0) -> pl.DataFrame:
        """Control entries at or after a sequence number and after a number, in order."""
        with self.reading() as con:
            return read_closes(con, seq, number)

    def close(self, closes: pa.Table) -> None:
        """Store control entries in a transaction of their own; `core.storage.CLOSE_SCHEMA`."""
        with self.writing() as con:
            append_closes(con, closes)
