"""Dedupe: nothing is told that is over, or whose beginning nobody heard of."""

from __future__ import annotations

from datawatch_lab.core.alerting import Alert, Notice


def obsolete(notice: Notice, alert: Alert, *, told: bool) -> str:
    """Why a notice need not be told any more.

    Args:
        notice: that waits.
        alert: as it is now.
        told: whether the channel was told that it fires.
    """
    if notice.event == "firing" and not alert.is_open:
        return "it was over before it was told"
    if notice.event == "firing" and told:
        return "told already"
    if notice.event == "resolved" and not told:
        return "nobody was told that it fires"
    if notice.event == "repeat" and (not alert.is_open or alert.status == "acknowledged"):
        return f"it is {alert.status}"
    return ""
