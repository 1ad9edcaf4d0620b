"""Compaction of live tables: rows go from the delta to the base, gone keys to the graves.

A view asks the base for the keys that the delta does not have, so a large delta slows every
question, and a fold reads the keys of the whole base, so folding often is dear. Measured with ten
million rows on two cores: a question takes 50 ms with a delta of 10,000 rows, 75 ms with 100,000,
115 ms with 500,000; a fold of 100,000 rows takes 0.2 s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import duckdb

from datawatch_lab.store.live_mirror import NOTHING
from datawatch_lab.store.live_slots import Slot
from datawatch_lab.store.live_state import HEADS, LiveTable, base_sql, graves_sql, shared_columns
from datawatch_lab.store.sql import fetch_row

FOLD_ROWS = 200_000
"""Rows that one call folds at most."""

SMALL_DELTA, LARGE_DELTA = 100_000, 500_000
BASE_SHARE = 50
"""A delta is folded when it has a fiftieth of the base, within these bounds."""


SHARED_ROWS = 500_000
"""Rows of the delta that tables share, from which on those that have most of it are folded.

Every question about a small table reads the table ids of all of these rows, about 1 ms.
"""

SHARED_FOLDS = 16
"""Tables that one call folds for that reason; each takes a dozen statements."""

LARGE_TABLE = 50_000
"""Rows of the base from which on a table has a delta of its own."""


def due(tables: Iterable[LiveTable], least: int | None) -> list[tuple[LiveTable, int]]:
    """Tables, those with most new rows first, and from how many rows on each is to be folded.

    Args:
        tables: all that have rows.
        least: fold each from so many rows on; from where it pays when None.
    """
    by_size = sorted(tables, key=lambda each: -each.delta_rows)
    if least is not None:
        return [(each, max(least, 1)) for each in by_size]
    crowd = [each for each in by_size if each.shared]
    crowded = sum(each.delta_rows for each in crowd) > SHARED_ROWS
    pressed = {each.id for each in crowd[:SHARED_FOLDS]} if crowded else set()
    return [(each, 1 if each.id in pressed else delta_limit(each)) for each in by_size]


def delta_limit(stored: LiveTable) -> int:
    """Rows of the delta from which folding is worth its cost."""
    return min(max(stored.base_rows // BASE_SHARE, SMALL_DELTA), LARGE_DELTA)


def count_delta(con: duckdb.DuckDBPyConnection, stored: LiveTable) -> LiveTable:
    """With the true number of rows of the delta instead of a bound."""
    (rows,) = fetch_row(con, f"SELECT count(*) FROM {stored.delta}")
    return replace(stored, delta_rows=int(rows))


def fold(
    con: duckdb.DuckDBPyConnection, stored: LiveTable, limit: int = FOLD_ROWS
) -> tuple[LiveTable, int]:
    """Move the oldest rows of the delta to where they stay; in the caller's transaction.

    Returns:
        The table as it is then, and how many rows were moved.
    """
    taken = min(stored.delta_rows, limit)
    if not taken:
        return stored, 0
    (last,) = fetch_row(
        con,
        f"SELECT rowid FROM {stored.kept_in} WHERE {stored.is_mine} "
        f"ORDER BY rowid LIMIT 1 OFFSET {taken - 1:d}",
    )
    moved = (
        f"(SELECT {', '.join(_columns(stored))} FROM {stored.kept_in} "
        f"WHERE {stored.is_mine} AND rowid <= {last:d})"
    )
    gone, lowest, highest = fetch_row(
        con, f"SELECT count(*) FILTER (gone), min(k_lo), max(k_lo) FROM {moved}"
    )
    stored = _prepare(con, stored, gone=bool(gone))
    _replace(con, stored, moved, lowest)
    _insert(con, stored, moved, gone=int(gone), rows=taken)
    con.execute(f"DELETE FROM {stored.kept_in} WHERE {stored.is_mine} AND rowid <= ?", [last])
    rows = stored.base_rows + taken - int(gone)
    left = stored.delta_rows - taken
    mirror = None if left else NOTHING
    settled = None if stored.settled is None else max(stored.settled, int(highest))
    moved_on = replace(stored, delta_rows=left, base_rows=rows, mirror=mirror, settled=settled)
    return moved_on, taken


def _replace(con: duckdb.DuckDBPyConnection, stored: LiveTable, moved: str, lowest: int) -> None:
    """Delete what has a newer version among the moved rows; those of new keys are not looked up."""
    known = moved
    if stored.narrow and stored.settled is not None:
        if lowest > stored.settled:
            return
        known = f"(SELECT k_hi, k_lo FROM {moved} WHERE k_lo <= {stored.settled:d})"
    for table, there in ((stored.base, stored.base_rows), (stored.graves, stored.has_graves)):
        if there:
            con.execute(f"DELETE FROM {table} a USING {known} b WHERE {stored.same_key}")


def _columns(stored: LiveTable) -> list[str]:
    """What to select from where the newest rows stand, as heads, ``gone`` and slot columns."""
    if not stored.shared:
        return [*HEADS, "gone", *(slot.column for slot in stored.slots)]
    there = shared_columns(stored.slots)
    return [*HEADS, "gone", *(f"{column} AS {own}" for own, column in there.items())]


def _prepare(con: duckdb.DuckDBPyConnection, stored: LiveTable, *, gone: bool) -> LiveTable:
    """Make the tables that are missing, and the columns that the base lacks."""
    if stored.base_slots is None:
        con.execute(base_sql(stored))
    else:
        for slot in _lacking(stored):
            con.execute(f"ALTER TABLE {stored.base} ADD COLUMN {slot.column} {slot.type}")
    if gone and not stored.has_graves:
        con.execute(graves_sql(stored))
    return replace(
        stored,
        base_slots=frozenset(slot.column for slot in stored.slots),
        has_graves=stored.has_graves or gone,
    )


def _lacking(stored: LiveTable) -> list[Slot]:
    return [slot for slot in stored.slots if slot.column not in (stored.base_slots or ())]


def _insert(
    con: duckdb.DuckDBPyConnection, stored: LiveTable, moved: str, *, gone: int, rows: int
) -> None:
    heads = ", ".join(HEADS)
    if gone:
        con.execute(f"INSERT INTO {stored.graves} ({heads}) SELECT {heads} FROM {moved} WHERE gone")
    if rows > gone:
        columns = ", ".join([*HEADS, *(slot.column for slot in stored.slots)])
        con.execute(
            f"INSERT INTO {stored.base} ({columns}) SELECT {columns} FROM {moved} WHERE NOT gone "
            f"ORDER BY {'k_lo' if stored.narrow else 'k_hi, k_lo'}"
        )


def forget_gone(con: duckdb.DuckDBPyConnection, stored: LiveTable, horizon: datetime) -> None:
    """Forget keys that were deleted before the horizon: no event that old can come any more."""
    if stored.has_graves:
        con.execute(f'DELETE FROM {stored.graves} WHERE "at" < ?', [horizon.replace(tzinfo=None)])


def forget_versions(con: duckdb.DuckDBPyConnection) -> None:
    """Forget versions whose event has left the log."""
    (first,) = fetch_row(con, "SELECT min(seq) FROM changes.log")
    if first is not None:
        con.execute("DELETE FROM current.versions WHERE seq < ?", [first])
