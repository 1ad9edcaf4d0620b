"""Formulas over metrics, against plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef
from datawatch_lab.metrics.formulas import (
    Reference,
    check_cycles,
    compile_formula,
    metric_of_formula,
    names_in,
    users_of,
)

A = Aggregation


def metric(name: str, labels: tuple[str, ...] = ()) -> MetricDef:
    """A metric of a number."""
    return MetricDef(
        name=name,
        table="orders",
        field="amount",
        kind="distribution",
        unit="",
        labels=labels,
        auto=True,
        description="",
        measure=MeasureKind.VALUE,
    )


KNOWN = {name: metric(name) for name in ("a", "b", "orders_amount_sum", "2024_sum")}


def possible(found: MetricDef) -> Sequence[Aggregation]:
    """The aggregations that the metrics of these tests know."""
    return (A.SUM, A.AVG, A.P95, A.MIN, A.MAX, A.RATE, A.DISTINCT) if found.name != "b" else ()


def work(text: str, **values: float | None) -> float | None:
    """The value of a formula for one bucket."""
    compiled = compile_formula(text, KNOWN, possible)
    given_ = {
        each: np.array([math.nan if values[each.metric] is None else values[each.metric]])
        for each in compiled.references
    }
    found = float(np.broadcast_to(compiled.run(given_), (1,))[0])
    return None if math.isnan(found) else found


@pytest.mark.parametrize(
    ("text", "a", "b", "value"),
    [
        ("a / b", 6, 4, 1.5),
        ("a / b", 6, 0, None),
        ("100 * (a - b) / b", 6, 4, 50),
        ("a - b - 1", 6, 4, 1),
        ("-a + 2 * b", 6, 4, 2),
        ("abs(a - b)", 1, 4, 3),
        ("round(a / b, 2)", 2, 3, 0.67),
        ("round(a)", -2.5, 0, -3),
        ("coalesce(a, b, 0)", None, None, 0),
        ("coalesce(a, b)", None, 4, 4),
        ("nullif(a, b)", 4, 4, None),
        ("min(a, b) + max(a, b)", 6, 4, 10),
        ("a + b", None, 4, None),
        ("max(a, b)", None, 4, None),
    ],
)
def test_what_formulas_mean(text: str, a: float, b: float, value: float | None) -> None:
    """No value anywhere gives none, except where coalesce says otherwise."""
    found = work(text, a=a, b=b)
    assert found == (None if value is None else pytest.approx(value))


def test_an_aggregation_is_asked_for_by_its_name() -> None:
    """``min`` of one metric is its smallest row, of two values the smaller."""
    compiled = compile_formula(
        'p95(a) / avg(a) + min(a) - rate(a) + distinct(a) + "2024_sum"', KNOWN, possible
    )
    assert set(compiled.references) == {
        *(Reference("a", each) for each in (A.P95, A.AVG, A.MIN, A.RATE, A.DISTINCT)),
        Reference("2024_sum"),
    }


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("orders_amuont_sum / b", 0, "did you mean 'orders_amount_sum'"),
        ("a / p95(b)", 8, "possible: none, since it is a formula itself"),
        ("p50(a)", 4, "p50 has no meaning for a"),
        ("p95(a + b)", 0, "takes the name of one metric"),
        ("p95(1)", 0, "takes the name of one metric"),
        ("min(a, b, a)", 0, "cannot be read|takes two values"),
        ("a > b", 0, "not possible"),
        ("a + 'x'", 4, "a text is not possible"),
        ("a +", 2, "cannot be read"),
        ("sqrt(a)", 0, "'sqrt' is not possible"),
        ("1 + 1", 0, "names no metric"),
        ("round(a, b)", 9, "a number of decimals"),
        ("(select a)", 8, "not possible"),
        ("x.a", 0, "the name of a metric is needed"),
    ],
)
def test_a_fault_is_pointed_at(text: str, position: int, message: str) -> None:
    """The place is in the details, and carets stand below it."""
    with pytest.raises(InputError, match=message) as caught:
        compile_formula(text, KNOWN, possible)
    if "|" not in message:
        assert caught.value.details["position"] == position
    assert "^" in caught.value.message


def test_an_unknown_metric_is_not_found() -> None:
    """As the error that an edge answers 404 with."""
    with pytest.raises(NotFoundError):
        compile_formula("nothing", KNOWN, possible)


values = st.none() | st.floats(-1e6, 1e6)


@given(a=values, b=values, c=st.integers(1, 9))
def test_arithmetic_is_that_of_python(a: float | None, b: float | None, c: int) -> None:
    """For every pair of values, with none for none and for a division by zero."""
    expected = None if a is None or b is None or b == 0 else (a - b) * c / b
    if expected is not None and not math.isfinite(expected):
        expected = None
    found = work(f"(a - b) * {c} / b", a=a, b=b)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-12))


def formula(name: str, text: str) -> Formula:
    """A formula."""
    return Formula(name=name, expression=text)


def test_circles_are_refused_however_long() -> None:
    """Two ways to the same formula are no circle."""
    others = {
        each.name: each
        for each in (formula("p", "q + r"), formula("q", "s * 2"), formula("r", "s"))
    }
    check_cycles(formula("s", "a / b"), others)
    with pytest.raises(InputError, match="s → p → q → s"):
        check_cycles(formula("s", "p / b"), others)
    with pytest.raises(InputError, match="s → s"):
        check_cycles(formula("s", "s + 1"), others)


def test_who_uses_a_metric() -> None:
    """By name, also within a function."""
    formulas = {"p": formula("p", "p95(a) + b"), "q": formula("q", "b")}
    assert users_of("a", formulas) == ["p"]
    assert users_of("b", formulas) == ["p", "q"]
    assert names_in(formulas["p"]) == {"a", "b"}


def test_its_labels_are_those_that_all_parts_have() -> None:
    """In the order of the first part; it belongs to a table only when all parts do."""
    known = {"a": metric("a", ("status", "country")), "b": metric("b", ("country", "x", "status"))}
    made = metric_of_formula(formula("p", "a / b"), known)
    assert (made.labels, made.table) == (("status", "country"), "orders")
