"""Conditions in plain English, one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from datawatch_lab.alerts import conditions as tree

_OPS = {
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "==": "is",
    "!=": "is not",
}
_REFERENCES = {
    "baseline": "its baseline (the median at this hour of the week)",
    "previous_hour": "its value an hour before",
    "same_hour_yesterday": "its value at the same hour yesterday",
    "same_hour_last_week": "its value at the same hour last week",
}
_SIDES = {
    "outside": "is outside of what is expected at this hour of the week",
    "above": "is above what is expected at this hour of the week",
    "below": "is below what is expected at this hour of the week",
    "inside": "is within what is expected at this hour of the week",
}
_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def read_condition(condition: tree.Condition, metric: str = "") -> str:  # noqa: PLR0911 — one a kind
    """What a condition says, as one line.

    >>> from datawatch_lab.alerts.language import parse_condition
    >>> read_condition(parse_condition("> 200% of baseline over 5m"), "orders_created_rate")
    'orders_created_rate over 5 minutes is above 200 % of its baseline (the median at this hour of
    the week)'
    """
    match condition:
        case tree.And():
            return " and ".join(_part(each, metric, tree.Or) for each in condition.parts)
        case tree.Or():
            return " or ".join(_part(each, metric, tree.And) for each in condition.parts)
        case tree.Not():
            return f"it is not so that {_part(condition.part, metric, tree.And | tree.Or)}"
        case tree.Comparison():
            return f"{_about(condition.subject, metric)} {_OPS[condition.op]} {_amount(condition)}"
        case tree.Relative():
            factor = f"{_number(condition.factor * 100)} %"
            said = f"{_OPS[condition.op]} {factor} of {_REFERENCES[condition.reference]}"
            return f"{_about(condition.subject, metric)} {said}"
        case tree.Change():
            about = f"the {condition.word} of {_about(condition.subject, metric)}"
            return f"{about} in {words(condition.back)} {_OPS[condition.op]} {_amount(condition)}"
        case tree.Band():
            return f"{_about(condition.subject, metric)} {_SIDES[condition.side]}"
        case tree.NoData():
            return f"{_about(condition.subject, metric)} has no data"
        case tree.Predicted():
            plain = replace(condition.subject, over=timedelta())
            about = f"{_about(plain, metric)} as predicted for {words(condition.ahead)}"
            return f"{about} from now {_OPS[condition.op]} {_amount(condition)}"


def _part(condition: tree.Condition, metric: str, loose: type | object) -> str:
    said = read_condition(condition, metric)
    return f"({said})" if isinstance(condition, loose) else said  # type: ignore[arg-type]  # a class or a union of them


def _about(subject: tree.Subject, metric: str) -> str:
    name = subject.metric or metric or "the metric"
    if subject.aggregation:
        name = f"{name} ({subject.aggregation})"
    return f"{name} over {words(subject.over)}" if subject.over else name


def _amount(clause: tree.Comparison | tree.Change | tree.Predicted) -> str:
    unit = clause.unit or clause.measure
    if unit in ("s", "ms"):
        return _duration(clause.number / (1_000 if unit == "ms" else 1))
    if unit == "ratio":
        return f"{_number(clause.number * 100)} %"
    if unit in ("%", "percent"):
        return f"{_number(clause.number)} %"
    if unit == "1/min":
        return f"{_number(clause.number)} a minute"
    return _number(clause.number) if unit in ("", "1") else f"{_number(clause.number)} {unit}"


def _duration(seconds: float) -> str:
    """A number of seconds, which a metric may have below zero or beyond all dates."""
    if 0 < abs(seconds) < 1:
        return f"{_number(seconds * 1_000)} ms"
    if 0 <= seconds < timedelta.max.total_seconds():
        return words(timedelta(seconds=seconds))
    return f"{_number(seconds)} seconds"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def words(span: timedelta) -> str:
    """A duration in words.

    >>> words(timedelta(minutes=90)), words(timedelta(hours=1)), words(timedelta(seconds=20))
    ('90 minutes', '1 hour', '20 seconds')
    """
    for unit, name in _UNITS:
        if span >= unit and span % unit == timedelta():
            count = span // unit
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{_number(span.total_seconds())} second{'s' * (span.total_seconds() != 1)}"
