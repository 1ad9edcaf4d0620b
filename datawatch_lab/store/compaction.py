"""Compaction: merges appended states and moves buckets that no longer change to their place.

A commit only appends to ``measures.new_…``. Compaction merges those rows by key. A key that got
new rows since the last compaction stays there, merged; one that did not is taken as settled and
moves to its level's table, which holds one row a key. A bucket that changes after all (late data)
starts again among the new rows and is merged with its settled row when it moves. This needs no
idea of what time it is, so old files and live data are treated alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import duckdb

from datawatch_lab.store.cells import SLOTS, UNPACKED
from datawatch_lab.store.measures import KINDS, LEVELS, REGISTERS, StateKind
from datawatch_lab.store.sql import fetch_row

COMPACT_ROWS = 250_000
"""Appended rows of each kind that one slice merges at most, oldest first."""

SLICE_ROWS = 100_000
"""Rows of the first slice; later ones adapt."""

SLICE_SECONDS = 0.2
"""What a slice should take at most: the writer waits for it."""

LEAST_ROWS = 5_000
_ALL = 2**62

FINE_REGISTERS = 4_096
"""A distinct sketch with more fine registers than this is folded to 2^14 coarse ones."""


class Pass:
    """One compaction of all that was appended up to its beginning, in slices of bounded time.

    A slice is a transaction of its own, so a commit never waits for more than one; slices get
    smaller when one takes longer than `SLICE_SECONDS`.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, rows: int = SLICE_ROWS) -> None:
        self.rows = rows
        self._open = [
            (kind, level, upto)
            for kind in KINDS
            for (upto,) in (_number(con, f"SELECT max(rowid) FROM measures.new_{kind.table}"),)
            for level in _levels_of(kind)
        ]

    @property
    def is_over(self) -> bool:
        """Whether all slices are done."""
        return not self._open

    def slice(self, con: duckdb.DuckDBPyConnection) -> int:
        """Merge one slice of one kind within the caller's transaction; returns rows saved."""
        began = time.perf_counter()
        kind, level, upto = self._open[0]
        saved, done = _compact_kind(con, kind, level, self.rows, upto)
        if done:
            self._open.pop(0)
        took = time.perf_counter() - began
        if took > SLICE_SECONDS:
            self.rows = max(LEAST_ROWS, self.rows // 2)
        elif took < SLICE_SECONDS / 3:
            self.rows = min(COMPACT_ROWS, self.rows * 2)
        return saved


def compact_states(con: duckdb.DuckDBPyConnection, limit: int = COMPACT_ROWS) -> int:
    """Merge states within the caller's transaction; returns rows saved."""
    return sum(
        _compact_kind(con, kind, level, limit, _ALL)[0]
        for kind in KINDS
        for level in _levels_of(kind)
    )


def _levels_of(kind: StateKind) -> Sequence[str]:
    """What slices of a kind are limited to, as SQL.

    Sketches go level by level: each bucket of a coarse level has cells in nearly every commit, so
    that a slice of all levels would settle nothing of them that the next does not take back.
    """
    if kind.packing is None:
        return ("TRUE",)
    return [f"level = {number}" for number in range(len(LEVELS))]


def _compact_kind(
    con: duckdb.DuckDBPyConnection, kind: StateKind, level: str, limit: int, upto: int
) -> tuple[int, bool]:
    """Merge the oldest rows up to a row number; gives rows saved, and whether none are left."""
    source = f"measures.new_{kind.table}"
    if kind.packing is not None:
        limit = max(1, limit // len(SLOTS))
    count, last = _number(
        con,
        f"SELECT count(*), max(number) FROM (SELECT rowid AS number FROM {source} "
        f"WHERE {level} AND rowid <= {upto} ORDER BY rowid LIMIT {limit})",
    )
    if not count:
        return 0, True
    con.execute(
        f"""
CREATE OR REPLACE TEMP TABLE merged AS
SELECT p.level, p.series, p.bucket{kind.key}, {kind.merged}, bool_or(p.fresh) AS hot,
    count(*) AS parts
FROM {_rows_of(kind, level)} p GROUP BY p.level, p.series, p.bucket{kind.key}""",
        [last],
    )
    if kind is REGISTERS:
        _fold_registers(con)
    taken, kept, hot = _number(
        con, "SELECT coalesce(sum(parts), 0)::BIGINT, count(*), count(*) FILTER (hot) FROM merged"
    )
    saved = taken - kept
    if kept > hot:
        saved += _settle(con, kind)
    con.execute(f"DELETE FROM {source} WHERE {level} AND rowid <= ?", [last])
    con.execute(_keep_sql(kind))
    con.execute("DROP TABLE merged")
    return saved, count < limit


def _rows_of(kind: StateKind, level: str) -> str:
    """The appended rows up to a row number, a parameter; a row a cell."""
    source = f"measures.new_{kind.table}"
    if kind.packing is None:
        return f"(SELECT * FROM {source} WHERE {level} AND rowid <= ?)"
    return (
        f"(SELECT level, series, bucket, {kind.packing.from_cell}, fresh FROM "
        f"(SELECT level, series, bucket, {UNPACKED} AS cell, fresh FROM {source} "
        f"WHERE {level} AND rowid <= ?) WHERE cell <> 0)"
    )


def _keep_sql(kind: StateKind) -> str:
    """What puts the keys of ``merged`` that are not settled back."""
    source = f"measures.new_{kind.table}"
    if kind.packing is None:
        columns = f"level, series, bucket, {kind.columns}"
        return (
            f"INSERT INTO {source} ({columns}, fresh) SELECT {columns}, FALSE FROM merged WHERE hot"
        )
    width = len(SLOTS)
    cells = ", ".join(f"coalesce(cells[o + {place}], 0)" for place in range(1, width + 1))
    return (
        f"INSERT INTO {source} SELECT level, series, bucket, {cells}, FALSE FROM "
        f"(SELECT *, unnest(range(0, len(cells), {width})) AS o FROM "
        f"(SELECT level, series, bucket, list({kind.packing.to_cell}) AS cells "
        "FROM merged p WHERE hot GROUP BY level, series, bucket))"
    )


def _fold_registers(con: duckdb.DuckDBPyConnection) -> None:
    """Fold sketches of ``merged`` with too many fine registers; see `metrics.registers`."""
    (large,) = _number(
        con,
        f"""
SELECT count(*) FROM (
    SELECT 1 FROM merged WHERE register >= 0
    GROUP BY level, series, bucket HAVING count(*) > {FINE_REGISTERS})""",
    )
    if not large:
        return
    con.execute(f"""
CREATE OR REPLACE TEMP TABLE merged AS
WITH folded AS (
    SELECT level, series, bucket,
        CASE WHEN register < 0 OR count(*) OVER sketch <= {FINE_REGISTERS} THEN register
            ELSE -1 - (register >> 12) END AS register,
        CASE WHEN register < 0 OR count(*) OVER sketch <= {FINE_REGISTERS} THEN rank
            WHEN register & 4095 = 0 THEN 12 + rank
            ELSE 12 - floor(log2(register & 4095))::INTEGER END AS rank,
        hot, parts
    FROM merged WINDOW sketch AS (PARTITION BY level, series, bucket))
SELECT level, series, bucket, register, max(rank)::TINYINT AS rank, bool_or(hot) AS hot,
    sum(parts)::BIGINT AS parts
FROM folded GROUP BY level, series, bucket, register""")


def _settle(con: duckdb.DuckDBPyConnection, kind: StateKind) -> int:
    """Move the settled keys of ``merged`` to their level's table; returns rows saved there."""
    columns = f"series, bucket, {kind.columns}"
    key = "series, bucket" + (kind.key.replace("p.", ""))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE earlier AS "
        f"SELECT level, {columns} FROM measures.settled_{kind.table} p "
        f"SEMI JOIN (SELECT * FROM merged WHERE NOT hot) m USING (level, {key})"
    )
    again = _counts(con, "SELECT level, count(*) FROM earlier GROUP BY level")
    on = " AND ".join(f"t.{name} = e.{name}" for name in key.split(", "))
    counts = _counts(con, "SELECT level, count(*) FROM merged WHERE NOT hot GROUP BY level")
    for number, level in enumerate(LEVELS):
        if number not in counts:
            continue
        target = kind.settled(level)
        settled = f"SELECT {columns} FROM merged WHERE NOT hot AND level = {number}"
        if number in again:
            earlier = f"SELECT {columns} FROM earlier WHERE level = {number}"
            con.execute(f"DELETE FROM {target} t USING ({earlier}) e WHERE {on}")
            settled = (
                f"SELECT p.series, p.bucket{kind.key}, {kind.merged} "
                f"FROM ({settled} UNION ALL {earlier}) p GROUP BY p.series, p.bucket{kind.key}"
            )
        con.execute(f"INSERT INTO {target} ({columns}) {settled} ORDER BY {key}")
    con.execute("DROP TABLE earlier")
    return sum(again.values())


def _counts(con: duckdb.DuckDBPyConnection, sql: str) -> dict[int, int]:
    return {int(level): int(count) for level, count in con.execute(sql).fetchall()}


def compact_meta(con: duckdb.DuckDBPyConnection) -> int:
    """Sum ledger increments and keep only the newest progress; returns rows saved."""
    ledger = _rewrite(
        con,
        "meta.ledger",
        'SELECT source, "table", sum(received), sum(applied), sum(duplicate), sum(late), '
        'sum(quarantined) FROM meta.ledger GROUP BY source, "table"',
    )
    progress = _rewrite(
        con,
        "meta.progress",
        "SELECT version, kind, name, table_id, value FROM meta.progress_now",
    )
    return ledger + progress


def _rewrite(con: duckdb.DuckDBPyConnection, table: str, select: str) -> int:
    """Put the rows of ``select`` in the place of all rows of ``table``."""
    count, last = _number(con, f"SELECT count(*), coalesce(max(rowid), -1) FROM {table}")
    con.execute(f"INSERT INTO {table} {select}")
    con.execute(f"DELETE FROM {table} WHERE rowid <= ?", [last])
    (after,) = _number(con, f"SELECT count(*) FROM {table}")
    return count - after


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    return tuple(int(value or 0) for value in fetch_row(con, sql))
