"""The language of conditions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.alerts.conditions import (
    And,
    Band,
    Change,
    Comparison,
    NoData,
    Or,
    Predicted,
    Relative,
    resolved,
)
from datawatch_lab.alerts.judging import NOTHING, Value, judge
from datawatch_lab.alerts.language import parse_condition
from datawatch_lab.alerts.reading import read_condition
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("> 200% of baseline", "m is above 200 % of its baseline (the median at this hour"),
        ("< 50% of same_hour_last_week", "m is below 50 % of its value at the same hour last week"),
        ("< 90%", "m is below 90 %"),
        ("20% above previous_hour", "m is above 120 % of its value an hour before"),
        ("30% below baseline over 1h", "m over 1 hour is below 70 % of its baseline"),
        ("> 5m", "m is above 5 minutes"),
        ("change in 1h < -30%", "the change of m in 1 hour is below -30 %"),
        ("outside the expected band", "m is outside of what is expected"),
        ("no data for 10m", "m over 10 minutes has no data"),
        ("p99(x) over 15m > 1_000", "x (p99) over 15 minutes is above 1,000"),
        ("> 5 and (x < 3 or not above band)", "m is above 5 and (x is below 3 or it is not so"),
        ("predicted x > 80 in 15m", "x as predicted for 15 minutes from now is above 80"),
    ],
)
def test_a_condition_reads_as_plain_english(text: str, said: str) -> None:
    """Each form of the language is read, and said in one line."""
    assert read_condition(parse_condition(text), "m").startswith(said)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("< 50% of basline", 9, "did you mean 'baseline'?"),
        ("> ", 1, "expected a duration such as 5m or 1h, a number or a percentage"),
        ("> 5 adn < 3", 4, "did you mean 'and'?"),
        ("(> 5", 4, "expected ')'"),
        ("> 5)", 3, "expected the end"),
        ("pp9(x) > 3", 0, "no aggregation 'pp9'; use avg, sum"),
        ("over 1h > 4 over 2h", 17, "'over' is said twice"),
        ("over 1s > 3", 5, "whole minutes"),
    ],
)
def test_a_fault_is_pointed_at(text: str, place: int, said: str) -> None:
    """The error names the character, marks it, and says what was expected."""
    with pytest.raises(InputError) as caught:
        parse_condition(text)
    assert caught.value.details["position"] == place
    assert said in caught.value.message
    assert caught.value.message.splitlines()[-1].index("^") == place + 2


@given(st.text(alphabet="<>=!0159.%smhd()andornotofbaselineover_ xp", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but an InputError comes of any text, and what is read can be said."""
    try:
        condition = parse_condition(text)
    except InputError:
        return
    assert read_condition(condition)


_LEAVES = st.sampled_from(["> 1", "< 3%", "outside band", "no data", "> 20% of baseline"])
_TEXTS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda x: f"({' '.join(x)})"),
        inner.map(lambda x: f"not ({x})"),
    ),
    max_leaves=6,
)


@given(_TEXTS, st.sampled_from([NOTHING, Value(2.0, 1.0, 3.0), Value(5.0, 1.0, 3.0)]))
def test_logic_is_three_valued(text: str, value: Value) -> None:
    """Not known stays not known unless the known part decides: as Kleene says."""
    condition = parse_condition(text)

    def expected(each: object) -> bool | None:
        if isinstance(each, And | Or):
            parts = [expected(part) for part in each.parts]
            deciding = isinstance(each, Or)
            if deciding in parts:
                return deciding
            return None if None in parts else not deciding
        if isinstance(each, Comparison | Relative | Change | Band | NoData):
            return judge(each, lambda _: value).holds
        inner = expected(each.part)  # type: ignore[attr-defined]  # a Not
        return None if inner is None else not inner

    assert judge(condition, lambda _: value).holds == expected(condition)


@pytest.mark.parametrize(
    ("text", "unit", "number", "said"),
    [
        ("> 1ms", "s", 0.001, "m over 5 minutes is above 1 ms"),
        ("> 1ms", "ms", 1, "m over 5 minutes is above 1 ms"),
        ("> 2s", "ms", 2_000, "m over 5 minutes is above 2 seconds"),
        ("> 1500", "ms", 1_500, "m over 5 minutes is above 1.5 seconds"),
        ("> 90", "s", 90, "m over 5 minutes is above 90 seconds"),
        ("> -3", "s", -3, "m over 5 minutes is above -3 seconds"),
        ("< 90%", "ratio", 0.9, "m over 5 minutes is below 90 %"),
        ("< 0.9", "ratio", 0.9, "m over 5 minutes is below 90 %"),
        ("< 90%", "%", 90, "m over 5 minutes is below 90 %"),
        ("> 12", "EUR", 12, "m over 5 minutes is above 12 EUR"),
        ("> 12", "1", 12, "m over 5 minutes is above 12"),
        ("> 12", "", 12, "m over 5 minutes is above 12"),
        ("> 3", "1/min", 3, "m over 5 minutes is above 3 a minute"),
        ("count(m) > 3", "s", 3, "m (count) over 5 minutes is above 3"),
        ("change in 1h > 2s", "ms", 2_000, "the change of m over 5 minutes in 1 hour is above 2 s"),
        ("change in 1h > 20%", "s", 20, "the change of m over 5 minutes in 1 hour is above 20 %"),
        ("predicted > 80 in 15m", "%", 80, "m as predicted for 15 minutes from now is above 80 %"),
    ],
)
def test_a_number_is_read_with_the_unit_of_its_metric(
    text: str, unit: str, number: float, said: str
) -> None:
    """It is decided in that unit and said with it, whatever unit it was written in."""
    metric = MetricDef(
        name="m",
        table="t",
        field="f",
        kind="gauge",
        unit=unit,
        labels=(),
        auto=True,
        description="",
        measure=MeasureKind.CHANGES,
        aggregation=Aggregation.AVG,
    )
    clause = resolved(parse_condition(text), "m", "", lambda _: metric)
    assert isinstance(clause, Comparison | Change | Predicted)
    assert clause.number == number
    assert read_condition(clause).replace(" (avg)", "").startswith(said)


def test_widths_and_numbers() -> None:
    """`over` may stand before or after; percentages and durations keep their unit."""
    before, after = parse_condition("over 1h > 5m"), parse_condition("> 5m over 1h")
    assert before == after
    assert isinstance(before, Comparison)
    assert (before.number, before.unit, before.subject.over) == (300.0, "s", timedelta(hours=1))
