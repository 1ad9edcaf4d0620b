"""The fold of steps into a shape. Every step can be applied to every shape.

What a step is about may be missing: the history may begin in the middle. Then as much as it says is
taken, and the rest left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from datawatch_lab.core.schema_changes import (
    CheckShape,
    ColumnShape,
    Facts,
    ForeignKeyShape,
    IndexShape,
    Kind,
    SchemaShape,
    Step,
    TableShape,
)

Named = TypeVar("Named", ColumnShape, IndexShape, ForeignKeyShape, CheckShape)

_UNKNOWN = TableShape(partial=True)


def fold(shape: SchemaShape, steps: Iterable[Step]) -> SchemaShape:
    """The shape after some steps, in order."""
    for step in steps:
        shape = applied(shape, step)
    return shape


def applied(shape: SchemaShape, step: Step) -> SchemaShape:
    """The shape after one step."""
    if step.kind in _OF_TYPES or (step.kind in _OF_VALUES and not step.table):
        return SchemaShape(tables=shape.tables, types=_types(shape, step))
    return SchemaShape(tables=_tables(shape, step), types=shape.types)


def _tables(shape: SchemaShape, step: Step) -> dict[str, TableShape]:
    tables = dict(shape.tables)
    after = step.after or {}
    if step.kind is Kind.ADD_TABLE:
        tables[step.table] = msgspec.convert(after, TableShape)
    elif step.kind is Kind.DROP_TABLE:
        tables.pop(step.table, None)
    elif step.kind is Kind.RENAME_TABLE:
        renamed = tables.pop(step.table, _UNKNOWN)
        tables[after["table"]] = renamed
        return {name: _pointed(each, step.table, after["table"]) for name, each in tables.items()}
    elif step.kind in _OF_TABLE:
        tables[step.table] = _OF_TABLE[step.kind](tables.get(step.table, _UNKNOWN), step, after)
    return tables


def _pointed(table: TableShape, was: str, now: str) -> TableShape:
    """The table with its references to a renamed one set right."""
    if not any(each.references == was for each in table.foreign_keys):
        return table
    keys = tuple(
        msgspec.structs.replace(each, references=now) if each.references == was else each
        for each in table.foreign_keys
    )
    return msgspec.structs.replace(table, foreign_keys=keys)


# ---------------------------------------------------------------------------- columns


def _add_column(table: TableShape, step: Step, after: Facts) -> TableShape:
    facts = dict(after)
    behind = facts.pop("after", None)
    column = msgspec.convert({**facts, "name": step.name}, ColumnShape)
    others = [each for each in table.columns if each.name != step.name]
    names = [each.name for each in others]
    place = len(others)
    if behind == "":
        place = 0
    elif behind in names:
        place = names.index(behind) + 1
    others.insert(place, column)
    return msgspec.structs.replace(table, columns=tuple(others))


def _drop_column(table: TableShape, step: Step, after: Facts) -> TableShape:
    del after
    return msgspec.structs.replace(table, columns=_without(table.columns, step.name))


def _rename_column(table: TableShape, step: Step, after: Facts) -> TableShape:
    """The column under its new name, in keys and indexes too; one of that name gives way."""
    now: str = after["name"]
    old = table.column(step.name) or table.column(now) or ColumnShape(name=now)
    renamed = msgspec.structs.replace(old, name=now)
    columns = [each for each in table.columns if each.name != now]
    at = next((i for i, each in enumerate(columns) if each.name == step.name), None)
    if at is None:
        columns.append(renamed)
    else:
        columns[at] = renamed

    def names(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(now if each == step.name else each for each in given)

    return msgspec.structs.replace(
        table,
        columns=tuple(columns),
        key=names(table.key),
        indexes=tuple(_with_columns(each, names) for each in table.indexes),
        foreign_keys=tuple(_with_columns(each, names) for each in table.foreign_keys),
    )


Listed = TypeVar("Listed", IndexShape, ForeignKeyShape)


def _with_columns(part: Listed, names: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Listed:
    return msgspec.structs.replace(part, columns=names(part.columns))


def _change_column(table: TableShape, step: Step, after: Facts) -> TableShape:
    """The column with the facts that changed; one that was not known is known from now on."""
    known = {name: value for name, value in after.items() if name in _COLUMN_FACTS}
    old = table.column(step.name)
    if old is None:
        return _add_column(table, step, known)
    changed = msgspec.convert({**msgspec.to_builtins(old), **known}, ColumnShape)
    return _with_column(table, changed)


_COLUMN_FACTS = frozenset(ColumnShape.__struct_fields__) - {"name"}


def _with_column(table: TableShape, column: ColumnShape) -> TableShape:
    columns = tuple(column if each.name == column.name else each for each in table.columns)
    return msgspec.structs.replace(table, columns=columns)


# ---------------------------------------------------------------------------- values of enums


def _column_values(table: TableShape, step: Step, after: Facts) -> TableShape:
    old = table.column(step.name)
    if old is None:
        return table
    return _with_column(
        table, msgspec.structs.replace(old, values=_valued(old.values, step, after))
    )


def _valued(values: tuple[str, ...], step: Step, after: Facts) -> tuple[str, ...]:
    gone = (step.before or {}).get("value")
    come = after.get("value")
    if step.kind is Kind.DROP_ENUM_VALUE:
        return tuple(each for each in values if each != gone)
    if step.kind is Kind.RENAME_ENUM_VALUE:
        return tuple(str(come) if each == gone else each for each in values if each != come)
    if come in values:
        return values
    behind = after.get("after")
    place = len(values)
    if behind == "":
        place = 0
    elif behind in values:
        place = values.index(behind) + 1
    return (*values[:place], str(come), *values[place:])


def _types(shape: SchemaShape, step: Step) -> dict[str, tuple[str, ...]]:
    types = dict(shape.types)
    after = step.after or {}
    if step.kind is Kind.ADD_TYPE:
        types[step.name] = tuple(after.get("values", ()))
    elif step.kind is Kind.DROP_TYPE:
        types.pop(step.name, None)
    elif step.kind is Kind.RENAME_TYPE:
        types[after["name"]] = types.pop(step.name, ())
    else:
        types[step.name] = _valued(types.get(step.name, ()), step, after)
    return types


# ---------------------------------------------------------------------------- keys and indexes


def _adds(field: str, kind: Any) -> Callable[[TableShape, Step, Facts], TableShape]:
    def add(table: TableShape, step: Step, after: Facts) -> TableShape:
        made = msgspec.convert({**after, "name": step.name}, kind)
        kept = _without(getattr(table, field), step.name)
        return msgspec.structs.replace(table, **{field: (*kept, made)})

    return add


def _drops(*fields: str) -> Callable[[TableShape, Step, Facts], TableShape]:
    def drop(table: TableShape, step: Step, after: Facts) -> TableShape:
        del after
        kept = {field: _without(getattr(table, field), step.name) for field in fields}
        return msgspec.structs.replace(table, **kept)

    return drop


def _without(parts: tuple[Named, ...], name: str) -> tuple[Named, ...]:
    return tuple(each for each in parts if each.name != name)


def _rename_index(table: TableShape, step: Step, after: Facts) -> TableShape:
    indexes = tuple(
        msgspec.structs.replace(each, name=after["name"]) if each.name == step.name else each
        for each in table.indexes
        if each.name != after["name"]
    )
    return msgspec.structs.replace(table, indexes=indexes)


def _set_key(table: TableShape, step: Step, after: Facts) -> TableShape:
    del step
    return msgspec.structs.replace(table, key=tuple(after.get("columns", ())))


def _describe(table: TableShape, step: Step, after: Facts) -> TableShape:
    """What is known, completed by what is told; what is told stands before what is known."""
    del step
    told = msgspec.convert(after, TableShape)
    for column in told.columns:
        known = table.column(column.name)
        if known is None:
            table = msgspec.structs.replace(table, columns=(*table.columns, column))
        else:
            merged = {**msgspec.to_builtins(known), **msgspec.to_builtins(column)}
            table = _with_column(table, msgspec.convert(merged, ColumnShape))
    return msgspec.structs.replace(
        table, key=told.key or table.key, partial=table.partial and told.partial
    )


_OF_VALUES = (Kind.ADD_ENUM_VALUE, Kind.DROP_ENUM_VALUE, Kind.RENAME_ENUM_VALUE)
_OF_TYPES = (Kind.ADD_TYPE, Kind.DROP_TYPE, Kind.RENAME_TYPE)
_OF_TABLE: dict[Kind, Callable[[TableShape, Step, Facts], TableShape]] = {
    Kind.DESCRIBE: _describe,
    Kind.ADD_COLUMN: _add_column,
    Kind.DROP_COLUMN: _drop_column,
    Kind.RENAME_COLUMN: _rename_column,
    Kind.MODIFY_COLUMN: _change_column,
    Kind.CHANGE_PRECISION: _change_column,
    Kind.CHANGE_NULLABILITY: _change_column,
    Kind.CHANGE_DEFAULT: _change_column,
    Kind.ADD_INDEX: _adds("indexes", IndexShape),
    Kind.DROP_INDEX: _drops("indexes"),
    Kind.RENAME_INDEX: _rename_index,
    Kind.ADD_PRIMARY_KEY: _set_key,
    Kind.DROP_PRIMARY_KEY: _set_key,
    Kind.ADD_FOREIGN_KEY: _adds("foreign_keys", ForeignKeyShape),
    Kind.DROP_FOREIGN_KEY: _drops("foreign_keys"),
    Kind.ADD_CHECK: _adds("checks", CheckShape),
    Kind.DROP_CHECK: _drops("checks"),
    Kind.DROP_CONSTRAINT: _drops("indexes", "foreign_keys", "checks"),
    **dict.fromkeys(_OF_VALUES, _column_values),
}
