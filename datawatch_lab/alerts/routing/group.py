"""Grouping: alerts that belong together share a message; a group waits, then keeps a pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from datawatch_lab.alerts.routing.matching import value_of
from datawatch_lab.core.alerting import Alert, Notice, Routing


def group_of(alert: Alert, names: Sequence[str]) -> str:
    """The group of an alert, as ``name=value`` pairs.

    An empty list of names puts all alerts of a channel into one group.
    """
    return ", ".join(f"{name}={value_of(alert, name)}" for name in names)


def due(
    notices: Sequence[Notice], last: datetime | None, now: datetime, routing: Routing
) -> datetime:
    """When a group's message goes out.

    Args:
        notices: what waits in the group, not empty.
        last: when its last message was made; None for none, or when the group was quiet since.
        now: by the clock. One that was set back does not keep messages waiting.
        routing: paces.
    """
    first = min(now, *(each.made for each in notices))
    ready = first + routing.group_wait
    if last is None or last > now:
        return ready
    return max(ready, last + routing.group_interval)
