"""What the demo simulator planted, as data: incidents, schema changes and counts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

IncidentKind = Literal["spike", "drop", "outage", "payment_failures", "lag", "price_error", "trend"]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong (or changed) on purpose, in [start, end).

    Attributes:
        id: stable for a seed and start.
        kind: what happened.
        table: where it shows most.
        metric: the automatic metric that shows it best.
        start, end: event time, UTC, whole minutes.
        magnitude: ``spike``, ``drop``, ``trend``: factor on the rate of orders; ``outage``: 0;
            ``payment_failures``: share of payments that fail; ``lag``: peak in seconds;
            ``price_error``: factor on the amounts of three orders in ten.
        description: one sentence for people.
    """

    id: str
    kind: IncidentKind
    table: str
    metric: str
    start: datetime
    end: datetime
    magnitude: float
    description: str


class SchemaChange(msgspec.Struct, frozen=True, kw_only=True):
    """A column that is added; rows changed at ``at`` or later carry it."""

    table: str
    column: str
    at: datetime
    statement: str


class PlantedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over a stretch of the stream; received = events + malformed + duplicate.

    Attributes:
        events: well-formed lines, each event once; the three below are among them.
        malformed: lines that hold no event.
        duplicate: repeated lines.
        invalid: inserted rows with a value that makes no sense (negative amount, no customer,
            unknown status, broken e-mail).
        delayed: events 10 min to 8 h behind their neighbours, which correct old buckets.
        late: events more than 24 h behind, which belong in quarantine.
        ddl: schema changes.
    """

    events: int = 0
    malformed: int = 0
    duplicate: int = 0
    invalid: int = 0
    delayed: int = 0
    late: int = 0
    ddl: int = 0

    @property
    def received(self) -> int:
        """All lines."""
        return self.events + self.malformed + self.duplicate


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Ground truth of the stretch [start, end) of arrival time; serialise it with ``msgspec.json``.

    ``tables`` has the counts by table; a malformed line counts for the table it was made from.
    Incidents and schema changes are those that overlap the stretch.
    """

    seed: int
    start: datetime
    end: datetime
    incidents: tuple[Incident, ...]
    schema_changes: tuple[SchemaChange, ...]
    planted: PlantedCounts
    tables: dict[str, PlantedCounts]
