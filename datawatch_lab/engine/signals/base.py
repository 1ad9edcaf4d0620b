"""What a signal is, and the arithmetic on windows that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.values import Values
    from datawatch_lab.engine.engine import Engine

Read = Callable[["Values", Ask, Grid], dict[Labels, Row]]
Tables = Callable[["Engine", Ask], Iterable[str]]
Words = Callable[["Engine", Ask, Labels, datetime, datetime], str]


def _nothing(_: Engine) -> None:
    return None


def _silent(*_: object) -> str:
    return ""


def every_table(*_: object) -> tuple[str, ...]:
    """A signal about all tables is decided once the first of them is closed."""
    return ("",)


@dataclass(frozen=True)
class Signal:
    """Something that rules are about and that is stored as no metric.

    Attributes:
        metric: how it is spoken of: name, unit, labels, and whether it adds up (``sum``).
        read: values of an ask on a grid, by labels; NaN is no value.
        tables: names of tables whose closing says that a moment can be decided; '' is any.
        settle: brings it up to date with what is stored; called before a moment is decided.
        ready: makes what it reads, where that can be made; called when a rule is made ready.
        words: evidence of [from, to) for people; '' for none.
        absent: value of labels that a window has nothing for; NaN is no value.
    """

    metric: MetricDef
    read: Read
    tables: Tables = every_table
    settle: Callable[[Engine], None] = _nothing
    ready: Callable[[Engine], None] = _nothing
    words: Words = _silent
    absent: float = nan

    @property
    def name(self) -> str:
        """Unique, with a dot, which no metric has."""
        return self.metric.name


def described(
    name: str,
    unit: str,
    labels: tuple[str, ...],
    description: str,
    aggregation: Aggregation = Aggregation.AVG,
) -> MetricDef:
    """How a signal is spoken of."""
    return MetricDef(
        name=name,
        table="",
        field="",
        kind="gauge",
        unit=unit,
        labels=labels,
        auto=True,
        description=description,
        measure=MeasureKind.QUALITY,
        aggregation=aggregation,
    )


def is_wanted(ask: Ask, has: Mapping[str, Sequence[str]]) -> bool:
    """Whether something passes the filters: each names one of the values that it has.

    >>> is_wanted(Ask("m", "", (("table", "orders"),)), {"table": ("orders", "public.orders")})
    True
    """
    wanted: dict[str, set[str]] = {}
    for name, value in ask.filters:
        wanted.setdefault(name, set()).add(value)
    return all(values & set(has.get(name, ())) for name, values in wanted.items())


def labels_of(ask: Ask, has: Mapping[str, Sequence[str]]) -> Labels:
    """The labels that something is grouped under: the first value of each."""
    return tuple(sorted((name, has[name][0]) for name in ask.group_by))


def counted(times: Sequence[datetime], grid: Grid) -> Row:
    """How many moments lie in each window [start, end) of a grid."""
    at = np.sort(np.array([(each - EPOCH).total_seconds() for each in times], dtype=np.float64))
    ends = grid.ends
    starts = ends - grid.over.total_seconds()
    found = np.searchsorted(at, ends, side="left") - np.searchsorted(at, starts, side="left")
    return found.astype(np.float64)


def placed(frame: pl.DataFrame, grid: Grid, time: str, value: str) -> Row:
    """Sums of a column over each window, from rows with the start of their bucket.

    Args:
        frame: with ``time`` (Datetime) on the grid's strides.
        grid: of windows; buckets are a stride wide.
        time: name of the column with the start of a bucket.
        value: name of the column that is added up.
    """
    count = grid.count + grid.over // grid.stride - 1
    start = int((grid.start - EPOCH).total_seconds() * 1e6)
    step = int(grid.stride.total_seconds() * 1e6)
    place = (frame[time].dt.epoch("us").to_numpy() - start) // step
    inside = (place >= 0) & (place < count)
    weights = frame[value].to_numpy().astype(np.float64)[inside]
    buckets = np.bincount(place[inside], weights=weights, minlength=count)
    added = np.concatenate([[0.0], np.cumsum(buckets)])
    width = grid.over // grid.stride
    return np.asarray(added[width : width + grid.count] - added[: grid.count])
