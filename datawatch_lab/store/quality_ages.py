"""What quality counted long ago: minutes become hours, and in the end it is dropped.

Ages are taken from the newest bucket of each rule, not from now: a file of events of last year is
counted minute by minute like what happens today.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from datawatch_lab.store.sql import fetch_row

HOURS_AFTER = timedelta(days=2)
"""Age from which minutes are merged into hours."""

DROPPED_AFTER = timedelta(days=365)
"""Age from which counts, verdicts and states are dropped."""

_COMPACT_ROWS = 50_000  # with fewer in a table nothing is done
_MERGED = {
    "counts": ("rule, bucket", "sum(rows)::BIGINT AS rows, sum(failed)::BIGINT AS failed"),
    "states": ("rule, bucket", "sum(n)::BIGINT AS n, sum(sum) AS sum, sum(squares) AS squares"),
    "bins": ("rule, bucket, bin", "sum(n)::BIGINT AS n"),
}
_SAID_ONCE = ("max_age", "sql")
"""Rules whose verdicts are never said again of the same moment, so that they can be merged."""


def compact(con: duckdb.DuckDBPyConnection, now: datetime) -> int:
    """Merge rows of one minute, and minutes of long ago into hours; drop what is older than a year.

    Verdicts of windows stay as they are until they are dropped, since rows that come late correct
    them one by one.

    Args:
        con: in a transaction of the caller.
        now: what is later is not taken for the newest.

    Returns:
        Rows saved. Nothing is done while there are few.
    """
    saved = 0
    for table, (keys, sums) in _MERGED.items():
        (rows,) = fetch_row(con, f"SELECT count(*) FROM quality.{table}")
        if rows < _COMPACT_ROWS:
            continue
        _measure(con, table, now)
        con.execute(
            f"CREATE TEMP TABLE merged AS SELECT {keys}, {sums} FROM (SELECT q.* REPLACE "
            "(CASE WHEN q.bucket < a.hours THEN date_trunc('hour', q.bucket) ELSE q.bucket END "
            f"AS bucket) FROM quality.{table} q JOIN ages a ON a.rule = q.rule "
            f"WHERE q.bucket >= a.gone) GROUP BY {keys}"
        )
        con.execute(f"DELETE FROM quality.{table}")
        con.execute(f"INSERT INTO quality.{table} BY NAME SELECT * FROM merged")
        (left,) = fetch_row(con, "SELECT count(*) FROM merged")
        con.execute("DROP TABLE merged")
        con.execute("DROP TABLE ages")
        saved += int(rows) - int(left)
    return saved + _compact_verdicts(con, now)


def _measure(con: duckdb.DuckDBPyConnection, table: str, now: datetime) -> None:
    """Make ``ages``: from which bucket on minutes of each rule are kept, and anything at all."""
    con.execute(
        "CREATE TEMP TABLE ages AS SELECT rule, newest - ?::INTERVAL AS hours, "
        "newest - ?::INTERVAL AS gone FROM (SELECT rule, least(max(bucket), ?::TIMESTAMP) "
        f"AS newest FROM quality.{table} GROUP BY rule)",
        [HOURS_AFTER, DROPPED_AFTER, now.astimezone(UTC).replace(tzinfo=None)],
    )


def _compact_verdicts(con: duckdb.DuckDBPyConnection, now: datetime) -> int:
    (rows,) = fetch_row(con, "SELECT count(*) FROM quality.verdicts")
    if rows < _COMPACT_ROWS:
        return 0
    _measure(con, "verdicts", now)
    con.execute(
        "DELETE FROM quality.verdicts v USING ages a WHERE a.rule = v.rule AND v.bucket < a.gone"
    )
    con.execute(
        "DELETE FROM ages WHERE rule NOT IN (SELECT id FROM quality.rules "
        "WHERE json_extract_string(definition, '$.rule') IN (SELECT unnest(?::VARCHAR[])))",
        [list(_SAID_ONCE)],
    )
    con.execute(
        "CREATE TEMP TABLE merged AS SELECT v.rule, date_trunc('hour', v.bucket) AS bucket, "
        "sum(v.rows)::BIGINT AS rows, sum(v.failed)::BIGINT AS failed FROM quality.verdicts v "
        "JOIN ages a ON a.rule = v.rule WHERE v.bucket < a.hours GROUP BY ALL"
    )
    con.execute(
        "DELETE FROM quality.verdicts v USING ages a WHERE a.rule = v.rule AND v.bucket < a.hours"
    )
    con.execute("INSERT INTO quality.verdicts BY NAME SELECT * FROM merged")
    con.execute("DROP TABLE merged")
    con.execute("DROP TABLE ages")
    (left,) = fetch_row(con, "SELECT count(*) FROM quality.verdicts")
    return int(rows) - int(left)
