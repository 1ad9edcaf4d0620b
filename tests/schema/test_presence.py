"""What rows show of their columns does not depend on how they are cut into windows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.schema_changes import ColumnShape, Kind, SchemaShape, TableShape
from datawatch_lab.schema.inference import read_findings
from datawatch_lab.schema.presence import (
    FIRST_ROWS,
    LEAST_ABSENT,
    Finding,
    TableState,
    Window,
    advance,
    kinds_follow,
)

Rows = Sequence[tuple[str, ...]]


def window(rows: Rows, start: int, times: Sequence[int] | None = None) -> Window:
    """Rows, numbered from ``start``, one a second unless told otherwise."""
    fields = list(dict.fromkeys(rows))
    seq = np.arange(start, start + len(rows), dtype=np.int64)
    at = seq * 1_000_000 if times is None else np.array(times, dtype=np.int64)
    return Window(seq, at, np.array([fields.index(row) for row in rows], np.int64), fields)


def found(rows: Rows, cuts: Sequence[int] = ()) -> tuple[list[Finding], TableState]:
    """Findings of rows that come in windows."""
    state, findings, start = TableState(), [], 0
    for end in [*sorted(cuts), len(rows)]:
        if rows[start:end]:
            findings += advance(state, window(rows[start:end], start + 1))
            state = msgspec.json.decode(msgspec.json.encode(state), type=TableState)  # a restart
        start = end
    return findings, state


STRETCHES = st.lists(
    st.tuples(
        st.sampled_from([("id",), ("id", "a"), ("id", "b"), ("a", "b", "id"), ()]),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(stretches=STRETCHES, data=st.data())
def test_findings_do_not_depend_on_windows(
    stretches: list[tuple[tuple[str, ...], int]], data: st.DataObject
) -> None:
    """The same rows in other windows, with restarts between them, give the same findings."""
    rows = [fields for fields, count in stretches for _ in range(count)]
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=6))
    whole, state = found(rows)
    cut, again = found(rows, cuts)
    key = lambda each: (each.seq, each.what, each.column)  # noqa: E731 — of one line
    assert sorted(cut, key=key) == sorted(whole, key=key)
    assert again == state


def test_a_column_that_comes_is_found_at_its_first_row() -> None:
    """Three rows prove it; it came with the first of them."""
    findings, _ = found([("id",)] * 50 + [("id", "new")] * 3)
    assert [(each.what, each.column, each.seq) for each in findings] == [("came", "new", 51)]


def test_one_row_with_a_strange_field_is_no_new_column() -> None:
    """A slip of one or two rows changes nothing."""
    findings, _ = found([("id",)] * 50 + [("id", "oops")] * 2 + [("id",)] * 50)
    assert findings == []


@pytest.mark.parametrize("missing", [LEAST_ABSENT - 1, LEAST_ABSENT])
def test_a_column_that_goes_is_found_after_enough_rows(missing: int) -> None:
    """Fewer rows may be chance; the moment is that of the first row without it."""
    findings, _ = found([("id", "old")] * 100 + [("id",)] * missing)
    told = [(each.what, each.column, each.seq) for each in findings]
    assert told == ([("went", "old", 101)] if missing == LEAST_ABSENT else [])


def test_a_rare_column_needs_more_rows_to_be_gone() -> None:
    """A field that one row in ten has is not gone after twenty rows without it."""
    rows = ([("id", "rare")] + [("id",)] * 9) * 20
    assert found([*rows, *[("id",)] * 60])[0] == []
    assert [each.what for each in found([*rows, *[("id",)] * 300])[0]] == ["went"]


def test_rows_of_the_past_say_nothing_of_the_present() -> None:
    """An old file that lacks a column does not make it go."""
    state = TableState()
    advance(state, window([("id", "a")] * 100, 1))
    old = window([("id",)] * 200, 101, times=[5] * 200)
    assert advance(state, old) == []
    assert state.rows == 100


def _renamed(old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[Kind, str, float]]:
    findings, state = found([old] * 100 + [new] * LEAST_ABSENT)
    shape = SchemaShape(
        tables={"t": TableShape(columns=tuple(ColumnShape(name=name) for name in old))}
    )
    made = read_findings("t", findings, state, shape, "s")
    return [(each.step.kind, each.step.name, each.confidence) for each in made]


def test_a_column_in_the_place_of_another_is_probably_renamed() -> None:
    """It came when the other went, stands in its place, and has a name like it."""
    told = _renamed(("id", "status", "z"), ("id", "state", "z"))
    assert [each[:2] for each in told] == [
        (Kind.ADD_COLUMN, "state"),
        (Kind.RENAME_COLUMN, "status"),
    ]
    assert 0.7 <= told[1][2] < 1


def test_a_column_of_another_place_and_name_is_not_renamed() -> None:
    """Coming when another goes is not enough."""
    told = _renamed(("status", "id", "z"), ("id", "z", "weight"))
    assert {each[:2] for each in told} == {
        (Kind.ADD_COLUMN, "weight"),
        (Kind.DROP_COLUMN, "status"),
    }


def test_kinds_of_values_change_after_three_of_another() -> None:
    """One text among numbers is a slip, three are another type; integers among numbers are none."""
    state = TableState()
    advance(state, window([("n",)] * (FIRST_ROWS + 20), 1))
    kinds = ["number"] * 5 + ["integer"] * 4 + ["text"] + ["number"] * 3 + ["text"] * 3
    samples = [(i, i * 10, {"n": kind}) for i, kind in enumerate(kinds)]
    assert kinds_follow(state, samples) == [("n", "number", "text", 13, 130)]
