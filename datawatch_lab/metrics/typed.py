"""Parts of an expression whose type is known, as columns of a batch; what all rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.metrics.numbers import EXACT_BELOW, SCALE
from datawatch_lab.metrics.parsing import Place, fault, function_name, place_of, unknown

NUMBER, TEXT, BOOLEAN, ANY, NOTHING = "number", "text", "boolean", "json", "null"
"""Types of a part. `ANY` is a value that is only there or not; `NOTHING` is the literal NULL."""

UNIT = 10**SCALE
"""Exact values are integers of this many parts."""

ROW = "row"
"""Column that is 1.0 in every row."""

WIDE = pl.Int128()
NO_EXACT = pl.lit(None, dtype=WIDE)


@dataclass(frozen=True)
class Typed:
    """A part of an expression.

    Attributes:
        kind: its type.
        value: Float64, String or Boolean by its type; null is SQL's null. Never NaN.
        exact: of a number, its value times 10^9 as Int128; null where that is not a whole number.
        literal: it is a constant; its Python value.
        column: it is nothing but this column.
        stored: its expressions are columns or constants, so that they may be named many times.
    """

    kind: str
    value: pl.Expr
    exact: pl.Expr = NO_EXACT
    literal: str | Decimal | bool | None = None
    column: str | None = None
    stored: bool = False


Rule = Callable[["Scope", exp.Expression], Typed]


@dataclass
class Scope:
    """An expression being compiled.

    Attributes:
        text: as the user wrote it.
        what: it is, for messages.
        columns: type of each column by name.
        table: name of the table, which may stand before a column.
        rules: what is allowed, by type of node.
        used: columns that were met, with their type as read; ``moment`` for `epoch`.
        steps: columns to add to the rows, one after another, each of those before it.
    """

    text: str
    what: str
    columns: Mapping[str, str]
    table: str
    rules: Mapping[type[exp.Expression], Rule]
    used: dict[tuple[str, str], None] = field(default_factory=dict)
    steps: list[tuple[pl.Expr, ...]] = field(default_factory=list)

    def compile(self, node: exp.Expression) -> Typed:
        """A node as a typed part.

        Raises:
            InputError: it is not allowed, or its types do not fit; points at it.
        """
        rule = self.rules.get(type(node))
        if rule is None:
            raise self.fault(
                node,
                f"{function_name(node)!r} is not possible here",
                hint="Possible: columns, numbers, 'texts', + - * / %, comparisons, and, or, not, "
                "in, between, like, is null, case, and the functions " + ", ".join(FUNCTIONS) + ".",
            )
        part = rule(self, node)
        return part if part.stored else self.store(part)

    def keep(self, *parts: pl.Expr) -> list[pl.Expr]:
        """Columns that hold these expressions: what is named often must not be worked out often."""
        names = [f"{self.what} {len(self.steps)} {place}" for place in range(len(parts))]
        self.steps.append(tuple(p.alias(name) for p, name in zip(parts, names, strict=True)))
        return [pl.col(name) for name in names]

    def store(self, part: Typed) -> Typed:
        """A part whose expressions are columns."""
        if part.kind == NUMBER:
            value, exact = self.keep(part.value, part.exact)
        else:
            (value,), exact = self.keep(part.value), NO_EXACT
        return Typed(part.kind, value, exact, part.literal, part.column, stored=True)

    def worked(self, value: pl.Expr, exact: pl.Expr = NO_EXACT) -> Typed:
        """A number that was worked out: the nearest double of its exact value if there is one.

        Infinities and what is no number become null, as a division by zero does.
        """
        value, exact = self.keep(value, exact)
        small = exact.abs() < wide(2**53)
        scale = each_row(pl.lit(float(UNIT)))
        near = pl.when(small).then(exact.cast(pl.Float64) / scale).otherwise(value)
        (near,) = self.keep(near)
        (value,) = self.keep(pl.when(near.is_finite()).then(near))
        return Typed(NUMBER, value, exact, stored=True)

    def number(self, node: exp.Expression) -> Typed:
        """A node that must be a number (or NULL)."""
        return self.of_kind(node, NUMBER)

    def of_kind(self, node: exp.Expression, kind: str) -> Typed:
        """A node that must be of a type (or NULL)."""
        part = self.compile(node)
        if part.kind == kind:
            return part
        if part.kind == NOTHING:
            return nothing(kind)
        hint = ""
        if kind == NUMBER and part.kind == BOOLEAN:
            hint = "As a number: case when … then 1 else 0 end."
        raise self.fault(node, f"a {kind} is needed; this is {a(part.kind)}", hint=hint)

    def alike(self, nodes: Sequence[exp.Expression]) -> tuple[str, list[Typed]]:
        """Nodes that must be of one type, and that type; NULL fits any."""
        parts = [self.compile(node) for node in nodes]
        kind = next((each.kind for each in parts if each.kind != NOTHING), NOTHING)
        for node, part in zip(nodes, parts, strict=True):
            if part.kind not in (kind, NOTHING):
                raise self.fault(node, f"this is {a(part.kind)}, beside {a(kind)}")
            if part.kind == ANY:
                raise self.fault(node, "objects and arrays can only be tested with is null")
        return kind, [nothing(kind) if part.kind == NOTHING else part for part in parts]

    def resolve(self, node: exp.Column) -> str:
        """The name of the column that a node means.

        Raises:
            NotFoundError: there is none; points at it and names what exists.
        """
        name = node.name
        if node.table and node.table != self.table:
            raise self.fault(node, f"only columns of {self.table} are possible")
        if name in self.columns:
            return name
        folded = [each for each in self.columns if each.lower() == name.lower()]
        if len(folded) == 1 and not node.this.quoted:
            return folded[0]
        raise unknown(self.text, self.what, place_of(node), "column", name, self.columns)

    def fault(self, node: exp.Expression | Place, message: str, *, hint: str = "") -> InputError:
        """An error that points at a node."""
        place = node if isinstance(node, tuple) else place_of(node)
        return fault(self.text, self.what, place, message, hint=hint)


FUNCTIONS = (
    *("abs", "round", "floor", "ceil", "sqrt", "ln", "exp", "power", "greatest", "least"),
    *("coalesce", "nullif", "if", "lower", "upper", "trim", "length", "contains"),
    *("starts_with", "ends_with", "epoch"),
)
"""Functions that an expression may call."""

_DTYPES: Mapping[str, pl.DataType] = {
    NUMBER: pl.Float64(),
    TEXT: pl.String(),
    BOOLEAN: pl.Boolean(),
    NOTHING: pl.Boolean(),
}


def nothing(kind: str) -> Typed:
    """NULL of a type."""
    return Typed(kind, pl.lit(None, dtype=_DTYPES[kind]), stored=True)


def a(kind: str) -> str:
    """A type with its article.

    >>> a("number"), a("json")
    ('a number', 'an object or array')
    """
    return {ANY: "an object or array", NOTHING: "null"}.get(kind, f"a {kind}")


def wide(value: int) -> pl.Expr:
    """A constant of exact arithmetic."""
    return pl.lit(value, dtype=WIDE)


def each_row(value: pl.Expr) -> pl.Expr:
    """A divisor as a column: polars multiplies by the inverse of a constant, which is not exact."""
    return value * pl.col(ROW)


def by_row(value: pl.Expr) -> pl.Expr:
    """A comparison as a full column.

    polars gives one value, and then fails, for a constant compared with what it found to be all
    null.
    """
    return pl.when(pl.col(ROW) > 0).then(value)


def bounded(exact: pl.Expr, value: pl.Expr) -> pl.Expr:
    """An exact result where 128 bits are sure to hold it, by its value as a double."""
    return pl.when(value.abs() < EXACT_BELOW).then(exact)


def boolean(value: pl.Expr) -> Typed:
    """A truth value."""
    return Typed(BOOLEAN, value)
