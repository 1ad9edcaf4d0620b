"""What operations take and give: wire shapes that other programs rely on."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.watching import WatchState

Status = Literal["live", "quiet", "silent", "history", "empty"]


class ColumnAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of a table: its type, its role and why.

    Attributes:
        corrected_by: who set its role or mask, so that they hold: ``user``, ``config`` or ''.
    """

    name: str
    type: str
    role: str
    confidence: float
    reason: str
    sensitive: bool
    corrected_by: str = ""


class TableAnswer(msgspec.Struct, frozen=True):
    """A table.

    Attributes:
        rows: rows now in the table; None for a table without a key, whose rows are not tracked.
        key: key columns; empty for an append-only table.
        key_from: who named the key: ``config``, ``source``, ``inferred`` from unique ids; beside an
            empty key, who says that there is none, or '' when none is known.
        events: changes applied so far.
        first_event, last_event: event times, ISO 8601; None before the first.
        last_received: when something last arrived.
        status: ``live``, ``quiet``, ``silent`` (nothing for long), ``history`` (old data only).
        message: the status in words, e.g. "no data since 12:04 (8 min)".
    """

    name: str
    rows: int | None
    key: list[str]
    columns: list[ColumnAnswer]
    schema: str = ""
    events: int = 0
    first_event: str | None = None
    last_event: str | None = None
    last_received: str | None = None
    status: Status = "empty"
    message: str = ""
    key_from: str = ""


class MetricAnswer(msgspec.Struct, frozen=True):
    """A metric that can be queried."""

    name: str
    table: str
    field: str
    kind: str
    unit: str
    labels: list[str]
    auto: bool
    description: str
    aggregation: str = "sum"
    aggregations: list[str] = []


class SeriesAnswer(msgspec.Struct, frozen=True):
    """One series of an answer. Points are [time, value]; a value is None where nothing is known."""

    labels: dict[str, str]
    points: list[tuple[str, float | None]]


class QueryAnswer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Values of a metric: one point per series without a step, else one per step.

    Attributes:
        start, end: the range asked for, ISO 8601 UTC (``from`` and ``to`` in JSON).
        step: width of a bucket, or None for one value over the range.
        version: data version that the values belong to.
        open: start of the bucket that is not over yet, or None.
    """

    metric: str
    aggregation: str
    start: str
    end: str
    step: str | None
    series: list[SeriesAnswer]
    unit: str = ""
    version: int = 0
    open: str | None = None


class Counts(msgspec.Struct, frozen=True):
    """received = applied + duplicate + late + quarantined."""

    received: int
    applied: int
    duplicate: int
    late: int
    quarantined: int


class LedgerAnswer(msgspec.Struct, frozen=True):
    """The four counts in total, by table and by source."""

    received: int
    applied: int
    duplicate: int
    late: int
    quarantined: int
    tables: dict[str, Counts]
    sources: dict[str, Counts]


class QuarantineItem(msgspec.Struct, frozen=True):
    """An event that was set aside: where it stood, why, and its bytes as text.

    Attributes:
        kind: ``malformed``, ``future`` or ``late``.
        raw: the event as it came; bytes that are not UTF-8 are shown as escapes. For viewers it is
            masked, and so are the values that the reason quotes.
    """

    id: int
    source: str
    table: str
    kind: str
    reason: str
    line: int
    offset: int
    raw: str
    received: str
    state: str


class QuarantineAnswer(msgspec.Struct, frozen=True):
    """Rows of the quarantine, oldest first, and how many there are in all."""

    items: list[QuarantineItem]
    total: int


class Fixed(msgspec.Struct, frozen=True):
    """A corrected event for a quarantine row. ``raw`` is its text; ``event`` is it as JSON."""

    id: int
    raw: str | None = None
    event: dict[str, Any] | None = None


class ReplayAnswer(msgspec.Struct, frozen=True):
    """What became of replayed rows; those that failed again stay with their new reason."""

    tried: int
    applied: int
    duplicate: int
    remaining: int
    failed: list[QuarantineItem]


class EventOutcome(msgspec.Struct, frozen=True):
    """What became of one event of a request, by its place in the body from 0."""

    index: int
    id: str
    table: str
    outcome: Literal["applied", "duplicate", "late", "quarantined"]
    reason: str = ""


class EventsAnswer(msgspec.Struct, frozen=True):
    """The four counts of a request, and each event's outcome."""

    received: int
    applied: int
    duplicate: int
    late: int
    quarantined: int
    events: list[EventOutcome]
    version: int = 0


class SourceAnswer(msgspec.Struct, frozen=True):
    """A source that has sent something. Times are ISO 8601."""

    name: str
    received: int
    last_received: str | None
    last_event: str | None
    status: Status
    message: str


class CacheAnswer(msgspec.Struct, frozen=True):
    """Answers that are kept for those who ask the same again.

    Attributes:
        hits, misses: questions about metrics that were answered from them, and that were not, since
            the engine was started.
        answers: kept now.
        bytes: that they take, about.
    """

    hits: int
    misses: int
    answers: int
    bytes: int


class StatusAnswer(msgspec.Struct, frozen=True):
    """The workspace at a glance.

    Attributes:
        log_since: receipt of the oldest change in the log: time travel and back-fill of new metrics
            are possible from here on; None while the log is empty.
        watched: databases that are watched, with slot, state and lag.
        problem: why what comes cannot be stored, such as a full disk; '' when all is well.
        cache: answers that are kept.
        timezone: IANA name; governs days, ``today`` and the axes of charts.
        backends: that metrics are written to, with state and what waits for them.
    """

    workspace: str
    version: int
    release: str
    started: str
    address: str | None
    tables: int
    metrics: int
    events: int
    quarantined: int
    backlog: int
    size_bytes: int
    first_event: str | None
    last_event: str | None
    sources: list[SourceAnswer]
    status: Status
    message: str
    log_since: str | None = None
    watched: list[WatchState] = []
    problem: str = ""
    cache: CacheAnswer | None = None
    timezone: str = "UTC"
    backends: list[BackendState] = []


class HealthAnswer(msgspec.Struct, frozen=True):
    """Whether the engine takes events and answers.

    Attributes:
        status: ``degraded`` while what comes cannot be stored.
        backlog: events that wait to be stored.
        problem: why it cannot be stored, such as a full disk; '' when all is well.
    """

    status: Literal["ok", "degraded"]
    release: str
    uptime_seconds: float
    backlog: int
    problem: str = ""


class OffsetAnswer(msgspec.Struct, frozen=True):
    """How far a source has been read; None when it never was."""

    source: str
    position: dict[str, Any] | None
