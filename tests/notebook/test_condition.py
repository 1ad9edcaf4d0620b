"""The level in a condition, read and put anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.notebook.editing.condition import level_of, over_of, with_level

_VALUES = st.floats(1e-3, 1e9, allow_nan=False)
_CONDITIONS = st.sampled_from(
    [
        "> 5",
        "< 5 over 15m",
        "orders_total >= 5",
        "over 2h < 0.5",
        "p99(orders_amount) over 15m > 500",
    ]
)


@pytest.mark.parametrize(
    ("condition", "value", "side", "relative"),
    [
        ("> 70", 70.0, "above", False),
        ("<= 1_000", 1000.0, "below", False),
        ("< 90%", 0.9, "below", False),
        ("> 5m", 300.0, "above", False),
        ("> 200% of baseline", 2.0, "above", True),
        ("< 50% of same_hour_last_week over 1h", 0.5, "below", True),
    ],
)
def test_one_comparison_has_a_level(
    condition: str,
    value: float,
    side: str,
    relative: bool,
) -> None:
    """The number is in the unit of the metric, a percentage of something a share."""
    found = level_of(condition)
    assert found is not None
    assert (found.value, found.side, found.relative) == (value, side, relative)


@pytest.mark.parametrize(
    "condition",
    ["outside band", "no data for 10m", "> 5 and < 9", "not > 5", "change in 1h < -30%", "= 5", ""],
)
def test_others_have_none(condition: str) -> None:
    """What is no single comparison has no level, and is left as it is."""
    assert level_of(condition) is None
    assert with_level(condition, 7) == condition


@given(_CONDITIONS, _VALUES)
def test_a_level_that_is_put_is_read(condition: str, value: float) -> None:
    """The new level is read again, to its last digit; side and width stay."""
    before, after = level_of(condition), level_of(with_level(condition, value))
    assert before is not None
    assert after is not None
    assert after.value == pytest.approx(value, rel=1e-14)
    assert (after.side, after.kind) == (before.side, before.kind)
    assert over_of(with_level(condition, value)) == over_of(condition)


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No text makes it fail."""
    level_of(text)
    over_of(text)
