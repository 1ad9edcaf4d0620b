"""What happened lately: anomalies, alerts and schema changes, read once for all tiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.freshness import iso

DAYS = timedelta(days=30)
"""How far back."""
_MOST = 200


@dataclass(frozen=True)
class Happened:
    """Answers of the operations, newest first, each None where it could not be had.

    Attributes:
        anomalies: episodes of the last 30 days.
        active: alerts that are not over.
        alerts: those of the last 30 days, the open ones too.
        schema: changes of the last 30 days.
        problems: why something could not be had, by ``anomalies``, ``alerts`` and ``schema``.
    """

    anomalies: tuple[Any, ...] = ()
    active: tuple[Any, ...] = ()
    alerts: tuple[Any, ...] = ()
    schema: tuple[Any, ...] = ()
    problems: dict[str, DataWatchError] = field(default_factory=dict)


NOTHING = Happened()


def read(workspace: Any, now: datetime) -> Happened:
    """Ask for all of it.

    Args:
        workspace: asked; what it refuses is kept as a problem, for the tiles that show it.
        now: the present.
    """
    since = iso(now - DAYS)
    problems: dict[str, DataWatchError] = {}

    def asked(what: str, name: str, **how: Any) -> Any:
        try:
            return getattr(workspace, name)(**how)
        except DataWatchError as error:
            problems[what] = error
            return []

    anomalies = asked("anomalies", "anomalies", start=since, limit=_MOST)
    schema = asked("schema", "schema_changes", start="-30d", limit=_MOST)
    return Happened(
        anomalies=tuple(anomalies),
        active=tuple(asked("alerts", "active_alerts")),
        alerts=tuple(asked("alerts", "alert_history", start=since, limit=_MOST)),
        schema=tuple(getattr(schema, "changes", ())),
        problems=problems,
    )
