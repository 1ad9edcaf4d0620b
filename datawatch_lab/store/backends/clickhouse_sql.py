"""Statements of the ClickHouse back end; the same for version 18.16 and for today's.

18.16 knows neither query parameters nor TTL nor time zones of intervals. So a text in a statement
is written as ``unhex('…')``, which nothing in a text can leave, and whole numbers as digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from datawatch_lab.core.backends import Asked

_NUMBERS = dict.fromkeys(("sum", "min", "max", "last"), "Nullable(Float64)")
TYPES: Mapping[str, Mapping[str, str]] = {
    "datawatch_states": {
        "series": "UInt64",
        "minute": "DateTime('UTC')",
        "n": "Int64",
        **_NUMBERS,
        "last_at": "Nullable(Int64)",  # µs since 1970
        "version": "UInt64",
    },
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
    "datawatch_states": "(series, minute)",
    "datawatch_series": "series",
    "datawatch_values": "(metric, labels, minute)",
}
TIMED = ("datawatch_states", "datawatch_values")
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


def read(database: str, asked: Asked, series: Sequence[int]) -> str:
    """The statement that answers a question; ``bucket`` is in seconds since 1970."""
    wanted = {"n", *asked.parts} | ({"last_at"} if "last" in asked.parts else set())
    empty = {"n": "toInt64(0)", "last_at": "CAST(NULL AS Nullable(Int64))"}
    merged = ", ".join(
        f"{sql if part in wanted else empty.get(part, 'CAST(NULL AS Nullable(Float64))')} "
        f"AS m_{part}"
        for part, sql in _PARTS.items()
    )
    start, end = (_seconds(each) for each in (asked.start, asked.end))
    bucket = f"toInt64({start})"
    if asked.step is not None:
        at, width = "toInt64(toUInt32(minute))", asked.step // timedelta(seconds=1)
        # The remainder has the type of the divisor: 240 alone is 8 bits wide, and overflows.
        bucket = f"{at} - ({at} - {start}) % toInt64({width})"
    return (
        f"SELECT series, {bucket} AS bucket, {merged} "
        f"FROM {name(database)}.datawatch_states FINAL "
        f"WHERE series IN ({', '.join(map(str, series))}) AND n != 0 "
        f"AND minute >= toDateTime({start}, 'UTC') AND minute < toDateTime({end}, 'UTC') "
        f"GROUP BY series, bucket SETTINGS max_read_buffer_size = {_BUFFER} FORMAT Native"
    )


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
