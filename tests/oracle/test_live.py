from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.live import (
    Live,
    appended,
    net_steps,
    replay,
    row_differences,
    row_steps,
    same,
    state_steps,
    transition_steps,
)
from tests.oracle.reading import Applied, Judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def change(order: int, at: int, op: str, after: Any = None, before: Any = None, **more: Any) -> Any:
    """An applied change of orders."""
    return Applied(order, at, "orders", op, before, after, **more)


def rows(*events: Applied, ordered: bool = False) -> dict[str, Any]:
    """Current rows by id, after a replay."""
    live = replay(events, ["id"], ordered=ordered)
    return {key[0]: dict(row) for key, row in live.rows.items()}


def test_an_update_lays_its_fields_over_the_row() -> None:
    """A missing field keeps its value, a null one becomes null."""
    assert rows(
        change(1, 1, "INSERT", {"id": 1, "a": 1, "b": 2}),
        change(2, 2, "UPDATE", {"id": 1, "a": None, "c": 3}),
    ) == {"1": {"id": 1, "a": None, "b": 2, "c": 3}}


def test_an_insert_replaces_the_whole_row() -> None:
    """So does a row of a snapshot."""
    for op in ("INSERT", "SNAPSHOT"):
        assert rows(
            change(1, 1, "INSERT", {"id": 1, "a": 1, "b": 2}), change(2, 2, op, {"id": 1, "a": 5})
        ) == {"1": {"id": 1, "a": 5}}


def test_order_is_event_time_then_position_then_arrival() -> None:
    """Whatever came first; an ordered source goes by arrival alone."""
    first = change(3, 1, "INSERT", {"id": 1, "a": "first"})
    low = change(2, 2, "UPDATE", {"id": 1, "a": "low"}, position=(7, 0))
    high = change(1, 2, "UPDATE", {"id": 1, "a": "high"}, position=(7, 1))
    last = change(4, 2, "UPDATE", {"id": 1, "b": "tie"}, position=(7, 1))
    assert rows(last, low, high, first) == {"1": {"id": 1, "a": "high", "b": "tie"}}
    assert rows(first, low, high, ordered=True) == {"1": {"id": 1, "a": "first"}}


def test_a_row_goes_and_comes_back() -> None:
    """A deleted row is gone; what is inserted or updated after that is a new row."""
    born, gone = change(1, 1, "INSERT", {"id": 1, "a": 1}), change(2, 2, "DELETE", None, {"id": 1})
    assert rows(born, gone) == {}
    assert rows(change(3, 3, "UPDATE", {"id": 1, "b": 2}), born, gone) == {"1": {"id": 1, "b": 2}}
    assert rows(gone) == {}


def test_a_new_key_takes_the_row_with_it() -> None:
    """The old key's row is gone and the new one has what the update does not name."""
    moved = change(2, 2, "UPDATE", {"id": 2, "a": 5}, {"id": 1})
    assert rows(change(1, 1, "INSERT", {"id": 1, "a": 1, "b": 2}), moved) == {
        "2": {"id": 2, "a": 5, "b": 2}
    }


def test_a_truncate_empties_what_was_before_it() -> None:
    """In event time: a row that came late but happened earlier is gone too."""
    assert rows(
        change(1, 1, "INSERT", {"id": 1}),
        change(2, 5, "TRUNCATE"),
        change(3, 9, "INSERT", {"id": 3}),
        change(4, 4, "INSERT", {"id": 4}),
    ) == {"3": {"id": 3}}


def test_a_key_of_several_columns() -> None:
    """All of them together name a row; an image that lacks one names none."""
    live = replay(
        [
            change(1, 1, "INSERT", {"o": 1, "n": 1}),
            change(2, 2, "INSERT", {"o": 1, "n": 2}),
            change(3, 3, "DELETE", None, {"o": 1, "n": 1}),
            change(4, 4, "UPDATE", {"o": 1, "q": 9}),
        ],
        ["o", "n"],
    )
    assert list(live.rows) == [("1", "2")]


def test_a_table_without_key_only_grows() -> None:
    """Its rows are what was inserted or read, in order of arrival."""
    events = [
        change(2, 1, "SNAPSHOT", {"a": 2}),
        change(1, 5, "INSERT", {"a": 1}),
        change(3, 6, "UPDATE", {"a": 3}),
    ]
    assert appended(events) == [{"a": 1}, {"a": 2}]
    with pytest.raises(ValueError, match="no current rows"):
        replay(events, [])


@pytest.fixture
def lives() -> Live:
    """Two rows: one moves on, is put to null and goes; one is truncated."""
    return replay(
        [
            change(1, 10, "INSERT", {"id": 1, "status": "new", "amount": "10.5"}),
            change(2, 20, "UPDATE", {"id": 1, "status": "paid"}),
            change(3, 20, "UPDATE", {"id": 1, "amount": 12}),
            change(4, 30, "UPDATE", {"id": 1, "status": None, "amount": None}),
            change(5, 40, "DELETE", None, {"id": 1}),
            change(6, 40, "DELETE", None, {"id": 9}),
            change(7, 50, "UPDATE", {"id": 2, "amount": Decimal("0.1")}),
            change(8, 60, "TRUNCATE"),
        ],
        ["id"],
    )


def whole(steps: Iterable[tuple[int, Any, Decimal]]) -> list[tuple[int, Any, int]]:
    """Steps whose values are whole numbers."""
    return [(at, label, int(value)) for at, label, value in steps]


def test_what_current_state_metrics_count(lives: Live) -> None:
    """Rows, states, transitions and net sums of a history worked out by hand."""
    assert whole(row_steps(lives.steps)) == [(10, "", 1), (40, "", -1), (50, "", 1), (60, "", -1)]
    assert whole(state_steps(lives.steps, "status")) == [
        *((10, "new", 1), (20, "new", -1), (20, "paid", 1), (30, "paid", -1)),
        *((30, "(null)", 1), (40, "(null)", -1), (50, "(null)", 1), (60, "(null)", -1)),
    ]
    assert whole(transition_steps(lives.steps, "status")) == [
        (20, ("new", "paid"), 1),
        (30, ("paid", "(null)"), 1),
    ]
    changes: dict[int, Decimal] = {}
    for at, _, value in net_steps(lives.steps, "amount"):
        changes[at] = changes.get(at, Decimal(0)) + value
    assert changes == {
        10: Decimal("10.5"),
        20: Decimal("1.5"),
        30: -12,
        50: Decimal("0.1"),
        60: Decimal("-0.1"),
    }


def test_values_are_compared_to_the_last_digit() -> None:
    """However they are typed; null is nothing but null."""
    assert same(Decimal("12.50"), "12.5")
    assert same(2**64, Decimal(2**64))
    assert same(0.1, "0.1")
    assert same("a", "a")
    assert same(datetime(2026, 1, 1, 1, tzinfo=UTC), "2026-01-01T02:00:00+01:00")
    assert same("2026-01-01T01:00:00.5Z", "2026-01-01T02:00:00.500000+01:00")
    assert not same("2026-01-01T01:00:00Z", "2026-01-01T01:00:01Z")
    assert same('{"a": [1, null]}', {"a": [1, None]})
    assert not same(2**53, 2**53 + 1)
    assert not same(None, "")
    assert not same(None, 0)
    assert not same(True, 1)
    assert not same("1e2x", "1e2")


def test_every_difference_of_a_table_is_told() -> None:
    """A wrong value, a row too many, one twice, one too few, a column that should be null."""
    live = replay([change(n, n, "INSERT", {"id": n, "a": n}) for n in (1, 2, 3)], ["id"])
    right = [{"id": n, "a": n, "b": None} for n in (1, 2, 3)]
    assert row_differences(live, right, ["id"]) == []
    wrong = [{"id": 1, "a": 9, "b": 5}, {"id": 2, "a": 2}, {"id": 2, "a": 2}, {"id": 4}]
    found = row_differences(live, wrong, ["id"])
    assert [text.split(":")[0] for text in found] == [
        *("row ('1',)",) * 2,
        "row ('2',)",
        "row ('4',)",
        "row ('3',)",
    ]
    assert row_differences(live, [{**right[0], "a": 7}, *right[1:]], ["id"], skip=["a"]) == []


def test_a_judge_knows_sources_apart() -> None:
    """The newest event of one source makes nothing late of another; order decides."""
    text = b'{"id":"%d","table":"t","type":"INSERT","timestamp":"%s","after":{"id":1}}'
    judge = Judge(NOW, lateness=60_000_000)
    judge.take(text % (1, b"2026-03-01T11:00:00Z"), 1, "a")
    judge.take(text % (2, b"2026-03-01T10:58:59Z"), 2, "a")
    judge.take(text % (3, b"2026-03-01T10:58:59Z"), 3, "b")
    judge.take(text % (4, b"2026-03-01T10:59:00Z"), 4, "a")
    judge.take(text % (4, b"2026-03-01T10:59:00Z"), 5, "b")
    judge.take(text % (5, b"2026-03-01T12:05:01Z"), 6, "a")
    judge.take(b"{", 7, "a")
    assert dict(judge.reading.counts) == {
        "received": 7,
        "applied": 3,
        "late": 1,
        "duplicate": 1,
        "quarantined": 2,
    }
    assert (judge.reading.late, judge.reading.future, judge.reading.bad) == ([2], [6], [7])


def test_positions_tell_the_order() -> None:
    """LSNs by value and not by text, binary logs by file and offset, then the sequence."""
    judge = Judge(NOW)
    places = (
        '{"lsn":"0/FFFFFFFF","sequence":9}',
        '{"lsn":"1/0","sequence":1}',
        '{"lsn":"1/0","sequence":10}',
        '{"file":"bin.000002","position":5}',
        '{"file":"bin.000010","position":4}',
    )
    for number, place in enumerate(places):
        event = (
            f'{{"id":{number},"table":"t","type":"TRUNCATE","position":{place},'
            '"timestamp":"2026-01-01T00:00:00Z"}'
        )
        judge.take(event.encode(), number)
    found = [event.position for event in judge.reading.applied]
    assert found == sorted(found)
    assert len(set(found)) == 5
