"""Statements of the ClickHouse back end; the same for version 18.16 and for today's.

18.16 knows neither query parameters nor TTL nor time zones of intervals. So a text in a statement
is written as ``unhex('…')``, which nothing in a text can leave, and whole numbers as digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from datawatch_lab.core.backends import Asked
from datawatch_lab.store.backends.hours import Stretch

_NUMBERS = dict.fromkeys(("sum", "min", "max", "last"), "Nullable(Float64)")
_STATES = {
    "series": "UInt64",
    "minute": "DateTime('UTC')",
    "n": "Int64",
    **_NUMBERS,
    "last_at": "Nullable(Int64)",  # µs since 1970
    "version": "UInt64",
}
STATES, HOURS, MARKS = "datawatch_states", "datawatch_states_1h", "datawatch_marks"
TYPES: Mapping[str, Mapping[str, str]] = {
    STATES: _STATES,
    HOURS: _STATES,  # minute is the first of the hour
    MARKS: {"name": "String", "until": "DateTime('UTC')", "version": "UInt64"},
    "datawatch_series": {
        "series": "UInt64",
        "measure": "String",
        "labels": "String",
        "version": "UInt64",
    },
    "datawatch_values": {
        "metric": "String",
        "labels": "String",
        "minute": "DateTime('UTC')",
        "value": "Float64",
        "version": "UInt64",
    },
}
"""By table, the type of each column."""

_KEYS = {
    STATES: "(series, minute)",
    HOURS: "(series, minute)",
    MARKS: "name",
    "datawatch_series": "series",
    "datawatch_values": "(metric, labels, minute)",
}
TIMED = (STATES, HOURS, "datawatch_values")
"""Tables that retention is about."""

SERVER = "SELECT version() AS version FORMAT Native"

_BUFFER = 65_536
"""Bytes read at once, by part and column: with 1 MiB ten years of months took a gigabyte."""

_PARTS = {
    "n": "sum(n)",
    "sum": "sum(sum)",
    "min": "min(min)",
    "max": "max(max)",
    "last": "argMax(last, last_at)",
    "last_at": "max(last_at)",
}


def name(database: str) -> str:
    r"""A quoted name.

    >>> print(name("we`ird"))
    `we\`ird`
    """
    escaped = database.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def text(value: str) -> str:
    """A text as an expression."""
    return f"unhex('{value.encode().hex()}')"


def make(database: str, table: str) -> str:
    """The statement that makes a table: of rows with one key, the one with the newest version."""
    columns = ", ".join(f"{column} {kind}" for column, kind in TYPES[table].items())
    parted = " PARTITION BY toYYYYMM(minute)" if table in TIMED else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {name(database)}.{table} ({columns}) "
        f"ENGINE = ReplacingMergeTree(version){parted} ORDER BY {_KEYS[table]}"
    )


def there(database: str) -> str:
    """The statement that lists our tables and how they were made."""
    return (
        "SELECT name AS table, create_table_query AS made FROM system.tables "
        f"WHERE database = {text(database)} "
        "AND name LIKE 'datawatch_%' FORMAT Native"
    )


def insert(database: str, table: str) -> str:
    """The statement that a block of rows is sent with."""
    return f"INSERT INTO {name(database)}.{table} ({', '.join(TYPES[table])}) FORMAT Native"


def read(database: str, asked: Asked, series: Sequence[int], parts: Sequence[Stretch]) -> str:
    """The statement that answers a question; ``bucket`` is in seconds since 1970.

    Args:
        database: that holds our tables.
        asked: the question.
        series: its keys as the tables have them.
        parts: what is read of hours, and what of minutes.
    """
    wanted = {"n", *asked.parts} | ({"last_at"} if "last" in asked.parts else set())
    empty = {"n": "toInt64(0)", "last_at": "CAST(NULL AS Nullable(Int64))"}
    merged = ", ".join(
        f"{sql if part in wanted else empty.get(part, 'CAST(NULL AS Nullable(Float64))')} "
        f"AS m_{part}"
        for part, sql in _PARTS.items()
    )
    start = _seconds(asked.start)
    bucket = f"toInt64({start})"
    if asked.step is not None:
        at, width = "toInt64(toUInt32(minute))", asked.step // timedelta(seconds=1)
        # The remainder has the type of the divisor: 240 alone is 8 bits wide, and overflows.
        bucket = f"{at} - ({at} - {start}) % toInt64({width})"
    columns = ", ".join(["series", "minute", *(part for part in _PARTS if part in wanted)])
    scans = " UNION ALL ".join(
        f"SELECT {columns} FROM {name(database)}.{HOURS if in_hours else STATES} FINAL "
        f"WHERE {_within(series, low, high)} AND n != 0"
        for in_hours, low, high in parts
    )
    return (
        f"SELECT series, {bucket} AS bucket, {merged} FROM ({scans}) "
        f"GROUP BY series, bucket SETTINGS max_read_buffer_size = {_BUFFER} FORMAT Native"
    )


def _within(series: Sequence[int], start: datetime, end: datetime) -> str:
    return (
        f"series IN ({', '.join(map(str, series))}) "
        f"AND minute >= toDateTime({_seconds(start)}, 'UTC') "
        f"AND minute < toDateTime({_seconds(end)}, 'UTC')"
    )


def make_hours(
    database: str, series: Sequence[int], start: datetime, end: datetime, version: int
) -> str:
    """The statement that has the server make hours of its minutes, in place of older ones."""
    merged = ", ".join(
        f"{sql if part == 'n' else sql.replace('(', 'If(', 1).replace(')', ', n != 0)', 1)} "
        f"AS m_{part}"
        for part, sql in _PARTS.items()
    )
    hour = "toDateTime(intDiv(toUInt32(minute), 3600) * 3600, 'UTC')"
    columns = ", ".join(f"m_{part}" for part in _PARTS)
    return (
        f"INSERT INTO {name(database)}.{HOURS} ({', '.join(_STATES)}) "
        f"SELECT series, hour, {columns}, toUInt64({version}) FROM ("
        f"SELECT series, {hour} AS hour, {merged} FROM {name(database)}.{STATES} FINAL "
        f"WHERE {_within(series, start, end)} GROUP BY series, hour)"
    )


def mark(database: str) -> str:
    """The statement that asks up to where hours are made; in seconds since 1970."""
    return (
        f"SELECT toUInt64(toUInt32(until)) AS until FROM {name(database)}.{MARKS} FINAL "
        "WHERE name = 'hours' FORMAT Native"
    )


def put_mark(database: str, until: datetime, version: int) -> str:
    """The statement that says so."""
    return (
        f"INSERT INTO {name(database)}.{MARKS} (name, until, version) "
        f"SELECT 'hours', toDateTime({_seconds(until)}, 'UTC'), toUInt64({version})"
    )


def span(database: str) -> str:
    """The statement that asks for the oldest and newest minute, and how many there are."""
    return (
        "SELECT toUInt64(toUInt32(min(minute))) AS first, toUInt64(toUInt32(max(minute))) AS last, "
        f"count() AS rows FROM {name(database)}.{STATES} FORMAT Native"
    )


def known_series(database: str) -> str:
    """The statement that lists the keys of all series."""
    return f"SELECT DISTINCT series FROM {name(database)}.datawatch_series FORMAT Native"


def ttl(kept: timedelta) -> str:
    """When a row goes, as the server writes it too."""
    return f"minute + toIntervalSecond({kept // timedelta(seconds=1)})"


def expire(database: str, table: str, kept: timedelta) -> str:
    """The statement that has the server drop old rows by itself (19.6 and newer)."""
    return f"ALTER TABLE {name(database)}.{table} MODIFY TTL {ttl(kept)}"


def delete_before(database: str, table: str, moment: datetime) -> str:
    """The statement that drops old rows once."""
    before = f"toDateTime({_seconds(moment)}, 'UTC')"
    return f"ALTER TABLE {name(database)}.{table} DELETE WHERE minute < {before}"


def _seconds(moment: datetime) -> int:
    return min(max(int(moment.timestamp()), 0), 2**32 - 1)
