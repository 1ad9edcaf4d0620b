"""States of many series over a grid of windows, folded column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from datawatch_lab.core.storage import MeasureRead, MeasureStates, Span
from datawatch_lab.core.values import Aggregation
from datawatch_lab.engine.alerting.grid import Grid, Row, check_size
from datawatch_lab.metrics.numbers import decimal_floats
from datawatch_lab.metrics.spans import EPOCH, level_of_step

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_A = Aggregation
_MINUTE = timedelta(minutes=1)
_COLUMNS = frozenset({"n", "sum", "exact", "min", "max"})


class Buckets:
    """States of many series over a grid, as arrays of shape (series, buckets)."""

    def __init__(self, engine: Engine, places: Mapping[int, int], grid: Grid) -> None:
        self._grid = grid
        self._width = max(1, grid.over // grid.stride)  # buckets a window
        self._count = grid.count + self._width - 1
        self._size = len(places)
        check_size(self._size, grid)
        self._cache: dict[str, Row] = {}
        self._partials = self._read(engine, places).partials
        self._partials = self._partials.filter(pl.col("n") != 0)
        start = (grid.start - EPOCH) // timedelta(microseconds=1)
        step = grid.stride // timedelta(microseconds=1)
        bucket = (self._partials["bucket"].dt.epoch("us").to_numpy() - start) // step
        self._at = self._partials["group"].cast(pl.Int64).to_numpy() * self._count + bucket

    def _read(self, engine: Engine, places: Mapping[int, int]) -> MeasureStates:
        grid = self._grid
        end = grid.start + self._count * grid.stride
        return engine.store.read_measures(
            MeasureRead(
                groups=places,
                spans=(Span(level_of_step(grid.stride, grid.start), grid.start, end),),
                step=grid.stride,
                origin=grid.start,
                columns=_COLUMNS,
            )
        )

    def _spread(self, name: str) -> Row:
        """A column by series and window; NaN where there are no rows."""
        if name not in self._cache:
            if name == "sum":
                exact = decimal_floats(self._partials["exact"])
                values = exact.fill_null(self._partials["sum"]).fill_null(np.nan).to_numpy()
            else:
                values = self._partials[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            flat = np.full(self._size * self._count, np.nan)
            flat[self._at] = values
            self._cache[name] = self._rolled(name, flat.reshape(self._size, self._count))
        return self._cache[name]

    def _rolled(self, name: str, rows: Row) -> Row:
        if self._width == 1 or not len(rows):
            return rows[:, : self._grid.count]
        return rolled(name, rows, self._width)

    def values(self, aggregation: Aggregation, members: Sequence[Sequence[int]]) -> Row:
        """Values of slots, each made of some series; shape (slots, windows)."""
        match aggregation:
            case _A.COUNT:
                return self._joined("n", members)
            case _A.RATE:
                return self._joined("n", members) / (self._grid.over / _MINUTE)
            case _A.AVG:
                return self._joined("sum", members) / self._joined("n", members)
            case other:
                return self._joined(other.value, members)

    def _joined(self, name: str, members: Sequence[Sequence[int]]) -> Row:
        rows = self._spread(name)
        made = np.full((len(members), self._grid.count), np.nan)
        single = [place for place, each in enumerate(members) if len(each) == 1]
        if single:
            made[single] = rows[[members[place][0] for place in single]]
        for place, each in enumerate(members):
            if len(each) > 1:
                made[place] = fold(name, rows[list(each)], axis=0)
        return made


def rolled(name: str, rows: Row, width: int) -> Row:
    """Rows of states merged over each window of so many buckets; NaN where it has none.

    It takes the memory of a few such rows, however wide windows are.
    """
    count = rows.shape[1] - width + 1
    merged = rows[:, :count].copy()
    merge = {"min": np.fmin, "max": np.fmax}.get(name, _add)
    for shift in range(1, width):
        merge(merged, rows[:, shift : shift + count], out=merged)
    return merged


def _add(merged: Row, rows: Row, out: Row) -> None:
    """Sums where nothing is known of one side are the other."""
    known = ~np.isnan(rows)
    np.copyto(out, 0.0, where=known & np.isnan(merged))
    np.add(merged, rows, out=out, where=known)


def fold(name: str, rows: Row, axis: int) -> Row:
    """Rows of states merged along an axis; NaN where all of them are."""
    known = ~np.isnan(rows)
    if name == "min":
        merged = np.where(known, rows, np.inf).min(axis=axis)
    elif name == "max":
        merged = np.where(known, rows, -np.inf).max(axis=axis)
    else:
        merged = np.where(known, rows, 0.0).sum(axis=axis)
    return np.where(known.any(axis=axis), merged, np.nan)
