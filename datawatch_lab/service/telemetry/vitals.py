"""The state of an engine in numbers, for those who watch the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.engine.pulse import BOUNDS
from datawatch_lab.service.telemetry.connections import Connections

if TYPE_CHECKING:
    from datawatch_lab.core.backend_states import BackendState
    from datawatch_lab.core.watching import WatchState
    from datawatch_lab.engine import Engine


class LedgerCell(msgspec.Struct, frozen=True):
    """The four counts of a source and table; received is their sum."""

    source: str
    table: str
    received: int
    applied: int
    duplicate: int
    late: int
    quarantined: int


class CommitTimes(msgspec.Struct, frozen=True):
    """Commits since the engine was opened.

    Attributes:
        bounds: upper bounds of the classes, seconds.
        counts: commits by class; one more, without bound.
        seconds: that all took together.
        events: received with them.
        failed: those that ended with an error; in no class.
    """

    bounds: list[float]
    counts: list[int]
    seconds: float
    events: int
    failed: int


class SourceVitals(msgspec.Struct, frozen=True):
    """A watched server; see `core.watching.WatchState`.

    Attributes:
        up: whether it is copied or streamed now.
        rows: stored since it was connected.
        lag_bytes, lag_events: not stored yet, in the unit of its kind; None while not known.
        retained_bytes: of log that the server keeps for us; None where it does not.
    """

    name: str
    state: str
    up: bool
    rows: int
    lag_bytes: int | None
    lag_events: int | None
    retained_bytes: int | None


class BackendVitals(msgspec.Struct, frozen=True):
    """A metric back end; see `core.backends.BackendState`."""

    name: str
    state: str
    up: bool
    behind_seconds: float
    points: int
    refused: int
    errors: int


class Vitals(msgspec.Struct, frozen=True):
    """How the server does.

    Attributes:
        healthy: the last commit could be stored.
        version: commits so far; last_seq: number of the last event in the log.
        backlog: events that wait to be stored.
        size_bytes: of the workspace on disk.
        quarantine: rows that wait there.
        connections: open WebSockets.
        sources: that are watched.
        backends: that metrics are written to.
    """

    release: str
    healthy: bool
    uptime_seconds: float
    version: int
    last_seq: int
    backlog: int
    size_bytes: int
    quarantine: int
    tables: int
    metrics: int
    connections: int
    ledger: list[LedgerCell]
    commits: CommitTimes
    sources: list[SourceVitals] = []
    backends: list[BackendVitals] = []


def vitals(engine: Engine) -> Vitals:
    """The state of an engine now."""
    pulse = engine.pulse
    return Vitals(
        release=engine.release,
        healthy=engine.healthy,
        uptime_seconds=(engine.clock.now() - engine.started).total_seconds(),
        version=engine.version,
        last_seq=engine.last_seq,
        backlog=engine.backlog,
        size_bytes=engine.size_bytes(),
        quarantine=engine.quarantined(),
        tables=len(engine.tables()),
        metrics=len(engine.metrics()),
        connections=engine.beside(Connections).open,
        ledger=[
            LedgerCell(
                source,
                table,
                each.received,
                each.applied,
                each.duplicate,
                each.late,
                each.quarantined,
            )
            for (source, table), each in sorted(engine.store.ledger().items())
        ],
        commits=CommitTimes(
            list(BOUNDS), list(pulse.counts), pulse.seconds, pulse.events, pulse.failed
        ),
        sources=[_source(each) for each in engine.watching.states()],
        backends=[_backend(each) for each in engine.backends.states()],
    )


def _source(state: WatchState) -> SourceVitals:
    return SourceVitals(
        name=state.name,
        state=state.state,
        up=state.state in ("snapshot", "streaming"),
        rows=state.rows,
        lag_bytes=state.lag_bytes,
        lag_events=state.lag_events,
        retained_bytes=state.retained_bytes,
    )


def _backend(state: BackendState) -> BackendVitals:
    return BackendVitals(
        name=state.name,
        state=state.state,
        up=state.state in ("current", "catching up"),
        behind_seconds=state.behind_seconds,
        points=state.points,
        refused=state.refused,
        errors=state.errors,
    )
