"""sql: a table for people, JSON and CSV for programs, refusals with a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import GOOD, Run


def rows(run: Run, query: str, *more: str, **how: Any) -> list[dict[str, Any]]:
    """The JSON answer."""
    found: list[dict[str, Any]] = json.loads(run("sql", query, "--json", *more, **how).stdout)
    return found


def test_json_is_a_list_of_row_objects(filled: Run) -> None:
    """Integers beyond 2^53 and decimals are texts."""
    query = (
        "SELECT count(*) AS n, 9007199254740993 AS big, sum(amount)::DECIMAL(18, 2) AS total "
        "FROM changes.orders"
    )
    assert rows(filled, query) == [
        {"n": GOOD, "big": "9007199254740993", "total": f"{sum(range(GOOD))}.00"}
    ]
    assert rows(filled, "SELECT 1 AS x WHERE false") == []


def test_metrics_are_tables(filled: Run) -> None:
    """Their minutes add up."""
    query = "SELECT sum(value) AS v FROM metrics.orders_amount_sum"
    assert rows(filled, query) == [{"v": float(sum(range(GOOD)))}]


def test_people_see_a_table_with_numbers_to_the_right(filled: Run) -> None:
    """And how many rows there are, and how long it took."""
    shown = filled("sql", "SELECT status, count(*) AS n FROM changes.orders GROUP BY 1 ORDER BY 1")
    lines = [line.rstrip() for line in shown.stdout.splitlines() if line.strip()]
    assert lines[0].split() == ["status", "n"]
    (opened,) = (line for line in lines if line.startswith("open"))
    (paid,) = (line for line in lines if line.startswith("paid"))
    assert (opened.split(), paid.split()) == (["open", "20"], ["paid", "40"])
    assert len(opened) == len(paid) == len(lines[0])
    assert lines[-1].startswith("2 rows, ")


def test_text_from_data_cannot_move_the_terminal(filled: Run) -> None:
    """Control characters show as escapes."""
    shown = filled("sql", "SELECT chr(27) || '[31mred' AS x")
    assert "\x1b[31m" not in shown.stdout
    assert "\\x1b[31mred" in shown.stdout


def test_csv_has_all_rows_and_no_formula(filled: Run) -> None:
    """Text that a spreadsheet would run gets an apostrophe; numbers stay numbers."""
    shown = filled(
        "sql", "SELECT id, '=1+1' AS f, -id AS m FROM changes.orders ORDER BY 1", "--csv"
    )
    lines = shown.stdout.splitlines()
    assert (lines[0], lines[2], len(lines)) == ("id,f,m", "1,'=1+1,-1", GOOD + 1)


def test_a_dash_reads_standard_input(filled: Run) -> None:
    """For queries that are files."""
    assert rows(filled, "-", input="SELECT 7 AS seven -- lucky\n") == [{"seven": 7}]


def test_sensitive_values_are_masked_unless_the_owner_asks(filled: Run) -> None:
    """The option says so."""
    query = "SELECT DISTINCT country FROM changes.orders ORDER BY 1"
    assert rows(filled, query, "--unmasked") == [{"country": "DE"}, {"country": "FR"}]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("DROP TABLE changes.log", "DROP is not allowed"),
        ("SELECT * FROM live.ordrs", "did you mean 'orders'"),
        ("SELECT 1; SELECT 2", "2 statements"),
    ],
)
def test_a_refusal_exits_with_one(filled: Run, query: str, word: str) -> None:
    """And one sentence on standard error."""
    found = filled("sql", query, code=1)
    assert word in found.stderr
    assert found.stdout == ""


def test_what_excludes_each_other_is_wrong_usage(filled: Run) -> None:
    """JSON and CSV at once; a limit beyond what there is."""
    assert "exclude" in filled("sql", "SELECT 1", "--json", "--csv", code=2).stderr
    assert "--limit" in filled("sql", "SELECT 1", "--limit", "0", code=2).stderr


def test_a_cut_answer_says_so(filled: Run) -> None:
    """On standard error, so that JSON stays JSON."""
    found = filled("sql", "SELECT * FROM range(100001)", "--csv")
    assert "Cut at 100,000 rows" in found.stderr
    assert len(found.stdout.splitlines()) == 100_001
