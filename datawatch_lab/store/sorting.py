"""Sorting: puts settled states of a level in order of series, so that a series stands together.

States settle in order of time: all series of some minutes, then all of the next. A question wants
one series over a long time, and would have to read every part of the level for it. So when a level
has gathered enough rows since it was sorted last, these are rewritten in order of (series, bucket).
Rows that come late stand where they settled; that costs a little time when they are read and
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import duckdb

from datawatch_lab.core.values import LevelName
from datawatch_lab.store.measures import KINDS, LEVEL_NUMBERS, StateKind
from datawatch_lab.store.sql import fetch_row

SORT_ROWS = 1_000_000
"""Rows that a level gathers before they are sorted: eight of DuckDB's row groups."""

SLICE_ROWS = 50_000
"""Rows of one transaction."""

_MOST = 4  # times as many rows are sorted at once
_BEGINNING = datetime(1, 1, 1)  # noqa: DTZ001 — the file keeps UTC without saying so

SORTED: tuple[LevelName, ...] = ("1m", "5m", "1h")
"""Seconds are dropped after hours, and days are few."""


@dataclass(frozen=True)
class Stretch:
    """Rows of a level that are to be sorted.

    Attributes:
        kind, level: whose.
        since, until: buckets in [since, until).
        cuts: series ids; each slice has the series from one to before the next.
    """

    kind: StateKind
    level: LevelName
    since: datetime
    until: datetime
    cuts: tuple[int, ...]


class Sorting:
    """Sorts one stretch, in slices of bounded time, each a transaction of the caller.

    When it is cut off by a crash, the stretch is sorted again from its beginning.
    """

    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._slices = list(pairwise(stretch.cuts))

    def slice(self, con: duckdb.DuckDBPyConnection) -> bool:
        """Sort the next slice; gives whether there are more."""
        stretch = self._stretch
        if self._slices:
            _sort(con, stretch, *self._slices.pop(0))
        if self._slices:
            return True
        key = [stretch.kind.table, LEVEL_NUMBERS[stretch.level]]
        con.execute("DELETE FROM meta.sorted WHERE kind = ? AND level = ?", key)
        con.execute("INSERT INTO meta.sorted VALUES (?, ?, ?)", [*key, stretch.until])
        return False


def find_stretch(con: duckdb.DuckDBPyConnection, least: int = SORT_ROWS) -> Stretch | None:
    """The first stretch of so many rows that has settled since its level was sorted; or None."""
    rows = con.execute("SELECT kind, level, until FROM meta.sorted").fetchall()
    known = {(kind, level): until for kind, level, until in rows}
    places = [(kind, level) for kind in KINDS for level in SORTED]
    since = [known.get((k.table, LEVEL_NUMBERS[level]), _BEGINNING) for k, level in places]
    counts = con.execute(
        " UNION ALL ".join(
            f"SELECT {place}, count(*), max(bucket) FROM {kind.settled(level)} "
            f"WHERE bucket >= ${place + 1}"
            for place, (kind, level) in enumerate(places)
        ),
        since,
    ).fetchall()
    for place, count, newest in sorted(counts):
        if count >= least:
            kind, level = places[place]
            until = newest
            if count > _MOST * least:  # a file of an older release, sorted bit by bit
                until = _nth(con, kind.settled(level), since[place], _MOST * least / count)
            cuts = _cuts(con, kind, level, since[place], until)
            return Stretch(kind, level, since[place], until, cuts)
    return None


def _nth(con: duckdb.DuckDBPyConnection, table: str, since: datetime, share: float) -> datetime:
    """The bucket before which about a share of the later rows are."""
    found: datetime
    (found,) = fetch_row(
        con, f"SELECT approx_quantile(bucket, {share}) FROM {table} WHERE bucket >= ?", [since]
    )
    return found


def _cuts(
    con: duckdb.DuckDBPyConnection,
    kind: StateKind,
    level: LevelName,
    since: datetime,
    until: datetime,
) -> tuple[int, ...]:
    """Where slices begin, and the end of the last: each has about `SLICE_ROWS`, whole series."""
    counted = con.execute(
        f"SELECT series, count(*) FROM {kind.settled(level)} WHERE bucket >= ? AND bucket < ? "
        "GROUP BY series ORDER BY series",
        [since, until],
    ).fetchall()
    cuts, gathered = [], SLICE_ROWS
    for series, count in counted:
        if gathered >= SLICE_ROWS:
            cuts.append(series)
            gathered = 0
        gathered += count
    return (*cuts, counted[-1][0] + 1) if counted else ()


def _sort(con: duckdb.DuckDBPyConnection, stretch: Stretch, first: int, after: int) -> None:
    """Take the rows of some series out and put them back in order."""
    table = stretch.kind.settled(stretch.level)
    where = "bucket >= ? AND bucket < ? AND series >= ? AND series < ?"
    given = [stretch.since, stretch.until, first, after]
    con.execute(f"CREATE OR REPLACE TEMP TABLE taken AS SELECT * FROM {table} WHERE {where}", given)
    con.execute(f"DELETE FROM {table} WHERE {where}", given)
    con.execute(f"INSERT INTO {table} SELECT * FROM taken ORDER BY series, bucket")
    con.execute("DROP TABLE taken")
