"""Scores of quality: over a window, and as metrics over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.names import slug
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.windows import Window
from datawatch_lab.metrics.spans import ceil_to, floor_to
from datawatch_lab.quality.scores import Count, RuleScore, TableScore, table_score, weighted

if TYPE_CHECKING:
    from datawatch_lab.engine.quality import Quality

WINDOW = timedelta(hours=24)
"""What scores look at unless told otherwise."""

_MINUTE = timedelta(minutes=1)
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scores:
    """Scores over [start, end), and over the window before it."""

    start: datetime
    end: datetime
    tables: Sequence[TableScore]

    @property
    def score(self) -> float | None:
        """Of the workspace, in percent; None when nothing was looked at."""
        return weighted((1.0, each.score) for each in self.tables)

    @property
    def before(self) -> float | None:
        """The same over the window before."""
        return weighted((1.0, each.before) for each in self.tables)


def scores(
    quality: Quality,
    *,
    window: timedelta = WINDOW,
    end: datetime | None = None,
    table: str | None = None,
) -> Scores:
    """Scores of tables with rules.

    Args:
        quality: of the workspace.
        window: length; the one before it has the same.
        end: of the window; by default now, or the end of the newest data where that is older.
        table: only this one.
    """
    until = end or _end(quality)
    start = until - window
    now = _counts(quality, start, until)
    before = _counts(quality, start - window, start)
    by_table: dict[str, list[RuleScore]] = {}
    for each in quality.rules:
        if table in (None, each.rule.table):
            mine = RuleScore(each, now.get(each.id, Count()), before.get(each.id, Count()))
            by_table.setdefault(each.rule.table, []).append(mine)
    return Scores(start, until, [table_score(name, by_table[name]) for name in sorted(by_table)])


def _end(quality: Quality) -> datetime:
    """Now; where all data is older than the usual window, the end of the data."""
    now = quality.engine.clock.now()
    newest = quality.engine.span()[1]
    last = now if newest is None or now - newest < WINDOW else newest
    return floor_to(last, _MINUTE) + _MINUTE


def _counts(quality: Quality, start: datetime, end: datetime) -> dict[str, Count]:
    found = quality.store.counts(start, end, None)
    return {rule: Count(rows, failed) for rule, _, rows, failed in found.iter_rows()}


# ---------------------------------------------------------------------- as metrics


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


@dataclass(frozen=True)
class Values:
    """Values of a score over a window: edges of its buckets, and a row of values by labels."""

    edges: tuple[datetime, ...]
    rows: Mapping[Labels, np.ndarray]


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
    for name in (*group_by, *(name for name, _ in filters)):
        if name not in metric.labels:
            raise not_found("label", name, metric.labels, where=metric.name)
    edges = edges_of(metric, window)
    found = _bucketed(quality, edges, window.step)
    rules = {each.id: each.rule for each in quality.rules if each.rule.enabled}
    wanted: dict[str, set[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, set()).add(value)
    groups: dict[Labels, dict[int, dict[str, list[tuple[float, float | None]]]]] = {}
    for rule_id, place, rows, failed in found.iter_rows():
        rule = rules.get(rule_id)
        if rule is None or metric.table not in ("", rule.table):
            continue
        has = {"table": rule.table, "dimension": rule.about}
        if any(has[name] not in allowed for name, allowed in wanted.items()):
            continue
        labels = tuple((name, has[name]) for name in group_by)
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


def edges_of(metric: MetricDef, window: Window) -> tuple[datetime, ...]:
    """Edges of the buckets of a window, on whole minutes.

    Raises:
        InputError: the step is shorter than a minute.
    """
    if window.edges:
        return tuple(window.edges)
    if window.step is None:
        return floor_to(window.start, _MINUTE), ceil_to(window.end, _MINUTE)
    if window.step < _MINUTE:
        raise InputError(
            f"{metric.name} is kept by minute; the step is {window.step}.",
            hint="Take a step of a minute or more.",
        )
    start = floor_to(window.start, window.step, window.origin)
    end = ceil_to(window.end, window.step, window.origin)
    return tuple(start + window.step * n for n in range((end - start) // window.step + 1))


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
