"""status, tables, metrics, ledger: for people and as JSON."""

from __future__ import annotations

import json

import pytest

from datawatch_lab.cli.listings import imbalances, key_words
from datawatch_lab.service.answers import Counts, LedgerAnswer, TableAnswer
from tests.cli.conftest import GOOD, Run

COUNTS = {"received": GOOD + 3, "applied": GOOD, "duplicate": 1, "late": 0, "quarantined": 2}


def test_ledger_json_is_as_promised(filled: Run) -> None:
    """The form that other programs rely on, with each count as planted."""
    found = json.loads(filled("ledger", "--json").stdout)
    assert {name: found[name] for name in COUNTS} == COUNTS
    assert set(found) == {*COUNTS, "tables", "sources"}
    assert found["sources"] == {"file:events.ndjson": COUNTS}
    assert found["tables"]["orders"]["applied"] == GOOD
    assert all(set(each) == set(COUNTS) for each in found["tables"].values())


def test_ledger_says_that_it_balances(filled: Run) -> None:
    """People see the counts by table and source, their sums, and the verdict in words."""
    said = filled("ledger").stdout
    assert "balanced ✓" in said
    assert "orders" in said
    assert "file:events.ndjson" in said
    assert said.count(f"{GOOD + 3}") >= 3


def test_an_imbalance_is_named() -> None:
    """What does not add up is said with both numbers and where."""
    whole = Counts(10, 8, 1, 1, 0)
    short = Counts(10, 7, 1, 1, 0)
    assert imbalances(LedgerAnswer(10, 8, 1, 1, 0, {"a": whole}, {"s": whole})) == []
    found = imbalances(LedgerAnswer(10, 8, 1, 1, 0, {"a": short}, {"s": whole}))
    assert found == [
        "table a: 10 received, 9 accounted for",
        "applied: 8 in all, 7 over the tables",
    ]


def test_tables_json_is_as_promised(filled: Run) -> None:
    """Name, rows, key and columns with type, role, confidence, reason and sensitivity."""
    (table,) = json.loads(filled("tables", "--json").stdout)
    assert {"name", "rows", "key", "columns"} <= set(table)
    assert (table["name"], table["rows"]) == ("orders", GOOD)
    columns = {each["name"]: each for each in table["columns"]}
    assert set(columns["amount"]) == {"name", "type", "role", "confidence", "reason", "sensitive"}
    assert {name: each["role"] for name, each in columns.items()} == {
        "id": "id",
        "amount": "numeric",
        "status": "status",
        "country": "status",
    }


def test_tables_show_columns_when_asked(filled: Run) -> None:
    """Without more, one line a table; with --columns or a name, the roles and why."""
    assert "numeric" not in filled("tables").stdout
    for arguments in (["tables", "--columns"], ["tables", "orders"]):
        said = filled(*arguments).stdout
        assert "numeric" in said
        assert "history up to 2026-01-05" in said


def test_an_unknown_table_names_the_nearest(filled: Run) -> None:
    """A slip of the pen is answered with what was probably meant."""
    assert "did you mean 'orders'" in filled("tables", "ordesr", code=1).stderr


def test_metrics_json_is_as_promised(filled: Run) -> None:
    """Name, table, field, kind, unit, labels, auto and description of each."""
    found = json.loads(filled("metrics", "--json").stdout)
    keys = {"name", "table", "field", "kind", "unit", "labels", "auto", "description"}
    assert all(keys <= set(each) for each in found)
    by_name = {each["name"]: each for each in found}
    assert by_name["orders_amount_sum"]["field"] == "amount"
    assert by_name["orders_amount_sum"]["auto"] is True


def test_metrics_are_grouped_and_found(filled: Run) -> None:
    """Metrics stand under their table; --search and --table narrow them down."""
    lines = [line.strip() for line in filled("metrics").stdout.splitlines()]
    title = lines.index("orders")
    assert any(line.startswith("orders_amount_sum ") for line in lines[title:])
    assert "the whole workspace" in lines
    narrow = filled("metrics", "--table", "orders", "--search", "P99").stdout
    assert "orders_amount_p99" in narrow
    assert "orders_amount_sum" not in narrow
    assert "No such metrics" in filled("metrics", "--search", "zzz").stdout


def test_status_tells_the_state(filled: Run) -> None:
    """People see counts and whether data still comes, in words; programs the same as JSON."""
    said = filled("status").stdout
    assert "1 table · " in said
    assert f"{GOOD} events · 2 quarantined" in said
    assert "history up to 2026-01-05" in said
    found = json.loads(filled("status", "--json").stdout)
    assert (found["events"], found["quarantined"], found["status"]) == (GOOD, 2, "history")


@pytest.mark.parametrize("width", ["40", "200"])
def test_nothing_is_lost_in_a_narrow_terminal(
    filled: Run, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    """However narrow, numbers stay whole and lines stay within the width."""
    monkeypatch.setenv("COLUMNS", width)
    said = filled("ledger").stdout
    assert str(GOOD + 3) in said
    assert max(len(line) for line in said.splitlines()) <= int(width)


def test_no_colour_in_a_pipe(filled: Run) -> None:
    """Into a pipe go no escape sequences."""
    for verb in ("status", "ledger", "tables"):
        assert "\x1b" not in filled(verb).stdout


def test_a_role_is_corrected_and_shown(filled: Run) -> None:
    """--set holds from then on, --mask masks, and what was set is shown and in the JSON."""
    said = filled("tables", "--set", "orders.country=text", "--mask", "orders.status").stdout
    assert "Set by a user." in said
    (table,) = json.loads(filled("tables", "--json").stdout)
    columns = {each["name"]: each for each in table["columns"]}
    assert (columns["country"]["role"], columns["country"]["corrected_by"]) == ("text", "user")
    assert columns["status"]["sensitive"]
    assert "orders_by_country" not in filled("metrics", "--json").stdout
    filled("tables", "--reset", "orders.country", "--reset", "orders.status")
    (table,) = json.loads(filled("tables", "--json").stdout)
    assert not [each for each in table["columns"] if "corrected_by" in each or each["sensitive"]]
    assert "orders_by_country" in filled("metrics", "--json").stdout


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--set", "orders.country"], "it must be TABLE.COLUMN=ROLE", 2),
        (["--set", "orders.country=txt"], "no role 'txt'. Roles: numeric, status", 2),
        (["--set", "ordres.country=text"], "did you mean 'orders'", 1),
        (["--mask", "orders.contry"], "orders: no column 'contry'; did you mean 'country'", 1),
    ],
)
def test_a_wrong_correction_is_refused(
    filled: Run, arguments: list[str], words: str, code: int
) -> None:
    """The fault and the options are named."""
    said = filled("tables", *arguments, code=code).stderr
    assert words in " ".join(said.split())


def test_tables_say_whose_key_it_is() -> None:
    """Key columns with who named them; without a key, what that means."""
    keyed = TableAnswer("a", 1, ["id", "line"], [], key_from="source")
    assert key_words(keyed) == "id, line (source)"
    assert key_words(TableAnswer("a", None, [], [])) == "no key: append-only"
