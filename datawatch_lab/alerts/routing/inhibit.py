"""Inhibition: an alert that is open keeps others back, whose cause it is."""

from __future__ import annotations

from collections.abc import Iterable

from datawatch_lab.alerts.routing.matching import matches, value_of
from datawatch_lab.core.alerting import Alert, Inhibition


def inhibited(alert: Alert, open_alerts: Iterable[Alert], rules: Iterable[Inhibition]) -> str:
    """Why an alert is kept back by another.

    An alert does not inhibit itself, and of those that are both cause and effect by a rule none
    inhibits another: nobody would be told. So does Prometheus' Alertmanager.
    """
    listed = list(open_alerts)
    for rule in rules:
        if not matches(rule.target, alert):
            continue
        is_cause = matches(rule.source, alert)
        for other in listed:
            if is_cause and matches(rule.target, other):
                continue
            alike = all(value_of(other, name) == value_of(alert, name) for name in rule.equal)
            if other.id != alert.id and other.is_open and alike and matches(rule.source, other):
                return f"inhibited by {other.rule!r}"
    return ""
