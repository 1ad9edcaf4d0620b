"""From what statements say to steps: each clause is compared with the shape before it.

What changes nothing (a column that is there already, IF EXISTS of what is not) gives no step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from datawatch_lab.core.schema_changes import (
    ColumnShape,
    Kind,
    SchemaShape,
    Step,
    TableShape,
)
from datawatch_lab.schema.differences import column_steps, facts, table_steps
from datawatch_lab.schema.folding import fold
from datawatch_lab.schema.tokens import Clause
from datawatch_lab.schema.types import Dialect

_UNKNOWN = TableShape(partial=True)


def resolved(
    shape: SchemaShape, clauses: Iterable[Clause], dialect: Dialect
) -> tuple[list[Step], SchemaShape]:
    """The steps of some clauses over a shape, and the shape after them."""
    steps: list[Step] = []
    for clause in clauses:
        made = list(_RULES[clause.verb](_Before(shape, dialect), clause))
        shape = fold(shape, made)
        steps += made
    return steps, shape


class _Before:
    """The shape before a clause."""

    def __init__(self, shape: SchemaShape, dialect: Dialect) -> None:
        self.shape = shape
        self.dialect = dialect

    def table(self, name: str) -> TableShape:
        """A table; one that is not known is empty and partial."""
        return self.shape.tables.get(name, _UNKNOWN)

    def column(self, clause: Clause) -> ColumnShape | None:
        """The column that a clause is about, or None."""
        return self.table(clause.table).column(clause.name)

    def home(self, clause: Clause, field: str) -> str:
        """The table of an index or constraint: as said, else the one that has it."""
        if clause.table:
            return clause.table
        for name, table in self.shape.tables.items():
            if any(each.name == clause.name for each in getattr(table, field)):
                return name
        return ""


Rule = Callable[[_Before, Clause], Iterator[Step]]


# ---------------------------------------------------------------------------- tables


def _add_table(before: _Before, clause: Clause) -> Iterator[Step]:
    known = before.shape.tables.get(clause.table)
    if known is not None and clause.lenient:
        return
    given = clause.facts
    made = before.table(given) if isinstance(given, str) else given
    made = msgspec.structs.replace(
        made, foreign_keys=() if made is not given else made.foreign_keys
    )
    if known is not None and known.partial:
        yield from table_steps(clause.table, known, made)  # it was seen before it was told of
        return
    if known is not None:
        yield Step(kind=Kind.DROP_TABLE, table=clause.table, before=facts(known), note="made anew")
    yield Step(kind=Kind.ADD_TABLE, table=clause.table, after=facts(made))


def _drop_table(before: _Before, clause: Clause) -> Iterator[Step]:
    known = before.shape.tables.get(clause.table)
    if known is None and clause.lenient:
        return
    yield Step(
        kind=Kind.DROP_TABLE,
        table=clause.table,
        before=None if known is None else facts(known),
    )


def _rename_table(before: _Before, clause: Clause) -> Iterator[Step]:
    if clause.facts != clause.table and not (
        clause.lenient and clause.table not in before.shape.tables
    ):
        names = ({"table": clause.table}, {"table": clause.facts})
        yield Step(kind=Kind.RENAME_TABLE, table=clause.table, before=names[0], after=names[1])


# ---------------------------------------------------------------------------- columns


def _add_column(before: _Before, clause: Clause) -> Iterator[Step]:
    column, behind = clause.facts
    known = before.column(clause)
    if known is not None:
        if not clause.lenient and known.type != column.type:
            yield from column_steps(clause.table, _filled(known, column), column)
        return
    columns = before.table(clause.table).columns
    last = columns[-1].name if columns else None
    place = {"after": last if behind is None else behind}
    yield Step(
        kind=Kind.ADD_COLUMN, table=clause.table, name=clause.name, after=facts(column) | place
    )


def _drop_column(before: _Before, clause: Clause) -> Iterator[Step]:
    known = before.column(clause)
    if known is None and clause.lenient:
        return
    table, name = clause.table, clause.name
    gone = None if known is None else facts(known)
    yield Step(kind=Kind.DROP_COLUMN, table=table, name=name, before=gone)
    yield from _follows(before, table, name)


def _follows(before: _Before, table: str, column: str) -> Iterator[Step]:
    """What goes with a column: its indexes and keys; of MySQL, those of it alone."""
    shape = before.table(table)

    def goes(columns: tuple[str, ...]) -> bool:
        alone = columns == (column,)
        return column in columns if before.dialect == "postgres" else alone

    if goes(shape.key):
        yield Step(kind=Kind.DROP_PRIMARY_KEY, table=table, before={"columns": list(shape.key)})
    for index in shape.indexes:
        if goes(index.columns):
            yield Step(kind=Kind.DROP_INDEX, table=table, name=index.name, before=facts(index))
    for key in shape.foreign_keys:
        if goes(key.columns):
            yield Step(kind=Kind.DROP_FOREIGN_KEY, table=table, name=key.name, before=facts(key))


def _rename_column(before: _Before, clause: Clause) -> Iterator[Step]:
    if clause.lenient and before.column(clause) is None:
        return
    names = ({"name": clause.name}, {"name": clause.facts})
    both: dict[str, Any] = {"table": clause.table, "name": clause.name}
    yield Step(kind=Kind.RENAME_COLUMN, before=names[0], after=names[1], **both)


def _set_column(before: _Before, clause: Clause) -> Iterator[Step]:
    """A whole definition in place of the one that is there."""
    column: ColumnShape = clause.facts
    known = before.column(clause)
    if known is None:
        if not clause.lenient:
            yield _newly_known(clause, facts(column))
        return
    in_key = clause.name in before.table(clause.table).key
    if in_key:
        column = msgspec.structs.replace(column, nullable=False)
    yield from column_steps(clause.table, _filled(known, column), column, renames=True)


def _filled(known: ColumnShape, column: ColumnShape) -> ColumnShape:
    """What was never said of a column is taken as it is said now: that is no change."""
    if known.nullable is not None:
        return known
    return msgspec.structs.replace(
        known, nullable=column.nullable, default=column.default, generated=column.generated
    )


def _newly_known(clause: Clause, after: dict[str, Any]) -> Step:
    after.pop("name", None)
    return Step(kind=Kind.MODIFY_COLUMN, table=clause.table, name=clause.name, after=after)


def _set_part(part: str) -> Rule:
    """One fact of a column in place of another."""

    def rule(before: _Before, clause: Clause) -> Iterator[Step]:
        known = before.column(clause)
        if known is None:
            if part == "type":
                yield _newly_known(clause, {"type": clause.facts})
            else:
                yield Step(
                    kind=_OF_PART[part],
                    table=clause.table,
                    name=clause.name,
                    after={part: clause.facts},
                )
            return
        changes: dict[str, Any] = {part: clause.facts}
        if part == "type" and known.values:
            changes["values"] = ()
        yield from column_steps(clause.table, known, msgspec.structs.replace(known, **changes))

    return rule


_OF_PART = {
    "nullable": Kind.CHANGE_NULLABILITY,
    "default": Kind.CHANGE_DEFAULT,
    "generated": Kind.CHANGE_DEFAULT,
}


# ---------------------------------------------------------------------------- keys and indexes


def _add_key(before: _Before, clause: Clause) -> Iterator[Step]:
    old = before.table(clause.table).key
    if old != tuple(clause.facts):
        was = {"columns": list(old)} if old else None
        after = {"columns": list(clause.facts)}
        yield Step(kind=Kind.ADD_PRIMARY_KEY, table=clause.table, before=was, after=after)


def _drop_key(before: _Before, clause: Clause) -> Iterator[Step]:
    old = before.table(clause.table).key
    was = {"columns": list(old)} if old else None
    yield Step(kind=Kind.DROP_PRIMARY_KEY, table=clause.table, before=was)


def _adds(field: str, kind: Kind) -> Rule:
    def rule(before: _Before, clause: Clause) -> Iterator[Step]:
        parts = getattr(before.table(clause.table), field)
        known = next((each for each in parts if each.name == clause.name), None)
        if known is None or (known != clause.facts and not clause.lenient):
            after = facts(clause.facts)
            yield Step(kind=kind, table=clause.table, name=clause.name, after=after)

    return rule


def _drops(field: str, kind: Kind) -> Rule:
    def rule(before: _Before, clause: Clause) -> Iterator[Step]:
        table = before.home(clause, field)
        parts = getattr(before.table(table), field)
        known = next((each for each in parts if each.name == clause.name), None)
        if known is not None or not clause.lenient:
            was = None if known is None else facts(known)
            yield Step(kind=kind, table=table, name=clause.name, before=was)

    return rule


_FIELDS = (
    ("indexes", Kind.DROP_INDEX, "_key"),
    ("foreign_keys", Kind.DROP_FOREIGN_KEY, "_fkey"),
    ("checks", Kind.DROP_CHECK, "_check"),
)


def _drop_constraint(before: _Before, clause: Clause) -> Iterator[Step]:
    """What it was is known from the shape, else from the name that PostgreSQL gives.

    Of a table that has a primary key, a constraint that is named as one is taken for it.
    """
    shape = before.table(clause.table)
    for field, kind, _ in _FIELDS:
        if any(each.name == clause.name for each in getattr(shape, field)):
            yield from _drops(field, kind)(before, clause)
            return
    name = clause.name.lower()
    if name.endswith("_pkey") or (shape.key and (name.startswith("pk_") or name.endswith("_pk"))):
        yield from _drop_key(before, clause)
        return
    if not clause.lenient:
        by_name = (kind for _, kind, suffix in _FIELDS if clause.name.endswith(suffix))
        kind = next(by_name, Kind.DROP_CONSTRAINT)
        yield Step(kind=kind, table=clause.table, name=clause.name)


def _rename_index(before: _Before, clause: Clause) -> Iterator[Step]:
    table = before.home(clause, "indexes")
    names = ({"name": clause.name}, {"name": clause.facts})
    both: dict[str, Any] = {"table": table, "name": clause.name}
    yield Step(kind=Kind.RENAME_INDEX, before=names[0], after=names[1], **both)


# ---------------------------------------------------------------------------- types


def _add_type(before: _Before, clause: Clause) -> Iterator[Step]:
    if before.shape.types.get(clause.name) != clause.facts:
        yield Step(kind=Kind.ADD_TYPE, name=clause.name, after={"values": list(clause.facts)})


def _drop_type(before: _Before, clause: Clause) -> Iterator[Step]:
    known = before.shape.types.get(clause.name)
    if known is not None or not clause.lenient:
        was = None if known is None else {"values": list(known)}
        yield Step(kind=Kind.DROP_TYPE, name=clause.name, before=was)


def _rename_type(before: _Before, clause: Clause) -> Iterator[Step]:
    del before
    names = ({"name": clause.name}, {"name": clause.facts})
    yield Step(kind=Kind.RENAME_TYPE, name=clause.name, before=names[0], after=names[1])


def _add_value(before: _Before, clause: Clause) -> Iterator[Step]:
    value, side, beside = clause.facts
    known = before.shape.types.get(clause.name, ())
    if value in known:
        return
    behind: str | None = beside if side == "AFTER" else None
    if side == "BEFORE" and beside in known:
        place = known.index(beside)
        behind = known[place - 1] if place else ""
    elif side == "" and known:
        behind = known[-1]
    after = {"value": value, "after": behind}
    yield Step(kind=Kind.ADD_ENUM_VALUE, name=clause.name, after=after)


def _rename_value(before: _Before, clause: Clause) -> Iterator[Step]:
    del before
    was, now = clause.facts
    both: dict[str, Any] = {"before": {"value": was}, "after": {"value": now}}
    yield Step(kind=Kind.RENAME_ENUM_VALUE, name=clause.name, **both)


def _noted(kind: Kind) -> Rule:
    def rule(before: _Before, clause: Clause) -> Iterator[Step]:
        del before
        yield Step(kind=kind, table=clause.table, note=str(clause.facts or ""))

    return rule


_RULES: dict[str, Rule] = {
    "add_table": _add_table,
    "drop_table": _drop_table,
    "rename_table": _rename_table,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "set_column": _set_column,
    "set_type": _set_part("type"),
    "set_nullable": _set_part("nullable"),
    "set_default": _set_part("default"),
    "set_generated": _set_part("generated"),
    "add_key": _add_key,
    "drop_key": _drop_key,
    "add_index": _adds("indexes", Kind.ADD_INDEX),
    "drop_index": _drops("indexes", Kind.DROP_INDEX),
    "rename_index": _rename_index,
    "add_foreign_key": _adds("foreign_keys", Kind.ADD_FOREIGN_KEY),
    "drop_foreign_key": _drops("foreign_keys", Kind.DROP_FOREIGN_KEY),
    "add_check": _adds("checks", Kind.ADD_CHECK),
    "drop_check": _drops("checks", Kind.DROP_CHECK),
    "drop_constraint": _drop_constraint,
    "add_type": _add_type,
    "drop_type": _drop_type,
    "rename_type": _rename_type,
    "add_value": _add_value,
    "rename_value": _rename_value,
    "other": _noted(Kind.OTHER),
    "unparsed": _noted(Kind.UNPARSED),
}
