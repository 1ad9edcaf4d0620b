"""Late events and the closed buckets that they change: both values are kept.

An event corrects a bucket when the bucket's end and ``close_delay`` lie at or before the watermark
of the event's own source and table, as it was before the event, or when the clock closed the bucket
of a live table. So it depends on the order of events alone, not on batching. What was true before
is the merged state of all that came before the first correction, in this commit or an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends, RowFrame, TableBatch
from datawatch_lab.core.columns import micros_of, micros_or
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import FIRST_SCHEMA, Corrections, FirstStates
from datawatch_lab.core.values import LEVEL_SECONDS, TableInfo
from datawatch_lab.engine.classify import APPLIED
from datawatch_lab.engine.planner import pick
from datawatch_lab.metrics.query import QUANTILES
from datawatch_lab.metrics.registers import estimate
from datawatch_lab.metrics.sketch import quantile

DeriveBatch = Callable[[TableBatch], MeasureAppends]
"""What a batch adds to the measures whose buckets are watched for corrections."""

_CORRECTED = [name for name in LEVEL_SECONDS if name != "1s"]
_KEY = ["level", "series", "bucket"]
_UTC_US = pl.Datetime("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_LONG_AGO = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICRO


@dataclass(frozen=True)
class Part:
    """What a cut of a batch adds: ``number`` in order of arrival, ``depth`` as in `with_depth`."""

    number: int
    depth: int
    appends: MeasureAppends


def with_depth(
    judged: pl.DataFrame, by_clock: Mapping[int, datetime], settings: Settings
) -> pl.DataFrame | None:
    """Add ``depth``: how many levels, from 1m up, had closed the event's bucket before it came.

    Returns:
        seq, table_id, ts, mark and depth (Int8) of the applied events, where ``mark`` is the
        watermark that counted; None when nothing is corrected.

    Args:
        judged: events with outcome and newest, see `engine.classify`.
        by_clock: until when the clock closed the minutes of tables, by table id.
        settings: ``close_delay``, and ``allowed_lateness`` beyond which an event is history, which
            the clock closed nothing for.
    """
    if _none_is_late(judged, by_clock, settings):
        return None
    mark = pl.col("newest")
    if by_clock:
        ends = {id_: until + settings.close_delay for id_, until in by_clock.items()}
        clock = pl.col("table_id").replace_strict(ends, default=None, return_dtype=_UTC_US)
        is_live = pl.col("received") - pl.col("ts") <= settings.allowed_lateness
        mark = pl.max_horizontal(mark, pl.when(is_live).then(clock))
    over = pl.sum_horizontal(
        (pl.col("ts").dt.truncate(level) + (_width(level) + settings.close_delay) <= mark).cast(
            pl.Int8
        )
        for level in _CORRECTED
    )
    known = (pl.col("outcome") == APPLIED) & ~pl.col("backfill") & (pl.col("table_id") != 0)
    late = judged.select(
        pl.when(known).then(over).otherwise(0).fill_null(0).alias("depth"), mark.alias("mark")
    )
    if not (late["depth"] > 0).any():
        return None
    applied = judged.select("seq", "table_id", "ts", "outcome").with_columns(late)
    return applied.filter(pl.col("outcome") == APPLIED).drop("outcome")


def _none_is_late(
    judged: pl.DataFrame, by_clock: Mapping[int, datetime], settings: Settings
) -> bool:
    """Whether every event is surely younger than all that was closed, as nearly all are."""
    if not judged.height:
        return True
    ts = micros_of(judged["ts"])
    behind = micros_or(judged["newest"], _LONG_AGO) - ts
    if behind.max() > settings.close_delay // _MICRO:
        return False
    return not by_clock or ts.min() >= (max(by_clock.values()) - _EPOCH) // _MICRO


def _width(level: str) -> timedelta:
    return timedelta(seconds=LEVEL_SECONDS[level])


def cut(
    batches: Sequence[TableBatch], events: pl.DataFrame, table: TableInfo, derive: DeriveBatch
) -> list[Part]:
    """Derive the batches of one table once more, cut by the depth of their events.

    Only events in buckets that are corrected are taken, and no batch after the last correction.

    Args:
        batches: of one table, in order of sequence number.
        events: what `with_depth` gave, of any tables.
        table: with the columns and roles that it has after the commit.
        derive: see `DeriveBatch`.
    """
    mine = events.filter(pl.col("table_id") == batches[0].table.id)
    if not (mine["depth"] > 0).any():
        return []
    near = _near(mine)
    parts = []
    for number, batch in enumerate(batches):
        depth, kept = _of_batch(batch, mine, near)
        for each in np.unique(depth[kept]).tolist():
            places = np.flatnonzero(kept & (depth == each))
            parts.append(Part(number, each, derive(_taken(batch, table, places))))
    return parts


def _near(events: pl.DataFrame) -> np.ndarray:
    """Which events are in a bucket that one of them corrects."""
    hits = pl.lit(value=False)
    for depth, level in enumerate(_CORRECTED, 1):
        starts = events.filter(pl.col("depth") >= depth)["ts"].dt.truncate(level).unique()
        if starts.len():
            hits = hits | pl.col("ts").dt.truncate(level).is_in(starts.implode())
    return events.select(hits.alias("near"))["near"].to_numpy()


def _of_batch(
    batch: TableBatch, events: pl.DataFrame, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the events of a batch, and whether each is wanted."""
    seqs = events["seq"].to_numpy()
    at = np.searchsorted(seqs, batch.events["seq"].to_numpy())
    last = int(np.flatnonzero(events["depth"].to_numpy()).max())
    return events["depth"].to_numpy()[at], near[at] & (at <= last)


def _taken(batch: TableBatch, table: TableInfo, places: np.ndarray) -> TableBatch:
    return replace(
        batch,
        table=table,
        events=batch.events[pl.Series(places)],
        after=_picked(batch.after, places),
        before=_picked(batch.before, places),
    )


def _picked(frame: RowFrame, places: np.ndarray) -> RowFrame:
    return pick(frame, places) if frame.rows.size else frame


def together(parts: Sequence[Part]) -> MeasureAppends:
    """The parts as one, with the columns ``part`` and ``depth``."""

    def joined(name: str) -> pa.Table:
        return pa.concat_tables(
            getattr(each.appends, name)
            .append_column("part", pa.repeat(pa.scalar(each.number, pa.int64()), rows))
            .append_column("depth", pa.repeat(pa.scalar(each.depth, pa.int8()), rows))
            for each in parts
            for rows in (getattr(each.appends, name).num_rows,)
        )

    return MeasureAppends(joined("partials"), joined("bins"), joined("registers"))


def corrections_of(states: FirstStates) -> Corrections | None:
    """First values, with quantiles and distinct counts finalised; None when there are none."""
    if not states.first.height and not states.again.num_rows:
        return None
    wide = states.first.join(states.partials, on=_KEY, how="left", maintain_order="left")
    wide = wide.with_columns(pl.col("n").fill_null(0))
    wide = wide.with_columns(*_finalised(wide, states))
    return Corrections(wide.select(FIRST_SCHEMA.names).to_arrow().cast(FIRST_SCHEMA), states.again)


def _finalised(wide: pl.DataFrame, states: FirstStates) -> list[pl.Series]:
    """Quantile and distinct columns; null where there is no sketch."""
    places = wide.select(*_KEY).with_row_index("at")
    bins = states.bins.join(places, on=_KEY)
    made = []
    for which, share in QUANTILES.items():
        values = quantile(
            bins["at"].cast(pl.Int64).to_numpy(),
            bins["bin"].to_numpy(),
            bins["n"].to_numpy(),
            share,
            wide["min"].fill_null(np.nan).to_numpy(),
            wide["max"].fill_null(np.nan).to_numpy(),
        )
        made.append(pl.Series(which.value, values).fill_nan(None))
    registers = states.registers.join(places, on=_KEY)
    at = registers["at"].cast(pl.Int64).to_numpy()
    used, short = np.unique(at, return_inverse=True)
    counts = np.full(wide.height, np.nan)
    counts[used] = np.rint(
        estimate(
            short.astype(np.int64),
            registers["register"].to_numpy(),
            registers["rank"].to_numpy(),
            len(used),
        )
    )
    made.append(pl.Series("distinct", counts).fill_nan(None))
    return made
