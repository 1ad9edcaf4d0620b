"""Rows of many tables laid out in slots at once are laid out as each field would be alone."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.values import Column, Role
from datawatch_lab.store.live_fitting import Laid, Unlaid, fit_all
from datawatch_lab.store.live_slots import Piece, Slot, is_decimal, joined, split

FIELDS: dict[str, tuple[Any, list[Any], Column]] = {
    "whole": (pl.Int64, [None, 1, 2**60], Column(name="")),
    "double": (pl.Float64, [None, 1.5, 2.0], Column(name="")),
    "truth": (pl.Boolean, [None, True, False], Column(name="")),
    "price": (pl.String, [None, "1.50", "2.25"], Column(name="", type="number")),
    "odd": (pl.String, [None, "1.50", "2", "1e3", "n/a"], Column(name="", type="number")),
    "moment": (
        *(pl.String, [None, "2026-01-01T00:00:00Z", "2026-01-02T03:04:05.5Z"]),
        Column(name="", role=Role.TIMESTAMP),
    ),
    "no moment": (
        *(pl.String, ["2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "x", None]),
        Column(name="", role=Role.TIMESTAMP),
    ),
    "word": (pl.String, [None, "a", "b"], Column(name="")),
    "seems": (pl.String, [None, "1", "2.5", "2026-01-01", "1x"], Column(name="")),
}


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[Unlaid, Unlaid]]:
    """Several tables, each with a first and a second batch of the same fields."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        kinds = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=5))
        columns = [
            Column(name=f"c{place}", type=FIELDS[kind][2].type, role=FIELDS[kind][2].role)
            for place, kind in enumerate(kinds)
        ]
        batches = []
        for size in (draw(st.integers(0, 4)), draw(st.integers(0, 4))):
            values = [
                draw(st.lists(st.sampled_from(FIELDS[kind][1]), min_size=size, max_size=size))
                for kind in kinds
            ]
            rows = [
                pl.Series(column.name, each, dtype=FIELDS[kind][0])
                for column, kind, each in zip(columns, kinds, values, strict=True)
            ]
            batches.append(Unlaid(pl.DataFrame(rows), columns, ()))
        made.append((batches[0], batches[1]))
    return made


def alone(table: Unlaid) -> Laid:
    """Field by field, by what is said of a single one."""
    state: dict[tuple[str, str], Slot] = {(s.field, s.type): s for s in table.slots}
    known = {column.name: column for column in table.columns}
    laid = []
    for values in table.rows:
        scales = {t for field, t in state if field == values.name and is_decimal(t)}
        for piece in split(values, known[values.name], scales):
            slot = state.get((values.name, piece.type)) or new_slot(values.name, piece, state)
            state[values.name, piece.type] = joined(slot, piece)
            laid.append(piece.values.alias(slot.column))
    return Laid(laid, tuple(state.values()))


def new_slot(field: str, piece: Piece, state: dict[tuple[str, str], Slot]) -> Slot:
    """The slot that a piece begins."""
    number = max((slot.number for slot in state.values()), default=0) + 1
    return Slot(number, field, piece.type, piece.exact, piece.decimal, piece.moment)


def same(left: Laid, right: Laid) -> bool:
    """Whether slots and values are the same."""
    pairs = zip(left.columns, right.columns, strict=True)
    return left.slots == right.slots and all(
        a.name == b.name and a.dtype == b.dtype and a.equals(b, null_equal=True) for a, b in pairs
    )


@settings(deadline=None, max_examples=60)
@given(tables())
def test_together_as_alone(drawn: list[tuple[Unlaid, Unlaid]]) -> None:
    """Values, slots and what slots say of their values, also when there were slots before."""
    first = fit_all([each for each, _ in drawn])
    assert all(map(same, first, [alone(each) for each, _ in drawn]))
    again = [
        Unlaid(second.rows, second.columns, laid.slots)
        for (_, second), laid in zip(drawn, first, strict=True)
    ]
    assert all(map(same, fit_all(again), map(alone, again)))


def test_nothing_is_laid_out() -> None:
    """No tables, and a table without rows."""
    assert fit_all([]) == []
    (laid,) = fit_all([Unlaid(pl.DataFrame(), (), ())])
    assert (laid.columns, laid.slots) == ([], ())
