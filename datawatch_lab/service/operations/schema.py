"""The history of schemas: changes, tables as of any time, differences, statements."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.schema_changes import Kind, Reference, SchemaChange, Step, TableShape
from datawatch_lab.core.schema_words import titled
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.schema import asking as schema_asking
from datawatch_lab.engine.schema.log import names_of
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation


class SchemaChangeItem(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a schema.

    Attributes:
        id: of the change.
        at: when, in event time.
        title: what happened, in one line.
        kind: add_table, drop_column, change_precision …
        impact: breaking, risky or safe.
        reason: of the impact, in words.
        table: name in the workspace, else in the source.
        name: of the column, index, constraint or type; '' for the table itself.
        before, after: facts that changed.
        origin: ddl, relation, columns, rows or user.
        source: that told of it.
        ddl: the statement; '' for none.
        confidence: in (0, 1]; below 1 where it was inferred.
        why: reasons of what was inferred.
        references: metrics, rules, alerts … that it touches.
        alerting: breaking, live, and alert_on_breaking is on.
        by: user who sent it.
    """

    id: str
    at: str
    title: str
    kind: str
    impact: str
    reason: str
    table: str
    name: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    origin: str = "ddl"
    source: str = ""
    ddl: str = ""
    confidence: float = 1.0
    why: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    alerting: bool = False
    by: str = ""


class SchemaChangesAnswer(msgspec.Struct, frozen=True):
    """Changes, newest first, and how many there are in all."""

    changes: list[SchemaChangeItem]
    total: int


class SchemaChangesAsk(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}
):
    """Which changes.

    Attributes:
        start, end: ``from`` and ``to``: times such as -30d, or names of snapshots.
        table: as the workspace or the source names it.
        column: its earlier names included.
        kind: such as drop_column.
        impact: breaking, risky or safe.
        described: also statements and descriptions that change no shape.
        limit: at most this many.
    """

    start: str | None = None
    end: str | None = None
    table: str = ""
    column: str = ""
    kind: str = ""
    impact: str = ""
    described: bool = False
    limit: int = 100


@operation("GET", f"{API}/schema/changes")
def schema_changes(engine: Engine, ask: SchemaChangesAsk) -> SchemaChangesAnswer:
    """Changes of schemas, newest first, each with its class, its reason and what it touches."""
    if ask.limit < 1:
        raise InputError(f"limit is {ask.limit}; it must be at least 1.")
    found = schema_asking.changes(
        engine,
        start=ask.start,
        end=ask.end,
        table=ask.table,
        column=ask.column,
        kind=ask.kind,
        impact=ask.impact,
        described=ask.described,
    )
    return SchemaChangesAnswer([_item(engine, each) for each in found[: ask.limit]], len(found))


def _item(engine: Engine, change: SchemaChange) -> SchemaChangeItem:
    step = change.step
    table = schema_asking.shown_name(engine, step.table)
    return SchemaChangeItem(
        id=change.id,
        at=iso(change.at) or "",
        title=titled(step, table),
        kind=step.kind.value,
        impact=change.impact,
        reason=change.reason,
        table=table,
        name=step.name,
        before=step.before,
        after=step.after,
        origin=change.origin,
        source=change.source,
        ddl=change.ddl,
        confidence=change.confidence,
        why=change.why,
        references=change.references,
        alerting=change.alerting,
        by=change.by,
    )


class SchemaChangeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which change."""

    id: str


@operation("GET", f"{API}/schema/changes/{{id}}")
def schema_change(engine: Engine, ask: SchemaChangeAsk) -> SchemaChangeItem:
    """One change of a schema."""
    return _item(engine, schema_asking.change(engine, ask.id))


class SchemaColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column; ``nullable`` is None when nobody said."""

    name: str
    type: str = ""
    nullable: bool | None = None
    default: str | None = None
    values: tuple[str, ...] = ()
    generated: bool = False


class SchemaTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table as of a time.

    Attributes:
        table: name in the workspace, else in the source.
        source_name: qualified name in the source.
        columns: in order.
        key: primary key.
        indexes, foreign_keys, checks: as the source told them.
        partial: known from its rows, or by statements about parts of it.
        changes: how often its shape changed.
        last_changed: when it did so last.
    """

    table: str
    source_name: str
    columns: list[SchemaColumn]
    key: tuple[str, ...] = ()
    indexes: list[dict[str, Any]] = []
    foreign_keys: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    partial: bool = False
    changes: int = 0
    last_changed: str | None = None


class SchemaTablesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """As of when.

    Attributes:
        at: a time such as -1d, or the name of a snapshot; now when it is not given.
    """

    at: str | None = None


@operation("GET", f"{API}/schema/tables")
def schema_tables(engine: Engine, ask: SchemaTablesAsk) -> list[SchemaTable]:
    """Every table with its columns, keys and indexes, as of now or of any time."""
    found = schema_asking.tables(engine, ask.at)
    return [_table(engine, name, shape) for name, shape in sorted(found.items())]


def _table(engine: Engine, name: str, shape: TableShape) -> SchemaTable:
    mine = schema_asking.history(engine).between(None, None, name)
    plain = msgspec.to_builtins(shape)
    return SchemaTable(
        table=schema_asking.shown_name(engine, name),
        source_name=name,
        columns=[msgspec.convert(each, SchemaColumn) for each in plain.get("columns", [])],
        key=shape.key,
        indexes=plain.get("indexes", []),
        foreign_keys=plain.get("foreign_keys", []),
        checks=plain.get("checks", []),
        partial=shape.partial,
        changes=len(mine),
        last_changed=iso(mine[-1].at) if mine else None,
    )


class SchemaTableAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which table.

    Attributes:
        table: as the workspace or the source names it.
        at: a time such as -1d, or the name of a snapshot; now when it is not given.
        limit: at most this many changes.
    """

    table: str
    at: str | None = None
    limit: int = 100


class SchemaTableAnswer(msgspec.Struct, frozen=True):
    """A table as of a time (None when there was none then), and its history, newest first."""

    table: SchemaTable | None
    history: list[SchemaChangeItem]


@operation("GET", f"{API}/schema/tables/{{table}}")
def schema_table(engine: Engine, ask: SchemaTableAsk) -> SchemaTableAnswer:
    """One table as of now or of any time, with its history up to then; renamings are followed."""
    if ask.limit < 1:
        raise InputError(f"limit is {ask.limit}; it must be at least 1.")
    log = schema_asking.history(engine)
    name = schema_asking.source_name(engine, ask.table, log.shape())
    shape = schema_asking.tables(engine, ask.at).get(name)
    until = None if ask.at is None else schema_asking.moment(engine, ask.at)
    names, found = {name}, []
    for each in reversed(log.between(None, until)):
        if not names.isdisjoint(names_of(each)):
            found.append(each)
            if each.step.kind is Kind.RENAME_TABLE:
                names.add(each.step.table)
    return SchemaTableAnswer(
        None if shape is None else _table(engine, name, shape),
        [_item(engine, each) for each in found[: ask.limit]],
    )


class SchemaStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step between two moments, classed."""

    title: str
    kind: str
    impact: str
    reason: str
    table: str
    name: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class SchemaDiffAsk(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}
):
    """Between which moments: ``from`` and ``to``, each a snapshot's name or a time."""

    start: str
    end: str = "now"


class SchemaDiffAnswer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What lies between two moments; no steps when the schema was the same."""

    start: str
    end: str
    steps: list[SchemaStep]


@operation("GET", f"{API}/schema/diff")
def schema_diff(engine: Engine, ask: SchemaDiffAsk) -> SchemaDiffAnswer:
    """The steps from the schema of one moment to that of another."""
    moments = [schema_asking.moment(engine, each) for each in (ask.start, ask.end)]
    found = schema_asking.diff(engine, ask.start, ask.end)
    steps = [_step(engine, each.step, each.impact, each.reason) for each in found]
    return SchemaDiffAnswer(iso(moments[0]) or "", iso(moments[1]) or "", steps)


def _step(engine: Engine, step: Step, impact: str, reason: str) -> SchemaStep:
    table = schema_asking.shown_name(engine, step.table)
    return SchemaStep(
        title=titled(step, table),
        kind=step.kind.value,
        impact=impact,
        reason=reason,
        table=table,
        name=step.name,
        before=step.before,
        after=step.after,
    )


class DdlBody(msgspec.Struct, frozen=True, kw_only=True):
    """Statements of DDL.

    Attributes:
        sql: one or more statements.
        dialect: postgres or mysql; found out from the text when it is not given.
        table: that they are about, where they name none.
        at: when they ran; now when it is not given.
        dry_run: say what they would change, and record nothing.
    """

    sql: str
    dialect: str = ""
    table: str = ""
    at: str | None = None
    dry_run: bool = False


class DdlAnswer(msgspec.Struct, frozen=True):
    """What the statements change, in order; ``recorded`` is false for a dry run."""

    recorded: bool
    changes: list[SchemaChangeItem]


@operation("POST", f"{API}/schema/ddl", role="editor")
def post_ddl(engine: Engine, ask: DdlBody) -> DdlAnswer:
    """Read statements of DDL: what they change, how risky that is, what it touches; record them."""
    if ask.dry_run:
        found = schema_asking.dry_run(engine, ask.sql, ask.dialect, ask.table)
        told = [msgspec.structs.replace(each, by="") for each in found]
    else:
        told = schema_asking.record(
            engine,
            ask.sql,
            dialect=ask.dialect,
            table=ask.table,
            at=ask.at,
            by=str(current_who().name),
        )
    return DdlAnswer(not ask.dry_run, [_item(engine, each) for each in told])
