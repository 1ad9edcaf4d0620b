"""Retention: what is older than it is kept, found and dropped in slices of bounded work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import polars as pl
import pyarrow as pa

from datawatch_lab.core.values import LevelName
from datawatch_lab.store.compaction import ALL, Settled, settle
from datawatch_lab.store.measures import (
    BINS,
    KINDS,
    LEVEL_NUMBERS,
    PARTIALS,
    REGISTERS,
    StateKind,
    start_sql,
)
from datawatch_lab.store.sql import append, fetch_arrow, fetch_row, run_with

_BLOCK_BYTES = 262_144
_BEGINNING = "TIMESTAMP '0001-01-01'"
_RUNNING = ("rows", "state", "newest")  # kinds that are read from the beginning of time
_DROPPED = """
INSERT INTO changes.dropped
SELECT source, table_id, count(*), count(*) FILTER (op = 'c'),
    min(received), max(received), min(ts), max(ts), max(seq)
FROM changes.log WHERE seq <= ? GROUP BY source, table_id
"""
_SUMMED = """
SELECT source, table_id, sum(events), sum(inserts), min(first_received), max(last_received),
    min(first_ts), max(last_ts), max(last_seq) FROM changes.dropped GROUP BY source, table_id
"""


def _with_cutoffs(con: duckdb.DuckDBPyConnection, cutoffs: Mapping[int, datetime]) -> None:
    """Make ``kept_from``: series and the start of the first bucket that is kept of it."""
    given = pa.table(
        {
            "table_id": pa.array(list(cutoffs), pa.int32()),
            "cutoff": pa.array(
                [each.replace(tzinfo=None) for each in cutoffs.values()], pa.timestamp("us")
            ),
        }
    )
    run_with(
        con,
        given,
        "CREATE OR REPLACE TEMP TABLE kept_from AS SELECT s.id AS series, g.table_id, g.cutoff, "
        "m.kind, m.field, s.labels FROM given g "
        "JOIN meta.measures m ON m.table_id = g.table_id JOIN meta.series s ON s.measure_id = m.id",
    )


def oldest_buckets(
    con: duckdb.DuckDBPyConnection,
    level: LevelName,
    cutoffs: Mapping[int, datetime],
    *,
    sketches: bool = False,
) -> dict[int, datetime]:
    """Oldest bucket that starts before the cut-off of its table, by table id; UTC.

    Args:
        con: any.
        level: the level.
        cutoffs: by table id.
        sketches: look at quantile and distinct sketches instead of partial states.
    """
    _with_cutoffs(con, cutoffs)
    newest = max(cutoffs.values()).replace(tzinfo=None)
    sources = ("bins", "registers") if sketches else ("partials",)
    found: dict[int, datetime] = {}
    for source in sources:
        rows = con.execute(
            f"SELECT k.table_id, min(p.bucket) FROM measures.all_{source} p "
            "JOIN kept_from k ON p.series = k.series "
            "WHERE p.level = ?::UTINYINT AND p.bucket < ? AND p.bucket < k.cutoff "
            f"AND p.bucket > {_BEGINNING} GROUP BY k.table_id",
            [LEVEL_NUMBERS[level], newest],
        ).fetchall()
        for table_id, bucket in rows:
            moment = bucket.replace(tzinfo=UTC)
            found[int(table_id)] = min(found.get(int(table_id), moment), moment)
    con.execute("DROP TABLE kept_from")
    return found


def drop_before(
    con: duckdb.DuckDBPyConnection, level: LevelName, cutoffs: Mapping[int, datetime]
) -> int:
    """Delete what a level has of buckets before the cut-off of their table; gives rows deleted.

    At level 1d, what runs from the beginning of time (rows of a table, rows by state, the newest
    value) is carried in a bucket at the beginning, so that sums over all time stay what they were.

    Args:
        con: in a transaction.
        level: the level.
        cutoffs: earliest bucket kept, by table id; tables that are not named keep all.
    """
    _with_cutoffs(con, cutoffs)
    _settle_old(con, KINDS, level)
    carried = _carried(con) if level == "1d" else None
    dropped = sum(_drop_states(con, kind, level) for kind in KINDS)
    dropped += sum(_drop(con, f"measures.{table}", level) for table in ("quantiles", "corrections"))
    if carried is not None:
        append(con, PARTIALS.settled(level), carried)
    con.execute("DROP TABLE kept_from")
    return dropped


def settle_before(
    con: duckdb.DuckDBPyConnection,
    level: LevelName,
    cutoffs: Mapping[int, datetime],
    limit: int,
    *,
    sketches: bool = False,
) -> Settled:
    """Settle a part of what `drop_before` or `fold_sketches` would have to settle first.

    Args:
        con: in a transaction.
        level: the level.
        cutoffs: by table id.
        limit: rows that are settled at most.
        sketches: of quantile and distinct sketches alone.
    """
    _with_cutoffs(con, cutoffs)
    settled = _settle_old(con, (BINS, REGISTERS) if sketches else KINDS, level, limit)
    con.execute("DROP TABLE kept_from")
    return settled


def _settle_old(
    con: duckdb.DuckDBPyConnection,
    kinds: Sequence[StateKind],
    level: LevelName,
    limit: int = ALL,
) -> Settled:
    """Put at a level what counts for it and lies in its buckets before the cut-off."""
    only = (
        "series IN (SELECT series FROM kept_from) AND "
        f"{start_sql('bucket', level)} < (SELECT max(cutoff) FROM kept_from)"
    )
    rows = 0
    for kind in kinds:
        settled = settle(con, kind, level, only, limit - rows)
        rows += settled.rows
        if not settled.is_all:
            return Settled(rows, is_all=False)
    return Settled(rows, is_all=True)


def _drop_states(con: duckdb.DuckDBPyConnection, kind: StateKind, level: LevelName) -> int:
    settled = _drop(con, kind.settled(level))
    return settled + _drop(con, f"measures.new_{kind.table}", level)


def _drop(con: duckdb.DuckDBPyConnection, table: str, level: LevelName | None = None) -> int:
    """Delete from a table; rows of one level where it holds several."""
    at = "" if level is None else f"p.level = {LEVEL_NUMBERS[level]}::UTINYINT AND "
    (count,) = fetch_row(
        con,
        f"DELETE FROM {table} p USING kept_from k WHERE {at}"
        "p.series = k.series AND p.bucket < k.cutoff "
        "AND p.bucket < (SELECT max(cutoff) FROM kept_from)",
    )
    return int(count)


def _carried(con: duckdb.DuckDBPyConnection) -> pa.Table:
    kinds = ", ".join(f"'{kind}'" for kind in _RUNNING)
    return fetch_arrow(
        con,
        f"""
SELECT p.series, {_BEGINNING} AS bucket, {PARTIALS.merged}
FROM measures.all_partials p JOIN kept_from k ON p.series = k.series
WHERE p.level = {LEVEL_NUMBERS["1d"]} AND p.bucket < k.cutoff AND k.kind IN ({kinds})
GROUP BY p.series""",
    )


def read_expiring(
    con: duckdb.DuckDBPyConnection,
    level: LevelName,
    cutoffs: Mapping[int, datetime],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Merged states of the buckets that `drop_before` or `fold_sketches` would take.

    Args:
        con: any, at one commit.
        level: the level.
        cutoffs: by table id.

    Returns:
        partials (table_id, kind, field, labels (JSON), series, bucket and the state), bins,
        registers (series, bucket, key, value) and finalised quantiles (series, bucket, p50 …).
    """
    _with_cutoffs(con, cutoffs)
    where = (
        f"p.level = {LEVEL_NUMBERS[level]} AND p.bucket < k.cutoff "
        f"AND p.bucket > {_BEGINNING} AND p.bucket < (SELECT max(cutoff) FROM kept_from)"
    )
    partials = fetch_arrow(
        con,
        f"""
SELECT k.table_id, k.kind, k.field, k.labels, p.series, p.bucket, {PARTIALS.merged}
FROM measures.all_partials p JOIN kept_from k ON p.series = k.series WHERE {where}
GROUP BY ALL ORDER BY k.table_id, p.bucket, p.series""",
    )
    sketches = [_sketches(con, kind, where) for kind in (BINS, REGISTERS)]
    done = fetch_arrow(
        con,
        "SELECT p.* EXCLUDE (level) FROM measures.quantiles p "
        f"JOIN kept_from k ON p.series = k.series WHERE {where}",
    )
    con.execute("DROP TABLE kept_from")
    frames = [pl.DataFrame(pl.from_arrow(each)) for each in (partials, *sketches, done)]
    return frames[0], frames[1], frames[2], frames[3]


def _sketches(con: duckdb.DuckDBPyConnection, kind: StateKind, where: str) -> pa.Table:
    return fetch_arrow(
        con,
        f"SELECT p.series, p.bucket{kind.key}, {kind.merged} FROM measures.all_{kind.table} p "
        f"JOIN kept_from k ON p.series = k.series WHERE {where} GROUP BY ALL",
    )


def fold_sketches(
    con: duckdb.DuckDBPyConnection,
    level: LevelName,
    cutoffs: Mapping[int, datetime],
    finalised: pa.Table,
) -> int:
    """Put finalised quantiles in the place of the sketches of old buckets; gives rows deleted.

    A bucket that has its quantiles keeps them: what came for it later cannot be merged in.

    Args:
        con: in a transaction.
        level: 1m or 5m.
        cutoffs: earliest bucket that keeps its sketches, by table id.
        finalised: series, bucket, p50, p90, p95, p99, distinct of the buckets before.
    """
    run_with(
        con,
        finalised,
        f"INSERT INTO measures.quantiles SELECT {LEVEL_NUMBERS[level]}, g.series, g.bucket, "
        'g.p50, g.p90, g.p95, g.p99, g."distinct" FROM given g ANTI JOIN '
        f"(SELECT * FROM measures.quantiles WHERE level = {LEVEL_NUMBERS[level]}) q "
        "USING (series, bucket)",
    )
    _with_cutoffs(con, cutoffs)
    _settle_old(con, (BINS, REGISTERS), level)
    dropped = sum(_drop_states(con, kind, level) for kind in (BINS, REGISTERS))
    con.execute("DROP TABLE kept_from")
    return dropped


def log_span(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """First and last sequence number of the log; (1, 0) when it is empty."""
    first, last = fetch_row(con, "SELECT min(seq), max(seq) FROM changes.log")
    return (1, 0) if first is None else (int(first), int(last))


def log_since(con: duckdb.DuckDBPyConnection) -> tuple[datetime, datetime] | None:
    """Receipt and event time of the oldest change that the log still has; None when it is empty."""
    rows = con.execute(
        "SELECT received, ts FROM changes.log WHERE seq = (SELECT min(seq) FROM changes.log)"
    ).fetchall()
    times = [each.replace(tzinfo=UTC) for row in rows for each in row]
    return (times[0], times[1]) if times else None


def expired_to(con: duckdb.DuckDBPyConnection, upto: int, received: datetime) -> int:
    """The last sequence number, at most ``upto``, before which all was received before a time.

    0 when nothing was. Only the rows up to ``upto`` are looked at.
    """
    kept, last = fetch_row(
        con,
        "SELECT min(seq) FILTER (received >= ?), max(seq) FROM changes.log WHERE seq <= ?",
        [received.replace(tzinfo=None), upto],
    )
    if last is None:
        return 0
    return int(last) if kept is None else int(kept) - 1


def derived_to(con: duckdb.DuckDBPyConnection) -> int:
    """Sequence number that every derivation is done with."""
    (seq,) = fetch_row(
        con,
        "SELECT coalesce(min(value::BIGINT), 0) FROM meta.progress_now WHERE kind = 'cursor'",
    )
    return int(seq)


def log_row_bytes(con: duckdb.DuckDBPyConnection) -> float | None:
    """Bytes on disk that a row of the log takes; None before the first check-point."""
    blocks, rows = fetch_row(
        con,
        "SELECT count(DISTINCT block_id), sum(count) FILTER (column_name = 'seq' "
        "AND segment_type <> 'VALIDITY') FROM pragma_storage_info('changes.log') WHERE persistent",
    )
    return blocks * _BLOCK_BYTES / rows if rows else None


def read_log_prefix(con: duckdb.DuckDBPyConnection, to_seq: int) -> pl.DataFrame:
    """The log up to a sequence number, with the name of each table, in order."""
    table = fetch_arrow(
        con,
        "SELECT t.name AS table_name, l.* FROM changes.log l "
        "LEFT JOIN meta.tables t ON t.id = l.table_id WHERE l.seq <= ? ORDER BY l.seq",
        [to_seq],
    )
    return pl.DataFrame(pl.from_arrow(table))


def drop_log(con: duckdb.DuckDBPyConnection, to_seq: int) -> None:
    """Delete the log up to a sequence number, and what is of no use without it.

    Counts of what was there are kept. Of the closes, the newest of each table stay.

    Args:
        con: in a transaction.
        to_seq: the last one that goes.
    """
    con.execute(_DROPPED, [to_seq])
    summed = fetch_arrow(con, _SUMMED)
    con.execute("DELETE FROM changes.dropped")
    run_with(con, summed, "INSERT INTO changes.dropped SELECT * FROM given")
    con.execute("DELETE FROM changes.log WHERE seq <= ?", [to_seq])
    con.execute("DELETE FROM current.versions WHERE seq <= ?", [to_seq])
    con.execute(
        "DELETE FROM meta.closes WHERE after_seq <= ? AND number NOT IN ("
        'SELECT max(number) FROM meta.closes GROUP BY table_id, "by")',
        [to_seq],
    )


def archive_step(con: duckdb.DuckDBPyConnection) -> tuple[str, int]:
    """Name of this workspace in archives, and the number of the next step."""
    workspace, steps = fetch_row(con, "SELECT workspace, steps FROM meta.archive")
    return str(workspace), int(steps)


def count_step(con: duckdb.DuckDBPyConnection) -> None:
    """The files of a step are safe; the next one has another number."""
    con.execute("UPDATE meta.archive SET steps = steps + 1")
