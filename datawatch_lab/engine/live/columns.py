"""Columns of different batches put together without losing a digit."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from datawatch_lab.core.columns import side_by_side
from datawatch_lab.metrics.images import label_texts

_EXACT_BELOW = 2**53


def together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames under one another; a column that one lacks is null there.

    Columns of different types get the type that holds all of their values exactly: larger integers,
    doubles where every integer fits one, else text.
    """
    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    if not names:
        return pl.DataFrame(height=sum(frame.height for frame in frames))
    if len(frames) == 1:
        return frames[0]
    return side_by_side([_stacked(name, frames).alias(name) for name in names])


def _stacked(name: str, frames: Sequence[pl.DataFrame]) -> pl.Series:
    dtype = common_type([frame[name] for frame in frames if name in frame.columns])
    parts = [
        as_type(frame[name], dtype)
        if name in frame.columns
        else pl.Series(name, [None], dtype=dtype).new_from_index(0, frame.height)
        for frame in frames
    ]
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def common_type(columns: Sequence[pl.Series]) -> pl.DataType:
    """The type that holds the values of all columns exactly."""
    kinds = {column.dtype for column in columns if column.null_count() < len(column)}
    if not kinds:
        return columns[0].dtype if columns else pl.String()
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= {pl.Int64, pl.Int128}:
        return pl.Int128()
    if kinds == {pl.Int64, pl.Float64} and all(_fits_double(column) for column in columns):
        return pl.Float64()
    return pl.String()


def as_type(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    """The column as a type that `common_type` chose for it."""
    if column.dtype == dtype:
        return column
    return label_texts(column) if dtype == pl.String else column.cast(dtype)


def _fits_double(column: pl.Series) -> bool:
    if column.dtype != pl.Int64 or column.null_count() == len(column):
        return True
    return bool((column.abs().max() or 0) <= _EXACT_BELOW)  # type: ignore[operator]
