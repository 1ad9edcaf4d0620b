"""Values of buckets of unequal width: read in one scan, finalised run by run of equal ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.metrics.calendar import runs
from datawatch_lab.metrics.finalise import Grid, Span, finalise
from datawatch_lab.metrics.query import Plan


def finalise_edges(
    plan: Plan,
    states: MeasureStates,
    base: MeasureStates | None = None,
    present: Span | None = None,
) -> Grid:
    """Values of a plan with edges; see `finalise.finalise`.

    Returns:
        float64, shape (groups, buckets); NaN where there is no value.
    """
    parts = []
    for start, end, width in runs(plan.edges):
        run = replace(plan, edges=(), start=start, end=end, step=width, origin=start)
        parts.append(finalise(run, _between(states, start, end), base, present).values)
        if base is not None:
            base = _with(base, states.partials, start, end)
    return np.concatenate(parts, axis=1) if parts else np.empty((len(plan.groups), 0))


def _between(states: MeasureStates, start: datetime, end: datetime) -> MeasureStates:
    inside = (pl.col("bucket") >= start) & (pl.col("bucket") < end)
    return replace(
        states,
        partials=states.partials.filter(inside),
        bins=states.bins.filter(inside),
        registers=states.registers.filter(inside),
    )


def _with(
    base: MeasureStates, partials: pl.DataFrame, start: datetime, end: datetime
) -> MeasureStates:
    """The states of everything before a run, with those of the run added: one row a group."""
    added = partials.filter((pl.col("bucket") >= start) & (pl.col("bucket") < end))
    rows = pl.concat(
        [base.partials, added.with_columns(bucket=pl.lit(None, pl.Datetime("us", "UTC")))]
    )
    exact = pl.col("exact").null_count() == 0
    merged = (
        rows.sort("last_at", "last_seq", nulls_last=False)
        .group_by("group", "bucket", maintain_order=True)
        .agg(
            pl.col("n").sum(),
            pl.col("sum").sum(),
            pl.when(exact).then(pl.col("exact").sum()).alias("exact"),
            pl.col("min").min(),
            pl.col("max").max(),
            pl.col("last").last(),
            pl.col("last_at").last(),
            pl.col("last_seq").last(),
        )
    )
    return replace(base, partials=merged.cast(base.partials.schema).select(base.partials.columns))
