"""Statements that read a given table: prepared or not, the same."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from datawatch_lab.store.sql import append, fetch_with, give_slot, plan_anew, run_with

TARGET = "CREATE TABLE kept (a BIGINT, b VARCHAR)"
COUNT = "SELECT count(*) FROM kept"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a slot and a table."""
    with duckdb.connect() as made:
        give_slot(made)
        made.execute(TARGET)
        yield made


def rows(*values: int) -> pa.Table:
    """A table to append."""
    return pa.table({"a": pa.array(values, pa.int64()), "b": pa.array(map(str, values))})


def prepared(con: duckdb.DuckDBPyConnection) -> int:
    """How many statements a connection has prepared."""
    (count,) = con.execute("SELECT count(*) FROM duckdb_prepared_statements()").fetchall()
    return int(count[0])


def test_a_statement_that_comes_again_is_prepared(con: duckdb.DuckDBPyConnection) -> None:
    """The first run is as it is, every later one executes a plan; each takes its own rows."""
    for number in range(5):
        append(con, "kept", rows(number, -number))
        assert prepared(con) == min(number, 1)
    found = con.execute("FROM kept ORDER BY ALL").fetchall()
    assert found == sorted((n * sign, str(n * sign)) for n in range(5) for sign in (1, -1))


def test_columns_of_other_types_are_planned_for_themselves(con: duckdb.DuckDBPyConnection) -> None:
    """A plan for whole numbers would round halves, or read text as numbers."""
    sql = "SELECT max(a)::VARCHAR AS top FROM given"
    for values in (pa.array([1, 2]), pa.array([0.5, 2.5]), pa.array(["x", "y"])) * 3:
        expected = str(values[1].as_py())
        given = pa.table({"a": values})
        assert fetch_with(con, given, sql).column("top").to_pylist() == [expected]
    assert prepared(con) == 3


def test_a_plan_follows_the_table_that_it_is_for(con: duckdb.DuckDBPyConnection) -> None:
    """Altered, dropped and made anew, in a transaction that is undone, told of it or not."""
    for _ in range(3):
        append(con, "kept", rows(1))
    con.begin()
    con.execute("ALTER TABLE kept ADD COLUMN c INTEGER DEFAULT 7")
    append(con, "kept", rows(2))
    con.rollback()
    append(con, "kept", rows(3))
    assert con.execute("SELECT * FROM kept WHERE a > 1").fetchall() == [(3, "3")]
    con.execute("ALTER TABLE kept ADD COLUMN c INTEGER DEFAULT 7")
    append(con, "kept", rows(4))
    plan_anew(con)
    append(con, "kept", rows(5))
    assert con.execute("SELECT * FROM kept WHERE a > 3").fetchall() == [(4, "4", 7), (5, "5", 7)]
    con.execute("DROP TABLE kept")
    con.execute(TARGET)
    append(con, "kept", rows(6))
    assert con.execute("FROM kept").fetchall() == [(6, "6")]
    assert prepared(con) == 1


def test_a_statement_that_fails_leaves_the_next_one_whole(con: duckdb.DuckDBPyConnection) -> None:
    """In and after a transaction that DuckDB has given up."""
    sql = "INSERT INTO kept SELECT CASE WHEN a > 8 THEN error('no') ELSE a END, b FROM given"
    for _ in range(3):
        run_with(con, rows(1), sql)
    con.begin()
    with pytest.raises(duckdb.Error, match="no"):
        run_with(con, rows(9), sql)
    with pytest.raises(duckdb.Error, match="abort"):
        append(con, "kept", rows(1))
    con.rollback()
    for _ in range(3):
        run_with(con, rows(2), sql)
        append(con, "kept", rows(3))
    assert con.execute(COUNT).fetchall() == [(9,)]


def test_few_statements_are_kept(con: duckdb.DuckDBPyConnection) -> None:
    """Those used least recently go."""
    for number in range(200):
        for _ in range(2):
            run_with(con, rows(number), f"INSERT INTO kept SELECT a + {number}, b FROM given")
    assert prepared(con) <= 64
    assert con.execute(COUNT).fetchall() == [(400,)]


def test_what_cannot_be_prepared_runs_as_it_is(con: duckdb.DuckDBPyConnection) -> None:
    """A table made of what is given, again and again."""
    for number in range(3):
        run_with(con, rows(number), "CREATE OR REPLACE TEMP TABLE made AS SELECT * FROM given")
        assert con.execute("FROM made").fetchall() == [(number, str(number))]
    assert prepared(con) == 0
