"""Expressions of users against a plain evaluation, row by row, with SQL's rules written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.values import Column, Role
from datawatch_lab.metrics.expressions import (
    compile_expression,
    compile_filter,
    kinds_of,
    rows_of,
    work_out,
)
from datawatch_lab.metrics.images import Frame
from tests.metrics.changes import frame_of

KINDS = {
    "amount": "number",
    "quantity": "number",
    "status": "text",
    "note": "text",
    "paid": "boolean",
    "meta": "json",
    "made": "text",
}


def work(text: str, *rows: Mapping[str, Any] | None) -> list[Any]:
    """Values of an expression over some rows; None for a row is an event without an image."""
    held = [row for row in rows if row is not None]
    frame = Frame(frame_of(held))
    at = np.cumsum([row is not None for row in rows]) - 1
    at = np.where([row is not None for row in rows], at, -1)
    expression = compile_expression(text, KINDS, table="orders")
    return work_out(rows_of(frame, at, expression.used), expression).column.to_list()


# ---------------------------------------------------------------- a plain evaluator of trees


def tree_number(depth: int) -> st.SearchStrategy[Any]:
    """Trees of number expressions: (operator, parts …), ("col", name), ("lit", text)."""
    leaf = st.sampled_from([("col", "amount"), ("col", "quantity")]) | st.sampled_from(
        ["0", "1", "2", "0.5", "10", "0.125"]
    ).map(lambda text: ("lit", text))
    if depth == 0:
        return leaf
    below = tree_number(depth - 1)
    return st.one_of(
        leaf,
        st.tuples(st.sampled_from(["+", "-", "*", "/"]), below, below),
        st.tuples(st.sampled_from(["abs", "neg", "floor", "ceil", "round"]), below),
        st.tuples(st.sampled_from(["coalesce", "nullif", "greatest", "least"]), below, below),
        st.tuples(st.just("case"), tree_truth(depth - 1), below, below),
    )


def tree_truth(depth: int) -> st.SearchStrategy[Any]:
    """Trees of conditions."""
    simple = st.one_of(
        st.just(("bool", "paid")),
        st.tuples(st.just("isnull"), st.sampled_from(["amount", "status", "paid", "meta"])),
        st.tuples(st.just("text="), st.sampled_from(["status", "note"]), st.sampled_from("abc")),
        st.tuples(st.just("in"), st.sampled_from(["status", "note"]), st.sampled_from("abc")),
    )
    if depth == 0:
        return simple
    below = tree_truth(depth - 1)
    compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    return st.one_of(
        simple,
        st.tuples(compare, tree_number(depth - 1), tree_number(depth - 1)),
        st.tuples(st.sampled_from(["and", "or"]), below, below),
        st.tuples(st.just("not"), below),
    )


def sql(tree: Any) -> str:  # noqa: PLR0911 — a table of operators
    """A tree as the user would write it."""
    op, *parts = tree
    if op in ("col", "lit", "bool"):
        return str(parts[0])
    if op == "isnull":
        return f"{parts[0]} is null"
    if op == "text=":
        return f"{parts[0]} = '{parts[1]}'"
    if op == "in":
        return f"{parts[0]} in ('{parts[1]}', 'z')"
    made = [sql(part) for part in parts]
    if op == "case":
        return f"case when {made[0]} then {made[1]} else {made[2]} end"
    if op == "not":
        return f"(not {made[0]})"
    if op == "neg":
        return f"(-({made[0]}))"
    if op == "round":
        return f"round({made[0]}, 2)"
    if op.isalpha() and op not in ("and", "or"):
        return f"{op}({', '.join(made)})"
    return f"({made[0]} {op} {made[1]})"


def plain(tree: Any, row: Mapping[str, Any]) -> Any:  # noqa: PLR0911 — a table of operators
    """The value of a tree for a row, exactly; None is null."""
    op, *parts = tree
    match op:
        case "lit":
            return Fraction(parts[0])
        case "col":
            return None if row.get(parts[0]) is None else Fraction(str(row[parts[0]]))
        case "bool":
            return row.get(parts[0])
        case "isnull":
            return row.get(parts[0]) is None
        case "text=":
            return None if row.get(parts[0]) is None else row[parts[0]] == parts[1]
        case "in":
            return None if row.get(parts[0]) is None else row[parts[0]] in (parts[1], "z")
        case "case":
            return plain(parts[1 if plain(parts[0], row) else 2], row)
        case "and" | "or":
            return _kleene(op, plain(parts[0], row), plain(parts[1], row))
        case "not":
            value = plain(parts[0], row)
            return None if value is None else not value
    return _arithmetic(op, [plain(part, row) for part in parts])


def _kleene(op: str, left: bool | None, right: bool | None) -> bool | None:
    decides = op == "or"
    if decides in (left, right):
        return decides
    return None if None in (left, right) else not decides


def _arithmetic(op: str, values: list[Any]) -> Any:  # noqa: C901, PLR0911 — a table
    if op in ("greatest", "least"):
        known = [value for value in values if value is not None]
        return (max if op == "greatest" else min)(known, default=None)
    if op == "coalesce":
        return next((value for value in values if value is not None), None)
    if op == "nullif":
        return None if values[0] == values[1] else values[0]
    if None in values:
        return None
    left, right = values[0], values[-1]
    match op:
        case "/":
            return None if right == 0 else left / right
        case "abs":
            return abs(left)
        case "neg":
            return -left
        case "floor":
            return Fraction(math.floor(left))
        case "ceil":
            return Fraction(math.ceil(left))
        case "round":
            size = Fraction(math.floor(abs(left) * 100 + Fraction(1, 2)), 100)
            return size if left >= 0 else -size
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "=": lambda: left == right,
        "<>": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }[op]()


def divides(tree: Any) -> bool:
    """Whether a tree has a division, so that doubles decide and not exact values."""
    return tree[0] == "/" or any(divides(part) for part in tree[1:] if isinstance(part, tuple))


ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "amount": st.none() | st.decimals(-50, 50, places=2).map(str),
            "quantity": st.none() | st.integers(-3, 9),
            "status": st.none() | st.sampled_from("abc"),
            "note": st.none() | st.sampled_from("abz"),
            "paid": st.none() | st.booleans(),
            "meta": st.none() | st.just({"a": 1}),
        },
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(tree=tree_number(3).filter(lambda tree: not divides(tree)), rows=ROWS)
def test_numbers_are_exact(tree: Any, rows: list[dict[str, Any]]) -> None:
    """Without a division every value is the nearest double of the exact one, also in conditions."""
    text = sql(tree)
    try:
        found = work(text, *rows)
    except InputError as error:
        assert "names no column" in error.message  # noqa: PT017 — a tree of constants
        return
    exact = [plain(tree, row) for row in rows]
    assert found == [None if value is None else pytest.approx(float(value)) for value in exact]
    short = [
        (value, float(whole))
        for value, whole in zip(found, exact, strict=True)
        if whole is not None and abs(whole) < 10**6 and (whole * 10**9).denominator == 1
    ]
    assert all(value == whole for value, whole in short)


@settings(max_examples=50, deadline=None)
@given(
    left=st.decimals(-99, 99, places=2), right=st.decimals(-9, 9, places=2), third=st.integers(1, 9)
)
def test_divisions_are_real_quotients(left: Decimal, right: Decimal, third: int) -> None:
    """Exact where nine decimals hold them, else those of doubles; by zero they are null."""
    row = {"amount": str(left), "quantity": str(right)}
    for text, divisor in (("quantity", Fraction(right)), (str(third), Fraction(third))):
        (found,) = work(f"amount / {text}", row)
        if divisor == 0:
            assert found is None
            continue
        exact = Fraction(left) / divisor
        is_short = (exact * 10**9).denominator == 1
        assert found == (float(exact) if is_short else float(left) / float(divisor))


@settings(max_examples=60, deadline=None)
@given(tree=tree_truth(3).filter(lambda tree: not divides(tree)), rows=ROWS)
def test_conditions_are_three_valued(tree: Any, rows: list[dict[str, Any]]) -> None:
    """Null is neither true nor false, through and, or, not and comparisons."""
    frame = Frame(frame_of(rows))
    condition = compile_filter(sql(tree), KINDS)
    read = rows_of(frame, np.arange(len(rows)), condition.used)
    assert work_out(read, condition).column.to_list() == [plain(tree, row) for row in rows]


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        ("amount * 3 = 0.3", {"amount": "0.1"}, True),
        ("amount % 3", {"amount": "-7.5"}, -1.5),
        ("amount % 0", {"amount": "7"}, None),
        ("round(amount)", {"amount": "-2.5"}, -3.0),
        ("sqrt(amount)", {"amount": "-1"}, None),
        ("ln(amount)", {"amount": "0"}, None),
        ("power(amount, 400)", {"amount": "10"}, None),
        ("quantity", {"quantity": "12"}, 12.0),
        ("amount", {"amount": "n/a"}, None),
        ("status || '!'", {"status": "a"}, "a!"),
        ("lower(status) || upper(status)", {"status": "aB"}, "abAB"),
        ("trim(status)", {"status": "  a "}, "a"),
        ("length(status)", {"status": "größe"}, 5.0),
        ("status like 'a_c%'", {"status": "abcd"}, True),
        ("status like 'a.c'", {"status": "abc"}, False),
        ("status ilike 'A%'", {"status": "abc"}, True),
        ("status not like 'a%'", {"status": None}, None),
        ("starts_with(status, 'ab') and ends_with(status, 'c')", {"status": "abc"}, True),
        ("contains(status, '.')", {"status": "abc"}, False),
        ("status not in ('a', null)", {"status": "b"}, None),
        ("status in ('a', note)", {"status": "b", "note": "b"}, True),
        ("amount between 1 and 2", {"amount": "2"}, True),
        ("paid is true", {"paid": None}, False),
        ("paid is not true", {"paid": None}, True),
        ("amount is distinct from quantity", {"amount": None, "quantity": 1}, True),
        ("case when paid then 'yes' end", {"paid": False}, None),
        ("if(paid, 1, 2)", {"paid": True}, 1.0),
        ("epoch(made)", {"made": "2026-01-01T00:00:00Z"}, 1767225600.0),
        ("orders.amount", {"amount": 1}, 1.0),
        ('"AMOUNT" is null or Amount > 0', {"amount": 1}, None),
        ("meta is not null", {"meta": {"a": 1}}, True),
        ("paid", {"paid": "f"}, False),
    ],
)
def test_what_expressions_mean(text: str, row: dict[str, Any], value: Any) -> None:
    """One line each; the last words of a case are what SQL says."""
    if '"AMOUNT"' in text:
        with pytest.raises(NotFoundError, match="no column 'AMOUNT'"):
            work(text, row)
        return
    assert work(text, row) == [value]


def test_a_row_without_an_image_is_all_null() -> None:
    """A delete may come without one."""
    assert work("amount", {"amount": 1}, None, {"amount": 2}) == [1.0, None, 2.0]
    assert work("amount is null", None) == [True]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("amuont * quantity", 0, "did you mean 'amount'"),
        ("amount + status", 9, "a number is needed; this is a text"),
        ("amount > 1 and status = 5", 24, "this is a number, beside a text"),
        ("amount and paid", 0, "a boolean is needed"),
        ("amount *", 7, "cannot be read"),
        ("amount quantity", 7, "an operator is missing"),
        ("sum(amount)", 0, "'sum' is not possible"),
        ("read_csv('x')", 0, "not possible"),
        ("(select 1)", 8, "not possible"),
        ("amount::integer", 0, "'cast' is not possible"),
        ("meta = '1'", 0, "only be tested with is null"),
        ("round(amount, quantity)", 14, "round takes a number of decimals"),
        ("status like note", 12, "like takes a text in quotes"),
        ("epoch('2026')", 6, "epoch takes a column"),
        ("getenv('HOME')", 0, "not possible"),
        ("payments.amount", 0, "only columns of orders"),
        ("1 + 1", 0, "names no column"),
    ],
)
def test_a_fault_is_pointed_at(text: str, position: int, message: str) -> None:
    """The error has the place, and a line of carets below it."""
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as caught:
        compile_expression(text, KINDS, table="orders")
    assert caught.value.details["position"] == position
    line, carets = caught.value.message.rstrip("\n").split("\n")[-2:]
    assert line == f"  {text}"
    assert carets.index("^") == 2 + position


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a; b", "select 1; drop table x", "(" * 900 + "amount" + ")" * 900, "x" * 2001],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """Also where it would take the parser too deep."""
    with pytest.raises(InputError):
        compile_expression(text, KINDS)


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="ab01 .,+-*/%()'\"=<>|;:[]{}\\\n\tandornotinis", max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """Never another error."""
    try:
        compile_expression(text, {"a": "number", "b": "text"})
    except InputError:
        return


def test_a_long_expression_is_worked_out_step_by_step() -> None:
    """Its parts are not worked out again for each use."""
    text = " + ".join(["amount * quantity"] * 60)
    assert work(text, {"amount": "1.5", "quantity": 2}) == [180.0]


def test_types_come_from_type_and_role() -> None:
    """Decimals in a text column with the role numeric are numbers."""
    columns = [
        Column(name="a", type="text", role=Role.NUMERIC),
        Column(name="b", type="integer", role=Role.ID),
        Column(name="c", type="boolean"),
        Column(name="d", type="json"),
        Column(name="e", type="text"),
    ]
    assert list(kinds_of(columns).values()) == ["number", "number", "boolean", "json", "text"]
