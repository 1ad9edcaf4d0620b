"""Events of the log that tell of DDL, in the forms of the sources."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datawatch_lab.core.schema_changes import Kind, SchemaShape
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.schema.events import ddl_event
from datawatch_lab.schema.folding import fold
from datawatch_lab.schema.reading import read_event

TABLE = TableInfo(id=1, schema="shop", table="orders", name="orders")


def row(extra: dict[str, Any], **position: Any) -> dict[str, Any]:
    """A row of the log."""
    return {
        "seq": 5,
        "ts": datetime(2026, 3, 1, tzinfo=UTC),
        "source": "kafka",
        "event_id": "e5",
        "txid": None,
        "position": json.dumps(position) if position else None,
        "extra": json.dumps(extra),
    }


@pytest.mark.parametrize(
    ("extra", "position", "dialect"),
    [
        ({"ddl_command": "ALTER TABLE t ADD a int"}, {"lsn": "0/1"}, "postgres"),
        ({"ddl_command": "ALTER TABLE t ADD a int"}, {"file": "b.1", "pos": 4}, "mysql"),
        ({"ddl_command": "ALTER TABLE t MODIFY a int"}, {}, "mysql"),
        ({"ddl_command": "x", "metadata": {"connector": "mysql"}}, {}, "mysql"),
        ({"ddl_command": "x", "metadata": {"dialect": "postgres"}}, {"file": "b"}, "postgres"),
    ],
)
def test_dialect_is_that_of_the_source(
    extra: dict[str, Any], position: dict[str, Any], dialect: str
) -> None:
    """As it is said, else by the position, else by the text."""
    assert ddl_event(row(extra, **position), TABLE).dialect == dialect


SHOWN: dict[str, Any] = {
    "primaryKeyColumnNames": ["id"],
    "columns": [
        {"name": "id", "typeName": "BIGINT", "typeExpression": "BIGINT"},
        {"name": "code", "typeName": "VARCHAR", "typeExpression": "VARCHAR", "length": 20},
        {"name": "amount", "typeName": "DECIMAL", "length": 10, "scale": 2},
    ],
}


def told(command: str, kind: str, shown: object = SHOWN, **metadata: Any) -> dict[str, Any]:
    """A schema change as Debezium's MySQL connector tells it."""
    change = {"type": kind, "id": '"shop"."orders"', "table": shown}
    return {"ddl_command": command, "metadata": metadata, "table_change": change}


def test_a_snapshot_describes_tables(tmp_path: object) -> None:
    """Tables that were there before are no additions; their shape is known from then on."""
    del tmp_path
    create = "CREATE TABLE orders (id bigint primary key, code varchar(20), amount decimal(10,2))"
    event = ddl_event(row(told(create, "CREATE", snapshot="true"), file="b.1"), TABLE)
    (described,) = read_event(event, SchemaShape())
    assert (described.step.kind, described.step.table) == (Kind.DESCRIBE, "shop.orders")
    shape = fold(SchemaShape(), [described.step])
    columns = {each.name: each.type for each in shape.tables["shop.orders"].columns}
    assert columns == {"id": "bigint", "code": "varchar(20)", "amount": "decimal(10, 2)"}


def test_a_statement_of_mysql_means_tables_of_its_database() -> None:
    """A name without a database is of the event's; what the columns say too is told once."""
    first = ddl_event(row(told("ALTER TABLE orders ADD x int", "ALTER"), file="b.1"), TABLE)
    shape = fold(SchemaShape(), [each.step for each in read_event(first, SchemaShape())])
    grown = {**SHOWN, "columns": [*SHOWN["columns"], {"name": "y", "typeName": "INT"}]}
    shown = {**grown, "columns": [*grown["columns"], {"name": "x", "typeName": "INT"}]}
    second = ddl_event(row(told("ALTER TABLE orders ADD y int", "ALTER", shown), pos=2), TABLE)
    changes = [each for each in read_event(second, shape) if each.step.kind != Kind.DESCRIBE]
    assert [(each.step.kind, each.step.table, each.step.name) for each in changes] == [
        (Kind.ADD_COLUMN, "shop.orders", "y")
    ]


def test_a_dropped_table_is_told_without_columns() -> None:
    """The change has no table to show any more."""
    event = ddl_event(row(told("DROP TABLE orders", "DROP", None), file="b.1"), TABLE)
    assert event.columns is None
    assert [each.step.kind for each in read_event(event, SchemaShape())] == [Kind.DROP_TABLE]


def test_types_before_come_from_a_comparison_of_descriptions() -> None:
    """PostgreSQL's stream tells the type that a column had."""
    extra = {
        "ddl_command": "ALTER TABLE shop.orders ALTER COLUMN n TYPE bigint",
        "inferred": True,
        "columns": [{"name": "n", "type": "bigint"}],
        "changes": [{"change": "retyped", "name": "n", "type": "bigint", "was": "integer"}],
    }
    event = ddl_event(row(extra, lsn="0/1"), TABLE)
    (changed,) = (c for c in read_event(event, SchemaShape()) if c.step.kind != Kind.DESCRIBE)
    assert (changed.step.before, changed.impact) == ({"type": "int"}, "safe")
