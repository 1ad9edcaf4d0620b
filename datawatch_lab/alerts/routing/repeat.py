"""Repeats: an alert that is open, and that nobody acknowledged, is told again."""

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
        interval: of `Routing`; zero repeats nothing.
    """
    if not interval or not alert.is_open or alert.status != "open" or abs(now - last) < interval:
        return None
    return Notice(
        id=id_of("notice", alert.id, "repeat", channel, last.isoformat()),
        event="repeat",
        subject=alert.id,
        channel=channel,
        made=now,
    )
