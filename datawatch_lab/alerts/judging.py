"""Deciding a condition from values: true, false, or not known.

Not known is not false: with ``and`` and ``or`` it follows Kleene's three-valued logic, so that a
value that is missing neither fires nor ends an alert by itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, nan

from datawatch_lab.alerts.conditions import (
    And,
    Band,
    Change,
    Clause,
    Comparison,
    Condition,
    NoData,
    Not,
    Or,
    Predicted,
    Relative,
    Term,
    now_of,
    terms,
)

LEAST_SAMPLES = 3
"""Windows that a baseline or a band must rest on; of fewer, nothing is concluded."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a term.

    Attributes:
        value: NaN when there is none.
        low, high: of a band; NaN for none.
        samples: windows that a baseline or band rests on.
    """

    value: float = nan
    low: float = nan
    high: float = nan
    samples: int = LEAST_SAMPLES


NOTHING = Value(samples=0)
Get = Callable[[Term], Value]


@dataclass(slots=True)
class Verdict:
    """What came out.

    Attributes:
        holds: None when it is not known.
        value: of the first clause; NaN for none.
        low, high: what it was expected between; NaN for no bound.
        reason: why it is not known.
    """

    holds: bool | None
    value: float = nan
    low: float = nan
    high: float = nan
    reason: str = ""


_OPS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def rounded(value: float) -> float:
    """A value to 12 digits, so that the order of addition decides nothing.

    >>> rounded(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.12g}")


def judge(condition: Condition, get: Get) -> Verdict:
    """Decide a resolved condition; its evidence is that of the first clause that decides."""
    if isinstance(condition, Not):
        found = judge(condition.part, get)
        found.holds = None if found.holds is None else not found.holds
        return found
    if isinstance(condition, And | Or):
        deciding = isinstance(condition, Or)
        verdicts = [judge(each, get) for each in condition.parts]
        decided = next((each for each in verdicts if each.holds is deciding), None)
        unknown = next((each for each in verdicts if each.holds is None), None)
        return decided or unknown or verdicts[0]
    return _JUDGES[type(condition)](condition, get)


def _compare(clause: Comparison, get: Get) -> Verdict:
    value = get(now_of(clause)).value
    return _against(value, clause.op, clause.number)


def _against(value: float, op: str, limit: float) -> Verdict:
    if not isfinite(value):
        return Verdict(None, reason="there is no value")
    low = limit if op in ("<", "<=") else nan
    high = limit if op in (">", ">=") else nan
    return Verdict(_OPS[op](rounded(value), rounded(limit)), value, low, high)


def _relate(clause: Relative, get: Get) -> Verdict:
    term, other = terms(clause)
    base = get(other)
    if not isfinite(base.value) or base.samples < LEAST_SAMPLES:
        value = get(term).value
        few = ""
        if 0 < base.samples < LEAST_SAMPLES:
            few = f"; it rests on {base.samples} of {LEAST_SAMPLES} windows"
        return Verdict(None, value, reason=f"there is no {clause.reference} yet{few}")
    return _against(get(term).value, clause.op, clause.factor * base.value)


def _change(clause: Change, get: Get) -> Verdict:
    term, other = terms(clause)
    value, before = get(term).value, get(other).value
    if not (isfinite(value) and isfinite(before)):
        return Verdict(None, value, reason=f"there is no value {'then' if isfinite(value) else ''}")
    moved = (value - before) * (-1 if clause.word == "drop" else 1)
    if clause.unit == "%":
        if before == 0:
            return Verdict(None, value, reason="it was 0 then, so there is no percentage")
        moved *= 100 / abs(before)
    return Verdict(_OPS[clause.op](rounded(moved), rounded(clause.number)), value, before, before)


def _band(clause: Band, get: Get) -> Verdict:
    term, other = terms(clause)
    value, band = get(term).value, get(other)
    if not isfinite(value) or not isfinite(band.low) or band.samples < LEAST_SAMPLES:
        words = f"the band rests on {band.samples} windows; it needs {LEAST_SAMPLES}"
        return Verdict(None, value, reason=words if isfinite(value) else "there is no value")
    above, below = rounded(value) > rounded(band.high), rounded(value) < rounded(band.low)
    outside = {"outside": above or below, "above": above, "below": below}
    holds = outside.get(clause.side, not (above or below))
    return Verdict(holds, value, band.low, band.high)


def _no_data(clause: NoData, get: Get) -> Verdict:
    value = get(now_of(clause)).value
    is_missing = not isfinite(value) or (clause.subject.aggregation == "count" and value == 0)
    return Verdict(is_missing, value)


def _predicted(clause: Predicted, get: Get) -> Verdict:
    found = get(terms(clause)[0])
    if not isfinite(found.value):
        return Verdict(None, reason="there is no forecast of it yet")
    return _against(found.value, clause.op, clause.number)


_JUDGES: dict[type[Clause], Callable[..., Verdict]] = {
    Comparison: _compare,
    Relative: _relate,
    Change: _change,
    Band: _band,
    NoData: _no_data,
    Predicted: _predicted,
}
