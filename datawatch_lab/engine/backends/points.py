"""What is sent of a table: the states of its series, and the values of its metrics, by minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.backends import (
    MINUTE,
    STATES,
    VALUES,
    Points,
    labels_json,
    series_key,
)
from datawatch_lab.core.names import SPLIT_LABEL, split_by
from datawatch_lab.core.storage import MeasureRead, MeasureStates, Span
from datawatch_lab.core.values import (
    Aggregation,
    Formula,
    MeasureDef,
    MeasureKind,
    MetricDef,
    SeriesDef,
    TableInfo,
)
from datawatch_lab.engine.answering import Answered, Wanted, answer
from datawatch_lab.engine.windows import Window
from datawatch_lab.metrics.finalise import finalise
from datawatch_lab.metrics.query import QUANTILES, RUNNING, Plan
from datawatch_lab.metrics.spans import BEGINNING, cover

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

OWN = (MeasureKind.QUALITY, MeasureKind.ALERTS, MeasureKind.ANOMALIES)
"""Kinds of metrics whose values do not come from states."""

_CARRIED = (*RUNNING, MeasureKind.NEWEST)  # kinds whose value rests on all of the past
_EPSILON = timedelta(microseconds=1)


def measure_name(table: str, measure: MeasureDef) -> str:
    """The name of a measure in back ends.

    Args:
        table: its workspace name.
        measure: of that table.
    """
    return f"{table}/{measure.kind.value}/{measure.field}"


class TablePoints:
    """Makes the points of one table, from its series as they are now.

    Args:
        engine: of the workspace.
        table: any of its tables.
    """

    def __init__(self, engine: Engine, table: TableInfo) -> None:
        self._engine = engine
        self._table = table
        self.measures = [each for each in engine.measures.all if each.table_id == table.id]
        self.series: dict[int, SeriesDef] = {
            series.id: series
            for measure in self.measures
            for series in tuple(engine.measures.book.of(measure.id))
        }
        self.keys = _keys(table, self.measures, self.series.values())

    def points(self, start: datetime, end: datetime) -> Points:
        """The points of minutes from start to end, both whole minutes."""
        if not self.series:
            return Points(pl.DataFrame(schema=STATES), pl.DataFrame(schema=VALUES))
        span = (Span("1m", start, end),)
        groups = {each: each for each in self.series}
        read = MeasureRead(groups, span, MINUTE, start, bins=True, registers=True)
        states = self._engine.store.read_measures(read)
        return Points(self._states(states), self._values(states, start, end))

    def _states(self, states: MeasureStates) -> pl.DataFrame:
        exact = pl.col("exact").cast(pl.Float64)
        finite = [
            pl.when(pl.col(each).is_finite()).then(pl.col(each)).alias(each)
            for each in ("sum", "min", "max", "last")
        ]
        return (
            states.partials.with_columns(pl.coalesce(exact, "sum").alias("sum"))
            .with_columns(finite)
            .join(self.keys, left_on="group", right_on="id")
            .rename({"bucket": "minute"})
            .select(pl.col(name).cast(kind) for name, kind in STATES.items())
        )

    def _values(self, states: MeasureStates, start: datetime, end: datetime) -> pl.DataFrame:
        present = states.partials["bucket"].unique()
        if not present.len():
            return pl.DataFrame(schema=VALUES)
        base = self._base(start)
        frames = [pl.DataFrame(schema=VALUES)]
        for metric in self._metrics():
            mine = self._series_of(metric)
            if mine:
                frames.append(_valued(metric, mine, states, base, (start, end)))
        minute = present.cast(VALUES["minute"]).implode()
        return pl.concat(frames).filter(pl.col("minute").is_in(minute))

    def _metrics(self) -> Iterator[MetricDef]:
        for each in self._engine.metrics().values():
            is_stored = not isinstance(each.definition, Formula) and each.measure not in OWN
            if is_stored and each.table in ("", self._table.name):
                yield each

    def _series_of(self, metric: MetricDef) -> dict[int, str]:
        """The series of a metric, with the labels that its values get."""
        about = metric.name if metric.measure is MeasureKind.CUSTOM else metric.field
        more = () if metric.table else (("table", self._table.name),)
        ids = {
            each.id for each in self.measures if (each.kind, each.field) == (metric.measure, about)
        }
        return {
            id_: labels_json(_with_split(metric, (*each.labels, *more)))
            for id_, each in self.series.items()
            if each.measure_id in ids and (not metric.op or ("op", metric.op) in each.labels)
        }

    def _base(self, start: datetime) -> MeasureStates | None:
        """States of all before, for values that rest on them."""
        kinds = {each.id: each.kind for each in self.measures}
        carried = [id_ for id_, each in self.series.items() if kinds[each.measure_id] in _CARRIED]
        if not carried:
            return None
        read = MeasureRead({each: each for each in carried}, cover(BEGINNING, start))
        return self._engine.store.read_measures(read)


def own_values(engine: Engine, start: datetime, end: datetime) -> Points:
    """Values of the workspace's own metrics (scores, anomalies, alerts) by minute."""
    window = Window(start, end, step=MINUTE)
    frames = [pl.DataFrame(schema=VALUES)]
    for metric in engine.metrics().values():
        if metric.measure in OWN:
            found = answer(engine, metric, window, Wanted(now=engine.clock.now()))
            frames += [
                _frame(metric.name, labels_json(labels), found, row)
                for labels, row in found.rows.items()
            ]
    return Points(pl.DataFrame(schema=STATES), pl.concat(frames))


def _frame(metric: str, labels: str, found: Answered, row: np.ndarray) -> pl.DataFrame:
    times = pl.Series("minute", found.times, dtype=VALUES["minute"])
    return (
        pl.DataFrame({"minute": times, "value": row.astype(np.float64)})
        .filter(pl.col("value").is_finite())
        .select(pl.lit(metric).alias("metric"), pl.lit(labels).alias("labels"), "minute", "value")
    )


def _with_split(
    metric: MetricDef, labels: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    split = split_by(metric, (name for name, _ in labels))
    return (*labels, *(((SPLIT_LABEL, split),) if split else ()))


def _keys(
    table: TableInfo, measures: Iterable[MeasureDef], series: Iterable[SeriesDef]
) -> pl.DataFrame:
    """id, series, measure, labels of each series."""
    names = {each.id: measure_name(table.name, each) for each in measures}
    rows = []
    for each in series:
        labels = labels_json(each.labels)
        measure = names[each.measure_id]
        rows.append((each.id, series_key(measure, labels), measure, labels))
    schema = {"id": pl.Int32, "series": pl.String, "measure": pl.String, "labels": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _valued(
    metric: MetricDef,
    mine: dict[int, str],
    states: MeasureStates,
    base: MeasureStates | None,
    span: tuple[datetime, datetime],
) -> pl.DataFrame:
    """Values of a metric by series and minute, as `range` with a step of a minute gives them."""
    start, end = span
    places = {id_: place for place, id_ in enumerate(mine)}
    read = MeasureRead(places, (Span("1m", start, end),), MINUTE, start)
    carried = metric.measure in _CARRIED and metric.aggregation is Aggregation.LAST
    plan = Plan(
        metric=metric,
        aggregation=metric.aggregation,
        groups=tuple({} for _ in mine),
        start=start,
        end=end,
        step=MINUTE,
        origin=start,
        now=end,
        read=read,
        base=read if carried else None,
        presence=(),
    )
    chosen = _chosen(states, places, metric.aggregation)
    before = None if base is None else _chosen(base, places, Aggregation.LAST)
    grid = finalise(plan, chosen, before).values
    minutes = (end - start) // MINUTE
    times = pl.datetime_range(start, end - _EPSILON, MINUTE, time_unit="us", eager=True)
    return (
        pl.DataFrame(
            {
                "labels": pl.Series(list(mine.values())).gather(
                    np.repeat(np.arange(len(mine)), minutes)
                ),
                "minute": pl.concat([times] * len(mine)),
                "value": grid.reshape(-1),
            }
        )
        .filter(pl.col("value").is_finite())
        .select(pl.lit(metric.name).alias("metric"), *("labels", "minute", "value"))
    )


def _chosen(
    states: MeasureStates, places: dict[int, int], aggregation: Aggregation
) -> MeasureStates:
    """The states of some series, by their places."""

    def part(frame: pl.DataFrame) -> pl.DataFrame:
        kept = frame.filter(pl.col("group").is_in(list(places)))
        return kept.with_columns(
            pl.col("group").replace_strict(
                list(places), list(places.values()), return_dtype=pl.Int64
            )
        )

    found = replace(states, partials=part(states.partials), finalised=None)
    if aggregation in QUANTILES:
        return replace(found, bins=part(states.bins))
    if aggregation is Aggregation.DISTINCT:
        return replace(found, registers=part(states.registers))
    return found
