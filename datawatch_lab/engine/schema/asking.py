"""Questions about the history of schemas, and statements that users send."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from datawatch_lab.core.durations import parse_time
from datawatch_lab.core.errors import BusyError, InputError, TimeError, not_found
from datawatch_lab.core.plans import check_feature
from datawatch_lab.core.schema_changes import (
    IMPACTS,
    ColumnShape,
    Impact,
    Kind,
    SchemaChange,
    SchemaShape,
    Snapshot,
    Step,
    TableShape,
    qualified,
)
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.intake import take_http
from datawatch_lab.engine.schema.log import SchemaLog, names_of
from datawatch_lab.engine.schema.references import references_of, table_named
from datawatch_lab.schema.ddl import guess_dialect, naming, read_ddl
from datawatch_lab.schema.differences import differences
from datawatch_lab.schema.impact import judged
from datawatch_lab.schema.reading import DdlEvent, read_event
from datawatch_lab.schema.types import Dialect

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

DIALECTS = ("postgres", "mysql")
_MOST_TEXT = 100_000


@dataclass(frozen=True)
class Judged:
    """A step between two shapes, classed."""

    step: Step
    impact: Impact
    reason: str


def history(engine: Engine) -> SchemaLog:
    """The history of schemas of an engine.

    Raises:
        PlanError: the plan does not include it.
    """
    check_feature(engine.settings.plan, "schema")
    return engine.beside(SchemaLog)


def shown_name(engine: Engine, table: str) -> str:
    """The workspace's name of a table, else the qualified name of its source."""
    found = table_named(engine, table) if table else None
    return found.name if found is not None else table


def source_name(engine: Engine, table: str, shape: SchemaShape) -> str:
    """The qualified name of a table that a user names, as the workspace or as the source does.

    Raises:
        NotFoundError: there is and was no such table.
    """
    found = next((each for each in engine.tables() if each.name == table), None)
    if found is not None:
        return qualified(found.schema, found.table)
    log = engine.beside(SchemaLog)
    known = {*shape.tables, *(name for each in log.changes for name in names_of(each) if name)}
    plain = table.removeprefix("public.")
    if plain in known:
        return plain
    raise not_found("table", table, {*known, *(each.name for each in engine.tables())})


def moment(engine: Engine, text: str) -> datetime:
    """The moment that a text means: the name of a snapshot, or a time such as ``-1d``.

    Raises:
        NotFoundError: it is neither.
    """
    log = history(engine)
    named = log.snapshots.get(text)
    if named is not None:
        return named.at
    try:
        return parse_time(text, engine.clock.now(), engine.settings.timezone)
    except TimeError as error:
        if not log.snapshots:
            raise
        raise not_found("snapshot", text, log.snapshots) from error


def changes(
    engine: Engine,
    *,
    start: str | None = None,
    end: str | None = None,
    table: str = "",
    column: str = "",
    kind: str = "",
    impact: str = "",
    described: bool = False,
) -> list[SchemaChange]:
    """Changes that are meant, newest first.

    Raises:
        InputError: there is no such kind, class or table, or a time cannot be read.
    """
    log = history(engine)
    if kind and kind not in list(Kind):
        raise not_found("kind", kind, [each.value for each in Kind])
    if impact and impact not in IMPACTS:
        raise not_found("impact", impact, IMPACTS)
    since = None if start is None else moment(engine, start)
    until = None if end is None else moment(engine, end)
    name = source_name(engine, table, log.shape()) if table else ""
    found: Sequence[SchemaChange] = log.between(since, until, name)
    if described or kind in (Kind.DESCRIBE, Kind.OTHER):
        found = [
            each
            for each in log.changes
            if (since is None or each.at >= since)
            and (until is None or each.at <= until)
            and (not name or name in names_of(each))
        ]
    columns = {column, *_later_names(found, column)} if column else set()
    return [
        each
        for each in reversed(found)
        if (not column or each.step.name in columns)
        and (not kind or each.step.kind == kind)
        and (not impact or each.impact == impact)
    ]


def _later_names(found: Sequence[SchemaChange], column: str) -> set[str]:
    """Names that a column had before, going back from the one that is asked for."""
    names = {column}
    for each in reversed(found):
        if each.step.kind is Kind.RENAME_COLUMN and (each.step.after or {}).get("name") in names:
            names.add(each.step.name)
    return names


def change(engine: Engine, id_: str) -> SchemaChange:
    """One change; a `NotFoundError` when there is none."""
    found = next((each for each in history(engine).changes if each.id == id_), None)
    if found is None:
        raise not_found("schema change", id_, [])
    return found


def tables(engine: Engine, at: str | None = None) -> dict[str, TableShape]:
    """Tables by qualified name, as of a time; types that nobody declared are those of the rows."""
    log = history(engine)
    if at is not None:
        return dict(log.shape(moment(engine, at)).tables)
    known = dict(log.shape().tables)
    dropped = {each.step.table for each in log.changes if each.step.kind is Kind.DROP_TABLE}
    moved = {each.step.table for each in log.changes if each.step.kind is Kind.RENAME_TABLE}
    for info in engine.tables():
        name = qualified(info.schema, info.table)
        if name in known or name not in dropped | moved:
            known[name] = _completed(known.get(name, TableShape(partial=True)), info)
    return known


def _completed(shape: TableShape, info: TableInfo) -> TableShape:
    """A shape with the types and the key that are understood from rows, where nobody said."""
    types = {each.name: each.type for each in info.columns}
    columns = [
        each if each.type else msgspec.structs.replace(each, type=types.get(each.name, ""))
        for each in shape.columns
    ]
    if shape.partial and not shape.columns:
        columns = [ColumnShape(name=name, type=kind) for name, kind in types.items()]
    return msgspec.structs.replace(shape, columns=tuple(columns), key=shape.key or info.key)


def diff(engine: Engine, old: str, new: str) -> list[Judged]:
    """What lies between two moments, each a snapshot's name or a time."""
    log = history(engine)
    shapes = (log.shape(moment(engine, each)) for each in (old, new))
    return [Judged(step, *judged(step)) for step in differences(*shapes)]


def put_snapshot(engine: Engine, name: str, at: str | None, note: str, by: str) -> Snapshot:
    """Give a moment a name.

    Raises:
        InputError: the name is empty, taken, or reads as a time.
    """
    log = history(engine)
    plain = name.strip()
    if not plain or len(plain) > 100:
        raise InputError("a snapshot needs a name of 1 to 100 characters.")
    if plain in log.snapshots:
        raise InputError(
            f"there is a snapshot {plain!r} already, of {log.snapshots[plain].at.isoformat()}.",
            hint="Choose another name.",
        )
    now = engine.clock.now()
    try:
        parse_time(plain, now, engine.settings.timezone)
    except TimeError:
        pass
    else:
        raise InputError(f"{plain!r} reads as a time; choose a name that does not.")
    log.wait(engine.last_seq)
    when = now if at is None else moment(engine, at)
    made = Snapshot(name=plain, at=when, made=now, note=note, by=by)
    log.name(made)
    return made


def chosen_dialect(text: str, dialect: str) -> Dialect:
    """The dialect that a user names, else the one that the text is in.

    Raises:
        NotFoundError: there is no such dialect.
    """
    names: dict[str, Dialect] = {"postgres": "postgres", "mysql": "mysql"}
    aliases = {"postgresql": "postgres", "mariadb": "mysql"}
    if not dialect:
        return guess_dialect(text)
    found = names.get(aliases.get(dialect.lower(), dialect.lower()))
    if found is None:
        raise not_found("dialect", dialect, DIALECTS)
    return found


def dry_run(engine: Engine, text: str, dialect: str, table: str) -> list[SchemaChange]:
    """What a text would change now, with what it would touch; nothing is recorded."""
    log = history(engine)
    event = _event(engine, text, chosen_dialect(text, dialect), table)
    return [
        msgspec.structs.replace(each, references=references_of(engine, each.step, log.shape()))
        for each in read_event(event, log.shape())
    ]


def _event(engine: Engine, text: str, dialect: Dialect, table: str) -> DdlEvent:
    """The event that a text makes.

    Raises:
        InputError: it is empty or too long, or names no table where one is needed.
    """
    if not text.strip():
        raise InputError("there is no statement.", hint="Give it as `sql`.")
    if len(text) > _MOST_TEXT:
        raise InputError(f"the text has {len(text):,} characters; {_MOST_TEXT:,} are taken.")
    schema, name = _home(engine, text, dialect, table)
    return DdlEvent(
        seq=0,
        schema=schema,
        table=name,
        at=engine.clock.now(),
        scope=uuid.uuid4().hex,
        text=text,
        dialect=dialect,
        by="?",
    )


def _home(engine: Engine, text: str, dialect: Dialect, table: str) -> tuple[str, str]:
    """Schema and name of the table that the event is filed with."""
    shape = engine.beside(SchemaLog).shape()
    if table:
        name = source_name(engine, table, shape)
    else:
        clauses = [c for each in read_ddl(text, dialect, naming(dialect)) for c in each.clauses]
        if not clauses:
            raise InputError(
                "the text changes no schema: it has no statement of DDL.",
                hint="CREATE, ALTER, DROP and RENAME TABLE are, among others.",
            )
        name = next((each.table for each in clauses if each.table), "") or _user_of(clauses, shape)
    if not name:
        raise InputError(
            "the text names no table.", hint="Name the table that it is about as `table`."
        )
    schema, _, plain = name.rpartition(".")
    return schema, plain


def _user_of(clauses: Sequence[object], shape: SchemaShape) -> str:
    """A table with a column of the type, or an index, that a statement is about."""
    names = {getattr(each, "name", "") for each in clauses}
    for table, known in shape.tables.items():
        types = {each.type for each in known.columns}
        if names & (types | {each.name for each in known.indexes}):
            return table
    return ""


def record(
    engine: Engine, text: str, *, dialect: str, table: str, at: str | None, by: str
) -> list[SchemaChange]:
    """Take a user's statement into the log; gives what it changed.

    It becomes an event as any other, so it is as durable, and read again with the log.

    Raises:
        InputError: it holds no DDL, or tracking is off.
        BusyError: it was stored, but reading it took too long.
    """
    log = history(engine)
    if not log.is_on:
        raise InputError(
            "changes of schemas are not recorded.", hint="The setting `track_schema` is false."
        )
    event = _event(engine, text, chosen_dialect(text, dialect), table)
    when = event.at if at is None else moment(engine, at)
    kind: Literal["DDL"] = "DDL"
    body = {
        "id": event.scope,
        "type": kind,
        "schema": event.schema,
        "table": event.table,
        "timestamp": when.isoformat(),
        "ddl_type": text.split(None, 1)[0].upper(),
        "ddl_command": text,
        "metadata": {"dialect": event.dialect, "by": by},
    }
    before = engine.last_seq
    take_http(
        engine,
        msgspec.json.encode(body),
        content_type="application/json",
        content_encoding="",
        wait=True,
    )
    if not log.wait(engine.last_seq):
        raise BusyError(
            "the statement is stored, but was not read yet.",
            hint="Ask for the changes in a moment.",
            details={"retry_after": 1.0},
        )
    return [each for each in log.changes if each.seq > before and each.by == by]
