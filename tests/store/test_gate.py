"""SQL of honest users: the answer is DuckDB's own, masked and bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.engine import Engine
from datawatch_lab.store.gate import MASK, MAX_ROWS
from datawatch_lab.store.gate.fetch import unique_names
from datawatch_lab.store.gate.parse import generate, parse
from tests.store.sql_queries import QUERIES
from tests.store.sql_shop import CUSTOMERS, open_shop


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shop."""
    found = open_shop(tmp_path_factory.mktemp("shop") / "w.duckdb")
    yield found
    found.close()


@pytest.mark.parametrize("query", QUERIES)
def test_an_honest_query_gives_what_duckdb_gives(engine: Engine, query: str) -> None:
    """The text as it was written, run without the gate, has the same rows in the same order."""
    found = engine.sql(query, masked=False)
    with engine.store._file.readers._root.cursor() as con:
        raw = con.sql(query).to_arrow_table()
    wanted = [[str(value) for value in column.to_pylist()] for column in raw.columns]
    assert [
        [str(value) for value in column.to_pylist()] for column in found.table.columns
    ] == wanted
    assert not found.truncated


def test_a_bare_name_is_the_live_table(engine: Engine) -> None:
    """Unless a WITH part has that name."""
    assert engine.sql("SELECT count(*) AS n FROM customers").table.to_pylist() == [{"n": CUSTOMERS}]
    shadowed = engine.sql("WITH customers AS (SELECT 1 AS id) SELECT count(*) AS n FROM customers")
    assert shadowed.table.to_pylist() == [{"n": 1}]


def test_an_answer_is_cut_and_says_so(engine: Engine) -> None:
    """At the limit asked for, and at most at 100,000 rows."""
    few = engine.sql("FROM live.orders", limit=7)
    assert (few.table.num_rows, few.truncated, few.limit) == (7, True, "7 rows")
    many = engine.sql("SELECT * FROM range(1000000)", limit=10**9)
    assert (many.table.num_rows, many.truncated) == (MAX_ROWS, True)
    exact = engine.sql("SELECT * FROM range(100000)")
    assert (exact.table.num_rows, exact.truncated) == (MAX_ROWS, False)
    with pytest.raises(InputError, match="limit 0"):
        engine.sql("SELECT 1", limit=0)


def test_an_answer_of_very_wide_rows_is_cut_by_its_size(engine: Engine) -> None:
    """100,000 rows of 10 kB each are not held in memory."""
    found = engine.sql("SELECT repeat('x', 10000) AS x FROM range(100000)")
    assert found.truncated
    assert "MB" in found.limit
    assert found.table.nbytes < 400 * 1024**2


def test_both_ways_of_writing_a_lambda_are_read(engine: Engine) -> None:
    """The arrow, which DuckDB itself is about to give up, and the word."""
    arrow, word = "list_transform([1], x -> x * 2)", "list_transform([1], lambda x: x * 2)"
    found = engine.sql(f"SELECT {arrow} = {word} AS same")
    assert found.table.to_pylist() == [{"same": True}]


def test_a_pivot_statement_stands_alone_too(engine: Engine) -> None:
    """Its columns come from the data."""
    found = engine.sql("PIVOT live.orders ON status USING count(*) GROUP BY gift")
    assert found.table.column_names == ["gift", "open", "paid", "shipped"]


def test_columns_of_one_name_are_told_apart(engine: Engine) -> None:
    """Rows as objects would lose one otherwise."""
    found = engine.sql("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a")
    assert found.table.column_names == ["a", "a_3", "a_2", "a_4"]


@given(st.lists(st.sampled_from(["a", "b", "a_2", "a_3", "b_2"]), max_size=12))
def test_unique_names_are_unique_and_keep_the_first(names: list[str]) -> None:
    """Whatever numbers the names have already."""
    found = unique_names(names)
    assert len(set(found)) == len(names)
    assert all(found[names.index(name)] == name for name in set(names))


# ------------------------------------------------------------------ masking

MASKED = (
    "SELECT email FROM live.customers",
    "SELECT name AS n FROM customers",
    "SELECT c.email FROM live.customers c",
    "SELECT live.customers.email FROM live.customers",
    "SELECT c FROM live.customers c",
    "SELECT c.* FROM live.customers c",
    "SELECT lower(email) || name FROM live.customers",
    "SELECT max(email), min(name), list(email), string_agg(name, ',') FROM live.customers",
    "SELECT to_json(c) FROM live.customers c",
    "SELECT COLUMNS('e.*') FROM live.customers",
    "SELECT * FROM live.customers WHERE email LIKE 'ana1%'",
    "SELECT email, count(*) FROM live.customers GROUP BY email",
    "SELECT * FROM (FROM live.customers)",
    "WITH c AS (FROM live.customers) FROM c",
    "SELECT * FROM changes.customers",
    "SELECT _before FROM changes.customers",
    "SELECT _before ->> 'email', json_extract(_before, '$.name') FROM changes.customers",
    "SELECT EMAIL FROM LIVE.CUSTOMERS",
    "UNPIVOT live.customers ON name, email",
    "PIVOT live.customers ON email USING count(*)",
    "SELECT o.id, c.name FROM live.orders o JOIN live.customers c ON c.id = o.customer_id",
    "SELECT try(email::INTEGER) FROM live.customers",
)


@pytest.mark.parametrize("query", MASKED)
def test_no_sensitive_value_is_in_an_answer(engine: Engine, query: str) -> None:
    """Not in expressions, structures, before images or filters; without the mask it is."""
    found = engine.sql(query)
    text = str(found.table.to_pylist()) + str(found.table.column_names)
    assert "secret" not in text.casefold()
    assert found.masked == ("customers.name", "customers.email")


def test_a_filter_sees_the_masked_value(engine: Engine) -> None:
    """So nobody finds out by asking whether; null stays null, and the owner may see."""
    guess = "SELECT count(*) AS n FROM live.customers WHERE email = 'ana1@secret.example'"
    assert engine.sql(guess).table.to_pylist() == [{"n": 0}]
    assert engine.sql(guess, masked=False).table.to_pylist() == [{"n": 1}]
    kinds = engine.sql("SELECT DISTINCT email FROM live.customers").table.to_pylist()
    assert kinds == [{"email": MASK}]


def test_an_error_does_not_tell_a_masked_value(engine: Engine) -> None:
    """A cast that fails shows the mask, and the hint names the masked columns."""
    with pytest.raises(InputError, match=r"customers\.email") as caught:
        engine.sql("SELECT email::INTEGER FROM live.customers")
    assert "secret.example" not in str(caught.value)


# ------------------------------------------------------------------ what there is


def test_show_tables_lists_tables_and_metrics(engine: Engine) -> None:
    """By schema, and says which are append-only."""
    rows = engine.sql("SHOW TABLES").table.to_pylist()
    assert {"schema": "live", "name": "orders", "kind": "table"} in rows
    assert {"schema": "live", "name": "visits", "kind": "append-only"} in rows
    assert {"schema": "metrics", "name": "orders_amount_sum", "kind": "metric"} in rows


def test_describe_tells_columns_of_a_table_a_metric_and_a_query(engine: Engine) -> None:
    """With roles, and which are sensitive."""
    rows = engine.sql("DESCRIBE live.customers").table.to_pylist()
    email = next(row for row in rows if row["column"] == "email")
    assert (email["type"], email["sensitive"]) == ("VARCHAR", True)
    metric = engine.sql("DESCRIBE metrics.orders_total").table.to_pylist()
    assert [row["column"] for row in metric] == ["time", "op", "status", "gift", "value"]
    query = engine.sql("DESCRIBE SELECT id, 1.5 AS x FROM live.orders").table.to_pylist()
    assert [row["column_name"] for row in query] == ["id", "x"]
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        engine.sql("DESCRIBE live.ordes")
    for other in ("SHOW DATABASES", "SHOW SCHEMAS", "SHOW x"):
        with pytest.raises(InputError, match="SHOW"):
            engine.sql(other)


# ------------------------------------------------------------------ the text


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    """No other error comes out of parsing."""
    try:
        generate(parse(text))
    except InputError as error:
        assert error.message  # noqa: PT017 — most texts are refused, some are SQL


_WORDS = (
    "SELECT FROM WHERE live . orders id ( ) , * 1 'x' AS WITH UNION ALL ORDER BY [ ] { } : "
    "-> CASE WHEN THEN END OVER ; -- /* */ $1 ? :: INTO COPY PIVOT ON"
)


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=25))
def test_any_row_of_words_is_read_or_refused(words: list[str]) -> None:
    """Words of SQL in any order."""
    try:
        generate(parse(" ".join(words)))
    except InputError as error:
        assert error.message  # noqa: PT017 — see above
