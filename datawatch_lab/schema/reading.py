"""From events of the log that tell of DDL to recorded changes.

An event has the text of a statement, and perhaps a list of the columns that the table has after it.
The text says what was done; the list says what came of it, also where the text says nothing (a
function that ran DDL) or was not understood.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.schema_changes import (
    ColumnShape,
    Kind,
    Origin,
    SchemaChange,
    SchemaShape,
    Step,
    TableShape,
    qualified,
)
from datawatch_lab.schema.ddl import Statement, naming, read_ddl
from datawatch_lab.schema.differences import column_steps, facts
from datawatch_lab.schema.folding import applied, fold
from datawatch_lab.schema.impact import judged
from datawatch_lab.schema.resolving import resolved
from datawatch_lab.schema.tokens import Clause
from datawatch_lab.schema.types import Dialect, canonical

_NAMESPACE = uuid.UUID("5d0c5a0e-2f57-5b8c-9a3e-6b1f0c8f7a11")
_SAYS_NOTHING = ("SELECT", "CALL", "DO", "WITH", "EXECUTE", "BEGIN")
"""First words of statements that may run any other."""

Columns = tuple[tuple[str, str], ...]
"""Name and type of each column, as the source says them."""


@dataclass(frozen=True)
class DdlEvent:
    """An event that tells of DDL.

    Attributes:
        seq: sequence number.
        schema, table: of the source; both '' for an event of no table.
        at: event time.
        source: name of the source.
        scope: what a statement is known by when it is told with several tables: its transaction,
            else the event.
        text: of the statement; may be ''.
        dialect: that it is read in.
        inferred: the source compared descriptions of the table; the text is its own.
        columns: after the statement; None when they were not told.
        was: types of columns before it, as far as they were told.
        key: primary key after it; None when it was not told.
        describes: it tells of a table that was there, as a snapshot does.
        by: user who sent it; '' for a source.
    """

    seq: int
    schema: str
    table: str
    at: datetime
    source: str = ""
    scope: str = ""
    text: str = ""
    dialect: Dialect = "postgres"
    inferred: bool = False
    columns: Columns | None = None
    was: Columns = ()
    key: tuple[str, ...] | None = None
    describes: bool = False
    by: str = ""

    @property
    def name(self) -> str:
        """The qualified name of its table; '' for none."""
        return qualified(self.schema, self.table) if self.table else ""


def identity(*parts: object) -> str:
    """A uuid5 of what a change was read from."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(map(str, parts))))


def order(change: SchemaChange) -> tuple[datetime, int, int]:
    """Where a change stands in the history."""
    return change.at, change.seq, change.number


def shape_at(changes: Iterable[SchemaChange], at: datetime | None = None) -> SchemaShape:
    """The schema as of a time (that moment included), from all changes; now for None."""
    past = sorted((each for each in changes if at is None or each.at <= at), key=order)
    return fold(SchemaShape(), [each.step for each in past])


def read_event(event: DdlEvent, shape: SchemaShape) -> list[SchemaChange]:
    """What an event changes in the schema that was before it.

    Returns:
        changes in order, with ids that depend on the event alone: those that were recorded already
        (a statement told with each of its tables) have the ids of the recorded ones.
    """
    origin: Origin = "user" if event.by else ("relation" if event.inferred else "ddl")
    steps: list[tuple[Step, Origin, str]] = []
    for step in _told_before(event, shape):
        steps.append((step, origin, ""))
        shape = applied(shape, step)
    statements = read_ddl(event.text, event.dialect, _names(event)) if event.text else []
    for statement in statements:
        clauses = _of_event(statement, event)
        made, shape = resolved(shape, clauses, event.dialect)
        steps += [(step, origin, statement.text) for step in made]
    for step in _of_columns(event, shape, statements):
        shape = applied(shape, step)
        steps.append((step, "columns", event.text))
    if not any(step.kind is not Kind.DESCRIBE for step, _, _ in steps):
        steps += [(step, origin, event.text) for step in _unsaid(event, statements)]
    if event.describes:
        steps = [(_described(step), source, text) for step, source, text in steps]
    return list(_recorded(event, steps))


def _names(event: DdlEvent) -> Any:
    return naming(event.dialect, event.schema, event.table)


def _of_event(statement: Statement, event: DdlEvent) -> list[Clause]:
    """Clauses that an event is about: all, or of its own table when each table has an event."""
    if event.columns is None:
        return [_at_home(clause, event) for clause in statement.clauses]
    return [
        _at_home(clause, event)
        for clause in statement.clauses
        if clause.table in ("", event.name) or clause.facts == event.name
    ]


def _at_home(clause: Clause, event: DdlEvent) -> Clause:
    """A clause that names no table is filed with the table of its event, if it is only noted."""
    if clause.table or clause.verb not in ("other", "unparsed"):
        return clause
    return Clause(clause.verb, event.name, clause.name, clause.facts, clause.lenient)


def _told_before(event: DdlEvent, shape: SchemaShape) -> Iterator[Step]:
    """Types that columns had, where nobody said so yet."""
    table = shape.tables.get(event.name)
    known = {} if table is None else {each.name: each.type for each in table.columns}
    new = [
        ColumnShape(name=name, type=canonical(kind, event.dialect))
        for name, kind in event.was
        if kind and not known.get(name)
    ]
    if new:
        told = TableShape(columns=tuple(new), partial=True)
        yield Step(kind=Kind.DESCRIBE, table=event.name, after=facts(told))


def _of_columns(
    event: DdlEvent, shape: SchemaShape, statements: Sequence[Statement]
) -> Iterator[Step]:
    """Steps that the list of columns tells beyond the statement, and what it completes."""
    if event.columns is None or (event.name not in shape.tables and _drops(statements, event)):
        return
    told = tuple(
        ColumnShape(name=name, type=canonical(kind, event.dialect) if kind else "")
        for name, kind in event.columns
    )
    table = shape.tables.get(event.name, TableShape(partial=True))
    of_now = _may_compare(event, statements)
    if not table.partial and of_now:
        yield from _compared(event.name, table, told)
    known = {each.name: each for each in table.columns}
    blank = [each for each in told if each.name in known and not known[each.name].type]
    new = [each for each in told if each.name not in known] if of_now and table.partial else []
    if new or any(each.type for each in blank):
        described = TableShape(columns=(*blank, *new), key=event.key or (), partial=not of_now)
        yield Step(kind=Kind.DESCRIBE, table=event.name, after=facts(described))


def _drops(statements: Sequence[Statement], event: DdlEvent) -> bool:
    return any(
        clause.verb in ("drop_table", "rename_table") and clause.table == event.name
        for each in statements
        for clause in each.clauses
    )


def _may_compare(event: DdlEvent, statements: Sequence[Statement]) -> bool:
    """Whether the list is of the moment after the text: not between several of its statements."""
    about = [each for each in statements if any(c.table == event.name for c in each.clauses)]
    return len(about) <= 1


def _compared(name: str, table: TableShape, told: Sequence[ColumnShape]) -> Iterator[Step]:
    names = [each.name for each in told]
    for column in table.columns:
        if column.name not in names:
            yield Step(kind=Kind.DROP_COLUMN, table=name, name=column.name, before=facts(column))
    for place, column in enumerate(told):
        known = table.column(column.name)
        if known is None:
            after = facts(column) | {"after": names[place - 1] if place else ""}
            yield Step(kind=Kind.ADD_COLUMN, table=name, name=column.name, after=after)
        elif known.type and column.type and not known.values:
            told_type = msgspec.structs.replace(known, type=column.type)
            yield from column_steps(name, known, told_type)


def _unsaid(event: DdlEvent, statements: Sequence[Statement]) -> Iterator[Step]:
    """A note where the event tells of something that neither text nor columns say."""
    if event.columns is not None:
        return
    for each in statements:
        first = each.text.split(None, 1)[0].upper() if each.text.split() else ""
        if not each.clauses and first in _SAYS_NOTHING and len(statements) == 1:
            note = "the statement does not say what it changes"
            yield Step(kind=Kind.UNPARSED, table=event.name, note=note)


def _described(step: Step) -> Step:
    """A table that is told of because it is there was not made just now."""
    if step.kind is not Kind.ADD_TABLE:
        return step
    return msgspec.structs.replace(step, kind=Kind.DESCRIBE)


def _recorded(event: DdlEvent, steps: Sequence[tuple[Step, Origin, str]]) -> Iterator[SchemaChange]:
    for number, (step, origin, text) in enumerate(steps):
        impact, reason = judged(step)
        sure, why = _certainty(step, origin)
        target = (step.kind, step.table, step.name, facts(step).get("after"))
        yield SchemaChange(
            id=identity(event.source, event.scope or event.seq, event.text, *target),
            seq=event.seq,
            number=number,
            at=event.at,
            step=step,
            impact=impact,
            reason=reason,
            origin=origin,
            source=event.source,
            ddl="" if event.inferred else text[:10_000],
            confidence=sure,
            why=why,
            by=event.by,
        )


def _certainty(step: Step, origin: Origin) -> tuple[float, tuple[str, ...]]:
    if step.kind is Kind.RENAME_ENUM_VALUE and step.table:
        return 0.7, ("the value stands where another one stood",)
    if origin == "relation" and step.kind is Kind.RENAME_COLUMN:
        return 0.8, (
            "it stands where the other column stood",
            "it has the same type",
            "the source does not tell a renaming from a drop and an addition",
        )
    return 1.0, ()
