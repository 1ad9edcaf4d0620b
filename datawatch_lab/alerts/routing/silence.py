"""Silences: alerts that match are kept back until it ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from datawatch_lab.alerts.routing.matching import matches
from datawatch_lab.core.alerting import Alert, Silence


def silenced(alert: Alert, silences: Iterable[Silence], now: datetime) -> str:
    """Why an alert is kept back by a silence."""
    for each in silences:
        if each.at(now) and matches(each.matchers, alert):
            why = f": {each.comment}" if each.comment else ""
            return f"silenced by {each.by or 'nobody'} until {each.ends:%Y-%m-%d %H:%MZ}{why}"
    return ""


def hidden_by(silence: Silence, alerts: Iterable[Alert]) -> list[Alert]:
    """Those of some alerts that a silence hides, or would have hidden."""
    return [each for each in alerts if matches(silence.matchers, each)]


def expiring(silence: Silence, now: datetime, before: timedelta) -> bool:
    """Whether a silence ends so soon that one is reminded; not one as short as that itself."""
    return (
        silence.at(now) and silence.ends - now <= before and silence.ends - silence.starts > before
    )
