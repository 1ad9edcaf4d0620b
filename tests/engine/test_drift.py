"""Tables that change their shape while events come: live tables follow, no digit is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.laboratory import NOW, Laboratory
from tests.oracle.histories import Row
from tests.oracle.live import row_differences, same

KEYS = {"items": ("id",)}
LITERALS = (
    *("0", "-7", "9007199254740993", "9223372036854775807", "9223372036854775808"),
    *("-170141183460469231731687303715884105728", "1" + "0" * 45, "0.1", "12.50", "1e300"),
    *("123456789012345678901234567890.123456789", "0.30000000000000004", "true", "null"),
    *('"12.345678901234567890123456789"', '"007"', '"n/a"', '""', '"2026-01-01"', '"İß🙂"'),
    *('{"a":[1,{"b":null}]}', "[1,2.50]", '"1e400"', '"NaN"'),
)
"""Values as JSON text: what they are must come out again, whatever stands in their column."""


def event(number: int, op: str, row: str, **more: Any) -> bytes:
    """A change of a row that is given as JSON text, so that its digits stay as they are."""
    head = {
        "id": f"e{number}",
        "table": "items",
        "type": op,
        "timestamp": (NOW - timedelta(hours=2) + timedelta(seconds=number)).isoformat(),
    }
    text = json.dumps(head | more)
    return f'{text[:-1]}, "after": {row}}}'.encode()


def versions(column: Sequence[str], start: int = 1) -> list[bytes]:
    """An insert per value of a column ``v``."""
    return [
        event(number, "INSERT", f'{{"id": {number}, "v": {value}}}')
        for number, value in enumerate(column, start)
    ]


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Laboratory]:
    """A new workspace."""
    made = Laboratory(tmp_path / "w.duckdb", KEYS)
    yield made
    made.close()


def check(laboratory: Laboratory, *, table: str = "items") -> list[Row]:
    """The live table is the oracle's, now and after reopening and compaction; gives its rows."""
    acts: tuple[Callable[[], None], ...] = (laboratory.restart, laboratory.compact)
    for act in (None, *acts):
        if act:
            act()
        found = laboratory.live(table)
        wrong = row_differences(laboratory.replayed(table), found, laboratory.keys[table])
        assert not wrong, wrong[:5]
    return found


def test_a_new_field_is_null_where_it_was_not_yet(laboratory: Laboratory) -> None:
    """A missing one stays in the table; updates leave it as it was."""
    laboratory.feed([event(1, "INSERT", '{"id": 1, "a": 5}')])
    laboratory.feed([event(2, "INSERT", '{"id": 2, "b": "x"}'), event(3, "UPDATE", '{"id": 1}')])
    rows = check(laboratory)
    assert sorted((row["id"], row["a"], row["b"]) for row in rows) == [(1, 5, None), (2, None, "x")]


def test_a_field_without_a_name_is_a_field(laboratory: Laboratory) -> None:
    """JSON allows the empty name; SQL does not, so its column is called ``_``."""
    laboratory.feed(
        [
            event(1, "INSERT", '{"id": 1, "": 1}'),
            event(2, "INSERT", '{"id": 2, "": 2, "v": 1}'),
            event(3, "UPDATE", '{"id": 1, "": 3}'),
            event(4, "DELETE", "null", before={"id": 2}),
        ]
    )
    laboratory.compact()
    assert [(row["id"], row["_"], row["v"]) for row in laboratory.live("items")] == [(1, 3, None)]


def test_integers_widen_without_a_rounded_digit(laboratory: Laboratory) -> None:
    """From 64 bits to 128, to decimals, to text; one batch each, old rows unchanged."""
    steps = ("1", "9223372036854775807", "18446744073709551617", "1.25", '"twelve"', "true")
    for number, value in enumerate(steps, 1):
        laboratory.feed(versions([value], number))
        check(laboratory)


def test_the_type_of_a_column_is_kept_where_it_can_be(laboratory: Laboratory) -> None:
    """Numbers stay numbers to SQL as long as every value is one."""
    laboratory.feed(versions(["1", "2"]))
    assert laboratory.sql("SELECT sum(v) AS s FROM live.items")[0]["s"] == 3
    laboratory.feed(versions(["18446744073709551617"], 3))
    assert laboratory.sql("SELECT max(v) AS s FROM live.items")[0]["s"] == 2**64 + 1
    laboratory.feed(versions(["0.5"], 4))
    assert same(laboratory.sql("SELECT min(v::DOUBLE) AS s FROM live.items")[0]["s"], 0.5)
    check(laboratory)


def test_decimals_in_text_are_numbers(laboratory: Laboratory) -> None:
    """They can be added up in SQL, exactly."""
    rows = [f'{{"id": {n}, "amount": "{n}.{n:03}"}}' for n in range(1, 41)]
    laboratory.feed([event(n, "INSERT", row) for n, row in enumerate(rows, 1)])
    (found,) = laboratory.sql("SELECT sum(amount) AS s FROM live.items")
    total = sum((Decimal(f"{n}.{n:03}") for n in range(1, 41)), Decimal(0))
    assert float(found["s"]) == pytest.approx(float(total), rel=1e-15)
    check(laboratory)


def test_digits_that_mean_something_stay(laboratory: Laboratory) -> None:
    """Leading zeros, trailing zeros of texts, and ids that look like numbers are kept as text."""
    values = ['"007"', '"0123"', '"1.50"', '"+49"', '"1e5"', '"abc"']
    laboratory.feed(versions(values))
    found = {row["id"]: row["v"] for row in laboratory.live("items")}
    assert [str(found[n]) for n in range(1, 7)] == [json.loads(value) for value in values]


def test_an_incompatible_value_changes_no_other(laboratory: Laboratory) -> None:
    """An object among numbers, a text among booleans: each is still what it was."""
    laboratory.feed(versions(["1", "2.5"]))
    laboratory.feed(versions(['{"a": 1}', "true", '"x"', "null"], 3))
    laboratory.feed([event(9, "UPDATE", '{"id": 1, "v": [1, 2]}')])
    check(laboratory)


def test_new_values_of_an_enumeration_are_counted(laboratory: Laboratory) -> None:
    """Rows by state follow, whenever the value appeared."""
    states = ["open", "done"] * 20
    rows = [f'{{"id": {n}, "status": "{state}"}}' for n, state in enumerate(states, 1)]
    laboratory.feed([event(n, "INSERT", row) for n, row in enumerate(rows, 1)])
    laboratory.feed([event(50, "UPDATE", '{"id": 1, "status": "lost"}')])
    check(laboratory)
    wrong = laboratory.metric_differences(
        laboratory.oracle({"items": {"key": ("id",), "status": ("status",)}})
    )
    assert not wrong, wrong[:5]


def test_tables_of_one_name_in_two_schemas_stay_apart(tmp_path: Path) -> None:
    """Each has its own rows under the same keys."""
    laboratory = Laboratory(tmp_path / "w.duckdb", {})
    try:
        for place, schema in enumerate(("public", "archive")):
            laboratory.feed(
                [
                    event(n, "INSERT", f'{{"id": {n}, "at": "{schema}"}}', schema=schema)
                    for n in range(1 + place, 6)
                ]
            )
        laboratory.feed([event(9, "UPDATE", '{"id": 2, "at": "moved"}', schema="archive")])
        found = {
            table.name: sorted((row["id"], row["at"]) for row in laboratory.live(table.name))
            for table in laboratory.engine.tables()
        }
    finally:
        laboratory.close()
    assert found == {
        "items": [(n, "public") for n in range(1, 6)],
        "archive_items": [(2, "moved"), *((n, "archive") for n in range(3, 6))],
    }


def test_names_that_differ_by_case_are_different_fields(laboratory: Laboratory) -> None:
    """Both are in the table, none takes the other's values."""
    laboratory.feed([event(1, "INSERT", '{"id": 1, "Code": "A", "code": "b"}')])
    laboratory.feed([event(2, "UPDATE", '{"id": 1, "code": "c"}')])
    (row,) = laboratory.live("items")
    assert sorted(row) == ["Code", "code_2", "id"]
    assert (row["Code"], row["code_2"]) == ("A", "c")


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from("vw"), st.sampled_from(LITERALS)),
        min_size=1,
        max_size=14,
    ),
    st.integers(1, 5),
)
def test_any_value_may_follow_any_other(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, str, str]], size: int
) -> None:
    """Rows keep the values they were given, however the types of a column clash."""
    laboratory = Laboratory(tmp_path_factory.mktemp("drift") / "w.duckdb", KEYS)
    lines = [
        event(number, "UPDATE", f'{{"id": {key}, "{name}": {value}}}')
        for number, (key, name, value) in enumerate(changes, 1)
    ]
    try:
        for at in range(0, len(lines), size):
            laboratory.feed(lines[at : at + size])
        check(laboratory)
    finally:
        laboratory.close()
