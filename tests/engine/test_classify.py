"""Applied, duplicate, late, future: the same for any cut of the stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.engine.classify import classify, new_watermarks

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(hours=200)
LATENESS = timedelta(hours=24)
TOLERANCE = timedelta(minutes=5)

Event = tuple[str, int, int, bool]


def frame(events: list[Event]) -> pl.DataFrame:
    """Events as (source, table, hours after START, seen)."""
    return pl.DataFrame(
        {
            "source": [source for source, _, _, _ in events],
            "table_id": [table for _, table, _, _ in events],
            "ts": [START + timedelta(hours=hours) for _, _, hours, _ in events],
            "seen": [seen for _, _, _, seen in events],
            "replay": [False] * len(events),
        },
        schema={
            "source": pl.String,
            "table_id": pl.Int32,
            "ts": pl.Datetime("us", "UTC"),
            "seen": pl.Boolean,
            "replay": pl.Boolean,
        },
    )


def judged(
    events: list[Event], marks: dict[tuple[str, int], datetime]
) -> tuple[list[str], dict[tuple[str, int], datetime]]:
    """Outcomes of a batch, and the watermarks after it."""
    result = classify(
        frame(events), marks, received=NOW, allowed_lateness=LATENESS, future_tolerance=TOLERANCE
    )
    return result["outcome"].to_list(), marks | new_watermarks(result, marks)


def by_hand(events: list[Event]) -> list[str]:
    """The same, one event at a time."""
    newest: dict[tuple[str, int], int] = {}
    outcomes = []
    for source, table, hours, seen in events:
        mark = newest.get((source, table))
        if seen:
            outcomes.append("duplicate")
        elif START + timedelta(hours=hours) > NOW + TOLERANCE:
            outcomes.append("future")
        elif mark is not None and hours < mark - 24:
            outcomes.append("late")
        else:
            outcomes.append("applied")
            newest[source, table] = max(hours, mark if mark is not None else hours)
    return outcomes


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from([1, 2]), st.integers(0, 260), st.booleans()
    ),
    max_size=60,
)


@given(EVENTS, st.lists(st.integers(0, 60), max_size=5))
def test_outcomes_equal_those_of_one_event_at_a_time(events: list[Event], cuts: list[int]) -> None:
    """However the stream is cut, each event is judged against those before it."""
    edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
    marks: dict[tuple[str, int], datetime] = {}
    outcomes: list[str] = []
    for start, end in pairwise(edges):
        part, marks = judged(events[start:end], marks)
        outcomes += part
    assert outcomes == by_hand(events)


def test_a_replay_is_never_late_but_may_be_ahead_of_the_clock() -> None:
    """Who replays a late event wants it in."""
    events = frame([("a", 1, 100, False), ("a", 1, 3, False), ("a", 1, 250, False)])
    result = classify(
        events.with_columns(replay=pl.lit(value=True)),
        {("a", 1): START + timedelta(hours=150)},
        received=NOW,
        allowed_lateness=LATENESS,
        future_tolerance=TOLERANCE,
    )
    assert result["outcome"].to_list() == ["applied", "applied", "future"]
