"""The workspace at a glance: health, status, tables."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import msgspec

from datawatch_lab.core.values import Column, LedgerCounts, TableInfo
from datawatch_lab.engine import Engine, queries
from datawatch_lab.service.answers import (
    CacheAnswer,
    ColumnAnswer,
    HealthAnswer,
    SourceAnswer,
    StatusAnswer,
    TableAnswer,
)
from datawatch_lab.service.freshness import freshness, iso, with_watch
from datawatch_lab.service.operation import API, Nothing, operation


@operation("GET", f"{API}/health", also=("/health",))
def health(engine: Engine, ask: Nothing) -> HealthAnswer:
    """Whether the engine takes events and answers."""
    del ask
    return HealthAnswer(
        status="ok" if engine.healthy else "degraded",
        release=engine.release,
        uptime_seconds=(engine.clock.now() - engine.started).total_seconds(),
        backlog=engine.backlog,
        problem=engine.problem,
    )


@operation("GET", f"{API}/stats", also=("/stats",))
def status(engine: Engine, ask: Nothing) -> StatusAnswer:
    """The workspace at a glance: what it holds, from where, and whether data still comes."""
    del ask
    now = engine.clock.now()
    cells = engine.store.ledger()
    counts = sum(cells.values(), LedgerCounts())
    watched = engine.watching.states()
    states = {each.name: each for each in watched}
    sources = [
        SourceAnswer(
            each.name,
            sum(count.received for (source, _), count in cells.items() if source == each.name),
            iso(each.last_received),
            iso(each.last_ts),
            *with_watch(
                freshness(each.last_received, each.last_ts, now, engine.settings.stale_after),
                states.get(each.name),
                now,
            ),
        )
        for each in engine.store.sources()
    ]
    oldest, newest = engine.span()
    heard = _last_received(engine)
    since = engine.store.retention.log_since()
    return StatusAnswer(
        str(engine.path),
        engine.version,
        engine.release,
        iso(engine.started) or "",
        engine.address,
        len(engine.tables()),
        len(engine.metrics()),
        counts.applied,
        counts.quarantined,
        engine.backlog,
        engine.size_bytes(),
        iso(oldest),
        iso(newest),
        sources,
        *freshness(heard, newest, now, engine.settings.stale_after),
        iso(since[0]) if since else None,
        watched,
        engine.problem,
        CacheAnswer(**asdict(engine.answers.counts)),
        engine.settings.timezone,
        engine.backends.states(),
    )


class TablesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which tables.

    Attributes:
        name: only this table.
    """

    name: str | None = None


@operation("GET", f"{API}/tables")
def tables(engine: Engine, ask: TablesAsk) -> list[TableAnswer]:
    """The tables found so far, with their columns, roles and whether data still comes."""
    wanted = engine.tables() if ask.name is None else [engine.table(ask.name)]
    heard, counted = _last_received(engine), queries.counted(engine, wanted)
    return [_table(engine, each, counted[each.id], heard) for each in wanted]


def _last_received(engine: Engine) -> datetime | None:
    times = (each.last_received for each in engine.store.sources())
    return max((each for each in times if each), default=None)


def column_answer(column: Column) -> ColumnAnswer:
    """A column as operations give it."""
    return ColumnAnswer(
        column.name,
        column.type,
        column.role.value,
        column.confidence,
        column.reason,
        column.sensitive,
        column.corrected_by,
    )


def _table(
    engine: Engine, table: TableInfo, counted: queries.Counted, heard: datetime | None
) -> TableAnswer:
    seen = counted.seen
    state, message = freshness(
        seen.last_received, seen.last_ts, engine.clock.now(), engine.settings.stale_after, heard
    )
    return TableAnswer(
        name=table.name,
        rows=counted.rows,
        key=list(table.key),
        key_from=table.key_from,
        columns=[column_answer(each) for each in table.columns],
        schema=table.schema,
        events=seen.events,
        first_event=iso(seen.first_ts),
        last_event=iso(seen.last_ts),
        last_received=iso(seen.last_received),
        status=state,
        message=message,
    )
