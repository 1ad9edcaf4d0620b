"""Rules for numbers: operators and functions; each result is exact where its parts allow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl
from sqlglot import exp

from datawatch_lab.metrics.numbers import EXACT_BELOW, SCALE
from datawatch_lab.metrics.typed import (
    NO_EXACT,
    NUMBER,
    TEXT,
    UNIT,
    WIDE,
    Rule,
    Scope,
    Typed,
    bounded,
    by_row,
    each_row,
    wide,
)

_MAX_DECIMALS = 9


def literal(value: Decimal) -> Typed:
    """A constant number."""
    scaled = value * UNIT
    whole = scaled == scaled.to_integral_value() and abs(value) < Decimal(EXACT_BELOW)
    exact = wide(int(scaled)) if whole else NO_EXACT
    return Typed(NUMBER, pl.lit(float(value)), exact, literal=value, stored=True)


def _add(scope: Scope, node: exp.Expression) -> Typed:
    left, right = scope.number(node.this), scope.number(node.expression)
    value = left.value + right.value
    return scope.worked(value, bounded(left.exact + right.exact, value))


def _subtract(scope: Scope, node: exp.Expression) -> Typed:
    left, right = scope.number(node.this), scope.number(node.expression)
    value = left.value - right.value
    return scope.worked(value, bounded(left.exact - right.exact, value))


def _multiply(scope: Scope, node: exp.Expression) -> Typed:
    left, right = scope.number(node.this), scope.number(node.expression)
    value = left.value * right.value
    (product,) = scope.keep(bounded(left.exact * right.exact, value))
    return scope.worked(value, pl.when(product % wide(UNIT) == 0).then(product // wide(UNIT)))


def _divide(scope: Scope, node: exp.Expression) -> Typed:
    """The real quotient; null for a division by zero."""
    left, right = scope.number(node.this), scope.number(node.expression)
    some = right.value != 0
    value = pl.when(some).then(left.value / each_row(right.value))
    over, under = scope.keep(left.exact * wide(UNIT), pl.when(right.exact != 0).then(right.exact))
    exact = pl.when(over % under == 0).then(over // under)
    return scope.worked(value, bounded(exact, value))


def _modulo(scope: Scope, node: exp.Expression) -> Typed:
    """The rest of a division, with the sign of what is divided; null for a division by zero."""
    left, right = scope.number(node.this), scope.number(node.expression)
    some = right.value != 0
    rest = left.value.abs() - right.value.abs() * (left.value / each_row(right.value)).abs().floor()
    under = pl.when(right.exact != 0).then(right.exact.abs())
    exact = left.exact.abs() % under * _sign(left.exact)
    return scope.worked(pl.when(some).then(rest * _sign(left.value, 1.0)), exact)


def _sign(value: pl.Expr, one: float | None = None) -> pl.Expr:
    plus, minus = (wide(1), wide(-1)) if one is None else (pl.lit(one), pl.lit(-one))
    return pl.when(value < 0).then(minus).otherwise(plus)


def _negate(scope: Scope, node: exp.Expression) -> Typed:
    part = scope.number(node.this)
    if isinstance(part.literal, Decimal):
        return literal(-part.literal)
    return Typed(NUMBER, -part.value, wide(0) - part.exact)


def _abs(scope: Scope, node: exp.Expression) -> Typed:
    part = scope.number(node.this)
    return Typed(NUMBER, part.value.abs(), part.exact.abs())


def _round(scope: Scope, node: exp.Expression) -> Typed:
    """To a number of decimals; halves go away from zero."""
    part = scope.number(node.this)
    decimals = _decimals(scope, node)
    quantum = 10 ** (SCALE - decimals)
    rounded = (part.exact.abs() + wide(quantum // 2)) // wide(quantum) * wide(quantum)
    power = 10.0**decimals
    size = (part.value.abs() * power + 0.5).floor() / each_row(pl.lit(power))
    value = pl.when(size.is_finite()).then(size * _sign(part.value, 1.0)).otherwise(part.value)
    return scope.worked(value, rounded * _sign(part.exact))


def _decimals(scope: Scope, node: exp.Expression) -> int:
    given = node.args.get("decimals")
    if given is None:
        return 0
    part = scope.compile(given)
    wanted = part.literal
    if not isinstance(wanted, Decimal) or wanted % 1 or not 0 <= wanted <= _MAX_DECIMALS:
        raise scope.fault(given, f"round takes a number of decimals from 0 to {_MAX_DECIMALS}")
    return int(wanted)


def _floor(scope: Scope, node: exp.Expression) -> Typed:
    part = scope.number(node.this)
    return scope.worked(part.value.floor(), part.exact // wide(UNIT) * wide(UNIT))


def _ceil(scope: Scope, node: exp.Expression) -> Typed:
    part = scope.number(node.this)
    return scope.worked(
        part.value.ceil(), wide(0) - (wide(0) - part.exact) // wide(UNIT) * wide(UNIT)
    )


def _plain(function: Callable[[pl.Expr], pl.Expr]) -> Rule:
    """A function of a double; what has no finite result is null."""

    def rule(scope: Scope, node: exp.Expression) -> Typed:
        return scope.worked(function(scope.number(node.this).value))

    return rule


def _power(scope: Scope, node: exp.Expression) -> Typed:
    left, right = scope.number(node.this), scope.number(node.expression)
    return scope.worked(left.value.pow(right.value))


def _extreme(pick: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Rule:
    """The largest or smallest of several numbers; nulls are passed over."""

    def rule(scope: Scope, node: exp.Expression) -> Typed:
        parts = [scope.number(each) for each in (node.this, *node.expressions)]
        found = parts[0]
        for each in parts[1:]:
            other = found.value.is_null() | by_row(pick(each.value, found.value)).fill_null(
                value=False
            )
            found = scope.store(chosen(other, each, found))
        return found

    return rule


def chosen(condition: pl.Expr, yes: Typed, no: Typed) -> Typed:
    """One of two parts of the same type, by a condition; null counts as false."""
    return Typed(
        yes.kind,
        pl.when(condition).then(yes.value).otherwise(no.value),
        pl.when(condition).then(yes.exact).otherwise(no.exact) if yes.kind == NUMBER else NO_EXACT,
    )


def _length(scope: Scope, node: exp.Expression) -> Typed:
    size = scope.of_kind(node.this, TEXT).value.str.len_chars()
    return Typed(NUMBER, size.cast(pl.Float64), size.cast(WIDE) * wide(UNIT))


def _epoch(scope: Scope, node: exp.Expression) -> Typed:
    """Seconds since 1970 of a column that holds times."""
    if not isinstance(node.this, exp.Column):
        raise scope.fault(node.this, "epoch takes a column that holds times")
    name = scope.resolve(node.this)
    scope.used["moment", name] = None
    return Typed(NUMBER, pl.col(f"moment:{name}"), stored=True)


NUMBER_RULES: Mapping[type[exp.Expression], Rule] = {
    exp.Add: _add,
    exp.Sub: _subtract,
    exp.Mul: _multiply,
    exp.Div: _divide,
    exp.Mod: _modulo,
    exp.Neg: _negate,
    exp.Abs: _abs,
    exp.Round: _round,
    exp.Floor: _floor,
    exp.Ceil: _ceil,
    exp.Sqrt: _plain(lambda value: value.sqrt()),
    exp.Ln: _plain(lambda value: pl.when(value > 0).then(value.log())),
    exp.Exp: _plain(lambda value: value.exp()),
    exp.Pow: _power,
    exp.Greatest: _extreme(lambda new, old: new > old),
    exp.Least: _extreme(lambda new, old: new < old),
    exp.Length: _length,
    exp.TimeToUnix: _epoch,
}
