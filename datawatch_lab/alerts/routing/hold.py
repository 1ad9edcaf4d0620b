"""What a user said of an alert: acknowledged ones are not told again, snoozed ones wait."""

from __future__ import annotations

from datetime import datetime

from datawatch_lab.core.alerting import Alert


def held(alert: Alert, now: datetime) -> str:
    """Why an alert is kept back by a user."""
    if not alert.is_open:
        return ""
    if alert.status == "acknowledged":
        return f"acknowledged by {alert.by}"
    if alert.status == "snoozed" and alert.snoozed_until and now < alert.snoozed_until:
        return f"snoozed by {alert.by} until {alert.snoozed_until:%Y-%m-%d %H:%MZ}"
    return ""
