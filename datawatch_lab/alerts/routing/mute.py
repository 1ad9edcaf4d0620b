"""Mute timings: hours of the wall clock in which alerts wait; right across DST by going by it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from datawatch_lab.alerts.routing.matching import matches
from datawatch_lab.core.alerting import Alert, MuteTiming


def in_timing(timing: MuteTiming, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clock of a zone is within a timing; the end does not belong to it."""
    local = now.astimezone(zone)
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if timing.start < timing.end:
        return timing.start <= minute < timing.end and _on(timing, day)
    # over midnight: the evening of a day, and the morning after it
    return (minute >= timing.start and _on(timing, day)) or (
        minute < timing.end and _on(timing, (day - 1) % 7)
    )


def _on(timing: MuteTiming, day: int) -> bool:
    return not timing.days or day in timing.days


def muted(alert: Alert, timings: Iterable[MuteTiming], now: datetime, zone: ZoneInfo) -> str:
    """Why an alert waits by the clock."""
    for each in timings:
        if matches(each.matchers, alert) and in_timing(each, now, zone):
            return f"muted by {each.name!r} until {each.end // 60 % 24:02}:{each.end % 60:02}"
    return ""
