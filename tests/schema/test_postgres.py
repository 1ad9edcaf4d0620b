"""A real PostgreSQL that is altered while others write to it, watched by the whole product."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
import pytest

from datawatch_lab.engine import Engine
from datawatch_lab.engine.intake import run
from datawatch_lab.engine.schema.log import SchemaLog
from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource
from tests.services.postgres import Server
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

SETUP = """
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric(10, 2),
    note text, status varchar(10) DEFAULT 'new',
    mood mood DEFAULT 'calm', moods mood[]);
CREATE TABLE plain (a int);
INSERT INTO orders (amount, note) SELECT i, 'n' FROM generate_series(1, 200) i;
CREATE FUNCTION migrate() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN ALTER TABLE orders ADD COLUMN by_function int; END $$;
"""

STATEMENTS = (
    "ALTER TABLE orders ADD COLUMN coupon text",
    "ALTER TABLE orders ALTER COLUMN amount TYPE numeric(12, 2), ALTER COLUMN note SET NOT NULL",
    "ALTER TABLE orders RENAME COLUMN note TO remark",
    "CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint REFERENCES orders (id))",
    "ALTER TABLE orders ALTER COLUMN status TYPE varchar(5); ALTER TABLE orders DROP COLUMN coupon",
    "SELECT migrate()",
    "ALTER TABLE plain ADD COLUMN b text; ALTER TABLE plain DROP COLUMN b",
    "DROP TABLE plain",
    "CREATE INDEX by_amount ON orders (amount)",
    "CREATE UNIQUE INDEX CONCURRENTLY one_remark ON orders (remark, id)",
    "ALTER TYPE mood ADD VALUE 'glad' BEFORE 'cross'",
    "ALTER TYPE mood RENAME VALUE 'cross' TO 'angry'",
    "ALTER INDEX by_amount RENAME TO by_price",
    "DROP INDEX by_price",
    "DROP INDEX CONCURRENTLY one_remark",
    "CREATE TYPE colour AS ENUM ('red', 'green')",
    "CREATE TYPE pair AS (a int, b int)",
    "ALTER TYPE colour RENAME VALUE 'red' TO 'crimson'",
    "ALTER TABLE orders ADD COLUMN colour colour",
    "ALTER TYPE colour ADD VALUE 'blue'",
    "ALTER TABLE orders DROP COLUMN colour",
    "ALTER TYPE colour RENAME TO shade",
    "DROP TYPE shade",
)

TOLD = [
    ("add_column", "orders", "coupon", "safe"),
    ("change_precision", "orders", "amount", "safe"),
    ("change_nullability", "orders", "note", "risky"),
    ("rename_column", "orders", "note", "breaking"),
    ("add_table", "refunds", "", "safe"),
    ("change_precision", "orders", "status", "risky"),
    ("drop_column", "orders", "coupon", "breaking"),
    ("add_column", "orders", "by_function", "safe"),
    ("add_column", "plain", "b", "safe"),
    ("drop_column", "plain", "b", "breaking"),
    ("drop_table", "plain", "", "breaking"),
    ("add_index", "orders", "by_amount", "safe"),
    ("add_index", "orders", "one_remark", "risky"),
    ("add_enum_value", "", "mood", "risky"),
    ("rename_enum_value", "", "mood", "breaking"),
    ("rename_index", "orders", "by_amount", "safe"),
    ("drop_index", "orders", "by_price", "safe"),
    ("drop_index", "orders", "one_remark", "risky"),
    ("add_type", "", "colour", "safe"),
    ("rename_enum_value", "", "colour", "breaking"),
    ("add_column", "orders", "colour", "safe"),
    ("add_enum_value", "", "colour", "risky"),
    ("drop_column", "orders", "colour", "breaking"),
    ("rename_type", "", "colour", "risky"),
    ("drop_type", "", "shade", "breaking"),
]


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Insert rows, one after another, all the while."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                while not stop.wait(0.01):
                    columns = _columns(cursor)
                    text = "remark" if "remark" in columns else "note"
                    try:
                        cursor.execute(f"INSERT INTO orders (amount, {text}) VALUES (1, 'x')")
                    except psycopg2.errors.UndefinedColumn:
                        continue  # it was renamed just now
        except BaseException as error:  # noqa: BLE001 — raised below
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not failed, failed


def _columns(cursor: object) -> set[str]:
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'"
    )
    return {name for (name,) in cursor.fetchall()}  # type: ignore[attr-defined]


def test_live_alters_are_told_once_and_in_order(postgres_server: Server, tmp_path: Path) -> None:
    """Each statement is recorded once while rows are written, also over a restart in the middle.

    What a function did is known from the columns that it left.
    """
    with postgres_server.database("schemas") as url:
        _execute(url, [SETUP])
        engine = Engine.open(tmp_path / "w.duckdb")
        run(engine, PostgresSource(url, PostgresOptions(follow=False)))
        with writing(url):
            _execute(url, STATEMENTS[:4])
        run(engine, PostgresSource(url, PostgresOptions(follow=False)))
        engine.close()
        engine = Engine.open(tmp_path / "w.duckdb")
        with writing(url):
            _execute(url, STATEMENTS[4:])
        run(engine, PostgresSource(url, PostgresOptions(follow=False)))
        log = engine.beside(SchemaLog)
        assert log.wait(engine.last_seq, 60), log.problem
        found = [
            (each.step.kind.value, each.step.table, each.step.name, each.impact)
            for each in log.between(None, None)
        ]
        shape = log.shape().tables["orders"]
        rows = postgres_server.query(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped",
            database="schemas",
        )
        engine.close()
    assert found == TOLD
    assert {each.name for each in shape.columns} == {name for name, _ in rows}


def _execute(url: str, statements: tuple[str, ...] | list[str]) -> None:
    """Each in a transaction of its own."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
    connection.close()
