"""Named moments of the schema, to compare others with."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.schema import asking as schema_asking
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class SchemaSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A named moment, and how many tables and columns there were."""

    name: str
    at: str
    made: str
    note: str = ""
    by: str = ""
    tables: int = 0
    columns: int = 0


@operation("GET", f"{API}/schema/snapshots")
def schema_snapshots(engine: Engine, ask: Nothing) -> list[SchemaSnapshot]:
    """Named moments of the schema, newest first."""
    del ask
    log = schema_asking.history(engine)
    named = sorted(log.snapshots, key=lambda name: log.snapshots[name].at, reverse=True)
    return [_snapshot(engine, name) for name in named]


def _snapshot(engine: Engine, name: str) -> SchemaSnapshot:
    log = schema_asking.history(engine)
    each = log.snapshots[name]
    shape = log.shape(each.at)
    return SchemaSnapshot(
        name=each.name,
        at=iso(each.at) or "",
        made=iso(each.made) or "",
        note=each.note,
        by=each.by,
        tables=len(shape.tables),
        columns=sum(len(table.columns) for table in shape.tables.values()),
    )


class SnapshotBody(msgspec.Struct, frozen=True, kw_only=True):
    """A name for a moment.

    Attributes:
        name: of 1 to 100 characters, that reads as no time.
        at: a time such as -1d; now when it is not given.
        note: one sentence.
    """

    name: str
    at: str | None = None
    note: str = ""


@operation("POST", f"{API}/schema/snapshots", role="editor", status=201)
def make_schema_snapshot(engine: Engine, ask: SnapshotBody) -> SchemaSnapshot:
    """Give a moment of the schema a name, so that others can be compared with it."""
    made = schema_asking.put_snapshot(engine, ask.name, ask.at, ask.note, str(current_who().name))
    return _snapshot(engine, made.name)
