"""What is known of tables from relation messages: kept in the offset, compared, told as DDL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres.pgoutput import Attribute, Relation

TableName = tuple[str, str]
"""Schema and table."""

Columns = list[dict[str, str]]
"""``name`` and ``type`` of a table's columns, types as they stand in a definition."""

Spell = Callable[[Attribute], str]
"""A column's type as it stands in a definition."""


@dataclass(frozen=True)
class ColumnChange:
    """What happened to one column.

    Attributes:
        change: ``added``, ``dropped``, ``renamed`` or ``retyped``.
        name: the column's name now (its last one when it is dropped).
        type: its type now; '' when it is dropped.
        was: its former name or type; '' when it is added.
    """

    change: str
    name: str
    type: str = ""
    was: str = ""


def compare(old: Relation, new: Relation, spell: Spell) -> list[ColumnChange]:
    """What happened to the columns between two descriptions of one table.

    A column that stands where another of the same type stood, whose name is gone, was renamed:
    relation messages do not say it apart from a drop and an addition in the same place.
    """
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    renamed = dict(_renamed(old, new))
    changes = [
        ColumnChange("dropped", name, was=spell(column))
        for name, column in before.items()
        if name not in after and name not in renamed
    ]
    came_from = {now: was for was, now in renamed.items()}
    for name, column in after.items():
        if name in came_from:
            changes.append(ColumnChange("renamed", name, spell(column), came_from[name]))
        elif name not in before:
            changes.append(ColumnChange("added", name, spell(column)))
        elif _type(before[name]) != _type(column):
            changes.append(ColumnChange("retyped", name, spell(column), spell(before[name])))
    return changes


def _renamed(old: Relation, new: Relation) -> Iterator[tuple[str, str]]:
    if len(old.columns) != len(new.columns):
        return
    gone = {c.name for c in old.columns} - {c.name for c in new.columns}
    come = {c.name for c in new.columns} - {c.name for c in old.columns}
    for was, now in zip(old.columns, new.columns, strict=True):
        if was.name in gone and now.name in come and _type(was) == _type(now):
            yield was.name, now.name


def _type(column: Attribute) -> tuple[int, int]:
    return column.type, column.modifier


def is_silent(
    old: Columns, new: Columns, command: str, filled: Callable[[list[str]], bool]
) -> bool:
    """Whether a change of columns altered rows that no message tells of.

    A column that takes the place of another may be that one under a new name. Widening keeps every
    value, unless the command says how to make new ones.

    Args:
        old: columns before.
        new: columns after.
        command: that did it, as far as it is known.
        filled: whether any of some new columns had a value for the rows that were there.
    """
    before = {column["name"]: column["type"] for column in old}
    after = {column["name"]: column["type"] for column in new}
    added = [name for name in after if name not in before]
    if added and before.keys() - after.keys():
        return True
    retyped = [(before[n], t) for n, t in after.items() if n in before and before[n] != t]
    if not all(widens(was, now) for was, now in retyped):
        return True
    return bool(retyped and " using " in f" {command.lower()} ") or (bool(added) and filled(added))


_WHOLE = ("smallint", "integer", "bigint")
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_TEXTS = ("text", "character varying")


def widens(was: str, now: str) -> bool:
    """Whether every value of a type is the same value in another.

    >>> widens("integer", "bigint"), widens("bigint", "integer")
    (True, False)
    >>> widens("numeric(10,2)", "numeric(12,4)"), widens("character varying(20)", "text")
    (True, True)
    """
    if was in _WHOLE:
        return now == "numeric" or (now in _WHOLE and _WHOLE.index(now) > _WHOLE.index(was))
    if found := _NUMERIC.fullmatch(was):
        wider = _NUMERIC.fullmatch(now)
        return now == "numeric" or bool(wider and int(wider[2]) >= int(found[2]))
    return was.startswith(_TEXTS) and now.startswith(_TEXTS) and not was.endswith("]")


def command(old: Relation | None, new: Relation, changes: list[ColumnChange], spell: Spell) -> str:
    """A statement that would have done it; '' when nothing that concerns columns or names changed.

    PostgreSQL does not send the statement itself, so its form is ours.
    """
    if old is None:
        columns = ", ".join(f"{quote(c.name)} {spell(c)}" for c in new.columns)
        return f"CREATE TABLE {_name(new)} ({columns})"
    steps = [_STEPS[change.change](change) for change in changes]
    moved = (old.schema, old.table) != (new.schema, new.table)
    parts = [f"ALTER TABLE {_name(old)} RENAME TO {_name(new)}"] if moved else []
    parts += [f"ALTER TABLE {_name(new)} {', '.join(steps)}"] if steps else []
    return "; ".join(parts)


_STEPS: Mapping[str, Callable[[ColumnChange], str]] = {
    "added": lambda c: f"ADD COLUMN {quote(c.name)} {c.type}",
    "dropped": lambda c: f"DROP COLUMN {quote(c.name)}",
    "renamed": lambda c: f"RENAME COLUMN {quote(c.was)} TO {quote(c.name)}",
    "retyped": lambda c: f"ALTER COLUMN {quote(c.name)} TYPE {c.type}",
}


def quote(name: str) -> str:
    """An identifier as SQL needs it.

    >>> quote("id"), quote("Unit price")
    ('id', '"Unit price"')
    """
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return name if plain else '"{}"'.format(name.replace('"', '""'))


def _name(relation: Relation) -> str:
    return f"{quote(relation.schema)}.{quote(relation.table)}"


def to_plain(relation: Relation) -> list[object]:
    """A relation as JSON values, short, since it goes with every offset."""
    columns = [[c.name, c.type, c.modifier, int(c.key)] for c in relation.columns]
    return [relation.schema, relation.table, relation.identity, columns]


def from_plain(oid: str, plain: object) -> Relation:
    """A relation from what `to_plain` made.

    Raises:
        SourceError: it is something else.
    """
    try:
        held: Any = plain
        schema, table, identity, columns = held
        attributes = (Attribute(str(n), int(t), int(m), bool(k)) for n, t, m, k in columns)
        return Relation(int(oid), str(schema), str(table), str(identity), tuple(attributes))
    except (TypeError, ValueError) as error:
        raise SourceError(f"postgresql: {plain!r} is no table of a stored position.") from error
