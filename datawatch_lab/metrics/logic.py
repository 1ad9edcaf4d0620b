"""Rules for truth and text: comparisons, and, or, not, case, like; three-valued as in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce

import polars as pl
from sqlglot import exp

from datawatch_lab.metrics.arithmetic import chosen, literal
from datawatch_lab.metrics.typed import (
    BOOLEAN,
    NO_EXACT,
    NOTHING,
    NUMBER,
    TEXT,
    Rule,
    Scope,
    Typed,
    boolean,
    by_row,
    nothing,
)

Compare = Callable[[pl.Expr, pl.Expr], pl.Expr]

_MAX_LISTED = 1_000


def _column(scope: Scope, node: exp.Expression) -> Typed:
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        raise scope.fault(node, "name a column here")
    name = scope.resolve(node)
    kind = scope.columns[name]
    scope.used[kind, name] = None
    exact = pl.col(f"exact:{name}") if kind == NUMBER else NO_EXACT
    return Typed(kind, pl.col(f"{kind}:{name}"), exact, column=name, stored=True)


def _literal(scope: Scope, node: exp.Expression) -> Typed:
    del scope
    text = str(node.this)
    if node.args.get("is_string"):
        return Typed(TEXT, pl.lit(text, dtype=pl.String), literal=text, stored=True)
    return literal(Decimal(text))


def _truth(scope: Scope, node: exp.Expression) -> Typed:
    del scope
    return Typed(BOOLEAN, pl.lit(bool(node.this)), literal=bool(node.this), stored=True)


def _null(scope: Scope, node: exp.Expression) -> Typed:
    del scope, node
    return nothing(NOTHING)


def _paren(scope: Scope, node: exp.Expression) -> Typed:
    return scope.compile(node.this)


def _and(scope: Scope, node: exp.Expression) -> Typed:
    left, right = _truths(scope, node)
    return boolean(left & right)


def _or(scope: Scope, node: exp.Expression) -> Typed:
    left, right = _truths(scope, node)
    return boolean(left | right)


def _truths(scope: Scope, node: exp.Expression) -> tuple[pl.Expr, pl.Expr]:
    return scope.of_kind(node.this, BOOLEAN).value, scope.of_kind(node.expression, BOOLEAN).value


def _not(scope: Scope, node: exp.Expression) -> Typed:
    return boolean(~scope.of_kind(node.this, BOOLEAN).value)


def _comparison(compare: Compare) -> Rule:
    def rule(scope: Scope, node: exp.Expression) -> Typed:
        _, (left, right) = scope.alike([node.this, node.expression])
        return boolean(by_row(compare(left.value, right.value)))

    return rule


def _between(scope: Scope, node: exp.Expression) -> Typed:
    _, (value, low, high) = scope.alike([node.this, node.args["low"], node.args["high"]])
    return boolean(by_row(value.value >= low.value) & by_row(value.value <= high.value))


def _in(scope: Scope, node: exp.Expression) -> Typed:
    options = node.expressions
    if not options:
        raise scope.fault(node, "in takes a list of values in brackets")
    if len(options) > _MAX_LISTED:
        raise scope.fault(node, f"in takes at most {_MAX_LISTED:,} values")
    _, (value, *others) = scope.alike([node.this, *options])
    constants = [each.literal for each in others]
    if all(each is not None for each in constants):
        plain = [float(each) if isinstance(each, Decimal) else each for each in constants]
        found = value.value.is_in(pl.lit(pl.Series(plain)).implode())
        return boolean(pl.when(value.value.is_not_null()).then(found))
    return boolean(
        reduce(lambda a, b: a | b, (by_row(value.value == each.value) for each in others))
    )


def _is(scope: Scope, node: exp.Expression) -> Typed:
    if isinstance(node.expression, exp.Null):
        return boolean(scope.compile(node.this).value.is_null())
    if isinstance(node.expression, exp.Boolean):
        value = scope.of_kind(node.this, BOOLEAN).value
        return boolean(value.eq_missing(pl.lit(bool(node.expression.this))))
    raise scope.fault(node.expression, "after is comes null, true or false")


def _case(scope: Scope, node: exp.Expression) -> Typed:
    if node.this is not None:
        raise scope.fault(node, "write case when CONDITION then …")
    branches = node.args["ifs"]
    default = node.args.get("default") or exp.Null()
    conditions = [scope.of_kind(each.this, BOOLEAN).value for each in branches]
    _, parts = scope.alike([*(each.args["true"] for each in branches), default])
    result = parts[-1]
    for condition, part in zip(reversed(conditions), reversed(parts[:-1]), strict=True):
        result = chosen(condition, part, result)
    return result


def _if(scope: Scope, node: exp.Expression) -> Typed:
    condition = scope.of_kind(node.this, BOOLEAN).value
    _, (yes, no) = scope.alike([node.args["true"], node.args.get("false") or exp.Null()])
    return chosen(condition, yes, no)


def _coalesce(scope: Scope, node: exp.Expression) -> Typed:
    _, parts = scope.alike([node.this, *node.expressions])
    result = parts[-1]
    for part in reversed(parts[:-1]):
        result = chosen(part.value.is_not_null(), part, result)
    return result


def _nullif(scope: Scope, node: exp.Expression) -> Typed:
    kind, (value, other) = scope.alike([node.this, node.expression])
    return chosen(by_row(value.value == other.value), nothing(kind), value)


def _like(flags: str) -> Rule:
    def rule(scope: Scope, node: exp.Expression) -> Typed:
        value = scope.of_kind(node.this, TEXT).value
        pattern = scope.of_kind(node.expression, TEXT).literal
        if not isinstance(pattern, str):
            raise scope.fault(node.expression, "like takes a text in quotes")
        return boolean(value.str.contains(f"(?{flags}){pattern_of(pattern)}"))

    return rule


def pattern_of(like: str) -> str:
    r"""A pattern of LIKE as a regular expression.

    >>> pattern_of("a%_.")
    '^a.*.\\.$'
    """
    parts = (".*" if each == "%" else "." if each == "_" else re.escape(each) for each in like)
    return f"^{''.join(parts)}$"


def _text(function: Callable[[pl.Expr], pl.Expr]) -> Rule:
    def rule(scope: Scope, node: exp.Expression) -> Typed:
        if set(node.args) - {"this"} and any(node.args[key] for key in node.args if key != "this"):
            raise scope.fault(node, "this takes one text")
        return Typed(TEXT, function(scope.of_kind(node.this, TEXT).value))

    return rule


def _joined(scope: Scope, node: exp.Expression) -> Typed:
    left, right = scope.of_kind(node.this, TEXT), scope.of_kind(node.expression, TEXT)
    return Typed(TEXT, left.value + right.value)


def _test(function: Compare) -> Rule:
    def rule(scope: Scope, node: exp.Expression) -> Typed:
        left, right = scope.of_kind(node.this, TEXT), scope.of_kind(node.expression, TEXT)
        return boolean(function(left.value, right.value))

    return rule


LOGIC_RULES: Mapping[type[exp.Expression], Rule] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: _truth,
    exp.Null: _null,
    exp.Paren: _paren,
    exp.And: _and,
    exp.Or: _or,
    exp.Not: _not,
    exp.EQ: _comparison(lambda a, b: a == b),
    exp.NEQ: _comparison(lambda a, b: a != b),
    exp.LT: _comparison(lambda a, b: a < b),
    exp.LTE: _comparison(lambda a, b: a <= b),
    exp.GT: _comparison(lambda a, b: a > b),
    exp.GTE: _comparison(lambda a, b: a >= b),
    exp.NullSafeEQ: _comparison(lambda a, b: a.eq_missing(b)),
    exp.NullSafeNEQ: _comparison(lambda a, b: a.ne_missing(b)),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.Case: _case,
    exp.If: _if,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Like: _like("s"),
    exp.ILike: _like("si"),
    exp.Lower: _text(lambda value: value.str.to_lowercase()),
    exp.Upper: _text(lambda value: value.str.to_uppercase()),
    exp.Trim: _text(lambda value: value.str.strip_chars(" ")),
    exp.DPipe: _joined,
    exp.Contains: _test(lambda a, b: a.str.contains(b, literal=True)),
    exp.StartsWith: _test(lambda a, b: a.str.starts_with(b)),
    exp.EndsWith: _test(lambda a, b: a.str.ends_with(b)),
}
