"""The message that some notices make: the alerts with their newest values, a chart, a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.alerts.message import Message, Told, listed
from datawatch_lab.alerts.routing.silence import hidden_by
from datawatch_lab.core.alerting import Alert, Notice, Silence
from datawatch_lab.engine.alerting.past import lead_up

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.stage import Alerting


def message_of(
    alerting: Alerting,
    key: str,
    group: str,
    notices: Sequence[Notice],
    known: Mapping[str, Alert],
    now: datetime,
    *,
    still_open: bool = False,
) -> Message:
    """The message about alerts of a group.

    Args:
        alerting: whose alerts they are.
        key: of the delivery.
        group: that they share.
        notices: at least one.
        known: alerts by id, those that are over included.
        now: by the clock.
        still_open: see `Message`.
    """
    live = {each.id: each for each in alerting.active()}
    newest: dict[str, Told] = {}
    for each in notices:
        alert = live.get(each.subject) or known[each.subject]
        newest[each.subject] = Told(event=each.event, alert=alert)
    told, more = listed(list(newest.values()))
    first = told[0].alert
    events = {each.event for each in told}
    return Message(
        key=key,
        kind=next(kind for kind in ("firing", "repeat", "resolved") if kind in events),
        made=now,
        alerts=told,
        more=more,
        points=lead_up(alerting, first),
        low=first.low,
        high=first.high,
        link=_link(alerting),
        group=group,
        still_open=still_open,
    )


def reminder_of(
    alerting: Alerting, key: str, group: str, silence: Silence, now: datetime
) -> Message:
    """The message that a silence which hides open alerts ends soon."""
    hidden = hidden_by(silence, alerting.active())
    told, more = listed([Told(event="silence_expiring", alert=each) for each in hidden])
    matched = ", ".join(f"{name}={value}" for name, value in silence.matchers)
    count = f"{len(hidden)} open alert{'s' * (len(hidden) != 1)}"
    note = f"The silence of {matched} ends at {silence.ends:%Y-%m-%d %H:%M} UTC; it hides {count}."
    return Message(
        key=key,
        kind="silence_expiring",
        made=now,
        alerts=told,
        more=more,
        note=note,
        link=_link(alerting),
        group=group,
    )


def _link(alerting: Alerting) -> str:
    address = alerting.settings.address or alerting.engine.address or ""
    return f"{address.rstrip('/')}/datawatch/alerts" if address else ""
