"""Definitions of columns and tables, as sqlglot reads them, as shapes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlglot
from sqlglot import exp

from datawatch_lab.core.schema_changes import (
    CheckShape,
    ColumnShape,
    ForeignKeyShape,
    IndexShape,
    TableShape,
)
from datawatch_lab.schema.tokens import NameTable, Unreadable
from datawatch_lab.schema.types import Dialect, spelled

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot read is told in the result

_GENERATED = (
    exp.GeneratedAsIdentityColumnConstraint,
    exp.ComputedColumnConstraint,
    exp.AutoIncrementColumnConstraint,
    exp.GeneratedAsRowColumnConstraint,
)
_SERIAL = (exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL)


@dataclass
class Parts:
    """What a list of definitions says: columns, and what belongs to the table."""

    columns: list[ColumnShape] = field(default_factory=list)
    key: tuple[str, ...] = ()
    indexes: list[IndexShape] = field(default_factory=list)
    foreign_keys: list[ForeignKeyShape] = field(default_factory=list)
    checks: list[CheckShape] = field(default_factory=list)
    like: str = ""

    def shape(self) -> TableShape:
        """As the shape of a table; columns of its key are not null."""
        columns = tuple(
            msgspec.structs.replace(each, nullable=False) if each.name in self.key else each
            for each in self.columns
        )
        return TableShape(
            columns=columns,
            key=self.key,
            indexes=tuple(self.indexes),
            foreign_keys=tuple(self.foreign_keys),
            checks=tuple(self.checks),
        )


def definitions(text: str, table: str, dialect: Dialect, name_table: NameTable) -> Parts:
    """What the list of definitions of a table says.

    Args:
        text: what stands between the parentheses of CREATE TABLE.
        table: its name, for constraints without one.
        dialect: that it is read in.
        name_table: see `schema.tokens.Reader`.

    Raises:
        Unreadable: sqlglot does not read it.
    """
    try:
        made = sqlglot.parse_one(f"CREATE TABLE t ({text})", dialect=dialect)
    except (sqlglot.ParseError, sqlglot.TokenError, RecursionError) as error:
        raise Unreadable(
            f"the definition {text[:40]!r} is not understood: {_first(error)}"
        ) from None
    schema = made.this if isinstance(made, exp.Create) else None
    if not isinstance(schema, exp.Schema):
        raise Unreadable(f"the definition {text[:40]!r} is not understood")
    reading = _Definitions(table.rpartition(".")[2], dialect, name_table)
    for each in schema.expressions:
        reading.take(each)
    return reading.parts


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class _Definitions:
    """Takes definitions one by one."""

    def __init__(self, table: str, dialect: Dialect, name_table: NameTable) -> None:
        self.table = table
        self.dialect = dialect
        self.name_table = name_table
        self.parts = Parts()

    def fold(self, name: exp.Expression | str | None) -> str:
        """A name as the dialect takes it."""
        if isinstance(name, exp.Identifier):
            plain = not name.args.get("quoted") and self.dialect == "postgres"
            return str(name.name).lower() if plain else str(name.name)
        return "" if name is None else str(name if isinstance(name, str) else name.name)

    def take(self, node: exp.Expression) -> None:
        """A column or something of the table."""
        if isinstance(node, exp.ColumnDef):
            self.parts.columns.append(self.column(node))
        elif isinstance(node, exp.Constraint):
            for each in node.expressions:
                self.constraint(each, self.fold(node.this))
        elif isinstance(node, exp.LikeProperty):
            self.parts.like = self.table_name(node.this)
        elif isinstance(node, exp.Identifier | exp.Column):
            raise Unreadable(f"the column {node.sql(dialect=self.dialect)} has no type")
        else:
            self.constraint(node, "")

    def column(self, node: exp.ColumnDef) -> ColumnShape:
        """The shape of a column; its constraints go to the table."""
        name = self.fold(node.this)
        kind = node.args.get("kind")
        if not isinstance(kind, exp.DataType):
            raise Unreadable(f"the column {name} has no type")
        values: Sequence[exp.Expression] = kind.expressions if kind.this == exp.DType.ENUM else ()
        column = ColumnShape(
            name=name,
            type=spelled(kind, self.dialect),
            nullable=True,
            values=tuple(str(each.name) for each in values),
            generated=kind.this in _SERIAL,
        )
        if column.generated:
            column = msgspec.structs.replace(column, nullable=False)
        for constraint in node.args.get("constraints") or ():
            column = self.column_constraint(column, constraint.kind, self.fold(constraint.this))
        return column

    def column_constraint(
        self, column: ColumnShape, kind: exp.Expression, name: str
    ) -> ColumnShape:
        """The column with what one of its constraints says."""
        if isinstance(kind, exp.NotNullColumnConstraint):
            return msgspec.structs.replace(column, nullable=bool(kind.args.get("allow_null")))
        if isinstance(kind, exp.DefaultColumnConstraint):
            text = kind.this.sql(dialect=self.dialect)
            return msgspec.structs.replace(column, default=None if text == "NULL" else text)
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            self.parts.key = (column.name,)
            return msgspec.structs.replace(column, nullable=False)
        if isinstance(kind, _GENERATED):
            return msgspec.structs.replace(column, generated=True)
        if isinstance(kind, exp.UniqueColumnConstraint):
            self.unique((column.name,), name)
        elif isinstance(kind, exp.CheckColumnConstraint):
            self.check(kind, name, column.name)
        elif isinstance(kind, exp.Reference):
            self.foreign_key((column.name,), kind, name)
        return column

    def constraint(self, node: exp.Expression, name: str) -> None:
        """Something that belongs to the table."""
        if isinstance(node, exp.PrimaryKey):
            self.parts.key = tuple(self.listed(node.expressions))
        elif isinstance(node, exp.ForeignKey):
            reference = node.args.get("reference")
            if isinstance(reference, exp.Reference):
                self.foreign_key(tuple(self.listed(node.expressions)), reference, name)
        elif isinstance(node, exp.UniqueColumnConstraint):
            inner = node.this
            given = inner.this if isinstance(inner, exp.Schema) else None
            listed = inner.expressions if isinstance(inner, exp.Schema) else ()
            self.unique(tuple(self.listed(listed)), name or self.fold(given))
        elif isinstance(node, exp.IndexColumnConstraint):
            columns = tuple(self.listed(node.expressions))
            self.parts.indexes.append(
                IndexShape(name=self.fold(node.this) or columns[0], columns=columns)
            )
        elif isinstance(node, exp.CheckColumnConstraint):
            self.check(node, name, "")

    def listed(self, nodes: Sequence[exp.Expression]) -> Iterator[str]:
        """Names of columns; an expression as its text."""
        for node in nodes:
            bare = node.this if isinstance(node, exp.Ordered) else node
            if isinstance(bare, exp.Column | exp.ColumnPrefix):
                bare = bare.this if isinstance(bare.this, exp.Identifier) else bare.this.this
            if isinstance(bare, exp.Identifier):
                yield self.fold(bare)
            else:
                yield str(bare.sql(dialect=self.dialect))

    def unique(self, columns: tuple[str, ...], name: str) -> None:
        """A unique constraint is an index."""
        made = name or unnamed(self.table, columns, "key", self.dialect)
        self.parts.indexes.append(IndexShape(name=made, columns=columns, unique=True))

    def check(self, node: exp.CheckColumnConstraint, name: str, column: str) -> None:
        """A check constraint."""
        made = name or "_".join(filter(None, (self.table, column, "check")))
        text = node.this.sql(dialect=self.dialect)
        self.parts.checks.append(CheckShape(name=made, expression=text))

    def foreign_key(self, columns: tuple[str, ...], node: exp.Reference, name: str) -> None:
        """A foreign key."""
        target = node.this
        referenced: tuple[str, ...] = ()
        if isinstance(target, exp.Schema):
            referenced = tuple(self.listed(target.expressions))
            target = target.this
        made = name or "_".join((self.table, *columns, "fkey"))
        self.parts.foreign_keys.append(
            ForeignKeyShape(
                name=made,
                columns=columns,
                references=self.table_name(target),
                referenced=referenced,
            )
        )

    def table_name(self, node: exp.Expression) -> str:
        """The qualified name of a table."""
        parts = [self.fold(node.args.get(part)) for part in ("catalog", "db", "this")]
        return self.name_table(tuple(filter(None, parts)))


def unnamed(table: str, columns: Sequence[str], suffix: str, dialect: Dialect) -> str:
    """The name that a database gives to an index without one.

    >>> unnamed("sales.orders", ["status", "at"], "idx", "postgres")
    'orders_status_at_idx'
    >>> unnamed("orders", ["status", "at"], "idx", "mysql")
    'status'
    """
    plain = ["".join(c if c.isalnum() or c == "_" else " " for c in each) for each in columns]
    words = [each.split()[0] if each.split() else "expr" for each in plain]
    if dialect == "mysql":
        return words[0] if words else suffix
    return "_".join((table.rpartition(".")[2], *words, suffix))
