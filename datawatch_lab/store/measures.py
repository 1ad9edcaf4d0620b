"""Partial states: appended once for all levels, merged by one rule; `state_reading` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import UTC_US, MeasureAppends
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName
from datawatch_lab.store.cells import BIN_CELLS, REGISTER_CELLS, Packing, listed
from datawatch_lab.store.sql import append

LEVELS: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
LEVEL_NUMBERS = {name: number for number, name in enumerate(LEVELS)}
"""The number that stands for a level in the file; 0 is the finest."""

CARRIED = 10
"""``CARRIED + n`` in place of a level: in buckets of level n, and counts for all coarser ones too.

A commit appends everything as ``CARRIED + 0``; see `compaction`.
"""

# DECIMAL(38,9) ends at 1e29 and its sum then fails. Sums beyond 1e22 are carried as doubles only,
# which leaves room to add ten million of them.
_EXACT = "CASE WHEN abs(p.exact) < 10000000000000000000000 THEN p.exact END"
_NEWEST = "(p.last_at, p.last_seq)"
_MERGED_PARTIALS = {
    "n": "sum(p.n)::BIGINT",
    "sum": "sum(p.sum)",
    "exact": f"CASE WHEN count({_EXACT}) = count(*) THEN sum({_EXACT})::DECIMAL(38, 9) END",
    "min": "min(p.min)",
    "max": "max(p.max)",
    "last": f"arg_max(p.last, {_NEWEST})",
    "last_at": "max(p.last_at)",
    "last_seq": f"arg_max(p.last_seq, {_NEWEST})",
}


@dataclass(frozen=True)
class StateKind:
    """One kind of state.

    Attributes:
        table: its name; ``new_<table>`` takes what commits append, ``<table>_<level>`` what has
            settled; ``fresh_<table>`` shows the former a row a state, ``all_<table>`` both, each
            state at each level that it counts for.
        key: SQL of the key beside (level, series, bucket): '' or ``, p.<column>``.
        merges: SQL that merges each value column of rows ``p`` with one key.
        schema: columns after the bucket, key first.
        packing: how ``new_<table>`` holds cells; None when it has a row a state.
    """

    table: str
    key: str
    merges: Mapping[str, str]
    schema: Mapping[str, pl.DataType]
    packing: Packing | None = None

    @property
    def merged(self) -> str:
        """SQL that merges the value columns of rows ``p`` with one key."""
        return ", ".join(f'{sql} AS "{name}"' for name, sql in self.merges.items())

    def settled(self, level: LevelName) -> str:
        """The table of a level's settled states."""
        return f"measures.{self.table}_{level}"

    @property
    def all_settled(self) -> tuple[str, ...]:
        """The tables of all levels."""
        return tuple(map(self.settled, LEVELS))

    @property
    def columns(self) -> str:
        """Key and value columns after the bucket, as stored."""
        return ", ".join(f'"{name}"' for name in self.schema)  # distinct is a word of SQL


_NAIVE = pa.timestamp("us")
_UTC = pl.Datetime("us", "UTC")
GROUP_SCHEMA: Mapping[str, pl.DataType] = {"group": pl.Int64(), "bucket": _UTC}
PARTIALS = StateKind(
    table="partials",
    key="",
    merges=_MERGED_PARTIALS,
    schema={
        "n": pl.Int64(),
        "sum": pl.Float64(),
        "exact": pl.Decimal(38, 9),
        "min": pl.Float64(),
        "max": pl.Float64(),
        "last": pl.Float64(),
        "last_at": _UTC,
        "last_seq": pl.Int64(),
    },
)
BINS = StateKind(
    table="bins",
    key=", p.bin",
    merges={"n": "sum(p.n)::BIGINT"},
    schema={"bin": pl.Int32(), "n": pl.Int64()},
    packing=BIN_CELLS,
)
REGISTERS = StateKind(
    table="registers",
    key=", p.register",
    merges={"rank": "max(p.rank)"},
    schema={"register": pl.Int32(), "rank": pl.Int8()},
    packing=REGISTER_CELLS,
)
KINDS = (PARTIALS, BINS, REGISTERS)
FINALISED = StateKind(
    table="quantiles",
    key="",
    merges={name: f'any_value(p."{name}")' for name in ("p50", "p90", "p95", "p99", "distinct")},
    schema=dict.fromkeys(("p50", "p90", "p95", "p99", "distinct"), pl.Float64()),
)
"""Finalised quantiles, in one table: buckets of one series are read, so nothing is merged."""


def floor_us(micros: str, width: str, origin: str = "0") -> str:
    """SQL for the start of the bucket of an epoch in µs; right before 1970 as well."""
    return f"({micros} - ((({micros} - {origin}) % {width}) + {width}) % {width})"


def start_sql(bucket: str, level: LevelName) -> str:
    """SQL for the start of the bucket of a level that one of a finer level lies in."""
    width = f"{LEVEL_SECONDS[level] * 1_000_000}::BIGINT"
    return bucket if level == "1s" else f"make_timestamp({floor_us(f'epoch_us({bucket})', width)})"


def counts_for(level: LevelName) -> str:
    """SQL: whether a row of ``new_…`` counts for a level."""
    number = LEVEL_NUMBERS[level]
    return f"(level = {number} OR level BETWEEN {CARRIED} AND {CARRIED + number})"


def append_states(con: duckdb.DuckDBPyConnection, appends: MeasureAppends) -> None:
    """Add a batch's states, which count for every level from then on."""
    for kind, table in zip(KINDS, (appends.partials, appends.bins, appends.registers), strict=True):
        if table.num_rows:
            rows = table if kind.packing is None else listed(table, kind.packing)
            append(con, f"measures.new_{kind.table}", _carried(rows))


def _carried(rows: pa.Table) -> pa.Table:
    level = pa.repeat(pa.scalar(CARRIED, pa.uint8()), rows.num_rows)
    fresh = pa.repeat(pa.scalar(value=True), rows.num_rows)
    return rows.append_column("level", level).append_column("fresh", fresh)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment; one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def utc_frame(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a frame whose times say that they are UTC."""
    for place, field in enumerate(table.schema):
        if field.type == _NAIVE:
            table = table.set_column(place, field.name, table.column(place).cast(UTC_US))
    return pl.DataFrame(pl.from_arrow(table))
