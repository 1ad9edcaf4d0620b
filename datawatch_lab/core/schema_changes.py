"""The nouns of schema history: shapes of tables, steps from one to the next, recorded changes.

A *shape* is what a schema looks like at one moment. A *step* is one change of it, small enough to
be classed. A *change* is a step with when, where from and why. The shape at any time is the fold of
the steps up to then, see `schema.folding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from datawatch_lab.core.names import DEFAULT_SCHEMAS

Impact = Literal["breaking", "risky", "safe"]

IMPACTS: tuple[Impact, ...] = ("breaking", "risky", "safe")
"""Worst first."""

Origin = Literal["ddl", "relation", "columns", "rows", "user"]
"""Where a change was read: a statement of the source; a comparison of what the source says of its
columns; a list of columns beside a statement; the rows themselves; a statement that a user sent."""

Facts = dict[str, Any]
"""JSON-serialisable; which there are depends on the kind of step, see `Kind`."""


class Kind(StrEnum):
    """What happened. In brackets the facts before → after."""

    ADD_TABLE = "add_table"  # → a `TableShape`
    DROP_TABLE = "drop_table"  # a `TableShape` →
    RENAME_TABLE = "rename_table"  # {table} → {table}
    ADD_COLUMN = "add_column"  # → a `ColumnShape`, and `after`: the column before it, '' for first
    DROP_COLUMN = "drop_column"  # a `ColumnShape` →
    RENAME_COLUMN = "rename_column"  # {name} → {name}
    MODIFY_COLUMN = "modify_column"  # {type, values} → {type, values}
    CHANGE_PRECISION = "change_precision"  # {type} → {type}
    CHANGE_NULLABILITY = "change_nullability"  # {nullable} → {nullable}
    CHANGE_DEFAULT = "change_default"  # {default} → {default}
    ADD_INDEX = "add_index"  # → an `IndexShape`
    DROP_INDEX = "drop_index"  # an `IndexShape` →
    RENAME_INDEX = "rename_index"  # {name} → {name}
    ADD_PRIMARY_KEY = "add_primary_key"  # → {columns}
    DROP_PRIMARY_KEY = "drop_primary_key"  # {columns} →
    ADD_FOREIGN_KEY = "add_foreign_key"  # → a `ForeignKeyShape`
    DROP_FOREIGN_KEY = "drop_foreign_key"  # a `ForeignKeyShape` →
    ADD_CHECK = "add_check"  # → a `CheckShape`
    DROP_CHECK = "drop_check"  # a `CheckShape` →
    DROP_CONSTRAINT = "drop_constraint"  # of which nothing is known but its name
    ADD_ENUM_VALUE = "add_enum_value"  # → {value, after}
    DROP_ENUM_VALUE = "drop_enum_value"  # {value} →
    RENAME_ENUM_VALUE = "rename_enum_value"  # {value} → {value}
    ADD_TYPE = "add_type"  # → {values}
    DROP_TYPE = "drop_type"  # {values} →
    RENAME_TYPE = "rename_type"  # {name} → {name}
    DESCRIBE = "describe"  # → a `TableShape`: as it is found to be; nothing changed
    OTHER = "other"  # understood, and no shape changes
    UNPARSED = "unparsed"  # not understood


class ColumnShape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A column.

    Attributes:
        name: as the source spells it.
        type: its type in lower case, one spelling for each, such as ``decimal(10, 2)``.
        nullable: None when nobody said.
        default: its expression as written; None for none that is known.
        values: of an enum, in order.
        generated: the database gives the value itself (identity, serial, computed).
    """

    name: str
    type: str = ""
    nullable: bool | None = None
    default: str | None = None
    values: tuple[str, ...] = ()
    generated: bool = False


class IndexShape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An index, or a unique constraint. A part that is an expression stands as its text."""

    name: str
    columns: tuple[str, ...] = ()
    unique: bool = False


class ForeignKeyShape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A foreign key: ``columns`` refer to ``referenced`` (its key when empty) of a table."""

    name: str
    columns: tuple[str, ...] = ()
    references: str = ""
    referenced: tuple[str, ...] = ()


class CheckShape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A check constraint."""

    name: str
    expression: str = ""


class TableShape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table.

    Attributes:
        columns: in the order of the source, as far as it is known.
        key: primary key; () for none that is known.
        partial: known from its rows only, or by statements about parts of it.
    """

    columns: tuple[ColumnShape, ...] = ()
    key: tuple[str, ...] = ()
    indexes: tuple[IndexShape, ...] = ()
    foreign_keys: tuple[ForeignKeyShape, ...] = ()
    checks: tuple[CheckShape, ...] = ()
    partial: bool = False

    def column(self, name: str) -> ColumnShape | None:
        """The column of that exact name, or None."""
        return next((each for each in self.columns if each.name == name), None)


class SchemaShape(msgspec.Struct, frozen=True, kw_only=True):
    """All tables by qualified name (see `qualified`), and the values of named enum types."""

    tables: Mapping[str, TableShape] = {}
    types: Mapping[str, tuple[str, ...]] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a shape.

    Attributes:
        kind: what happened.
        table: qualified name; '' for what belongs to no table.
        name: of the column, index, constraint or type, before the step; '' for the table itself.
        before, after: facts that changed, see `Kind`; None where there are none or none is known.
        note: why a statement was not understood, or what it is about.
    """

    kind: Kind
    table: str = ""
    name: str = ""
    before: Facts | None = None
    after: Facts | None = None
    note: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a change touches.

    Attributes:
        kind: ``metric``, ``key``, ``table``, and what later stages register: ``rule``, ``alert`` …
        name: of it.
        how: in words, why it is touched.
    """

    kind: str
    name: str
    how: str


class SchemaChange(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded change.

    Attributes:
        id: a uuid5 of where it was read, so that reading again gives the same.
        seq: sequence number of the event that told of it.
        number: its place among the changes of that event, from 0.
        at: event time.
        step: what happened.
        impact, reason: its class and why, in words.
        origin: where it was read.
        source: name of the source of the event.
        ddl: the statement; '' when there was none.
        confidence: in (0, 1]; below 1 where it was inferred.
        why: for what was inferred: each reason in words.
        references: what it touches, as of when it was read.
        alerting: breaking, live, and ``alert_on_breaking`` is on.
        supersedes: ids of changes that it explains better, such as an addition that turned out
            to be a renaming.
        by: user who sent it; '' for none.
    """

    id: str
    seq: int
    number: int
    at: datetime
    step: Step
    impact: Impact
    reason: str
    origin: Origin
    source: str = ""
    ddl: str = ""
    confidence: float = 1.0
    why: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    alerting: bool = False
    supersedes: tuple[str, ...] = ()
    by: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A name for a moment of the schema.

    Attributes:
        name: unique.
        at: the moment in event time.
        made: when it was named.
        note: one sentence.
        by: user who named it.
    """

    name: str
    at: datetime
    made: datetime
    note: str = ""
    by: str = ""


def qualified(schema: str, table: str) -> str:
    """The name of a table among all of a source; default schemas are left out.

    >>> qualified("public", "orders"), qualified("sales", "orders")
    ('orders', 'sales.orders')
    """
    return table if schema in DEFAULT_SCHEMAS else f"{schema}.{table}"
