"""Statements of the TimescaleDB back end, and the roll-ups that it lets the server make.

Everything stands in the schema ``datawatch``. On a PostgreSQL without the extension the same tables
are plain ones: the same answers, without chunks and roll-ups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from datawatch_lab.core.backends import Asked
from datawatch_lab.store.backends.buckets import HOUR, down, up

TABLES: Mapping[str, Sequence[str]] = {
    "series": (
        (
            "CREATE TABLE IF NOT EXISTS datawatch.series "
            "(id bigint PRIMARY KEY, name text NOT NULL, labels jsonb NOT NULL)"
        ),
        "CREATE INDEX IF NOT EXISTS series_name ON datawatch.series (name)",
    ),
    "states": (
        (
            "CREATE TABLE IF NOT EXISTS datawatch.states "
            "(series bigint, minute timestamptz, n bigint NOT NULL, sum double precision, "
            "min double precision, max double precision, last double precision, "
            "last_at timestamptz, PRIMARY KEY (series, minute))"
        ),
    ),
    "metric_values": (
        (
            "CREATE TABLE IF NOT EXISTS datawatch.metric_values "
            "(series bigint, minute timestamptz, value double precision NOT NULL, "
            "PRIMARY KEY (series, minute))"
        ),
    ),
    "measures": (
        (
            "CREATE OR REPLACE VIEW datawatch.measures AS "
            "SELECT s.name AS measure, s.labels, p.minute, p.n, p.sum, p.sum / p.n AS avg, p.min, "
            "p.max, p.last, p.last_at "
            "FROM datawatch.states p JOIN datawatch.series s ON s.id = p.series WHERE p.n > 0"
        ),
    ),
    "metrics": (
        (
            "CREATE OR REPLACE VIEW datawatch.metrics AS "
            "SELECT s.name AS metric, s.labels, p.minute, p.value "
            "FROM datawatch.metric_values p JOIN datawatch.series s ON s.id = p.series"
        ),
    ),
}
"""By table or view, what makes it. The views are for people and Grafana."""

HYPERTABLES = ("states", "metric_values")
HAS_SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = 'datawatch'"
MAKE_SCHEMA = "CREATE SCHEMA IF NOT EXISTS datawatch"
RELATIONS = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'datawatch' AND c.relkind IN ('r', 'v', 'p')"""
SERVER = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int,
  current_database(), e.extversion, current_setting('timescaledb.license', true)
FROM (SELECT 1) one LEFT JOIN pg_extension e ON e.extname = 'timescaledb'"""
IS_HYPERTABLE = """
SELECT hypertable_name FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'datawatch'"""
ROLL_UPS = """
SELECT view_name FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'datawatch'"""
IS_FILLED = "SELECT EXISTS (SELECT 1 FROM datawatch.{table})"
MAKE_HYPERTABLE = """
SELECT create_hypertable(%s::regclass, 'minute', chunk_time_interval => interval '7 days',
  create_default_indexes => false, if_not_exists => true)"""

MERGED: Mapping[str, str] = {
    "n": "sum(n)::bigint",
    "sum": "sum(sum)",
    "min": "min(min)",
    "max": "max(max)",
    "last": "(array_agg(last ORDER BY last_at DESC) FILTER (WHERE last IS NOT NULL))[1]",
    "last_at": "max(last_at)",
}
"""SQL that merges each column of states."""

_TYPES = {"n": "bigint", "last_at": "timestamptz"}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RollUp:
    """A continuous aggregate: wider buckets, made by the server from those of ``source``.

    Attributes:
        name: of its view in the schema ``datawatch``.
        source: the view or table that it is made from.
        width: of its buckets, which are aligned to 1970 in UTC.
        every: how often the server brings it up to date.
    """

    name: str
    source: str
    width: timedelta
    every: timedelta

    @property
    def view(self) -> str:
        """SQL that makes it. What came after it was brought up to date is added when it is read."""
        merged = ", ".join(f"{sql} AS {name}" for name, sql in MERGED.items())
        return (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS datawatch.{self.name} "
            "WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS SELECT "
            f"series, time_bucket(interval '{self.width.total_seconds():.0f} seconds', minute) "
            f"AS minute, {merged} FROM datawatch.{self.source} WHERE n > 0 GROUP BY 1, 2 "
            "WITH NO DATA"
        )


ALL_ROLL_UPS: Sequence[RollUp] = (
    RollUp("states_5m", "states", timedelta(minutes=5), timedelta(minutes=10)),
    RollUp("states_1h", "states_5m", HOUR, HOUR),
    RollUp("states_1d", "states_1h", _DAY, 6 * HOUR),
)
"""Finest first: each is made from the one before it, so they are brought up to date in order."""

WATERMARKS = """
SELECT user_view_name, {function}(mat_hypertable_id), now()
FROM _timescaledb_catalog.continuous_agg WHERE user_view_schema = 'datawatch'"""
"""Up to where each roll-up is stored, µs since 1970: changes before it ask for a refresh."""
WATERMARK_FUNCTION = """
SELECT n.nspname || '.cagg_watermark' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proname = 'cagg_watermark' ORDER BY n.nspname LIMIT 1"""
REFRESH = "CALL refresh_continuous_aggregate(%s::regclass, %s::timestamptz, %s::timestamptz)"
NO_SCHEDULE = "SELECT remove_continuous_aggregate_policy(%s::regclass, if_exists => true)"
SCHEDULE = """
SELECT add_continuous_aggregate_policy(%s::regclass, start_offset => %s::interval,
  end_offset => %s::interval, schedule_interval => %s::interval)"""
NO_RETENTION = "SELECT remove_retention_policy(%s::regclass, if_exists => true)"
RETENTION = "SELECT add_retention_policy(%s::regclass, %s::interval)"
DELETED_AT_ONCE = 50_000
BY_MINUTE = (
    "CREATE INDEX IF NOT EXISTS {table}_minute ON datawatch.{table} "
    "USING brin (minute) WITH (autosummarize = on)"
)
"""What finds old minutes of a plain table; small, since minutes come about in order."""

DELETE_SLICE = f"""
WITH gone AS (DELETE FROM datawatch.{{table}} WHERE ctid IN
  (SELECT ctid FROM datawatch.{{table}} WHERE minute < now() - %s::interval
   LIMIT {DELETED_AT_ONCE}) RETURNING 1) SELECT count(*) FROM gone"""

WRITE_SERIES = """
INSERT INTO datawatch.series (id, name, labels)
SELECT id, name, labels::jsonb
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS given (id, name, labels)
ON CONFLICT (id) DO NOTHING"""
WRITE_STATES = """
INSERT INTO datawatch.states (series, minute, n, sum, min, max, last, last_at)
SELECT series, to_timestamp(minute), n, sum, min, max, last,
  timestamptz 'epoch' + last_at * interval '1 microsecond'
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::float8[], %s::float8[],
  %s::float8[], %s::bigint[]) AS given (series, minute, n, sum, min, max, last, last_at)
ON CONFLICT (series, minute) DO UPDATE SET (n, sum, min, max, last, last_at) =
  (excluded.n, excluded.sum, excluded.min, excluded.max, excluded.last, excluded.last_at)"""
WRITE_VALUES = """
INSERT INTO datawatch.metric_values (series, minute, value)
SELECT series, to_timestamp(minute), value
FROM unnest(%s::bigint[], %s::bigint[], %s::float8[]) AS given (series, minute, value)
ON CONFLICT (series, minute) DO UPDATE SET value = excluded.value"""
"""A minute that is written again takes the place of what was there: nothing is added twice."""


def read(asked: Asked, series: Sequence[int], made: frozenset[str]) -> tuple[str, list[object]]:
    """The statement that answers a question, and its values.

    Args:
        asked: the question.
        series: its keys as the tables have them.
        made: names of the roll-ups that the server has.
    """
    wanted = {"n", *asked.parts} | ({"last_at"} if "last" in asked.parts else set())
    columns = [name for name in MERGED if name in wanted]
    values: list[object] = []
    bucket = "NULL::timestamptz"
    if asked.step is not None:
        bucket = "date_bin(%s::interval, minute, %s::timestamptz)"
        values += [asked.step, asked.start]
    merged = ", ".join(
        f"{sql if name in wanted else 'NULL::' + _TYPES.get(name, 'float8')} AS {name}"
        for name, sql in MERGED.items()
    )
    scans = []
    for table, start, end in _stretches(asked, made):
        scans.append(
            f"SELECT series, minute, {', '.join(columns)} FROM datawatch.{table} WHERE n > 0 "
            "AND series = ANY (%s::bigint[]) "
            "AND minute >= %s::timestamptz AND minute < %s::timestamptz"
        )
        values += [list(series), start, end]
    return (
        (
            f"SELECT series, {bucket} AS bucket, {merged} "
            f"FROM ({' UNION ALL '.join(scans)}) p GROUP BY 1, 2"
        ),
        values,
    )


def _stretches(asked: Asked, made: frozenset[str]) -> list[tuple[str, datetime, datetime]]:
    """(table, start, end) that together are the range, each as wide as its edges allow."""
    wide = [
        each
        for each in reversed(ALL_ROLL_UPS)
        if each.name in made
        and (asked.step is None or not asked.step % each.width)
        and (asked.step is None or up(asked.start, each.width) == asked.start)
    ]
    return _cover(asked.start, asked.end, wide)


def _cover(
    start: datetime, end: datetime, wide: Sequence[RollUp]
) -> list[tuple[str, datetime, datetime]]:
    """A range of the widest buckets, finer ones beside them, and minutes at its very ends.

    Minutes may be gone already where hours are still kept.
    """
    for place, each in enumerate(wide):
        low, high = up(start, each.width), down(end, each.width)
        if low < high:
            finer = wide[place + 1 :]
            middle = (each.name, low, high)
            return [*_cover(start, low, finer), middle, *_cover(high, end, finer)]
    return [("states", start, end)] if start < end else []
