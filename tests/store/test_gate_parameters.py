"""Values that a query names: bound, and never part of its text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.engine import Engine
from tests.store.sql_shop import open_shop

NEW_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001 — as DuckDB gives a TIMESTAMP


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shop."""
    found = open_shop(tmp_path_factory.mktemp("shop") / "w.duckdb")
    yield found
    found.close()


def rows(engine: Engine, query: str, **parameters: Any) -> list[Any]:
    """The values of the first column."""
    found: list[Any] = engine.sql(query, parameters=parameters).table.columns[0].to_pylist()
    return found


def test_a_query_names_values_that_are_given(engine: Engine) -> None:
    """Texts, numbers, flags, times and nothing, each of its type; others are left out."""
    given: dict[str, Any] = {
        "text": "x",
        "number": 2,
        "flag": True,
        "none": None,
        "from": NEW_YEAR,
        "unused": "y",
    }
    found = engine.sql(
        "SELECT $text AS a, $number + 1 AS b, $flag AS c, $none IS NULL AS d, typeof($from) AS e",
        parameters=given,
    )
    assert found.table.to_pylist() == [{"a": "x", "b": 3, "c": True, "d": True, "e": "TIMESTAMP"}]


def test_a_time_of_a_zone_is_bound_in_utc(engine: Engine) -> None:
    """Times of tables are UTC without a zone, and so is what they are compared with."""
    east = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert rows(engine, "SELECT $from", **{"from": east}) == [NEW_YEAR]
    assert rows(engine, "SELECT $from", **{"from": east.astimezone(UTC)}) == [NEW_YEAR]


def test_one_several_or_all_values_choose_rows(engine: Engine) -> None:
    """The conditions of the docs: None is all, a text is one, a list is several."""
    total = rows(engine, "SELECT count(status) FROM live.orders")
    names = rows(engine, "SELECT DISTINCT status FROM live.orders WHERE status IS NOT NULL")
    count = "SELECT count(status) FROM live.orders WHERE $status IS NULL OR status"
    one, many = f"{count} = $status", f"{count} IN $status"
    assert rows(engine, one, status=None) == rows(engine, many, status=None) == total
    each = [rows(engine, one, status=name)[0] for name in names]
    assert len(names) > 1
    assert all(each)
    assert [sum(each)] == total
    assert rows(engine, many, status=names[:2]) == [each[0] + each[1]]
    assert rows(engine, many, status=[]) == [0]


def test_values_are_named_in_metrics_too(engine: Engine) -> None:
    """A metric that is filtered by a label is split by it, wherever its value comes from."""
    query = "SELECT sum(value) FROM metrics.orders_total WHERE status = "
    (name,) = rows(engine, "SELECT min(status) FROM live.orders")
    assert rows(engine, f"{query}$status", status=name) == rows(engine, f"{query}'{name}'")


@given(text=st.text())
@settings(max_examples=40, deadline=None)
def test_a_value_is_never_read_as_sql(engine: Engine, text: str) -> None:
    """Whatever it holds, it comes back as it was given, and as one value."""
    assert rows(engine, "SELECT $value", value=text) == [text]
    assert rows(engine, "SELECT unnest($value)", value=[text, "x"]) == [text, "x"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT $contry", r"names \$contry.*did you mean \$country\?.*\$country, \$from"),
        ("SELECT 1 WHERE 'a' = $other", r"names \$other, for which there is no value\."),
        ("SELECT ?", "for which there is no value"),
        ("SELECT $1", "for which there is no value"),
    ],
)
def test_what_is_not_given_is_refused_and_named(engine: Engine, query: str, said: str) -> None:
    """The refusal says which, the nearest, and all there are."""
    with pytest.raises(InputError, match=said):
        rows(engine, query, country="DE", **{"from": None})


def test_a_name_within_a_text_or_a_remark_is_no_value(engine: Engine) -> None:
    """Only what stands in the query itself is bound."""
    assert rows(engine, "SELECT '$country' -- $nothing", country="DE") == ["$country"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT unnest(range($n))",
        "SELECT repeat('x', $n)",
        "SELECT * FROM $n",
        "SELECT format($n, 1)",
        "DESCRIBE $n",
    ],
)
def test_no_value_stands_where_the_gate_must_see_it(engine: Engine, query: str) -> None:
    """Bounds, patterns and names of tables stand in the query."""
    with pytest.raises(InputError):
        rows(engine, query, n="5")


def test_a_described_query_may_name_values(engine: Engine) -> None:
    """Its columns do not depend on them."""
    found = engine.sql("DESCRIBE SELECT $x AS a", parameters={"x": "y"})
    assert found.table.to_pylist()[0]["column_name"] == "a"
