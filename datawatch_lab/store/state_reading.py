"""Reading partial states: by group and bucket, from the levels and columns that are needed only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pyarrow as pa

from datawatch_lab.core.storage import MeasureRead, MeasureStates, Span
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName
from datawatch_lab.store.measures import (
    BINS,
    FINALISED,
    GROUP_SCHEMA,
    LEVEL_NUMBERS,
    PARTIALS,
    REGISTERS,
    StateKind,
    counts_for,
    floor_us,
    start_sql,
    to_micros,
    utc_frame,
)
from datawatch_lab.store.sql import fetch_arrow

_TYPES = {"n": "BIGINT", "exact": "DECIMAL(38, 9)", "last_at": "TIMESTAMP", "last_seq": "BIGINT"}
_FINER: tuple[LevelName, ...] = ("1m", "5m", "1h")
_WIDTHS = {number: timedelta(seconds=LEVEL_SECONDS[each]) for each, number in LEVEL_NUMBERS.items()}


def read_states(con: duckdb.DuckDBPyConnection, read: MeasureRead) -> MeasureStates:
    """Merge what is stored; ``con`` is in a transaction, so that the three kinds agree."""
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
        if read.edges:
            con.unregister("edges")


def _read(
    con: duckdb.DuckDBPyConnection, kind: StateKind, read: MeasureRead, *, wanted: bool
) -> pl.DataFrame:
    if not (wanted and read.groups and read.spans):
        return pl.DataFrame(schema={**GROUP_SCHEMA, **kind.schema})
    parameters: list[object] = []
    bucket, edged = "NULL::TIMESTAMP", ""
    if read.edges:
        bucket, edged = "e.start", "ASOF JOIN edges e ON p.bucket >= e.start"
    elif read.step:
        width = read.step // timedelta(microseconds=1)
        parameters += [width, to_micros(read.origin) if read.origin else 0]
        bucket = f"make_timestamp({floor_us('epoch_us(p.bucket)', '$1::BIGINT', '$2::BIGINT')})"
    member, group, joined = _members(read, parameters)
    columns = _columns(kind, read)
    scans = _scans(kind, read.spans, columns, member, parameters)
    table = fetch_arrow(
        con,
        f"""
SELECT {group} AS "group", {bucket} AS bucket{kind.key}, {_merged(kind, columns)}
FROM ({" UNION ALL ".join(scans)}) p {joined} {edged}
GROUP BY ALL HAVING count(*) > 0""",
        parameters,
    )
    return utc_frame(table)


def _members(read: MeasureRead, parameters: list[object]) -> tuple[str, str, str]:
    """A condition on the series of a scan, the group of a row, and what is joined for it."""
    series, groups = list(read.groups), list(read.groups.values())
    at = len(parameters)
    if len(series) == 1:
        parameters += [series[0], groups[0]]
        return f"series = ${at + 1}::INTEGER", f"${at + 2}::BIGINT", ""
    parameters += [min(series), max(series), series]
    member = f"series BETWEEN ${at + 1}::INTEGER AND ${at + 2}::INTEGER"
    listed = f"unnest(${at + 3}::INTEGER[]) AS series"
    if len(set(groups)) == 1:
        parameters.append(groups[0])
        return member, f"${at + 4}::BIGINT", f"SEMI JOIN (SELECT {listed}) g USING (series)"
    parameters.append(groups)
    numbered = f"SELECT {listed}, unnest(${at + 4}::BIGINT[]) AS grp"
    return member, "g.grp", f"JOIN ({numbered}) g ON p.series = g.series"


def _columns(kind: StateKind, read: MeasureRead) -> list[str]:
    """The columns that are read; ``last`` goes by time and number."""
    if kind is not PARTIALS or read.columns is None:
        return list(kind.schema)
    wanted = {"n", *read.columns}
    if wanted & {"last", "last_seq"}:
        wanted |= {"last_at", "last_seq"}
    return [name for name in kind.schema if name in wanted]


def _merged(kind: StateKind, columns: Sequence[str]) -> str:
    """As ``kind.merged``, null for what is not read."""
    return ", ".join(
        f'{sql if name in columns else "NULL::" + _TYPES.get(name, "DOUBLE")} AS "{name}"'
        for name, sql in kind.merges.items()
    )


def _scans(
    kind: StateKind,
    spans: Sequence[Span],
    columns: Sequence[str],
    member: str,
    parameters: list[object],
) -> list[str]:
    """Scans of spans, pruned by series and buckets; adds to the parameters.

    What is settled is in a table for each level, in order, so it is scanned span by span. What is
    new is little and in one table, which is scanned once: planning a scan costs more than it. Some
    of it is in finer buckets than those of its span, see `compaction`.
    """
    listed = ", ".join(f'"{name}"' for name in columns)
    select = f"SELECT series, bucket, {listed} FROM"
    settled, new, starts = list[str](), list[str](), list[str]()
    for span in spans:
        inside = _inside(span, parameters)
        if kind is FINALISED:
            level = f"level = {LEVEL_NUMBERS[span.level]}::UTINYINT"
            settled.append(
                f"{select} measures.{kind.table} WHERE {level} AND {member} AND {inside}"
            )
            continue
        settled.append(f"{select} {kind.settled(span.level)} WHERE {member} AND {inside}")
        new.append(f"({counts_for(span.level)} AND {inside})")
        starts.append(f"WHEN {inside} THEN {start_sql('bucket', span.level)}")
    if new:
        whole = start_sql("bucket", spans[0].level)
        start = f"CASE {' '.join(starts)} END" if len(new) > 1 else whole
        settled.append(
            f"SELECT series, {start} AS bucket, {listed} FROM measures.fresh_{kind.table} "
            f"WHERE {member} AND ({' OR '.join(new)})"
        )
    return settled


def _inside(span: Span, parameters: list[object]) -> str:
    """Which buckets, of its level or a finer one, lie in buckets of its level that begin in it."""
    at, width = len(parameters), LEVEL_SECONDS[span.level] * 1_000_000
    parameters += [-(-to_micros(bound) // width) * width for bound in (span.start, span.end)]
    return (
        f"bucket >= make_timestamp(${at + 1}::BIGINT) "
        f"AND bucket < make_timestamp(${at + 2}::BIGINT)"
    )


def span_of(
    con: duckdb.DuckDBPyConnection, series: Sequence[int]
) -> tuple[datetime, datetime] | None:
    """Start of the first and end of the last 1m bucket of any of the series; None when none has.

    Where minutes were dropped, the first bucket is one of the finest level that is still there.
    Days tell where to look, so that of finer levels only the first and the last day are read.
    """
    found = _extents(con, series, ("1d",))
    if found:
        ((_, first, last),) = found
        found = [*_extents(con, series, _FINER, (first + timedelta(days=1), last)), *found]
    else:  # days may be kept for less long than minutes
        found = _extents(con, series, _FINER)
    if not found:
        return None
    level, first, last = found[0]
    last += _WIDTHS[level]
    for coarser, start, _ in found:  # a coarse bucket tells more where finer ones are gone
        if start + _WIDTHS[coarser] <= first:
            first = start
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)


def _extents(
    con: duckdb.DuckDBPyConnection,
    series: Sequence[int],
    levels: Sequence[LevelName],
    inner: tuple[datetime, datetime] | None = None,
) -> list[tuple[int, datetime, datetime]]:
    """Level number, first and last bucket of levels that have any, finest first.

    Args:
        con: any.
        series: ids.
        levels: which.
        inner: buckets from the first to before the second of these are left out.
    """
    outer = "" if inner is None else "AND (bucket < $2 OR bucket >= $3)"
    where = f"series IN (SELECT unnest($1::INTEGER[])) {outer}"
    scans = []
    for level in levels:
        number = LEVEL_NUMBERS[level]
        scans += [
            f"SELECT {number} AS level, bucket FROM {PARTIALS.settled(level)} WHERE {where}",
            (
                f"SELECT {number} AS level, {start_sql('bucket', level)} AS bucket "
                f"FROM measures.fresh_partials WHERE {counts_for(level)} AND {where}"
            ),
        ]
    rows = con.execute(
        f"SELECT level, min(bucket), max(bucket) FROM ({' UNION ALL '.join(scans)}) "
        "GROUP BY level ORDER BY level",
        [list(series), *(inner or ())],
    ).fetchall()
    return [(int(level), first, last) for level, first, last in rows]
