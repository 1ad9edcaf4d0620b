from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.histories import KEYS, Maker, Shape, arrival
from tests.oracle.live import replay
from tests.oracle.reading import Applied, Judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3_600
WILD = Shape(tables=3, events=60, keys=4, late=0.1, too_late=0.05, again=0.1, broken=0.05)


def judged(lines: list[bytes]) -> Judge:
    """What the oracle says of lines, with an hour allowed."""
    judge = Judge(NOW, HOUR * 1_000_000)
    for number, line in enumerate(lines, 1):
        judge.take(line, number)
    return judge


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_lines_become_what_they_are_planted_as(seed: int) -> None:
    """Whatever the arrival, the judge finds as many of each outcome as were planted."""
    rng = Random(seed)
    events = Maker(rng, WILD, NOW - timedelta(hours=1)).events()
    lines = arrival(rng, events, WILD, HOUR)
    found = judged([line.text for line in lines]).reading.counts
    planted = Counter(line.outcome for line in lines) + Counter(received=len(lines))
    assert found == planted


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_a_replay_does_not_depend_on_arrival(seed: int, positions: bool) -> None:
    """The oracle itself: shuffled events give the same tables and the same steps."""
    events = Maker(Random(seed), WILD, NOW - timedelta(hours=1), positions).events()
    lines = [json.dumps(event).encode() for event in events]
    shuffled = Random(seed + 1).sample(lines, len(lines))
    straight, mixed = judged(lines).reading.applied, judged(shuffled).reading.applied
    for table, key in KEYS.items():
        if key:
            left, right = (
                replay([e for e in applied if e.table == table], key)
                for applied in (straight, mixed)
            )
            assert left.rows == right.rows
            assert left.steps == right.steps


def test_histories_hold_what_is_hard() -> None:
    """Partial and whole updates, with and without old images, new keys, truncates, equal times."""
    events: list[Applied] = []
    times: list[int] = []
    for seed in range(30):
        made = Maker(Random(seed), WILD, NOW - timedelta(hours=1)).events()
        events += judged([json.dumps(event).encode() for event in made]).reading.applied
        times += [event.at for event in events[-len(made) :]]
    orders = [event for event in events if event.table == "orders"]
    assert {event.op for event in orders} == {
        *("INSERT", "UPDATE", "DELETE", "SNAPSHOT", "TRUNCATE"),
    }
    updates = [event for event in orders if event.op == "UPDATE"]
    widths = Counter(len(event.after or {}) for event in updates)
    assert {1, 2, 3, 4} <= widths.keys()
    assert Counter(len(event.before or {}) for event in updates).keys() >= {0, 1, 4}
    assert any(
        (e.before or {}).get("id", e.after and e.after["id"]) != e.after["id"]
        for e in updates
        if e.after
    )
    assert len(times) > len(set(times))
