"""Compaction: merges appended states and moves buckets that no longer change to their place.

A commit only appends to ``measures.new_…``, in buckets of a second that count for all levels.
Compaction goes from level to level. It merges the rows of one by key. A bucket that got new rows
since the last compaction stays there, merged; one that did not is taken as settled. It moves to its
level's table, which holds one row a key, and what it comes to is carried on: it is appended for the
next coarser level, from which on it counts. So a day is not written anew with each second of it.
A bucket that changes after all (late data) starts again among the new rows and is merged with its
settled row when it moves. This needs no idea of what time it is, so old files and live data are
treated alike.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import duckdb

from datawatch_lab.core.values import LevelName
from datawatch_lab.store.cells import SLOTS, UNPACKED
from datawatch_lab.store.measures import (
    CARRIED,
    KINDS,
    LEVEL_NUMBERS,
    LEVELS,
    REGISTERS,
    StateKind,
    start_sql,
)
from datawatch_lab.store.sql import fetch_row

COMPACT_ROWS = 250_000
"""Appended rows of each kind that one slice merges at most, oldest first."""

SLICE_ROWS = 100_000
"""Rows of the first slice; later ones adapt."""

SLICE_SECONDS = 0.2
"""What a slice should take at most: the writer waits for it."""

LEAST_ROWS = 5_000

MUCH = 20_000
"""Appended rows from which on a compaction is worth another one, even when nothing more comes."""

ALL = 2**62
"""As many rows as there are."""


class Step(NamedTuple):
    """One level of a compaction.

    Attributes:
        rows: SQL: which appended rows it takes.
        next: the level that what settles is carried on to; None for none.
    """

    rows: str
    next: LevelName | None = None


STEPS = (
    Step(f"level < {CARRIED}"),  # of releases that appended at every level
    *(
        Step(
            f"level = {CARRIED + number}", LEVELS[number + 1] if number + 1 < len(LEVELS) else None
        )
        for number in range(len(LEVELS))
    ),
)

FINE_REGISTERS = 4_096
"""A distinct sketch with more fine registers than this is folded to 2^14 coarse ones."""


class Pass:
    """One compaction of all that was appended up to its beginning, in slices of bounded time.

    A slice is a transaction of its own, so a commit never waits for more than one; slices get
    smaller when one takes longer than `SLICE_SECONDS`.

    Attributes:
        rows: of a slice.
        handled: rows that slices took so far.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, rows: int = SLICE_ROWS) -> None:
        self.rows = rows
        self.handled = 0
        self._open = [(kind, step) for kind in KINDS for step in STEPS]
        self._ends = {kind.table: _end(con, kind) for kind in KINDS}

    @property
    def is_over(self) -> bool:
        """Whether all slices are done."""
        return not self._open

    def slice(self, con: duckdb.DuckDBPyConnection) -> int:
        """Merge one slice of one kind within the caller's transaction; returns rows saved."""
        began = time.perf_counter()
        kind, step = self._open[0]
        saved, taken, done = _compact_kind(con, kind, step, self.rows, self._ends[kind.table])
        self.handled += taken
        if done:
            self._open.pop(0)
            self._ends[kind.table] = _end(con, kind)  # what was carried on comes next
        took = time.perf_counter() - began
        if took > SLICE_SECONDS:
            self.rows = max(LEAST_ROWS, self.rows // 2)
        elif took < SLICE_SECONDS / 3:
            self.rows = min(COMPACT_ROWS, self.rows * 2)
        return saved


def appended(con: duckdb.DuckDBPyConnection) -> int:
    """Rows that have not settled."""
    counts = ", ".join(f"(SELECT count(*) FROM measures.new_{kind.table})" for kind in KINDS)
    return sum(_number(con, f"SELECT {counts}"))


def _end(con: duckdb.DuckDBPyConnection, kind: StateKind) -> int:
    (last,) = _number(con, f"SELECT coalesce(max(rowid), -1) FROM measures.new_{kind.table}")
    return last


class Settled(NamedTuple):
    """How many appended rows were settled, and whether that was all."""

    rows: int
    is_all: bool


def settle(
    con: duckdb.DuckDBPyConnection,
    kind: StateKind,
    level: LevelName,
    only: str,
    limit: int = ALL,
) -> Settled:
    """Put appended states at each level up to one, and carry them on; in a transaction.

    Args:
        con: in a transaction.
        kind: of the states.
        level: the last level.
        only: SQL that says of ``series`` and ``bucket`` which rows are meant.
        limit: rows, the oldest first.
    """
    each = 1 if kind.packing is None else len(SLOTS)
    rows = 0
    for step in STEPS[1 : LEVEL_NUMBERS[level] + 2]:
        if rows >= limit:
            return Settled(rows, is_all=False)
        _, taken, done = _compact_kind(con, kind, step, limit - rows, only=only)
        rows += taken * each
        if not done:
            return Settled(rows, is_all=False)
    return Settled(rows, is_all=True)


class _Part(NamedTuple):
    """The oldest of the appended rows: how many, the number of the last, whether it is all."""

    rows: int
    end: int
    is_last: bool


def _oldest(
    con: duckdb.DuckDBPyConnection, kind: StateKind, where: str, limit: int, upto: int
) -> _Part:
    if kind.packing is not None:
        limit = max(1, limit // len(SLOTS))
    count, last = _number(
        con,
        f"SELECT count(*), max(number) FROM (SELECT rowid AS number FROM measures.new_{kind.table} "
        f"WHERE {where} AND rowid <= {upto} ORDER BY rowid LIMIT {limit})",
    )
    return _Part(count, last, count < limit)


def _compact_kind(
    con: duckdb.DuckDBPyConnection,
    kind: StateKind,
    step: Step,
    limit: int = ALL,
    upto: int = ALL,
    *,
    only: str | None = None,
) -> tuple[int, int, bool]:
    """Merge the oldest rows up to a row number; with ``only`` those that it says, and all settle.

    Returns:
        Rows saved, rows taken, and whether none are left.
    """
    rows = step.rows if only is None else f"{step.rows} AND {only}"
    part = _oldest(con, kind, rows, limit, upto)
    if not part.rows:
        return 0, 0, True
    where = f"{rows} AND rowid <= {part.end}"
    con.execute(f"""
CREATE OR REPLACE TEMP TABLE merged AS
SELECT p.level, p.series, p.bucket{kind.key}, {kind.merged}, count(*) AS parts, FALSE AS hot
FROM {_rows_of(kind, where)} p GROUP BY p.level, p.series, p.bucket{kind.key}""")
    if only is None:
        _mark_hot(con, kind, step)
    if kind is REGISTERS:
        _fold_registers(con)
    taken, kept, hot = _number(
        con, "SELECT coalesce(sum(parts), 0)::BIGINT, count(*), count(*) FILTER (hot) FROM merged"
    )
    con.execute(f"DELETE FROM measures.new_{kind.table} WHERE {where}")
    con.execute(_put_sql(kind, "(SELECT *, FALSE AS fresh FROM merged WHERE hot)"))
    saved = taken - kept
    if kept > hot:
        if step.next is not None:
            con.execute(_carry_sql(kind, step.next))
        saved += _settle(con, kind)
    con.execute("DROP TABLE merged")
    return saved, part.rows, part.is_last


def _mark_hot(con: duckdb.DuckDBPyConnection, kind: StateKind, step: Step) -> None:
    """Say of the keys of ``merged`` whose buckets got new rows since the last compaction.

    Other slices may have these rows. Only those of the time of this one are looked at, or a long
    backlog would be gone through with each slice of it.
    """
    first, last = _number(con, "SELECT min(epoch_us(bucket)), max(epoch_us(bucket)) FROM merged")
    con.execute(f"""
CREATE OR REPLACE TEMP TABLE changing AS
SELECT DISTINCT n.level, n.series, n.bucket FROM measures.new_{kind.table} n
SEMI JOIN merged m ON n.level = m.level AND n.series = m.series AND n.bucket = m.bucket
WHERE n.fresh AND {step.rows} AND n.bucket
    BETWEEN make_timestamp({first}::BIGINT) AND make_timestamp({last}::BIGINT)""")
    con.execute(
        "UPDATE merged m SET hot = TRUE FROM changing c "
        "WHERE m.level = c.level AND m.series = c.series AND m.bucket = c.bucket"
    )
    con.execute("DROP TABLE changing")


def _carry_sql(kind: StateKind, level: LevelName) -> str:
    """What appends the settled keys of ``merged`` for the next coarser level."""
    start = start_sql("p.bucket", level)
    return _put_sql(
        kind,
        f"(SELECT {CARRIED + LEVEL_NUMBERS[level]}::UTINYINT AS level, p.series, {start} AS bucket"
        f"{kind.key}, {kind.merged}, TRUE AS fresh FROM (SELECT * FROM merged WHERE NOT hot) p "
        "GROUP BY ALL)",
    )


def _rows_of(kind: StateKind, where: str) -> str:
    """The appended rows that a condition says; a row a cell."""
    source = f"measures.new_{kind.table}"
    if kind.packing is None:
        return f"(SELECT * FROM {source} WHERE {where})"
    return (
        f"(SELECT level, series, bucket, {kind.packing.from_cell}, fresh FROM "
        f"(SELECT level, series, bucket, {UNPACKED} AS cell, fresh FROM {source} "
        f"WHERE {where}) WHERE cell <> 0)"
    )


def _put_sql(kind: StateKind, states: str) -> str:
    """What puts states among the appended rows: level, series, bucket, the columns, fresh."""
    source = f"measures.new_{kind.table}"
    if kind.packing is None:
        columns = f"level, series, bucket, {kind.columns}, fresh"
        return f"INSERT INTO {source} ({columns}) SELECT {columns} FROM {states} p"
    width = len(SLOTS)
    cells = ", ".join(f"coalesce(cells[o + {place}], 0)" for place in range(1, width + 1))
    return (
        f"INSERT INTO {source} SELECT level, series, bucket, {cells}, fresh FROM "
        f"(SELECT *, unnest(range(0, len(cells), {width})) AS o FROM "
        f"(SELECT level, series, bucket, list({kind.packing.to_cell}) AS cells, "
        f"bool_or(fresh) AS fresh FROM {states} p GROUP BY level, series, bucket))"
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
    con.execute(f"UPDATE merged SET level = level - {CARRIED} WHERE level >= {CARRIED}")
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
