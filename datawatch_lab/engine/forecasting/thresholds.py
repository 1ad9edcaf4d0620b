"""Thresholds that somebody cares about: given with the question, or those of the alert rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.alerts.conditions import Comparison
from datawatch_lab.alerts.language import parse_condition
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine.alerting import Alerting

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


def thresholds_of(engine: Engine, metric: MetricDef, given: float | None) -> tuple[float, ...]:
    """The threshold that is given, else those that alert rules compare the metric with.

    Only rules that are on, whose whole condition is a comparison of this metric with a plain
    number: what else a rule asks has no single value to be passed.
    """
    if given is not None:
        return (given,)
    found = set()
    for stored in engine.beside(Alerting).rules():
        rule = stored.rule
        if not rule.is_enabled or not rule.condition:
            continue
        try:
            condition = parse_condition(rule.condition)
        except DataWatchError:
            continue  # kept from an older release; its own page says what is wrong with it
        if isinstance(condition, Comparison) and not condition.unit:
            about = condition.subject.metric or rule.metric
            if about == metric.name:
                found.add(condition.number)
    return tuple(sorted(found))
