"""Closing of minutes, and what late events do to closed ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.settings import Settings
from datawatch_lab.engine import Engine
from datawatch_lab.engine.classify import classify, is_backfill_mark, new_watermarks, own_mark
from datawatch_lab.engine.closing import GRACE, Advance, Closed, Closing
from datawatch_lab.engine.corrected import corrected, watermarks
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DELAY = Settings().close_delay
Event = tuple[str, int, int]  # source, seconds before NOW (event time), seconds of receipt


def line(number: int, at: datetime, amount: float = 1.0, table: str = "orders") -> bytes:
    """An inserted row."""
    event = {
        "id": f"e{number}",
        "table": table,
        "operation": "INSERT",
        "timestamp": at.isoformat(),
        "after": {"id": number, "amount": amount, "status": "paid" if number % 3 else "new"},
    }
    return json.dumps(event).encode()


def submit(engine: Engine, lines: list[bytes], source: str = "test", **how: Any) -> Any:
    """Submit lines as one batch and wait for it."""
    batch = decode(lines, list(range(1, len(lines) + 1)), [-1] * len(lines), source=source)
    return engine.submit(replace(batch, **how)).result().counts


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at `NOW`."""
    return ManualClock(NOW)


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    """An engine on a new workspace."""
    made = Engine.open(tmp_path / "w.duckdb", clock=clock)
    yield made
    made.close()


# ------------------------------------------------------------------ closing, without a store


def judged(events: list[Event], marks: dict[Any, datetime], first_seq: int) -> pl.DataFrame:
    """Events as the planner gives them; all are applied."""
    start = NOW - timedelta(hours=2)
    frame = pl.DataFrame(
        {
            "source": [source for source, _, _ in events],
            "table_id": [1] * len(events),
            "ts": [start + timedelta(seconds=at) for _, at, _ in events],
            "received": [NOW + timedelta(seconds=at) for _, _, at in events],
            "seen": [False] * len(events),
            "replay": [False] * len(events),
            "backfill": [False] * len(events),
        },
        schema_overrides={
            "source": pl.String,
            "table_id": pl.Int32,
            "ts": pl.Datetime("us", "UTC"),
            "received": pl.Datetime("us", "UTC"),
        },
    )
    done = classify(
        frame,
        marks,
        received=NOW + timedelta(days=1),
        allowed_lateness=timedelta(hours=24),
        future_tolerance=timedelta(minutes=5),
    )
    return done.with_columns(
        pl.int_range(first_seq, first_seq + done.height, dtype=pl.Int64).alias("seq")
    )


def closes_of(events: list[Event], cuts: list[int]) -> list[tuple[Any, ...]]:
    """What a stream closes when it is cut there."""
    closing = Closing({}, {}, NOW, Settings())
    marks: dict[Any, datetime] = {}
    edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
    rows: list[tuple[Any, ...]] = []
    for start, end in pairwise(edges):
        frame = judged(events[start:end], marks, start + 1)
        advance = closing.advance(frame, marks)
        marks |= new_watermarks(frame, marks)
        closing.keep(advance)
        rows += pl.DataFrame(advance.closes).rows()
    return rows


def by_hand(events: list[Event]) -> list[tuple[int, datetime]]:
    """(seq, closed until) one event at a time, by the rules in words."""
    start = NOW - timedelta(hours=2)
    newest: dict[str, datetime] = {}
    heard: dict[str, datetime] = {}
    until: datetime | None = None
    found = []
    for seq, (source, at, received) in enumerate(events, 1):
        ts, now = start + timedelta(seconds=at), NOW + timedelta(seconds=received)
        newest[source] = max(ts, newest.get(source, ts))
        heard[source] = max(now, heard.get(source, now))
        active = [each for each in newest if now - heard[each] <= timedelta(minutes=1)]
        low = min(newest[each] for each in active)
        edge = (low - DELAY).replace(second=0, microsecond=0)
        if until is None:
            until = max(edge, ts.replace(second=0, microsecond=0))
            found.append((seq, until))
        elif edge > until:
            until = edge
            found.append((seq, until))
    return found


STREAMS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 900), st.integers(0, 40)), max_size=40
).map(
    lambda rows: [
        (source, at, sum(step for _, _, step in rows[: place + 1]))
        for place, (source, at, _) in enumerate(rows)
    ]
)


@given(STREAMS, st.lists(st.integers(0, 40), max_size=5))
@settings(deadline=None)
def test_closes_are_those_of_one_event_at_a_time(events: list[Event], cuts: list[int]) -> None:
    """However the stream is cut, the same minutes close after the same events."""
    rows = closes_of(events, cuts)
    assert [(seq, until) for seq, _, _, until, _, _ in rows] == by_hand(events)


@given(STREAMS, st.lists(st.integers(0, 40), max_size=5))
@settings(deadline=None)
def test_closes_follow_one_another(events: list[Event], cuts: list[int]) -> None:
    """Ranges of a table go forward without gap or overlap, after the first that says the start."""
    rows = closes_of(events, cuts)
    for (_, _, _, end, _, _), (_, _, start, until, _, _) in pairwise(rows):
        assert start == end < until
    assert all(by == "watermark" for *_, by in rows)


def test_the_clock_closes_for_a_silent_table_only() -> None:
    """Not within the grace, not for history, and not while a source still sends."""
    marks = {("a", 1): NOW}
    closing = Closing({1: Closed(NOW - MINUTE)}, marks, NOW, Settings())
    assert not closing.due(NOW + GRACE - timedelta(seconds=1), 7, marks).closes.num_rows
    late = NOW + timedelta(minutes=10, seconds=30)
    assert closing.due(NOW + 5 * MINUTE, 7, marks).closes.num_rows, "and is not stored"
    due = pl.DataFrame(closing.due(late, 7, marks).closes)
    assert due.rows() == [(7, 1, NOW - MINUTE, NOW + 9 * MINUTE, late, "clock")]
    closing.keep(Advance(due.to_arrow(), {("a", 1): late}))
    assert closing.by_clock == {1: NOW + 9 * MINUTE}
    assert not closing.due(late + timedelta(seconds=59), 8, marks).closes.num_rows
    for minute in range(0, 24 * 60 + 10, 5):
        now = late + minute * MINUTE
        due = pl.DataFrame(closing.due(now, 8, marks).closes)
        closing.keep(Advance(due.to_arrow(), {}))
    until = closing.until(1)
    assert until is not None
    assert abs(until - NOW - timedelta(hours=24)) <= 8 * MINUTE, "beyond it is history"


def test_a_clock_that_leaps_closes_nothing_at_once() -> None:
    """Set forward, or after sleep, each source has a minute to come back; then silence counts."""
    marks = {("a", 1): NOW}
    closing = Closing({1: Closed(NOW - MINUTE)}, marks, NOW, Settings())
    ahead = NOW + timedelta(hours=8)
    assert not closing.due(ahead, 7, marks).closes.num_rows
    assert not closing.due(ahead + timedelta(seconds=59), 7, marks).closes.num_rows
    due = closing.due(ahead + GRACE, 7, marks)
    assert pl.DataFrame(due.closes)["closed_until"].to_list() == [(ahead - DELAY).replace(second=0)]


@given(st.integers(2, 3 * 24 * 60), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_a_clock_that_was_set_back_closes_what_comes(ahead: int, stayed: int) -> None:
    """However far ahead it was and for how long, minutes close as if it had never been."""
    marks = {("a", 1): NOW}
    closing = Closing({1: Closed(NOW - MINUTE)}, marks, NOW, Settings())
    for minute in range(stayed + 1):
        due = closing.due(NOW + (ahead + minute) * MINUTE, 7, marks)
        closing.keep(due)
    closing.due(NOW + MINUTE, 7, marks)
    until = closing.until(1)
    assert until is not None
    assert until <= NOW + MINUTE, "nothing is closed that is to come"
    assert closing.by_clock.get(1, until) <= until
    for minute in range(2, 8):
        closing.keep(closing.due(NOW + minute * MINUTE, 8, marks))
    limit = NOW + 7 * MINUTE - GRACE - DELAY
    assert closing.until(1) == limit.replace(second=0)


def test_a_clock_that_was_set_back_while_nobody_looked() -> None:
    """What it closed of the time to come is open again after a restart; the rest stays closed."""
    ahead = NOW + timedelta(days=2)
    closing = Closing(
        {1: Closed(ahead, ahead), 2: Closed(NOW, ahead), 3: Closed(ahead), 4: Closed(NOW, NOW)},
        {},
        NOW,
        Settings(),
    )
    limit = (NOW - GRACE - DELAY).replace(second=0)
    assert [closing.until(each) for each in (1, 2, 3, 4)] == [limit, NOW, ahead, NOW]
    assert closing.by_clock == {1: limit, 2: NOW, 4: NOW}


def test_an_old_file_does_not_hold_back_a_live_table() -> None:
    """Its events are beyond the allowed lateness when they come, so only live sources count."""
    closing = Closing({}, {}, NOW, Settings())
    frame = judged([("live", 7_200, 0), ("live", 7_300, 1)], {}, 1)
    closing.keep(closing.advance(frame, {}))
    marks = new_watermarks(frame, {})
    old = judged([("file", -90_000, 2), ("live", 7_500, 3)], marks, 3)
    closing.keep(closing.advance(old, marks))
    assert closing.until(1) == NOW + 4 * MINUTE


def test_a_backfill_has_marks_of_its_own() -> None:
    """It may share its name with the stream: neither is judged by the other."""
    frame = judged([("shop", 100, 0), ("shop", 200, 1)], {}, 1).with_columns(
        replay=pl.lit(value=True), backfill=pl.lit(value=True)
    )
    marks = new_watermarks(frame, {})
    assert list(marks) == [(own_mark("shop"), 1)]
    assert is_backfill_mark(own_mark("shop"))
    assert not is_backfill_mark("shop")
    assert not Closing({}, {}, NOW, Settings()).advance(frame, {}).closes.num_rows


# ------------------------------------------------------------------ with a store


def test_what_closed_is_told_stored_and_kept_over_a_restart(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Listeners get merged ranges; the log of closes has each minute with its event."""
    engine = Engine.open(tmp_path / "r.duckdb", clock=clock)
    told: list[Any] = []
    stop = engine.on_close(lambda *what: told.append(what))
    submit(engine, [line(n, NOW - 10 * MINUTE + n * MINUTE) for n in range(8)])
    assert told == [(1, NOW - 10 * MINUTE, NOW - 4 * MINUTE)]
    stop()
    rows = engine.closed_since(0)
    assert rows["after_seq"].to_list() == [1, *range(3, 9)]
    assert engine.closed_since(7)["after_seq"].to_list() == [7, 8]
    assert engine.closed_since(0, number=6)["number"].to_list() == [7]
    engine.close()
    clock.advance(timedelta(hours=1))
    again = Engine.open(tmp_path / "r.duckdb", clock=clock)
    assert again.closing.until(1) == NOW - 4 * MINUTE
    again._writer.run(lambda: again._upkeep.run(idle=False))
    assert again.closing.until(1) == NOW - 4 * MINUTE, "sources have a minute to come back"
    clock.advance(MINUTE)
    again._writer.run(lambda: again._upkeep.run(idle=False))
    assert again.closing.until(1) == NOW + 59 * MINUTE
    assert again.closed_since(0)["by"].to_list()[-1] == "clock"
    again.close()


def test_a_backfill_disturbs_nobody(engine: Engine) -> None:
    """Sharing the source's name: never late, no watermark moved, nothing closed or corrected."""
    submit(engine, [line(n, NOW - 10 * MINUTE + n * MINUTE) for n in range(8)])
    before = engine.watermarks()["test", 1], engine.closing.until(1)
    week = [line(100 + n, NOW - timedelta(days=7) + n * MINUTE) for n in range(5)]
    counts = submit(engine, [*week, line(200, NOW), line(201, NOW - 9 * MINUTE)], backfill=True)
    assert (counts.applied, counts.late) == (7, 0)
    assert (engine.watermarks()["test", 1], engine.closing.until(1)) == before
    assert not corrected(engine, "orders_inserts_total", start="-1h").points
    marks = {each.source: each for each in watermarks(engine)}
    assert marks["test (back-fill)"].backfill
    assert marks["test (back-fill)"].watermark == NOW
    assert marks["test"].watermark == NOW - 3 * MINUTE


def test_a_future_event_comes_in_by_replay_once_its_time_has_come(
    engine: Engine, clock: ManualClock
) -> None:
    """It waits in the quarantine; before, a replay leaves it there and says why."""
    ahead = NOW + timedelta(minutes=30)
    assert submit(engine, [line(1, NOW), line(2, ahead)]).quarantined == 1
    assert "ahead of the clock" in engine.replay((), {}).failed[0][1]
    clock.advance(timedelta(minutes=31))
    assert engine.replay((), {}).applied == 1
    assert engine.watermarks()["test", 1] == NOW


def test_an_event_in_a_minute_that_the_clock_closed_is_a_correction(
    engine: Engine, clock: ManualClock
) -> None:
    """A source that comes back from a stall changes what was seen as missing."""
    submit(engine, [line(1, NOW - MINUTE), line(2, NOW)])
    clock.advance(timedelta(minutes=5))
    engine._writer.run(lambda: engine._upkeep.run(idle=False))
    submit(engine, [line(3, NOW + timedelta(seconds=90)), line(4, NOW + 5 * MINUTE)])
    points = corrected(engine, "orders_inserts_total", start="-1h").points
    assert [(each.time, each.first, each.value) for each in points] == [(NOW + MINUTE, 0.0, 1.0)]


# ------------------------------------------------------------------ first values against an oracle


def first_values(stream: list[tuple[int, float]]) -> dict[datetime, tuple[list[float], int]]:
    """Per corrected minute: amounts before the first correction, and how many corrected it."""
    start = NOW - timedelta(hours=2)
    newest: datetime | None = None
    values: dict[datetime, list[float]] = {}
    found: dict[datetime, tuple[list[float], int]] = {}
    for at, amount in stream:
        ts = start + timedelta(seconds=at)
        minute = ts.replace(second=0, microsecond=0)
        if newest is not None and minute + MINUTE + DELAY <= newest:
            first, count = found.get(minute, (list(values.get(minute, [])), 0))
            found[minute] = first, count + 1
        values.setdefault(minute, []).append(amount)
        newest = ts if newest is None else max(newest, ts)
    return found


@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.floats(1, 1_000).map(lambda each: round(each, 2))),
        min_size=5,
        max_size=40,
    ),
    st.lists(st.integers(5, 40), max_size=4),
)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_first_values_are_those_at_closing(
    stream: list[tuple[int, float]], cuts: list[int]
) -> None:
    """Count, sum, extremes and median, however the stream is cut; and the values now are of all."""
    lines = [
        line(n, NOW - timedelta(hours=2) + timedelta(seconds=at), amount)
        for n, (at, amount) in enumerate(stream)
    ]
    settle = [line(1_000 + n, NOW - timedelta(hours=3), 5.0) for n in range(3)]
    expected = first_values(stream)
    edges = sorted({0, len(lines), *(min(cut, len(lines)) for cut in cuts)})
    with TemporaryDirectory() as folder:
        engine = Engine.open(Path(folder) / "w.duckdb", clock=ManualClock(NOW))
        submit(engine, settle, backfill=True)  # so that the measures are there
        for start, end in pairwise(edges):
            submit(engine, lines[start:end])
        how: dict[str, Any] = {"start": NOW - timedelta(hours=2), "end": NOW}
        counts = corrected(engine, "orders_inserts_total", **how).points
        assert {each.time: (each.first, each.rows) for each in counts} == {
            minute: (float(len(first)), rows) for minute, (first, rows) in expected.items()
        }
        for name, fold in (("sum", sum), ("min", min), ("max", max), ("p50", np.median)):
            points = corrected(engine, f"orders_amount_{name}", **how).points
            got = {each.time: each.first for each in points}
            for minute, (first, _) in expected.items():
                want = fold(first) if first else None
                assert got[minute] == (pytest.approx(want, rel=0.01) if first else None)
        engine.close()
