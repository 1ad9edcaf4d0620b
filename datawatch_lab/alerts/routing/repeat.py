"""Repeats: an alert that is open, and that nobody acknowledged, is told again.

One that was snoozed is told again as soon as the snooze ends, and counts as open from then on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from datawatch_lab.core.alerting import Alert, Notice, id_of


def repeat_of(
    alert: Alert, channel: str, last: datetime, now: datetime, interval: timedelta
) -> Notice | None:
    """The notice of a repeat that is due; None while it is not.

    Args:
        alert: that the channel was told of.
        channel: its name.
        last: when it was told last.
        now: by the clock. One that was set back by more than the interval makes a repeat due.
        interval: of `Routing`; zero repeats nothing but what was snoozed.
    """
    until = alert.snoozed_until if alert.status == "snoozed" else None
    is_awake = until is not None and until <= now
    if not alert.is_open or not (alert.status == "open" or is_awake):
        return None
    is_first = until is not None and last < until
    if not is_first and (not interval or abs(now - last) < interval):
        return None
    return Notice(
        id=id_of("notice", alert.id, "repeat", channel, last.isoformat()),
        event="repeat",
        subject=alert.id,
        channel=channel,
        made=now,
    )
