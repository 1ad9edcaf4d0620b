"""Partial states: appended at every level, merged by one rule, read by group and bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.storage import MeasureRead, MeasureStates, Span
from datawatch_lab.core.values import LEVEL_SECONDS
from datawatch_lab.store.cells import BIN_CELLS, REGISTER_CELLS, Packing, listed
from datawatch_lab.store.sql import append, fetch_arrow, run_with

# Below this many rows the plan of the merging statement (4 ms) costs more than unmerged rows do.
_MERGE_ROWS = 2_000

LEVEL_NUMBERS = {name: number for number, name in enumerate(LEVEL_SECONDS)}
"""The number that stands for a level in the file; 0 is the finest."""

# DECIMAL(38,9) ends at 1e29 and its sum then fails. Sums beyond 1e22 are carried as doubles only,
# which leaves room to add ten million of them.
_EXACT = "CASE WHEN abs(p.exact) < 10000000000000000000000 THEN p.exact END"
_MERGED_PARTIALS = f"""
    sum(p.n)::BIGINT AS n,
    sum(p.sum) AS sum,
    CASE WHEN count({_EXACT}) = count(*) THEN sum({_EXACT})::DECIMAL(38, 9) END AS exact,
    min(p.min) AS min,
    max(p.max) AS max,
    arg_max(p.last, (p.last_at, p.last_seq)) AS last,
    max(p.last_at) AS last_at,
    arg_max(p.last_seq, (p.last_at, p.last_seq)) AS last_seq"""


@dataclass(frozen=True)
class StateKind:
    """One kind of state.

    Attributes:
        table: its name; ``new_<table>`` takes what commits append.
        key: SQL of the key beside (level, series, bucket): '' or ``, p.<column>``.
        merged: SQL that merges the value columns of rows ``p`` with one key.
        schema: columns after the bucket, key first.
        packing: how ``new_<table>`` lists cells; None when it has a row a state.
    """

    table: str
    key: str
    merged: str
    schema: Mapping[str, pl.DataType]
    packing: Packing | None = None

    @property
    def columns(self) -> str:
        """Key and value columns after the bucket, as stored."""
        return ", ".join(f'"{name}"' for name in self.schema)  # distinct is a word of SQL


_UTC = pl.Datetime("us", "UTC")
_GROUP: Mapping[str, pl.DataType] = {"group": pl.Int64(), "bucket": _UTC}
PARTIALS = StateKind(
    table="partials",
    key="",
    merged=_MERGED_PARTIALS,
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
    merged="sum(p.n)::BIGINT AS n",
    schema={"bin": pl.Int32(), "n": pl.Int64()},
    packing=BIN_CELLS,
)
REGISTERS = StateKind(
    table="registers",
    key=", p.register",
    merged="max(p.rank) AS rank",
    schema={"register": pl.Int32(), "rank": pl.Int8()},
    packing=REGISTER_CELLS,
)
KINDS = (PARTIALS, BINS, REGISTERS)
FINALISED = StateKind(
    table="quantiles",
    key="",
    merged=", ".join(
        f"any_value(p.{name}) AS {name}" for name in ("p50", "p90", "p95", "p99", '"distinct"')
    ),
    schema=dict.fromkeys(("p50", "p90", "p95", "p99", "distinct"), pl.Float64()),
)
"""Finalised quantiles: only buckets of one series are read, so nothing is merged."""


def floor_us(micros: str, width: str, origin: str = "0") -> str:
    """SQL for the start of the bucket of an epoch in µs; right before 1970 as well."""
    return f"({micros} - ((({micros} - {origin}) % {width}) + {width}) % {width})"


def _append_sql(kind: StateKind) -> str:
    """The finest level as it came; each coarser one merged from the next finer; one statement."""
    columns = f"series, bucket, {kind.columns}"
    steps = [f"l0 AS (SELECT {columns} FROM given)"]
    for name, number in LEVEL_NUMBERS.items():
        if not number:
            continue
        start = floor_us("epoch_us(p.bucket)", f"{LEVEL_SECONDS[name] * 1_000_000}::BIGINT")
        steps.append(
            f"l{number} AS MATERIALIZED (SELECT p.series, make_timestamp({start}) AS bucket"
            f"{kind.key}, {kind.merged} FROM l{number - 1} p GROUP BY ALL)"
        )
    levels = " UNION ALL ".join(
        f"SELECT {number}, {columns}, TRUE FROM l{number}" for number in LEVEL_NUMBERS.values()
    )
    return (
        f"INSERT INTO measures.new_{kind.table} (level, {columns}, fresh) "
        f"WITH {', '.join(steps)} {levels}"
    )


def append_states(con: duckdb.DuckDBPyConnection, appends: MeasureAppends) -> None:
    """Add a batch's states at all five levels."""
    for kind, table in zip(KINDS, (appends.partials, appends.bins, appends.registers), strict=True):
        if kind.packing is not None:
            if table.num_rows:
                append(con, f"measures.new_{kind.table}", listed(table, kind.packing))
        elif table.num_rows >= _MERGE_ROWS:
            run_with(con, table, _append_sql(kind))
        else:
            append(con, f"measures.new_{kind.table}", _at_all_levels(table))


def _at_all_levels(states: pa.Table) -> pa.Table:
    """Every state once a level, with the start of its bucket there; not merged."""
    count = states.num_rows
    where = states.schema.get_field_index("bucket")
    fresh = states.append_column("fresh", pa.repeat(pa.scalar(value=True), count))
    parts = []
    for name, number in LEVEL_NUMBERS.items():
        start = pc.floor_temporal(states.column(where), LEVEL_SECONDS[name], "second")
        part = fresh.set_column(where, "bucket", start)
        parts.append(part.append_column("level", pa.repeat(pa.scalar(number, pa.uint8()), count)))
    return pa.concat_tables(parts)


def read_states(con: duckdb.DuckDBPyConnection, read: MeasureRead) -> MeasureStates:
    """Merge what is stored; ``con`` is in a transaction, so that the three kinds agree."""
    groups = pa.table(
        {
            "series": pa.array(list(read.groups.keys()), pa.int32()),
            "grp": pa.array(list(read.groups.values()), pa.int64()),
        }
    )
    con.register("groups", groups)
    if read.edges:
        starts = [to_micros(each) for each in read.edges[:-1]]
        con.register("edges", pa.table({"start": pa.array(starts, pa.timestamp("us"))}))
    try:
        return MeasureStates(
            partials=_read(con, PARTIALS, read, wanted=True),
            bins=_read(con, BINS, read, wanted=read.bins),
            registers=_read(con, REGISTERS, read, wanted=read.registers),
            finalised=_read(con, FINALISED, read, wanted=True) if read.finalised else None,
        )
    finally:
        con.unregister("groups")
        if read.edges:
            con.unregister("edges")


def _read(
    con: duckdb.DuckDBPyConnection, kind: StateKind, read: MeasureRead, *, wanted: bool
) -> pl.DataFrame:
    if not (wanted and read.groups and read.spans):
        return pl.DataFrame(schema={**_GROUP, **kind.schema})
    width = read.step // timedelta(microseconds=1) if read.step else 0
    parameters: list[int] = []
    bucket, edged = "NULL::TIMESTAMP", ""
    if read.edges:
        bucket, edged = "e.start", "ASOF JOIN edges e ON p.bucket >= e.start"
    elif width:
        parameters += [width, to_micros(read.origin) if read.origin else 0]
        bucket = f"make_timestamp({floor_us('epoch_us(p.bucket)', '$1::BIGINT', '$2::BIGINT')})"
    scans = [_scan_sql(kind, span, parameters) for span in read.spans]
    table = fetch_arrow(
        con,
        f"""
SELECT g.grp AS "group", {bucket} AS bucket{kind.key}, {kind.merged}
FROM ({" UNION ALL ".join(scans)}) p
JOIN groups g ON p.series = g.series {edged}
GROUP BY ALL""",
        parameters,
    )
    return utc_frame(table)


def _scan_sql(kind: StateKind, span: Span, parameters: list[int]) -> str:
    """One scan a span, pruned by its own level and bucket range; adds to the parameters."""
    at = len(parameters)
    parameters += [LEVEL_NUMBERS[span.level], to_micros(span.start), to_micros(span.end)]
    return (
        f"SELECT series, bucket, {kind.columns} FROM measures.all_{kind.table} "
        f"WHERE level = ${at + 1}::UTINYINT AND bucket >= make_timestamp(${at + 2}::BIGINT) "
        f"AND bucket < make_timestamp(${at + 3}::BIGINT)"
    )


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment; one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def utc_frame(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a frame whose times say that they are UTC."""
    frame = pl.DataFrame(pl.from_arrow(table))
    times = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime("us")]
    return frame.with_columns(pl.col(times).dt.replace_time_zone("UTC")) if times else frame


def span_of(
    con: duckdb.DuckDBPyConnection, series: Sequence[int]
) -> tuple[datetime, datetime] | None:
    """Start of the first and end of the last 1m bucket of any of the series; None when none has.

    Where minutes were dropped, the first bucket is one of the finest level that is still there.
    """
    rows = con.execute(
        "SELECT level, min(bucket), max(bucket) FROM measures.all_partials WHERE level > 0 "
        "AND series IN (SELECT unnest(?::INTEGER[])) GROUP BY level ORDER BY level",
        [list(series)],
    ).fetchall()
    if not rows:
        return None
    widths = [timedelta(seconds=each) for each in LEVEL_SECONDS.values()]
    first, last = rows[0][1], rows[0][2] + widths[rows[0][0]]
    for level, start, _ in rows:  # a coarse bucket tells more where finer ones are gone
        if start + widths[level] <= first:
            first = start
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
