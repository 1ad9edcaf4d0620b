"""Which anomalies somebody wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.anomalies import SEVERITIES, Anomaly, Incident
from datawatch_lab.engine.detection.incidents import Incidents
from datawatch_lab.store.anomalies import AnomalyFilter

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


@dataclass(frozen=True)
class Listing:
    """Which anomalies are wanted.

    Attributes:
        since, until: those that were there at some time in [since, until).
        metric, table, type: '' for any.
        labels: that they have.
        severity: at least; '' for any.
        active: only those that go on.
        withdrawn: also those that late data showed to be none.
        incident: of this one only; '' for any.
    """

    since: datetime | None = None
    until: datetime | None = None
    metric: str = ""
    table: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    severity: str = ""
    type: str = ""
    active: bool = False
    withdrawn: bool = False
    incident: str = ""
    limit: int = 100

    @property
    def is_narrow(self) -> bool:
        """Whether more must be read than is wanted."""
        narrow = self.table or self.labels or self.severity or self.type or self.incident
        return bool(narrow or not self.withdrawn)

    def fits(self, anomaly: Anomaly) -> bool:
        """Whether one is among them, as far as the store does not say."""
        return (
            self.table in ("", anomaly.table)
            and self.type in ("", anomaly.type)
            and (self.withdrawn or not anomaly.withdrawn)
            and all(anomaly.labels.get(name) == value for name, value in self.labels)
            and SEVERITIES.index(anomaly.severity) >= _rank(self.severity)
        )


def _rank(severity: str) -> int:
    return [str(each) for each in SEVERITIES].index(severity) if severity else 0


class Asking:
    """Stored anomalies, one by one or as incidents. Any thread may ask.

    Attributes:
        engine: of the workspace.
        incidents: that the anomalies make.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.incidents = Incidents(engine)

    def stored(self, wanted: AnomalyFilter) -> Sequence[Anomaly]:
        """Anomalies, newest first."""
        return self.engine.store.anomalies.found(wanted)

    def between(self, start: datetime, end: datetime) -> Sequence[Anomaly]:
        """Anomalies that were there at some time in [start, end), newest first."""
        return self.stored(AnomalyFilter(since=start, until=end, limit=10_000))

    def active(self) -> Sequence[Anomaly]:
        """Anomalies that go on."""
        return self.stored(AnomalyFilter(active=True, limit=10_000))

    def newest(self, limit: int) -> list[Anomaly]:
        """The newest anomalies, less those of them that were withdrawn; cheap."""
        return [each for each in self.stored(AnomalyFilter(limit=limit)) if not each.withdrawn]

    def find(self, wanted: Listing) -> list[Anomaly]:
        """The newest anomalies that fit.

        Raises:
            NotFoundError: there is no such incident.
        """
        return self._fitting(wanted, 100_000 if wanted.is_narrow else wanted.limit)[: wanted.limit]

    def find_incidents(self, wanted: Listing) -> list[Incident]:
        """The newest incidents, each made of those of its anomalies that fit.

        Raises:
            NotFoundError: there is no such incident.
        """
        return self.incidents.grouped(self._fitting(wanted, 100_000))[: wanted.limit]

    def _fitting(self, wanted: Listing, most: int) -> list[Anomaly]:
        ids = frozenset(self.incidents.ids(wanted.incident)) if wanted.incident else None
        known = self.stored(
            AnomalyFilter(
                since=wanted.since,
                until=wanted.until,
                metric=wanted.metric,
                active=wanted.active,
                limit=most,
            )
        )
        return [each for each in known if wanted.fits(each) and (ids is None or each.id in ids)]
