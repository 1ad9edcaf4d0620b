"""From merged states to values: the second half of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.core.values import Aggregation, MeasureKind
from datawatch_lab.metrics.numbers import decimal_floats
from datawatch_lab.metrics.query import QUANTILES, RUNNING, Plan
from datawatch_lab.metrics.registers import estimate
from datawatch_lab.metrics.sketch import quantile
from datawatch_lab.metrics.spans import EPOCH

A = Aggregation
Grid = NDArray[np.float64]
Span = tuple[datetime, datetime]

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ResultSeries:
    """One series of an answer: its labels and (bucket start, value) points; None is no value."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float | None], ...]

    @property
    def value(self) -> float | None:
        """The value of the last bucket: the only one when no step was asked."""
        return self.points[-1][1] if self.points else None


@dataclass(frozen=True)
class Result:
    """The answer to a query, as a grid.

    Attributes:
        plan: the question.
        values: float64, shape (groups, buckets); NaN where there is no value.
    """

    plan: Plan
    values: Grid

    @property
    def times(self) -> list[datetime]:
        """Start of each bucket, UTC."""
        step = self.plan.step or timedelta()
        return [self.plan.start + step * place for place in range(self.plan.buckets)]

    @cached_property
    def series(self) -> tuple[ResultSeries, ...]:
        """The answer as series of points, in order of their labels."""
        times = self.times
        made = [
            ResultSeries(
                labels,
                tuple(
                    (at, None if value != value else value)  # noqa: PLR0124 — NaN alone differs from itself
                    for at, value in zip(times, row.tolist(), strict=True)
                ),
            )
            for labels, row in zip(self.plan.groups, self.values, strict=True)
        ]
        return tuple(sorted(made, key=lambda each: sorted(each.labels.items())))

    @property
    def open(self) -> datetime | None:
        """Start of the bucket that is not over at the moment of asking, or None."""
        step = self.plan.step
        if step is None or not self.plan.start <= self.plan.now < self.plan.end:
            return None
        return self.plan.start + (self.plan.now - self.plan.start) // step * step


def finalise(
    plan: Plan,
    states: MeasureStates,
    base: MeasureStates | None = None,
    present: Span | None = None,
) -> Result:
    """Values of a query.

    Args:
        plan: the question.
        states: what ``plan.read`` gave.
        base: what ``plan.base`` gave, when that is not None.
        present: first and last moment that the table has data for (the store's span of
            ``plan.presence``; a caller may extend its end to now while the source is alive).
            Within it an empty bucket counts 0, outside it has no value; without it nothing is 0.

    Returns:
        A grid of values. Sums are made from the exact decimals where there are some.
    """
    if not plan.groups or not plan.buckets:
        return Result(plan, np.full((len(plan.groups), plan.buckets), np.nan))
    cells = _Cells(plan, states.partials)
    if plan.aggregation in QUANTILES:
        grid = _with_finalised(plan, states, _quantiles(plan, states, cells))
    elif plan.aggregation is A.DISTINCT:
        grid = _with_finalised(plan, states, _distincts(plan, states, cells))
    elif plan.base is not None and plan.metric.measure in RUNNING:
        return Result(plan, _running(plan, cells, base))
    elif plan.base is not None:
        return Result(plan, _ages(plan, cells, base))
    else:
        grid = _simple(plan, cells)
    return Result(plan, _zero_filled(plan, grid, present))


class _Cells:
    """Partial states spread over a flat grid of groups × buckets."""

    def __init__(self, plan: Plan, partials: pl.DataFrame, buckets: int | None = None) -> None:
        self.buckets = plan.buckets if buckets is None else buckets
        self.size = len(plan.groups) * self.buckets
        self.partials = partials
        if (partials["n"].to_numpy() == 0).any():  # all of it was taken back
            self.partials = partials.filter(pl.col("n") != 0)
        self.at = _cell_numbers(plan, self.partials, self.buckets)

    def spread(self, column: str, empty: float = np.nan) -> Grid:
        """A column over the grid; ``empty`` where there is no state."""
        values = self.partials[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        grid = np.full(self.size, empty)
        grid[self.at] = values
        return grid

    def sums(self, empty: float = np.nan) -> Grid:
        """Sums, from the exact ones where there are some."""
        grid = np.full(self.size, empty)
        exact = decimal_floats(self.partials["exact"])
        grid[self.at] = exact.fill_null(self.partials["sum"]).fill_null(np.nan).to_numpy()
        return grid


def _cell_numbers(plan: Plan, frame: pl.DataFrame, buckets: int) -> NDArray[np.int64]:
    group = frame["group"].cast(pl.Int64).to_numpy()
    if plan.step is None or buckets == 1:
        return group * buckets
    first = (plan.start - EPOCH) // timedelta(microseconds=1)
    width = plan.step // timedelta(microseconds=1)
    micros = frame["bucket"].dt.epoch("us").to_numpy()
    return np.asarray(group * buckets + (micros - first) // width)


def _shaped(plan: Plan, grid: Grid) -> Grid:
    return grid.reshape(len(plan.groups), -1)


def _simple(plan: Plan, cells: _Cells) -> Grid:
    match plan.aggregation:
        case A.COUNT:
            grid = cells.spread("n")
        case A.RATE:
            grid = cells.spread("n") / (_width(plan) / timedelta(minutes=1))
        case A.SUM:
            grid = cells.sums()
        case A.AVG:
            grid = cells.sums() / cells.spread("n")
        case other:
            grid = cells.spread(other.value)
    return _shaped(plan, grid)


def _width(plan: Plan) -> timedelta:
    """Width of a bucket; without a step, of the range up to the moment of asking."""
    if plan.step is not None:
        return plan.step
    return max(min(plan.end, plan.now) - plan.start, _SECOND)


def _quantiles(plan: Plan, states: MeasureStates, cells: _Cells) -> Grid:
    bins = states.bins
    grid = quantile(
        _cell_numbers(plan, bins, plan.buckets),
        bins["bin"].to_numpy(),
        bins["n"].cast(pl.Int64).to_numpy(),
        QUANTILES[plan.aggregation],
        cells.spread("min"),
        cells.spread("max"),
    )
    return _shaped(plan, grid)


def _distincts(plan: Plan, states: MeasureStates, cells: _Cells) -> Grid:
    registers = states.registers
    at = _cell_numbers(plan, registers, plan.buckets)
    known, short = np.unique(at, return_inverse=True)
    counts = estimate(
        short.astype(np.int64),
        registers["register"].to_numpy(),
        registers["rank"].to_numpy(),
        len(known),
    )
    grid = np.full(cells.size, np.nan)
    grid[known] = np.minimum(np.rint(counts), cells.spread("n")[known])
    return _shaped(plan, grid)


def _with_finalised(plan: Plan, states: MeasureStates, grid: Grid) -> Grid:
    """The grid with the values of buckets that were finalised when their sketches were dropped."""
    done = states.finalised
    if done is not None and done.height:
        values = done[plan.aggregation.value].fill_null(np.nan).to_numpy()
        flat = grid.reshape(-1)
        flat[_cell_numbers(plan, done, plan.buckets)] = values
    return grid


def _running(plan: Plan, cells: _Cells, base: MeasureStates | None) -> Grid:
    """Rows at the end of each bucket: all before the range, and what came and went since."""
    moved = _shaped(plan, cells.sums(empty=0.0))
    started = _shaped(plan, cells.spread("n", empty=0.0)) > 0
    before = np.zeros(len(plan.groups))
    known = np.zeros(len(plan.groups), dtype=np.bool_)
    if base is not None:
        earlier = _Cells(plan, base.partials, buckets=1)
        before = earlier.sums(empty=0.0)
        known[earlier.at] = True
    total = before[:, None] + np.cumsum(moved, axis=1)
    seen = known[:, None] | np.logical_or.accumulate(started, axis=1)
    return np.where(seen & ~_future(plan), total, np.nan)


def _ages(plan: Plan, cells: _Cells, base: MeasureStates | None) -> Grid:
    """Age of the newest value so far, at the end of each bucket or now, whichever is first."""
    newest = _shaped(plan, cells.spread("max", empty=-np.inf))
    if base is not None:
        before = _Cells(plan, base.partials, buckets=1).spread("max", empty=-np.inf)
        newest[:, 0] = np.fmax(newest[:, 0], before)
    newest = np.fmax.accumulate(newest, axis=1)
    ends: Grid = np.minimum(_ends(plan), (plan.now - EPOCH) / _SECOND)
    with np.errstate(invalid="ignore"):
        ages = ends[None, :] - newest
    known: NDArray[np.bool_] = np.isfinite(newest) & ~_future(plan)
    return np.where(known, ages, np.nan)


def _starts(plan: Plan) -> Grid:
    first = (plan.start - EPOCH) / _SECOND
    return first + np.arange(plan.buckets, dtype=np.float64) * (
        (plan.step or timedelta()) / _SECOND
    )


def _ends(plan: Plan) -> Grid:
    return _starts(plan) + (plan.step or plan.end - plan.start) / _SECOND


def _future(plan: Plan) -> NDArray[np.bool_]:
    """Buckets that begin after the moment of asking; shape (1, buckets)."""
    return np.asarray(_starts(plan) > (plan.now - EPOCH) / _SECOND)[None, :]


def is_counted(plan: Plan) -> bool:
    """Whether an empty bucket within the time that there is data for counts 0."""
    return plan.base is None and (
        plan.aggregation in (A.COUNT, A.RATE, A.DISTINCT)
        or (plan.aggregation is A.SUM and plan.metric.measure is not MeasureKind.VALUE)
    )


def _zero_filled(plan: Plan, grid: Grid, present: Span | None) -> Grid:
    """Put 0 for counts and rates of empty buckets within the time that the table has data for."""
    if not is_counted(plan) or present is None:
        return grid
    first, last = ((moment - EPOCH) / _SECOND for moment in present)
    inside = (_ends(plan) > first) & (_starts(plan) < last) & ~_future(plan)[0]
    return np.where(np.isnan(grid) & inside[None, :], 0.0, grid)
