"""Questions about metrics, answered from the states that a back end has."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.core.backends import (
    MINUTE,
    MOST_SERIES,
    Asked,
    Backend,
    labels_json,
    refuse,
    series_key,
)
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.engine.backends.points import measure_name
from datawatch_lab.metrics.query import Plan

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_SECOND = timedelta(seconds=1)


def read_backend(engine: Engine, backend: Backend, plan: Plan) -> MeasureStates:
    """The states that a plan wants, from a back end in place of the workspace.

    Raises:
        InputError: it cannot answer this; says why and what it can.
        BackendError: it does not answer.
    """
    if plan.aggregation not in backend.capabilities.aggregations:
        raise refuse(backend.name, plan.metric.name, plan.aggregation)
    _check_width(backend, plan)
    keys = _keys(engine, plan)
    if len(keys) > MOST_SERIES:
        raise InputError(
            f"{plan.metric.name}: the question is about {len(keys):,} series; a back end is asked "
            f"for {MOST_SERIES:,} at most.",
            hint="Filter by a label, or ask without a back end.",
        )
    step = _edge_step(plan) if plan.edges else plan.step
    asked = Asked(tuple(sorted(keys)), plan.start, plan.end, step, _parts(plan))
    return _states(backend.read(asked), keys, plan)


def _check_width(backend: Backend, plan: Plan) -> None:
    for moment in (plan.start, plan.end, plan.start + (plan.step or MINUTE)):
        if moment.second or moment.microsecond:
            raise InputError(
                f"{plan.metric.name}: {backend.name} has whole minutes.",
                hint="Take steps of whole minutes, and 'from' and 'to' on them.",
            )


def _keys(engine: Engine, plan: Plan) -> dict[str, int]:
    """Group of each series, by its key in back ends."""
    names = {each.id: each.name for each in engine.tables()}
    keys: dict[str, int] = {}
    for measure in engine.measures.all:
        name = measure_name(names.get(measure.table_id, ""), measure)
        for series in tuple(engine.measures.book.of(measure.id)):
            if series.id in plan.read.groups:
                key = series_key(name, labels_json(series.labels))
                keys[key] = plan.read.groups[series.id]
    return keys


def _parts(plan: Plan) -> frozenset[str]:
    columns = plan.read.columns
    if columns is None:
        return frozenset({"n", "sum", "min", "max", "last"})
    return (columns & {"n", "sum", "min", "max", "last"}) | {"n"}


def _edge_step(plan: Plan) -> timedelta:
    """The widest step whose buckets fall on all edges."""
    widths = [round((each - plan.edges[0]) / _SECOND) for each in plan.edges[1:]]
    return reduce(gcd, widths) * _SECOND


def _states(found: pl.DataFrame, keys: dict[str, int], plan: Plan) -> MeasureStates:
    """Merged states by group and bucket, of states by series and bucket."""
    group = pl.col("series").replace_strict(list(keys), list(keys.values()), return_dtype=pl.Int64)
    frame = found.with_columns(group.alias("group"))
    if plan.edges:
        frame = _on_edges(frame, plan.edges[:-1])
    newest = pl.col("last").sort_by("last_at").last()
    partials = (
        frame.filter(pl.col("n") != 0)
        .group_by("group", "bucket")
        .agg(
            pl.col("n", "sum").sum(),
            pl.lit(None, pl.Decimal(38, 9)).alias("exact"),
            pl.col("min").min(),
            pl.col("max").max(),
            newest.alias("last"),
            pl.col("last_at").max(),
            pl.lit(0, pl.Int64).alias("last_seq"),
        )
    )
    return MeasureStates(
        partials=partials,
        bins=pl.DataFrame(
            schema={"group": pl.Int64, "bucket": _UTC, "bin": pl.Int32, "n": pl.Int64}
        ),
        registers=pl.DataFrame(
            schema={"group": pl.Int64, "bucket": _UTC, "register": pl.Int32, "rank": pl.Int32}
        ),
    )


_UTC = pl.Datetime("us", "UTC")


def _on_edges(frame: pl.DataFrame, edges: tuple[datetime, ...]) -> pl.DataFrame:
    """Buckets moved to the edge that they begin at or after."""
    starts = pl.DataFrame({"edge": pl.Series(edges, dtype=_UTC)}).sort("edge")
    return (
        frame.sort("bucket")
        .join_asof(starts, left_on="bucket", right_on="edge")
        .drop("bucket")
        .rename({"edge": "bucket"})
    )
