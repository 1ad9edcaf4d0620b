"""Questions about late data: what corrected buckets said first, and how far tables are closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import MeasureRead, MeasureStates
from datawatch_lab.core.values import LEVEL_SECONDS, Aggregation, LevelName, MeasureKind
from datawatch_lab.engine.classify import is_backfill_mark
from datawatch_lab.engine.windows import range_of, span_of
from datawatch_lab.metrics.finalise import finalise
from datawatch_lab.metrics.query import QUANTILES, Plan, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datawatch_lab.engine.engine import Engine

_LEVELS: dict[timedelta, LevelName] = {
    timedelta(minutes=1): "1m",
    timedelta(minutes=5): "5m",
    timedelta(hours=1): "1h",
    timedelta(days=1): "1d",
}
_GROUPED = ["group", "bucket"]
_SKETCHED = [*(each.value for each in QUANTILES), "distinct"]


@dataclass(frozen=True)
class CorrectedPoint:
    """A closed bucket that changed after all.

    Attributes:
        time: start of the bucket, UTC.
        labels: of the series.
        first: what it said before its first correction; None for nothing.
        value: what it says now.
        rows: rows that corrected it.
        corrected_at: when it was first corrected.
        last_corrected_at: when last.
    """

    time: datetime
    labels: Mapping[str, str]
    first: float | None
    value: float | None
    rows: int
    corrected_at: datetime
    last_corrected_at: datetime


@dataclass(frozen=True)
class CorrectedPoints:
    """The answer: points in order of time and labels."""

    aggregation: str
    start: datetime
    end: datetime
    step: str
    unit: str
    points: tuple[CorrectedPoint, ...]


@dataclass(frozen=True)
class Watermark:
    """How far a source is with a table.

    Attributes:
        source, table: names; table is '' for marks of transactions.
        watermark: newest event time.
        closed_until: minutes of the table that start before this are closed, by all its sources.
        backfill: of a back-fill, which holds nothing back and closes nothing.
    """

    source: str
    table: str
    watermark: datetime
    closed_until: datetime | None
    backfill: bool


def watermarks(engine: Engine) -> list[Watermark]:
    """Watermarks by table and source."""
    names = {table.id: table.name for table in engine.tables()}
    found = [
        Watermark(
            source,
            names.get(table_id, ""),
            mark,
            engine.closing.until(table_id),
            is_backfill_mark(source),
        )
        for (source, table_id), mark in engine.watermarks().items()
    ]
    return sorted(found, key=lambda each: (each.table, each.source))


def corrected(
    engine: Engine,
    name: str,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    step: str | None = None,
    aggregation: Aggregation | None = None,
    group_by: Sequence[str] = (),
    filters: Sequence[tuple[str, str]] = (),
) -> CorrectedPoints:
    """Corrected buckets of a metric with the value they had first and the value they have now.

    Args:
        engine: the workspace.
        name: of the metric.
        start: as in a query.
        end: as in a query.
        step: 1m (the default), 5m, 1h or 1d; buckets are those of UTC.
        aggregation: as in a query.
        group_by: as in a query.
        filters: as in a query.

    Raises:
        InputError: a part cannot be had; says what can.
    """
    metric = engine.metric(name)
    if metric.measure is MeasureKind.FORMULA:
        raise InputError(
            f"{name}: a formula is made anew at each question and keeps no first values.",
            hint="Ask for the corrections of the metrics that it is made of.",
        )
    width = timedelta(minutes=1) if step is None else parse_duration(step)
    if width not in _LEVELS:
        raise InputError(
            f"{name}: first values are kept for steps of 1m, 5m, 1h and 1d, not of {step!r}."
        )
    begin, finish = range_of(engine, start, end, metric.table)
    asked = plan(
        metric,
        engine.tables(),
        engine.measures.all,
        engine.measures.book.of,
        start=begin,
        end=finish,
        now=engine.clock.now(),
        step=width,
        aggregation=aggregation,
        group_by=group_by,
        filters=filters,
        kept=engine.kept(span_of(engine, metric.table)[1]),
    )
    return CorrectedPoints(
        aggregation=asked.aggregation.value,
        start=asked.start,
        end=asked.end,
        step=format_duration(width),
        unit=metric.unit,
        points=_points(engine, asked, _LEVELS[width]),
    )


def _points(engine: Engine, asked: Plan, level: LevelName) -> tuple[CorrectedPoint, ...]:
    rows = engine.store.closing.corrections(level, list(asked.read.groups), asked.start, asked.end)
    if not rows.height:
        return ()
    group = pl.col("series").replace_strict(dict(asked.read.groups), return_dtype=pl.Int64)
    rows = rows.with_columns(group.alias("group"))
    states = engine.store.read_measures(asked.read)
    base = None if asked.base is None else engine.store.read_measures(asked.base)
    present = (asked.start, asked.end)
    now = finalise(asked, states, base, present=present).values
    first = finalise(asked, _first(engine, asked, rows, states), base, present=present).values
    step = asked.step or timedelta(seconds=LEVEL_SECONDS[level])
    cells = rows.group_by(_GROUPED).agg(
        pl.col("rows").sum(), pl.col("corrected_at").min(), pl.col("last_corrected_at").max()
    )
    points = []
    for number, at, count, since, last in cells.sort("bucket", "group").iter_rows():
        place = (at - asked.start) // step
        points.append(
            CorrectedPoint(
                at,
                asked.groups[number],
                _value(float(first[number, place])),
                _value(float(now[number, place])),
                count,
                since,
                last,
            )
        )
    return tuple(points)


def _value(number: float) -> float | None:
    return None if number != number else number  # noqa: PLR0124 — NaN alone differs from itself


def _first(engine: Engine, asked: Plan, rows: pl.DataFrame, states: MeasureStates) -> MeasureStates:
    """States with every correction undone; those of several series in one group are merged."""
    alone = MeasureRead(
        groups={series: series for series in asked.read.groups},
        spans=asked.read.spans,
        step=asked.step,
        origin=asked.origin,
    )
    columns = states.partials.columns
    others = engine.store.read_measures(alone).partials.rename({"group": "series"})
    others = others.join(rows, on=["series", "bucket"], how="anti")
    group = pl.col("series").replace_strict(dict(asked.read.groups), return_dtype=pl.Int64)
    others = others.with_columns(group.alias("group")).select(columns)
    before = rows.filter(pl.col("n") != 0).select(columns).cast(others.schema)
    single = rows.filter(pl.len().over(_GROUPED) == 1)
    crowded = others.select(_GROUPED).unique()
    single = single.join(crowded, on=_GROUPED, how="anti")  # sketched values do not merge
    return MeasureStates(
        _merged(pl.concat([others, before])),
        states.bins.clear(),
        states.registers.clear(),
        finalised=single.select(*_GROUPED, *_SKETCHED),
    )


def _merged(partials: pl.DataFrame) -> pl.DataFrame:
    """Partial states by (group, bucket), merged as the store does."""
    exact = pl.when(pl.col("exact").null_count() == 0).then(pl.col("exact").sum())
    newest = [pl.col(name).last() for name in ("last", "last_at", "last_seq")]
    return (
        partials.sort("last_at", "last_seq", nulls_last=False)
        .group_by(_GROUPED, maintain_order=True)
        .agg(
            pl.col("n").sum(),
            pl.col("sum").sum(),
            exact.alias("exact"),
            pl.col("min").min(),
            pl.col("max").max(),
            *newest,
        )
    )
