"""The metrics ``dq_score`` and ``dq_score_T``, worked out from the rows that were looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.names import slug
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.own_metrics.base import Labels, Slicing, Values, edges_of
from datawatch_lab.engine.windows import Window
from datawatch_lab.quality.scores import Count, weighted

if TYPE_CHECKING:
    from datawatch_lab.engine.quality import Quality


def metrics_of_quality(quality: Quality, taken: Mapping[str, MetricDef]) -> dict[str, MetricDef]:
    """``dq_score`` and ``dq_score_T`` of tables with rules; none without rules."""
    tables = sorted({each.rule.table for each in quality.rules})
    if not tables:
        return {}
    made = {"dq_score": _metric("dq_score", "", ("table",))}
    for table in tables:
        name = f"dq_score_{slug(table)}"
        made[name] = _metric(name, table, ("dimension",))
    return {name: each for name, each in made.items() if name not in taken}


def _metric(name: str, table: str, labels: tuple[str, ...]) -> MetricDef:
    what = f"the rules of {table}" if table else "the rules of all tables"
    return MetricDef(
        name=name,
        table=table,
        field="",
        kind="gauge",
        unit="%",
        labels=labels,
        auto=True,
        description=f"Score of data quality: share of rows that keep to {what}, by weight.",
        measure=MeasureKind.QUALITY,
        aggregation=Aggregation.AVG,
    )


def values(
    quality: Quality,
    metric: MetricDef,
    window: Window,
    group_by: Sequence[str],
    filters: Sequence[tuple[str, str]],
) -> Values:
    """The score of each bucket, from the rows that were looked at in it; NaN where there are none.

    Raises:
        InputError: the step is shorter than a minute.
        NotFoundError: a label does not exist.
    """
    slicing = Slicing(metric, group_by, filters)
    edges = edges_of(metric, window)
    found = _bucketed(quality, edges, window.step)
    rules = {each.id: each.rule for each in quality.rules if each.rule.enabled}
    groups: dict[Labels, dict[int, dict[str, list[tuple[float, float | None]]]]] = {}
    for rule_id, place, rows, failed in found.iter_rows():
        rule = rules.get(rule_id)
        if rule is None or metric.table not in ("", rule.table):
            continue
        labels = slicing.labels({"table": rule.table, "dimension": rule.about})
        if labels is None:
            continue
        cell = groups.setdefault(labels, {}).setdefault(place, {})
        cell.setdefault(rule.table, []).append((rule.weight, Count(rows, failed).score))
    nothing = np.full(len(edges) - 1, np.nan)
    made: dict[Labels, np.ndarray] = {} if group_by else {(): nothing.copy()}
    for labels, cells in groups.items():
        row = nothing.copy()
        for place, tables in cells.items():
            score = weighted((1.0, weighted(mine)) for mine in tables.values())
            row[place] = np.nan if score is None else score
        made[labels] = row
    return Values(edges, made)


def _bucketed(quality: Quality, edges: Sequence[datetime], step: timedelta | None) -> pl.DataFrame:
    """rule, place of the bucket, rows, failed."""
    width = step if len(edges) > 2 and step is not None else None
    if len(edges) > 2 and width is None:
        width = timedelta(hours=1)
    found = quality.store.counts(edges[0], edges[-1], width)
    starts = np.array([int(each.timestamp() * 1e6) for each in edges], dtype=np.int64)
    places = np.searchsorted(starts, found["bucket"].dt.epoch("us").to_numpy(), side="right") - 1
    placed = found.with_columns(place=pl.Series(places, dtype=pl.Int64))
    return placed.group_by("rule", "place").agg(pl.col("rows", "failed").sum())
