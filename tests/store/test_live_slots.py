"""Typed slots: values of every type go in and come back, and views show the type that holds all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.values import Column, Role
from datawatch_lab.store import DuckStore
from datawatch_lab.store.live_fitting import Unlaid, fit_all
from datawatch_lab.store.live_slots import (
    MOST_SCALES,
    USUAL_MOMENT,
    Slot,
    alike,
    join_slots,
    read_moments,
    split,
)
from datawatch_lab.store.live_views import field_value
from tests.store.live_builders import SHOP, fold_all, put, read, types_of, utc, view, with_columns

NUMBER = Column(name="v", type="number", role=Role.NUMERIC)
WHOLE = Column(name="v", type="integer", role=Role.NUMERIC)
TEXT = Column(name="v")
MOMENT = Column(name="v", role=Role.TIMESTAMP)


def fit_rows(
    rows: pl.DataFrame, columns: Sequence[Column], slots: Sequence[Slot]
) -> tuple[pl.DataFrame, tuple[Slot, ...]]:
    """Rows of one table by slot, and its slots with them."""
    (laid,) = fit_all([Unlaid(rows, columns, slots)])
    return pl.DataFrame(laid.columns), laid.slots


DRIFTS: list[tuple[str, Column, list[tuple[Any, Any]], str, list[Any] | None]] = [
    (
        "wider integer",
        WHOLE,
        [([5], pl.Int64), ([2**100, 7], pl.Int128)],
        "HUGEINT",
        [5, 7, 2**100],
    ),
    ("the widest", WHOLE, [([-(2**127), 2**127 - 1], pl.Int128)], "HUGEINT", None),
    ("fractions", NUMBER, [([5], pl.Int64), ([1.5], pl.Float64)], "DOUBLE", [1.5, 5.0]),
    (
        "an integer that no double holds",
        NUMBER,
        [([2**53 + 1], pl.Int64), ([1.5], pl.Float64)],
        "VARCHAR",
        ["1.5", "9007199254740993"],
    ),
    (
        "decimals of two scales",
        NUMBER,
        [(["12.50", "0.125"], pl.String), ([3], pl.Int64)],
        "DECIMAL(38,3)",
        [Decimal("0.125"), Decimal(3), Decimal("12.5")],
    ),
    (
        "decimals beside doubles",
        NUMBER,
        [(["12.50"], pl.String), ([0.1], pl.Float64)],
        "DOUBLE",
        [0.1, 12.5],
    ),
    (
        "a decimal that no double holds",
        NUMBER,
        [(["1234567890123456.75"], pl.String), ([0.1], pl.Float64)],
        "VARCHAR",
        ["0.1", "1234567890123456.75"],
    ),
    (
        "a number of twenty-five digits",
        NUMBER,
        [(["1234567890123456789012345.5", "1.50"], pl.String)],
        "DECIMAL(38,9)",
        [Decimal("1.5"), Decimal("1234567890123456789012345.5")],
    ),
    (
        "a word among numbers",
        NUMBER,
        [(["12.50", "n/a"], pl.String)],
        "VARCHAR",
        ["12.50", "n/a"],
    ),
    (
        "booleans among numbers",
        NUMBER,
        [([1], pl.Int64), ([True], pl.Boolean)],
        "VARCHAR",
        ["1", "true"],
    ),
    ("codes with zeros in front", TEXT, [(["007", "10"], pl.String)], "VARCHAR", ["007", "10"]),
    (
        "moments, and days alone",
        MOMENT,
        [(["2026-01-01T01:00:00+01:00"], pl.String), (["2026-01-02"], pl.String)],
        "TIMESTAMP",
        [utc(2026, 1, 1), utc(2026, 1, 2)],
    ),
    (
        "a moment that is finer than a microsecond",
        MOMENT,
        [(["2026-01-01T00:00:00.123456789Z"], pl.String), (["2026-01-01 00:00:00"], pl.String)],
        "VARCHAR",
        ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.123456789Z"],
    ),
    (
        "a day that does not exist",
        MOMENT,
        [(["2026-02-30T00:00:00Z"], pl.String)],
        "VARCHAR",
        ["2026-02-30T00:00:00Z"],
    ),
    ("epochs", MOMENT, [([1767225600], pl.Int64)], "BIGINT", [1767225600]),
]


@pytest.mark.parametrize(
    ("column", "batches", "type_", "shown"),
    [case[1:] for case in DRIFTS],
    ids=[case[0] for case in DRIFTS],
)
def test_a_type_that_drifts_loses_no_digit(
    store: DuckStore,
    column: Column,
    batches: list[tuple[list[Any], Any]],
    type_: str,
    shown: list[Any] | None,
) -> None:
    """The view has one type that holds every value, in the delta and in the base."""
    table = with_columns(SHOP, column)
    at = 0
    for values, dtype in batches:
        rows = {(0, at + n): {"v": value} for n, value in enumerate(values)}
        put(store, rows, table, dtypes={"v": dtype})
        at += len(values)
        if at == 1:
            fold_all(store)
    assert types_of(store) == {"v": type_}
    values = [value for (value,) in view(store)]
    assert values == (
        shown if shown is not None else [v for (v,) in zip(batches[0][0], strict=True)]
    )


def test_more_scales_than_slots_are_text_and_still_numbers(store: DuckStore) -> None:
    """The view casts them; what was written comes back digit by digit."""
    table = with_columns(SHOP, NUMBER)
    texts = ["1." + "5" * n for n in range(1, MOST_SCALES + 3)]
    put(store, {(0, n): {"v": text} for n, text in enumerate(texts)}, table)
    assert len(store._live.tables[1].slots) == MOST_SCALES + 1
    assert types_of(store) == {"v": "DECIMAL(38,9)"}
    found = read(store, [(0, n) for n in range(len(texts))], ["v"], table)
    assert [found[0, n] for n in range(len(texts))] == [{"v": text} for text in texts]


def test_moments_are_those_that_exist_with_microseconds() -> None:
    """Everything else stays text."""
    texts = [
        "2026-01-01T12:00:00Z",
        "2026-01-01 12:00:00.5+05:30",
        "2026-01-01T12:00:00",
        "2026-01-01",
        "2026-13-01T12:00:00Z",
        "yesterday",
        None,
    ]
    moments, rest = read_moments(pl.Series("v", texts))
    assert moments.to_list() == [
        utc(2026, 1, 1, 12),
        utc(2026, 1, 1, 6, 30, 0, 500000),
        utc(2026, 1, 1, 12),
        *[None] * 4,
    ]
    assert rest.to_list() == [None, None, None, *texts[3:]]


_VALUES = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Int128: st.integers(-(2**127), 2**127 - 1),
    pl.Float64: st.floats(allow_nan=False, allow_infinity=False),
    pl.Boolean: st.booleans(),
    pl.String: st.one_of(
        st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
        st.decimals(allow_nan=False, allow_infinity=False).map(str),
        st.datetimes(utc(1900, 1, 1), utc(2200, 1, 1)).map(datetime.isoformat),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
        st.sampled_from(["-0", "-0.00", "+1", "1.", ".5", "007", "1e5", " 1", "", "2026-01-01"]),
    ),
}


def _label(value: Any) -> Any:
    """What the metrics make of a value as a label."""
    texts = pl.Series([value], strict=False).cast(pl.String)
    if isinstance(value, float) and abs(value) < 1e15:
        return texts[0].removesuffix(".0")
    return texts[0]


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([NUMBER, WHOLE, TEXT, MOMENT]),
    st.lists(
        st.sampled_from(list(_VALUES)).flatmap(
            lambda dtype: st.tuples(
                st.just(dtype), st.lists(st.none() | _VALUES[dtype], min_size=1, max_size=4)
            )
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_whatever_goes_into_slots_comes_back(column: Column, batches: list[Any]) -> None:
    """As a label and as a number; of moments the moment. No two slots hold the same row's value."""
    slots: tuple[Slot, ...] = ()
    stored, expected = [], []
    for dtype, values in batches:
        given_values = pl.Series("v", values, dtype)
        laid, slots = fit_rows(pl.DataFrame([given_values]), [column], slots)
        held = sum(
            (part.is_not_null().cast(pl.Int64) for part in laid), pl.Series([0] * len(values))
        )
        assert held.to_list() == [int(value is not None) for value in values]
        stored.append(laid if laid.width else pl.DataFrame({"none": [None] * len(values)}))
        expected += given_values.to_list()
    back = join_slots(pl.concat(stored, how="diagonal"), slots, ["v"])["v"]
    for was, now in zip(expected, back.to_list(), strict=True):
        if column is MOMENT and isinstance(was, str):
            assert _moment(now) == _moment(was)
        else:
            assert (was is None) == (now is None)
            assert was is None or _label(now) == _label(was)


def _moment(text: str) -> Any:
    moments, rest = read_moments(pl.Series([text]))
    return moments[0] if moments[0] is not None else rest[0]


def test_a_field_that_is_all_null_takes_no_slot() -> None:
    """Nothing is stored of it."""
    laid, slots = fit_rows(pl.DataFrame({"v": [None, None]}), [TEXT], ())
    assert laid.width == 0
    assert slots == ()


def test_what_a_slot_says_of_its_values_only_gets_weaker() -> None:
    """One misfit is enough, and it is not forgotten."""
    _, slots = fit_rows(pl.DataFrame({"v": ["1.5"]}), [TEXT], ())
    assert slots[0].decimal
    _, slots = fit_rows(pl.DataFrame({"v": ["x"]}), [TEXT], slots)
    _, slots = fit_rows(pl.DataFrame({"v": ["1.5"]}), [TEXT], slots)
    assert [slot.decimal for slot in slots] == [False]
    assert field_value(NUMBER, slots) == "s1"
    assert [piece.type for piece in split(pl.Series(["1.5"]), NUMBER, set())] == ["DECIMAL(18,1)"]


@given(
    st.lists(
        st.from_regex(USUAL_MOMENT, fullmatch=True)
        | st.sampled_from(
            [
                "2026-01-01T00:00:00Z",
                "2026-99-01T00:00:01Z",
                "2026-01-01 00:00:00Z",
                "2026-01-01T00:00:00+",
                "2026-01-01T00:00:00.5Z",
                "2026-01-01T00:00:00.123456Z",
                "2026-01-01T00:00:0٠Z",
                "",
                None,
            ]
        ),
        max_size=3,
    )
)
def test_alike_moments_are_usual_ones(texts: list[str | None]) -> None:
    """None is taken for one that the expression does not know; texts as programs write them are."""
    values = pa.array(texts, pa.large_string())
    for part in (values, values[1:]):
        usual = pc.match_substring_regex(part, USUAL_MOMENT).to_pylist()
        utc = {len(text) for text in part.to_pylist() if text and text.endswith("Z")}
        plain = len(part) > 0 and all(usual) and all(str(text)[-1] == "Z" for text in part)
        assert alike(part) == (plain and len(utc) == 1)
