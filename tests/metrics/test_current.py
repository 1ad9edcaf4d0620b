"""Measures of the current state, against transitions added up one by one in plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import Transitions
from datawatch_lab.core.values import MeasureKind, Role
from datawatch_lab.metrics.book import OTHER, SeriesBook
from datawatch_lab.metrics.catalogue import reconcile
from datawatch_lab.metrics.current import CURRENT, derive_current
from tests.metrics.changes import table_of

START = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = table_of({"id": Role.ID, "amount": Role.NUMERIC, "status": Role.STATUS})
MEASURES = [each for each in reconcile([TABLE], [])[0] if each.kind in CURRENT]
Key = tuple[MeasureKind, tuple[tuple[str, str], ...], datetime]


class Move(NamedTuple):
    """One transition; a row is (status, amount), None for no row."""

    second: int
    seq: int
    weight: int
    old: tuple[str | None, str | None] | None
    new: tuple[str | None, str | None] | None


rows = st.none() | st.tuples(
    st.sampled_from(["new", "paid", "sent", None]),
    st.none() | st.decimals(-(10**6), 10**6, places=2).map(str),
)
moves = st.lists(
    st.builds(Move, st.integers(0, 5), st.just(0), st.sampled_from([1, 1, 1, -1]), rows, rows),
    max_size=20,
).map(lambda found: [move._replace(seq=place) for place, move in enumerate(found, 1)])


def transitions(found: Sequence[Move]) -> Transitions:
    """Moves as the engine hands them over."""

    def side(images: Sequence[tuple[str | None, str | None] | None]) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "status": [image[0] if image else None for image in images],
                "amount": [image[1] if image else None for image in images],
            },
            schema={"status": pl.String, "amount": pl.String},
        )

    steps = pl.DataFrame(
        [
            (
                START + timedelta(seconds=m.second),
                m.seq,
                m.weight,
                m.old is not None,
                m.new is not None,
            )
            for m in found
        ],
        schema={
            "at": pl.Datetime("us", "UTC"),
            "seq": pl.Int64,
            "weight": pl.Int64,
            "had": pl.Boolean,
            "has": pl.Boolean,
        },
        orient="row",
    )
    return Transitions(steps, side([m.old for m in found]), side([m.new for m in found]))


def _state(row: tuple[str | None, str | None]) -> str:
    return "(null)" if row[0] is None else row[0]


def rows_of(move: Move) -> Iterator[tuple[MeasureKind, tuple[tuple[str, str], ...], Decimal]]:
    """The rows that one transition brings, by kind and labels."""
    old, new = move.old, move.new
    if (old is None) != (new is None):
        yield MeasureKind.ROWS, (), Decimal(1 if new else -1)
    before, after = (None if row is None else _state(row) for row in (old, new))
    if before != after:
        if before is not None:
            yield MeasureKind.STATE, (("status", before),), Decimal(-1)
        if after is not None:
            yield MeasureKind.STATE, (("status", after),), Decimal(1)
        if before is not None and after is not None:
            yield MeasureKind.TRANSITION, (("from", before), ("to", after)), Decimal(1)
    amounts = [row[1] if row else None for row in (old, new)]
    if any(amount is not None for amount in amounts):
        yield MeasureKind.NET, (), Decimal(amounts[1] or 0) - Decimal(amounts[0] or 0)


def expected(found: Sequence[Move]) -> dict[Key, tuple[int, Decimal]]:
    """Rows and exact sum by kind, labels and second."""
    totals: dict[Key, tuple[int, Decimal]] = {}
    for move in found:
        for kind, labels, value in rows_of(move):
            key = (kind, labels, START + timedelta(seconds=move.second))
            n, total = totals.get(key, (0, Decimal(0)))
            totals[key] = (n + move.weight, total + move.weight * value)
    return {key: pair for key, pair in totals.items() if pair != (0, Decimal(0))}


def derived(parts: Sequence[Sequence[Move]]) -> dict[Key, tuple[int, Decimal]]:
    """The same from partial states, merged."""
    book = SeriesBook()
    totals: dict[Key, tuple[int, Decimal]] = {}
    for part in parts:
        appends = derive_current(transitions(part), MEASURES, book)
        names = {each.id: (m.kind, each.labels) for m in MEASURES for each in book.of(m.id)}
        for row in pl.DataFrame(appends.partials).iter_rows(named=True):
            key = (*names[row["series"]], row["bucket"].replace(tzinfo=UTC))
            n, total = totals.get(key, (0, Decimal(0)))
            totals[key] = (n + row["n"], total + row["exact"])
            assert math.isclose(row["sum"], row["exact"], abs_tol=1e-6)
    return {key: pair for key, pair in totals.items() if pair != (0, Decimal(0))}


@settings(max_examples=50, deadline=None)
@given(moves, st.integers(0, 20))
def test_partial_states_are_transitions_added_up(found: list[Move], cut: int) -> None:
    """Rows, states, transitions and net change, in any batching, taken back ones subtracted."""
    assert derived([found[:cut], found[cut:]]) == expected(found)


def test_what_is_taken_back_leaves_nothing() -> None:
    """A transition and the same with weight -1 come to no rows and no sum."""
    move = Move(1, 1, 1, ("new", "1.5"), ("paid", "2"))
    assert derived([[move], [move._replace(weight=-1)]]) == {}


def test_pairs_beyond_the_limit_share_one_series() -> None:
    """No more label sets than allowed are made; the rest is counted in one."""
    book = SeriesBook(max_label_sets=2)
    chain: list[Any] = ["a", "b", "c", "d", "e"]
    found = [
        Move(1, seq, 1, (old, None), (new, None))
        for seq, (old, new) in enumerate(pairwise(chain), 1)
    ]
    derive_current(transitions(found), MEASURES, book)
    measure = next(each for each in MEASURES if each.kind is MeasureKind.TRANSITION)
    assert [dict(each.labels) for each in book.of(measure.id)] == [
        {"from": "a", "to": "b"},
        {"from": "b", "to": "c"},
        {"from": OTHER, "to": OTHER},
    ]


def test_nothing_comes_of_nothing() -> None:
    """No transitions, no states and no series."""
    book = SeriesBook()
    assert derive_current(transitions([]), MEASURES, book).partials.num_rows == 0
    assert book.pending == ()
