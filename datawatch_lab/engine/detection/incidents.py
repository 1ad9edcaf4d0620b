"""Incidents of a workspace: made of the stored anomalies, whenever those have changed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.incidents import Member, Subject, incidents_of
from datawatch_lab.core.anomalies import Anomaly, Incident, incident_of
from datawatch_lab.core.errors import not_found
from datawatch_lab.quality.suggest import likely_parents

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.store.anomalies import Outline

_SERVICES = ("service", "service_id")
"""Labels that say whose a series is: those of one service are related, whatever their table."""


class Incidents:
    """Which incident each anomaly belongs to. Any thread may ask.

    What they are follows from the stored anomalies alone, so a restart or a replay changes nothing.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._changes = 0
        self._known: tuple[int, Mapping[str, str], Mapping[str, datetime]] = (-1, {}, {})

    def changed(self) -> None:
        """Some stored anomalies are new or others than before."""
        self._changes += 1

    def names(self) -> Mapping[str, str]:
        """Id of each anomaly → id of its incident."""
        return self._made()[0]

    def starts(self) -> Mapping[str, datetime]:
        """Id of each incident → start of its first anomaly."""
        return self._made()[1]

    def ids(self, incident: str) -> list[str]:
        """Anomalies of an incident.

        Raises:
            NotFoundError: there is no such incident.
        """
        found = [each for each, name in self.names().items() if name == incident]
        if not found:
            newest = sorted(self.starts().items(), key=lambda each: each[1])[-5:]
            raise not_found("incident", incident, [id_ for id_, _ in newest])
        return found

    def grouped(self, found: Sequence[Anomaly]) -> list[Incident]:
        """Anomalies as incidents, newest first; those that are not stored stay alone."""
        names = self.names()
        groups: dict[str, list[Anomaly]] = {}
        for each in found:
            groups.setdefault(names.get(each.id, each.id), []).append(each)
        made = [incident_of(id_, members) for id_, members in groups.items()]
        return sorted(made, key=lambda each: (each.started_at, each.id), reverse=True)

    def _made(self) -> tuple[Mapping[str, str], Mapping[str, datetime]]:
        with self._lock:
            now, (known, names, starts) = self._changes, self._known
            if known != now:
                members = [_member(each) for each in self._engine.store.anomalies.outlines()]
                names = incidents_of(members, _Relations(self._engine).related)
                starts = {}
                for each in sorted(members, key=lambda each: each.rank):
                    starts.setdefault(names[each.id], each.opened)
                self._known = (now, names, starts)
            return names, starts


def _member(outline: Outline) -> Member:
    labels = outline.labels
    return Member(
        id=outline.id,
        subject=(outline.table, next((labels[e] for e in _SERVICES if e in labels), "")),
        step=timedelta(seconds=outline.step),
        opened=outline.opened_at or outline.started_at,
        ended=outline.ended_at,
    )


class _Relations:
    """Which tables have to do with each other: a column of one is named after the other's key."""

    def __init__(self, engine: Engine) -> None:
        tables = {each.name: each for each in engine.tables()}
        self._pairs = {
            frozenset((name, parent))
            for name, table in tables.items()
            for _, parent, _ in likely_parents(table, tables)
        }

    def related(self, one: Subject, other: Subject) -> bool:
        """Whether they are of one table, of related ones, or of one service."""
        same_service = bool(one[1]) and one[1] == other[1]
        return one[0] == other[0] or same_service or frozenset((one[0], other[0])) in self._pairs
