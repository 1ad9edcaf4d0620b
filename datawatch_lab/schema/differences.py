"""What lies between two shapes: the steps that lead from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

import msgspec

from datawatch_lab.core.schema_changes import (
    ColumnShape,
    Facts,
    Kind,
    SchemaShape,
    Step,
    TableShape,
)
from datawatch_lab.schema.types import is_precision


def differences(old: SchemaShape, new: SchemaShape) -> list[Step]:
    """Steps that lead from one shape to another; folded over the old one they give the new one.

    Nothing is taken as renamed: names are all that two shapes have in common. The order of columns
    is no difference.
    """
    steps = [*_type_steps(old, new)]
    for name in sorted({*old.tables, *new.tables}):
        was, now = old.tables.get(name), new.tables.get(name)
        if was is None and now is not None:
            steps.append(Step(kind=Kind.ADD_TABLE, table=name, after=facts(now)))
        elif now is None and was is not None:
            steps.append(Step(kind=Kind.DROP_TABLE, table=name, before=facts(was)))
        elif was is not None and now is not None:
            steps += table_steps(name, was, now)
    return steps


def facts(value: Any) -> Facts:
    """A shape as plain values; what is as by default is left out."""
    made: Facts = msgspec.json.decode(msgspec.json.encode(value))  # with lists, as when stored
    return made


def _type_steps(old: SchemaShape, new: SchemaShape) -> Iterator[Step]:
    for name in sorted({*old.types, *new.types}):
        was, now = old.types.get(name), new.types.get(name)
        if was is None and now is not None:
            yield Step(kind=Kind.ADD_TYPE, name=name, after={"values": list(now)})
        elif now is None and was is not None:
            yield Step(kind=Kind.DROP_TYPE, name=name, before={"values": list(was)})
        elif was is not None and now is not None:
            yield from value_steps("", name, was, now, renames=False)


def table_steps(table: str, was: TableShape, now: TableShape) -> Iterator[Step]:
    """Steps from one shape of a table to another."""
    names = [each.name for each in now.columns]
    yield from _keys_that_go(table, was, now)
    for column in was.columns:
        if column.name not in names:
            yield Step(kind=Kind.DROP_COLUMN, table=table, name=column.name, before=facts(column))
    for place, column in enumerate(now.columns):
        before = was.column(column.name)
        if before is None:
            behind = names[place - 1] if place else ""
            after = facts(column) | {"after": behind}
            yield Step(kind=Kind.ADD_COLUMN, table=table, name=column.name, after=after)
        else:
            yield from column_steps(table, before, column)
    yield from _keys_that_come(table, was, now)


def column_steps(
    table: str, was: ColumnShape, now: ColumnShape, *, renames: bool = False
) -> Iterator[Step]:
    """Steps from one shape of a column to another of the same name.

    Args:
        table: its table.
        was: its shape before.
        now: its shape after.
        renames: whether one value of an enum in the place of another is taken as renamed.
    """
    both: dict[str, Any] = {"table": table, "name": now.name}
    before: Facts
    after: Facts
    if was.type != now.type:
        kind = Kind.CHANGE_PRECISION if is_precision(was.type, now.type) else Kind.MODIFY_COLUMN
        before, after = {"type": was.type}, {"type": now.type}
        if was.values != now.values:
            before["values"], after["values"] = list(was.values), list(now.values)
        yield Step(kind=kind, before=before, after=after, **both)
    elif was.values != now.values:
        yield from value_steps(table, now.name, was.values, now.values, renames=renames)
    if was.nullable != now.nullable:
        yield _changed(Kind.CHANGE_NULLABILITY, both, "nullable", was.nullable, now.nullable)
    if was.default != now.default or was.generated != now.generated:
        before, after = {"default": was.default}, {"default": now.default}
        if was.generated != now.generated:
            before["generated"], after["generated"] = was.generated, now.generated
        yield Step(kind=Kind.CHANGE_DEFAULT, before=before, after=after, **both)


def _changed(kind: Kind, both: dict[str, Any], fact: str, was: object, now: object) -> Step:
    return Step(kind=kind, before={fact: was}, after={fact: now}, **both)


def value_steps(
    table: str, name: str, was: tuple[str, ...], now: tuple[str, ...], *, renames: bool
) -> Iterator[Step]:
    """Steps from one list of enum values to another; one that is only ordered anew is one step."""
    both: dict[str, Any] = {"table": table, "name": name}
    for gone, come in _pairs(was, now) if renames else ():
        after = {"value": come}
        yield Step(kind=Kind.RENAME_ENUM_VALUE, before={"value": gone}, after=after, **both)
        was = tuple(come if each == gone else each for each in was)
    for value in was:
        if value not in now:
            yield Step(kind=Kind.DROP_ENUM_VALUE, before={"value": value}, **both)
    for place, value in enumerate(now):
        if value not in was:
            behind = now[place - 1] if place else ""
            after = {"value": value, "after": behind}
            yield Step(kind=Kind.ADD_ENUM_VALUE, after=after, **both)
    kept = tuple(each for each in now if each in was)
    if table and kept != tuple(each for each in was if each in now):
        before, listed = {"values": list(was)}, {"values": list(now)}
        yield Step(kind=Kind.MODIFY_COLUMN, before=before, after=listed, **both)


def _pairs(was: tuple[str, ...], now: tuple[str, ...]) -> list[tuple[str, str]]:
    """Values that stand where another one stood, as many as went."""
    if len(was) != len(now):
        return []
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    return [
        pair
        for tag, i, j, k, end in matcher.get_opcodes()
        if tag == "replace" and j - i == end - k
        for pair in zip(was[i:j], now[k:end], strict=True)
        if pair[1] not in was and pair[0] not in now
    ]


_PARTS = (
    ("indexes", Kind.DROP_INDEX, Kind.ADD_INDEX),
    ("foreign_keys", Kind.DROP_FOREIGN_KEY, Kind.ADD_FOREIGN_KEY),
    ("checks", Kind.DROP_CHECK, Kind.ADD_CHECK),
)


def _keys_that_go(table: str, was: TableShape, now: TableShape) -> Iterator[Step]:
    if was.key and was.key != now.key and not now.key:
        before = {"columns": list(was.key)}
        yield Step(kind=Kind.DROP_PRIMARY_KEY, table=table, before=before)
    for field, gone, _ in _PARTS:
        kept = {each.name: each for each in getattr(now, field)}
        for part in getattr(was, field):
            if kept.get(part.name) != part:
                yield Step(kind=gone, table=table, name=part.name, before=facts(part))


def _keys_that_come(table: str, was: TableShape, now: TableShape) -> Iterator[Step]:
    if now.key and was.key != now.key:
        before = {"columns": list(was.key)} if was.key else None
        after = {"columns": list(now.key)}
        yield Step(kind=Kind.ADD_PRIMARY_KEY, table=table, before=before, after=after)
    for field, _, come in _PARTS:
        known = {each.name: each for each in getattr(was, field)}
        for part in getattr(now, field):
            if known.get(part.name) != part:
                yield Step(kind=come, table=table, name=part.name, after=facts(part))
