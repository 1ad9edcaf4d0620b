"""Formulas over other metrics: ``orders_amount_sum / orders_inserts_total``.

A name is a metric with its own aggregation; ``p95(orders_amount_sum)`` is the same metric with
another. Values are worked out bucket by bucket and label set by label set when they are asked for.
Where a part has no value, or something is divided by zero, there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef
from datawatch_lab.metrics.parsing import fault, function_name, parse, place_of, unknown

Floats = NDArray[np.float64]
"""Values over groups and buckets; NaN is no value."""

_WHAT = "formula"
_FUNCTIONS = ("abs", "round", "coalesce", "nullif", "min", "max")


@dataclass(frozen=True)
class Reference:
    """A metric in a formula, and the aggregation that it is asked with; None for its own."""

    metric: str
    aggregation: Aggregation | None = None


Values = Mapping[Reference, Floats]
Run = Callable[[Values], Floats]


@dataclass(frozen=True)
class Compiled:
    """A checked formula: the metrics that it rests on, and what works it out."""

    references: tuple[Reference, ...]
    run: Run


@dataclass
class _Scope:
    text: str
    known: Mapping[str, MetricDef]
    possible: Callable[[MetricDef], Sequence[Aggregation]]
    references: dict[Reference, None] = field(default_factory=dict)

    def fault(self, node: exp.Expression, message: str, hint: str = "") -> InputError:
        return fault(self.text, _WHAT, place_of(node), message, hint=hint)

    def refer(self, node: exp.Expression, aggregation: Aggregation | None = None) -> Run:
        """A metric by name.

        Raises:
            NotFoundError: there is none; points at it.
            InputError: it cannot be asked with that aggregation; says with which.
        """
        if not isinstance(node, exp.Column) or node.table:
            raise self.fault(node, "the name of a metric is needed here")
        metric = self.known.get(node.name)
        if metric is None:
            raise unknown(self.text, _WHAT, place_of(node), "metric", node.name, self.known)
        options = self.possible(metric)
        if aggregation is not None and aggregation not in options:
            words = ", ".join(options) or "none, since it is a formula itself"
            raise self.fault(
                node, f"{aggregation} has no meaning for {node.name}; possible: {words}"
            )
        reference = Reference(node.name, aggregation)
        self.references[reference] = None
        return lambda values: values[reference]


def compile_formula(
    text: str,
    known: Mapping[str, MetricDef],
    possible: Callable[[MetricDef], Sequence[Aggregation]],
) -> Compiled:
    """Check a formula against the metrics that exist.

    Args:
        text: as the user wrote it.
        known: metrics by name.
        possible: aggregations that a metric can be asked with; none for a formula.

    Raises:
        NotFoundError: a metric does not exist; points at it and names the nearest.
        InputError: it cannot be read, or something is not allowed; points at the place.
    """
    scope = _Scope(text, known, possible)
    tree = parse(text, _WHAT)
    run = _compile(scope, tree)
    if not scope.references:
        raise scope.fault(tree, "it names no metric")
    return Compiled(tuple(scope.references), run)


def _compile(scope: _Scope, node: exp.Expression) -> Run:
    rule = _RULES.get(type(node))
    if rule is not None:
        return rule(scope, node)
    word = function_name(node)
    if word in {each.value for each in Aggregation}:
        return _aggregated(scope, node, Aggregation(word))
    raise scope.fault(
        node,
        f"{word!r} is not possible here",
        "Possible: metrics, numbers, + - * /, brackets, "
        f"{', '.join(_FUNCTIONS)}, and an aggregation such as p95(metric).",
    )


def _aggregated(scope: _Scope, node: exp.Expression, aggregation: Aggregation) -> Run:
    """``p95(metric)``."""
    given = node.expressions if isinstance(node, exp.Anonymous) else [node.this]
    if len(given) != 1 or not isinstance(given[0], exp.Column):
        raise scope.fault(node, f"{aggregation}(…) takes the name of one metric")
    return scope.refer(given[0], aggregation)


def _number(scope: _Scope, node: exp.Expression) -> Run:
    if node.args.get("is_string"):
        raise scope.fault(node, "a text is not possible here")
    value = np.asarray(float(str(node.this)))

    def run(values: Values) -> Floats:
        del values
        return value

    return run


def _binary(work: Callable[[Floats, Floats], Floats]) -> Callable[[_Scope, exp.Expression], Run]:
    def rule(scope: _Scope, node: exp.Expression) -> Run:
        left, right = _compile(scope, node.this), _compile(scope, node.expression)

        def run(values: Values) -> Floats:
            with np.errstate(all="ignore"):  # what is not finite becomes no value
                return _finite(work(left(values), right(values)))

        return run

    return rule


def _unary(work: Callable[[Floats], Floats]) -> Callable[[_Scope, exp.Expression], Run]:
    def rule(scope: _Scope, node: exp.Expression) -> Run:
        inner = _compile(scope, node.this)
        return lambda values: work(inner(values))

    return rule


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _round(scope: _Scope, node: exp.Expression) -> Run:
    """To a number of decimals; halves go away from zero."""
    inner = _compile(scope, node.this)
    given = node.args.get("decimals")
    decimals = 0 if given is None else _decimals(scope, given)
    power = 10.0**decimals

    def run(values: Values) -> Floats:
        found = inner(values)
        return np.asarray(np.copysign(np.floor(np.abs(found) * power + 0.5) / power, found))

    return run


def _decimals(scope: _Scope, node: exp.Expression) -> int:
    text = str(node.this) if isinstance(node, exp.Literal) else ""
    if not text.isdecimal() or int(text) > 12:
        raise scope.fault(node, "round takes a number of decimals from 0 to 12")
    return int(text)


def _coalesce(scope: _Scope, node: exp.Expression) -> Run:
    parts = [_compile(scope, each) for each in (node.this, *node.expressions)]

    def run(values: Values) -> Floats:
        found = parts[0](values)
        for part in parts[1:]:
            found = np.where(np.isnan(found), part(values), found)
        return found

    return run


def _nullif(left: Floats, right: Floats) -> Floats:
    return np.where(left == right, np.nan, left)


def _extreme(
    work: Callable[[Floats, Floats], Floats], aggregation: Aggregation
) -> Callable[[_Scope, exp.Expression], Run]:
    """``min(a, b)`` of two values; ``min(metric)`` is the metric's smallest row."""

    def rule(scope: _Scope, node: exp.Expression) -> Run:
        other = node.args.get("count")
        if other is None and not node.expressions:
            return _aggregated(scope, node, aggregation)
        if other is None or node.expressions:
            raise scope.fault(node, f"{aggregation} takes two values, or one metric")
        left, right = _compile(scope, node.this), _compile(scope, other)
        return lambda values: work(left(values), right(values))

    return rule


_RULES: Mapping[type[exp.Expression], Callable[[_Scope, exp.Expression], Run]] = {
    exp.Column: lambda scope, node: scope.refer(node),
    exp.Literal: _number,
    exp.Paren: lambda scope, node: _compile(scope, node.this),
    exp.Add: _binary(lambda left, right: left + right),
    exp.Sub: _binary(lambda left, right: left - right),
    exp.Mul: _binary(lambda left, right: left * right),
    exp.Div: _binary(lambda left, right: left / right),
    exp.Nullif: _binary(_nullif),
    exp.Neg: _unary(lambda value: -value),
    exp.Abs: _unary(np.abs),
    exp.Round: _round,
    exp.Coalesce: _coalesce,
    exp.Min: _extreme(np.minimum, Aggregation.MIN),
    exp.Max: _extreme(np.maximum, Aggregation.MAX),
}


def names_in(formula: Formula) -> set[str]:
    """Names of the metrics that a formula names, whether or not they exist."""
    return {each.name for each in parse(formula.expression, _WHAT).find_all(exp.Column)}


def check_cycles(formula: Formula, others: Mapping[str, Formula]) -> None:
    """Refuse a formula that rests on itself.

    Raises:
        InputError: shows the way round.
    """
    formulas = {**others, formula.name: formula}
    path = next(_paths(formula.name, formula.name, formulas, ()), None)
    if path is not None:
        raise InputError(
            f"{formula.name}: the formula rests on itself: {' → '.join(path)}.",
            hint="A formula may name other formulas, but not in a circle.",
            details={"cycle": list(path)},
        )


def _paths(
    at: str, wanted: str, formulas: Mapping[str, Formula], seen: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    for name in sorted(names_in(formulas[at])):
        if name == wanted:
            yield (*seen, at, name)
        elif name in formulas and name not in seen:
            yield from _paths(name, wanted, formulas, (*seen, at))


def users_of(name: str, formulas: Mapping[str, Formula]) -> list[str]:
    """The formulas that name a metric."""
    return sorted(each.name for each in formulas.values() if name in names_in(each))


def metric_of_formula(formula: Formula, known: Mapping[str, MetricDef]) -> MetricDef:
    """The metric that a formula makes; its labels are those that all its parts have."""
    parts = [known[name] for name in sorted(names_in(formula)) if name in known]
    tables = {each.table for each in parts}
    labels = [set(each.labels) for each in parts]
    shared = set.intersection(*labels) if labels else set()
    return MetricDef(
        name=formula.name,
        table=tables.pop() if len(tables) == 1 else "",
        field="",
        kind="formula",
        unit=formula.unit,
        labels=tuple(name for name in (parts[0].labels if parts else ()) if name in shared),
        auto=False,
        description=formula.description or f"{formula.expression}.",
        measure=MeasureKind.FORMULA,
        aggregation=Aggregation.LAST,
        definition=formula,
    )
