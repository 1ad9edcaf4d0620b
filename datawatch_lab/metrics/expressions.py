"""Expressions of users over the rows of a table: parsed, checked, and worked out column-wise.

An expression is SQL: columns, numbers, texts, operators, comparisons, ``case`` and a few functions.
Nulls go by SQL's three-valued logic, a field that a row lacks is null, ``/`` is the real quotient,
and what has no finite result (a division by zero) is null. Numbers are exact to nine decimals as
long as each step is; where one is not they are doubles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.values import Column, Role
from datawatch_lab.metrics.arithmetic import NUMBER_RULES
from datawatch_lab.metrics.images import Frame, Ints, label_texts
from datawatch_lab.metrics.logic import LOGIC_RULES
from datawatch_lab.metrics.numbers import Bools, Floats, Numbers, Words, decimal_array
from datawatch_lab.metrics.parsing import parse
from datawatch_lab.metrics.typed import ANY, BOOLEAN, NOTHING, NUMBER, ROW, TEXT, Scope, Typed

RULES = {**LOGIC_RULES, **NUMBER_RULES}

_TRUE, _FALSE = ("true", "t", "1", "yes", "y", "on"), ("false", "f", "0", "no", "n", "off")


def kinds_of(columns: Iterable[Column]) -> dict[str, str]:
    """The type that each column of a table has in an expression."""
    return {each.name: _kind_of(each) for each in columns}


def _kind_of(column: Column) -> str:
    if column.role is Role.NUMERIC or column.type in ("integer", "number"):
        return NUMBER
    return column.type if column.type in (BOOLEAN, ANY) else TEXT


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes:
        kind: type of its values: ``number``, ``text``, ``boolean`` or ``json``.
        part: what it is made of.
        used: (type as read, name) of the columns that it reads.
        steps: columns that its part rests on, in order.
    """

    kind: str
    part: Typed
    used: tuple[tuple[str, str], ...]
    steps: tuple[tuple[pl.Expr, ...], ...]


def compile_expression(
    text: str, columns: Mapping[str, str], *, table: str = "", what: str = "expression"
) -> Expression:
    """Check an expression against the columns of a table.

    Args:
        text: as the user wrote it.
        columns: type by name, see `kinds_of`.
        table: name that may stand before a column.
        what: it is, for messages.

    Raises:
        NotFoundError: a column does not exist; points at it and names those that do.
        InputError: it cannot be read, is not allowed, or its types do not fit; points at the place.
    """
    scope = Scope(text, what, columns, table, RULES)
    tree = parse(text, what)
    part = scope.compile(tree)
    if part.kind == NOTHING or not scope.used:
        raise scope.fault(tree, "it names no column", hint=f"Columns: {', '.join(columns)}.")
    return Expression(part.kind, part, tuple(scope.used), tuple(scope.steps))


def compile_filter(text: str, columns: Mapping[str, str], *, table: str = "") -> Expression:
    """Check a condition; as `compile_expression`, and it must be true or false."""
    scope = Scope(text, "filter", columns, table, RULES)
    tree = parse(text, "filter")
    part = scope.of_kind(tree, BOOLEAN)
    return Expression(BOOLEAN, part, tuple(scope.used), tuple(scope.steps))


@dataclass(frozen=True)
class Worked:
    """Values of an expression over rows.

    Attributes:
        column: Float64, String or Boolean; null where there is no value.
        numbers: of a number, its exact values too; else None.
    """

    column: pl.Series
    numbers: Numbers | None

    @property
    def known(self) -> Bools:
        """Where there is a value."""
        return np.asarray(self.column.is_not_null().to_numpy())


def rows_of(frame: Frame, at: Ints, used: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """The columns that expressions read, for the images at some places; negative is no image."""
    wanted = dict.fromkeys(used)
    parts = [each for kind, name in wanted for each in _columns(frame, kind, name)]
    whole = pl.DataFrame([pl.Series(ROW, np.ones(frame.height)), *parts])
    if len(at) == frame.height and bool((at == np.arange(len(at))).all()):
        return whole
    places = pl.Series(at).set(pl.Series(at < 0), None)
    return whole.select(pl.all().gather(places)).with_columns(pl.col(ROW).fill_null(1.0))


def _columns(frame: Frame, kind: str, name: str) -> list[pl.Series]:
    """A column of images in the form that expressions take it in."""
    label = f"{kind}:{name}"
    if kind == NUMBER:
        numbers = frame.numbers(name)
        exact = pl.Series(f"exact:{name}", decimal_array(numbers.words, numbers.exact))
        return [_floats(label, numbers.values, numbers.valid), exact.to_physical()]
    if kind == "moment":
        return [_floats(label, *frame.moments(name))]
    column = frame.column(name)
    if kind == BOOLEAN:
        return [_booleans(column).alias(label)]
    return [label_texts(column).alias(label)]


def _floats(name: str, values: Floats, valid: Bools) -> pl.Series:
    column = pl.Series(name, values)
    return column if valid.all() else column.set(pl.Series(~valid), None)


def _booleans(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    if column.dtype.is_numeric():
        return column != 0
    words = column.str.to_lowercase()
    yes, no = words.is_in(_TRUE), words.is_in(_FALSE)
    return yes.set(~(yes | no).fill_null(value=False), None)


def work_out(rows: pl.DataFrame, expression: Expression) -> Worked:
    """The values of an expression, row by row of what `rows_of` gave."""
    part = expression.part
    for step in expression.steps:
        rows = rows.with_columns(step)
    # beside a column of the rows, a part that is a constant fills its column too
    found = rows.select(ROW, part.value.alias("value"), part.exact.alias("exact"))
    column, exact = found["value"], found["exact"]
    if expression.kind != NUMBER:
        return Worked(column, None)
    known = column.is_not_null().to_numpy()
    numbers = Numbers(
        values=column.fill_null(0.0).to_numpy(),
        valid=known,
        words=_words(exact),
        exact=exact.is_not_null().to_numpy() & known,
    )
    return Worked(column, numbers)


def _words(exact: pl.Series) -> Words:
    """128-bit integers as words, zero where null."""
    array = exact.fill_null(0).cast(pl.Decimal(38, 0)).rechunk().to_arrow()
    buffer = array.buffers()[1]
    if buffer is None:
        return np.empty((0, 4), dtype=np.uint32)
    flat: NDArray[np.uint32] = np.frombuffer(buffer, dtype="<u4")
    return flat[4 * array.offset : 4 * (array.offset + len(array))].reshape(-1, 4)
