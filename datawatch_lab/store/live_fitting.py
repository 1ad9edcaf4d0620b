"""Rows of many tables laid out in slots at once; what becomes of a field is said in `live_slots`.

A field costs about as much to look at for ten rows as for a thousand. So fields that are likely to
go into slots of one type stand in one long column, which is tried once; a field of which not every
value fits is split on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import moments_in, not_null, nulls, texts_of, true_where
from datawatch_lab.core.values import Column, Role
from datawatch_lab.store.live_slots import (
    BIGINT,
    BOOLEAN,
    DECIMAL_DIGITS,
    DOUBLE,
    EXACT_INTEGER,
    MOST_SCALES,
    TIMESTAMP,
    USUAL_MOMENT,
    VARCHAR,
    Piece,
    Slot,
    alike,
    decimal_limit,
    is_decimal,
    joined,
    may_be_more,
    split,
)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Laid:
    """Rows of one table by slot.

    Attributes:
        columns: of the slots that have values here, each named as its slot's column (HUGEINT as
            text).
        slots: of the table as they are with these rows: new ones added, what they say of their
            values brought up to date.
    """

    columns: list[pl.Series]
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Unlaid:
    """Rows of one table to lay out.

    Attributes:
        rows: fields, typed as in `core.batches.RowFrame`.
        columns: what is known of the fields.
        slots: of the table, so far.
    """

    rows: pl.DataFrame
    columns: Sequence[Column]
    slots: Sequence[Slot]


@dataclass(frozen=True)
class _Field:
    """A field of one table, not all null."""

    values: pl.Series
    column: Column | None
    scales: frozenset[str]


def fit_all(tables: Sequence[Unlaid]) -> list[Laid]:
    """Lay out rows of several tables; of each as if it were alone."""
    fields: list[_Field] = []
    owned: list[int] = []
    for place, each in enumerate(tables):
        for field in _fields(each):
            fields.append(field)
            owned.append(place)
    pieces = _split_all(fields)
    of_table: list[list[tuple[str, Sequence[Piece]]]] = [[] for _ in tables]
    for place, field, mine in zip(owned, fields, pieces, strict=True):
        of_table[place].append((field.values.name, mine))
    return [_laid(each.slots, mine) for each, mine in zip(tables, of_table, strict=True)]


def _fields(table: Unlaid) -> list[_Field]:
    known = {column.name: column for column in table.columns}
    scales: dict[str, set[str]] = {}
    for slot in table.slots:
        if is_decimal(slot.type):
            scales.setdefault(slot.field, set()).add(slot.type)
    return [
        _Field(values, known.get(values.name), frozenset(scales.get(values.name, ())))
        for values in table.rows
        if values.null_count() < len(values)
    ]


def _laid(slots: Sequence[Slot], fields: Sequence[tuple[str, Sequence[Piece]]]) -> Laid:
    state = {(slot.field, slot.type): slot for slot in slots}
    following = max((slot.number for slot in slots), default=0) + 1
    laid: list[pl.Series] = []
    for name, pieces in fields:
        for piece in pieces:
            at = (name, piece.type)
            slot = state.get(at)
            if slot is None:
                slot = Slot(following, *at, piece.exact, piece.decimal, piece.moment)
                following += 1
            state[at] = joined(slot, piece)
            laid.append(piece.values.alias(slot.column))
    return Laid(laid, tuple(state.values()))


def _split_all(fields: Sequence[_Field]) -> list[Sequence[Piece]]:
    """The pieces of each field: from a long column where it fits there, else on its own."""
    groups: dict[tuple[str, int], list[int]] = {}
    for place, field in enumerate(fields):
        groups.setdefault(_likely(field), []).append(place)
    made: list[Sequence[Piece] | None] = [None] * len(fields)
    for (kind, scale), places in groups.items():
        columns = [fields[place].values for place in places]
        for place, piece in zip(places, _WAYS[kind](columns, scale), strict=True):
            made[place] = None if piece is None else [piece]
    return [
        split(field.values, field.column, set(field.scales)) if pieces is None else pieces
        for field, pieces in zip(fields, made, strict=True)
    ]


def _likely(field: _Field) -> tuple[str, int]:
    """The way to try for a field, and digits after the point."""
    values, column = field.values, field.column
    if values.dtype != pl.String:
        return _OF_TYPE.get(values.dtype, ALONE), 0
    if column is not None and column.type in ("integer", "number"):
        _, _, digits = _first(values).partition(".")
        fits = 0 < len(digits) <= DECIMAL_DIGITS and len(field.scales) < MOST_SCALES
        return ("decimal", len(digits)) if fits else (ALONE, 0)
    if column is not None and column.role is Role.TIMESTAMP:
        return "moment", 0
    return (ALONE if may_be_more(_first(values)) else "text"), 0


def _first(values: pl.Series) -> str:
    first = values[0]
    return str(values.drop_nulls()[0] if first is None else first)


Way = Callable[[Sequence[pl.Series], int], Sequence[Piece | None]]
"""Tries columns of one type; None for one that does not fit as a whole."""

ALONE = "alone"


def _alone(columns: Sequence[pl.Series], _: int) -> Sequence[Piece | None]:
    return [None] * len(columns)


def _as(type_: str, *, exact: bool) -> Way:
    """All values go into one slot as they are."""

    def way(columns: Sequence[pl.Series], _: int) -> Sequence[Piece | None]:
        return [Piece(type_, each, exact=exact) for each in columns]

    return way


def _integers(columns: Sequence[pl.Series], _: int) -> Sequence[Piece | None]:
    stack = _Stack(columns)
    exact = stack.every(stack.values.is_between(-EXACT_INTEGER, EXACT_INTEGER))
    return [
        Piece(BIGINT, each, exact=one) for each, one in zip(columns, exact.tolist(), strict=True)
    ]


def _decimals(columns: Sequence[pl.Series], scale: int) -> Sequence[Piece | None]:
    """Texts that are decimals of one scale and read back digit by digit."""
    stack = _Stack(columns)
    type_ = f"DECIMAL({DECIMAL_DIGITS},{scale})"
    numbers = stack.values.cast(pl.Decimal(DECIMAL_DIGITS, scale), strict=False)
    same = numbers.cast(pl.String) == stack.values
    fits = np.logical_and.reduceat(true_where(same) | ~not_null(stack.values), stack.starts)
    limit = decimal_limit(scale)
    exact = stack.every(numbers.cast(pl.Float64).abs() < limit) & bool(limit)
    told = zip(stack.parts(numbers), fits.tolist(), exact.tolist(), strict=True)
    return [Piece(type_, part, exact=one) if all_ else None for part, all_, one in told]


def _moments(columns: Sequence[pl.Series], _: int) -> Sequence[Piece | None]:
    """Texts that are moments as most programs write them."""
    stack = _Stack(columns)
    texts = texts_of(stack.values)
    if alike(texts):
        return _read_moments(stack)
    usual = pc.match_substring_regex(texts, USUAL_MOMENT).fill_null(True)
    fits = np.logical_and.reduceat(np.asarray(usual), stack.starts)
    fitting = [column for column, all_ in zip(columns, fits.tolist(), strict=True) if all_]
    read = iter(_read_moments(_Stack(fitting)) if fitting else ())
    return [next(read) if all_ else None for all_ in fits.tolist()]


def _read_moments(stack: _Stack) -> Sequence[Piece | None]:
    """Moments of texts that look like some; none where one of them does not exist."""
    micros = moments_in(stack.values)
    if micros is None:
        return [None] * len(stack.starts)
    moments = pl.Series(micros).cast(pl.Datetime("us"))
    if stack.values.null_count():
        filled = pl.Series(not_null(stack.values))
        moments = moments.zip_with(filled, nulls("", pl.Datetime("us"), len(moments)))
    return [Piece(TIMESTAMP, part) for part in stack.parts(moments)]


class _Stack:
    """Columns of one type under one another, none of them empty."""

    def __init__(self, columns: Sequence[pl.Series]) -> None:
        self._sizes = [len(each) for each in columns]
        self.starts = np.cumsum([0, *self._sizes[:-1]])
        self.values = pl.concat([each.alias("") for each in columns], rechunk=True)

    def every(self, holds: pl.Series) -> Bools:
        """By column, whether something holds of every value; nulls do not count."""
        told = true_where(holds) | ~not_null(holds)
        return np.asarray(np.logical_and.reduceat(told, self.starts))

    def parts(self, values: pl.Series) -> list[pl.Series]:
        """What stands for each column in a column parallel to the stack."""
        pairs = zip(self.starts.tolist(), self._sizes, strict=True)
        return [values.slice(start, size) for start, size in pairs]


_WAYS: Mapping[str, Way] = {
    ALONE: _alone,
    "text": _as(VARCHAR, exact=False),
    "boolean": _as(BOOLEAN, exact=True),
    "double": _as(DOUBLE, exact=True),
    "integer": _integers,
    "decimal": _decimals,
    "moment": _moments,
}

_OF_TYPE: Mapping[pl.DataType | type[pl.DataType], str] = {
    pl.Boolean(): "boolean",
    pl.Float64(): "double",
    pl.Int64(): "integer",
}
