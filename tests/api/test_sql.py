"""POST /sql over a real engine: rows, refusals, masks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from datawatch_lab.service.handle import connect
from datawatch_lab.service.operations import named
from datawatch_lab.service.operations.sql import SqlAsk
from tests.api.conftest import API, TOKEN
from tests.api.test_live import order


@pytest.fixture
def asked(live: httpx.Client) -> httpx.Client:
    """A client of a workspace with three orders and a customer."""
    customer = {
        "id": "c-1",
        "table": "customers",
        "type": "INSERT",
        "timestamp": order(1, 1.0)["timestamp"],
        "after": {"id": 1, "email": "ana@secret.example"},
    }
    events = [*(order(number, number + 0.5) for number in (1, 2, 3)), customer]
    assert live.post(f"{API}/events/batch", json=events).status_code == 202
    return live


def _ask(client: httpx.Client, query: str, **how: Any) -> httpx.Response:
    return client.post(f"{API}/sql", json={"query": query, **how})


def test_rows_come_with_their_columns(asked: httpx.Client) -> None:
    """Types in words, values in order, how long it took."""
    answer = _ask(asked, "SELECT id, amount, 1.50::DECIMAL(9, 2) AS d FROM live.orders ORDER BY id")
    assert answer.status_code == 200
    body = answer.json()
    assert body["columns"][0] == {"name": "id", "type": "integer"}
    assert [column["type"] for column in body["columns"]] == ["integer", "number", "decimal"]
    assert body["rows"] == [[1, 1.5, "1.50"], [2, 2.5, "1.50"], [3, 3.5, "1.50"]]
    assert (body["truncated"], body["limit"]) == (False, "")
    assert body["elapsed_ms"] > 0


def test_large_integers_and_what_json_lacks(asked: httpx.Client) -> None:
    """Beyond 2^53 as text; NaN and infinities as null; times in ISO 8601."""
    query = (
        "SELECT 9007199254740993 AS a, 9007199254740992 AS b, 'nan'::DOUBLE AS c, "
        "'infinity'::TIMESTAMP AS d, TIMESTAMP '2026-01-01 00:00:00.5' AS e, "
        "DATE '2026-01-01' AS f, "
        "INTERVAL '14 months 3 days' AS g, '\\xAA'::BLOB AS h, MAP {'k': 1.5::DECIMAL(3, 1)} AS i, "
        "170141183460469231731687303715884105727::HUGEINT AS j"
    )
    (row,) = _ask(asked, query).json()["rows"]
    assert row == [
        *("9007199254740993", 9007199254740992, None, None),
        *("2026-01-01T00:00:00.500000Z", "2026-01-01", "1 year 2 months 3 days", "aa"),
        *([["k", "1.5"]], "170141183460469231731687303715884105727"),
    ]


def test_a_limit_cuts_and_says_so(asked: httpx.Client) -> None:
    """As asked for."""
    body = _ask(asked, "FROM live.orders", limit=2).json()
    assert (len(body["rows"]), body["truncated"], body["limit"]) == (2, True, "2 rows")


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("DROP TABLE changes.log", 400, "DROP is not allowed"),
        ("SELECT * FROM live.ordrs", 404, "did you mean 'orders'"),
        ("SELECT * FROM '/etc/passwd'", 400, "no files"),
        ("SELECT amuont FROM live.orders", 404, "did you mean 'amount'"),
        ("SELECT [TIMESTAMP 'infinity']", 400, "Cast the column"),
    ],
)
def test_a_refusal_is_an_error_of_the_one_form(
    asked: httpx.Client, query: str, status: int, word: str
) -> None:
    """With the status of its kind."""
    answer = _ask(asked, query)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert word in f"{error['message']} {error['hint']}"


def test_sensitive_values_are_masked_by_default(asked: httpx.Client) -> None:
    """And the answer names the columns."""
    body = _ask(asked, "SELECT email FROM live.customers").json()
    assert body["rows"] == [["•••"]]
    assert body["masked"] == ["customers.email"]
    shown = _ask(asked, "SELECT email FROM live.customers", masked=False).json()
    assert shown["rows"] == [["ana@secret.example"]]


def test_the_handle_gives_the_same_over_http(asked: httpx.Client) -> None:
    """`Workspace.sql` of a server elsewhere."""
    with connect(str(asked.base_url), TOKEN) as workspace:
        answer = workspace.sql("SELECT count(*) AS n FROM live.orders")
    assert answer.rows == [[3]]
    assert named("sql").read({"query": "SELECT 1", "limit": 3}) == SqlAsk(query="SELECT 1", limit=3)


def test_a_stranger_is_refused(stranger: httpx.Client) -> None:
    """As on every route."""
    assert stranger.post(f"{API}/sql", json={"query": "SELECT 1"}).status_code == 401


def test_whole_numbers_stay_whole(asked: httpx.Client) -> None:
    """A number that a query names is the one that was sent, to the last digit, and a whole one.

    So whole division, places in lists and days before a date take it.
    """
    query = "SELECT $n::VARCHAR AS text, typeof($n) AS type, $n IN (SELECT id FROM live.orders)"
    for number in (2, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, 2**64 - 1):
        read = named("sql").read({"query": query, "parameters": {"n": number, "x": 2.0}})
        assert [type(each) for each in read.parameters.values()] == [int, float]
        ((text, kind, is_there),) = _ask(asked, query, parameters={"n": number}).json()["rows"]
        assert (text, kind.endswith("INT") or kind == "INTEGER") == (str(number), True)
        assert is_there == (number in (1, 2, 3))
    query = "SELECT 7 // $n, [1, 2, 3][$n], DATE '2026-01-03' - $n, 7 / $f"
    answer = _ask(asked, query, parameters={"n": 2, "f": 2.0})
    assert answer.json()["rows"] == [[3, 2, "2026-01-01", 3.5]]
