"""Conditions as trees of frozen values, and the values that each of them needs.

`language` makes them of text, `reading` says them in words, `judging` decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, MetricDef

Op = Literal["<", "<=", ">", ">=", "==", "!="]
Reference = Literal["baseline", "previous_hour", "same_hour_yesterday", "same_hour_last_week"]
Unit = Literal["", "%", "s"]

SUM_OVER, OTHER_OVER = timedelta(hours=1), timedelta(minutes=5)
"""Over how long a sum, and anything else, is taken where nothing is said."""

_NONE = timedelta(0)


@dataclass(frozen=True)
class Subject:
    """What a condition is about.

    Attributes:
        metric: its name; '' for that of the rule.
        aggregation: '' for the metric's own.
        over: how long it is taken over; zero for the default.
    """

    metric: str = ""
    aggregation: str = ""
    over: timedelta = _NONE


@dataclass(frozen=True)
class Comparison:
    """``> 5``, ``< 90%``, ``> 5m``.

    Attributes:
        unit: as it was written.
        measure: unit of the metric, which the number is in once it is resolved.
    """

    subject: Subject
    op: Op
    number: float
    unit: Unit = ""
    measure: str = ""


@dataclass(frozen=True)
class Relative:
    """``> 200% of baseline``; ``20% above`` is ``> 120% of``."""

    subject: Subject
    op: Op
    factor: float
    reference: Reference


@dataclass(frozen=True)
class Change:
    """``change in 1h > 20%``: now against the same width so long ago; ``drop`` turns the sign."""

    subject: Subject
    word: Literal["change", "rise", "drop"]
    back: timedelta
    op: Op
    number: float
    unit: Unit = ""
    measure: str = ""


@dataclass(frozen=True)
class Band:
    """``outside band``: of the values at the same hour of the week."""

    subject: Subject
    side: Literal["outside", "above", "below", "inside"]


@dataclass(frozen=True)
class NoData:
    """``no data for 10m``."""

    subject: Subject


@dataclass(frozen=True)
class Predicted:
    """``predicted > 80 in 15m``."""

    subject: Subject
    op: Op
    number: float
    unit: Unit
    ahead: timedelta
    measure: str = ""


@dataclass(frozen=True)
class And:
    """All of them."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """Any of them."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Condition


Clause = Comparison | Relative | Change | Band | NoData | Predicted
Condition = Clause | And | Or | Not

When = Literal["now", "ago", "band", "ahead"] | Reference


@dataclass(frozen=True)
class Term:
    """One value that a condition needs.

    Attributes:
        metric, aggregation, over: of its subject, none of them empty but the aggregation of a
            formula.
        when: the window that is meant; ``band`` has a low and a high value.
        back: how long ago, for ``ago``; how far ahead, for ``ahead``.
    """

    metric: str
    aggregation: str
    over: timedelta
    when: When = "now"
    back: timedelta = _NONE


def clauses(condition: Condition) -> Iterator[Clause]:
    """All clauses of a condition, in order."""
    if isinstance(condition, And | Or):
        for part in condition.parts:
            yield from clauses(part)
    elif isinstance(condition, Not):
        yield from clauses(condition.part)
    else:
        yield condition


def mapped(condition: Condition, change: Callable[[Clause], Clause]) -> Condition:
    """The condition with every clause changed."""
    if isinstance(condition, And | Or):
        return replace(condition, parts=tuple(mapped(each, change) for each in condition.parts))
    if isinstance(condition, Not):
        return Not(mapped(condition.part, change))
    return change(condition)


def resolved(
    condition: Condition, metric: str, aggregation: str, known: Callable[[str], MetricDef]
) -> Condition:
    """The condition with every metric, aggregation and width filled in.

    Args:
        condition: as it was read.
        metric: of the rule.
        aggregation: of the rule; '' for the metric's own.
        known: gives a metric by name.

    Raises:
        NotFoundError: a metric does not exist.
        InputError: a clause is about nothing, or needs what this release has not.
    """
    return mapped(condition, lambda each: _filled(each, metric, aggregation, known))


def _filled(
    condition: Clause, metric: str, aggregation: str, known: Callable[[str], MetricDef]
) -> Clause:
    subject = condition.subject
    if isinstance(condition, Predicted) and subject.over:
        raise InputError(
            "a predicted value is that of one step ahead, so it is not taken over a width.",
            hint="Such as: predicted > 80 in 15m.",
        )
    name = subject.metric or metric
    if not name:
        raise InputError(
            "the condition names no metric, and neither does the rule.",
            hint="Give the rule a metric, or write it into the condition.",
        )
    found = known(name)
    asked = subject.aggregation or (aggregation if not subject.metric else "")
    chosen = asked or (found.aggregation.value if found.kind != "formula" else "")
    over = subject.over or (SUM_OVER if chosen == Aggregation.SUM else OTHER_OVER)
    filled: Clause = replace(condition, subject=Subject(found.name, chosen, over))
    if isinstance(filled, Comparison | Change | Predicted):
        is_share = isinstance(filled, Change) and filled.unit == "%"  # of what it was
        unit = "1" if chosen in _COUNTS else found.unit
        return filled if is_share else _measured(filled, unit)
    return filled


_COUNTS = (Aggregation.COUNT, Aggregation.DISTINCT, Aggregation.RATE)
"""Aggregations whose values are not in the unit of the metric."""


def _measured(
    clause: Comparison | Change | Predicted, measure: str
) -> Comparison | Change | Predicted:
    """The clause with its number in the unit of what it is about: 90% of a ratio is 0.9."""
    number = clause.number
    if clause.unit == "%" and measure not in ("%", "percent"):
        number, measure = number / 100, "ratio"
    elif clause.unit == "s" and measure == "ms":
        number *= 1_000
    elif clause.unit == "s":
        measure = "s"
    return replace(clause, number=number, unit="", measure=measure)


def terms(condition: Condition) -> tuple[Term, ...]:
    """The values that a resolved condition needs, each once."""
    found: dict[Term, None] = {}
    for clause in clauses(condition):
        for each in _terms(clause):
            found[each] = None
    return tuple(found)


def _terms(clause: Clause) -> tuple[Term, ...]:
    now = now_of(clause)
    match clause:
        case Relative():
            return now, replace(now, when=clause.reference)
        case Change():
            return now, replace(now, when="ago", back=clause.back)
        case Band():
            return now, replace(now, when="band")
        case Predicted():
            return (replace(now, when="ahead", back=clause.ahead),)
        case _:
            return (now,)


def now_of(clause: Clause) -> Term:
    """The present value of what a clause is about."""
    subject = clause.subject
    return Term(subject.metric, subject.aggregation, subject.over)
