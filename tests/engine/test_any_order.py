"""Whatever the order of arrival, the batches, the restarts: the outcome is that of the oracle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from datawatch_lab.engine.live import tables as live_tables
from datawatch_lab.store import live_fold, live_put
from tests.engine.laboratory import COUNTS, NOW, Laboratory
from tests.oracle.histories import FIELDS, KEYS, Line, Maker, Row, Shape, arrival

pytestmark = pytest.mark.timeout(600)

LATENESS = timedelta(hours=1)
SMALL = Shape(tables=3, events=24, keys=4, seeds=6, late=0.1, too_late=0.02, again=0.05)
LARGE = Shape(tables=3, events=400, keys=25, seeds=20, late=0.02, too_late=0.005, again=0.02)

quick = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def run(rng: Random, shape: Shape) -> None:
    """One history, one arrival, cut and interrupted anywhere; everything compared at the end."""
    events = Maker(rng, shape, NOW - LATENESS, positions=rng.random() < 0.7).events()
    check(rng, arrival(rng, events, shape, round(LATENESS.total_seconds())))


def check(rng: Random, lines: Sequence[Line], *, ordered: bool = False) -> None:
    """Deliver lines to a new engine and compare."""
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder) / "w.duckdb", KEYS, lateness=LATENESS, ordered=ordered)
        try:
            deliver(rng, laboratory, lines)
            compare(laboratory, lines)
        finally:
            laboratory.close()


def deliver(rng: Random, laboratory: Laboratory, lines: Sequence[Line]) -> None:
    """Cut into batches anywhere, with compactions and restarts between them."""
    cuts = sorted(rng.randrange(len(lines)) for _ in range(rng.randrange(5)))
    for start, end in pairwise([0, *cuts, len(lines)]):
        part = lines[start:end]
        note(f"batch of {len(part)}")
        for line in part:
            note(f"  {line.outcome} {line.text.decode()}")
        laboratory.feed([line.text for line in part])
        between = rng.random()
        if between < 0.15:
            note("restart")
            laboratory.restart()
        elif between < 0.4:
            note("compaction")
            laboratory.compact()


def compare(laboratory: Laboratory, lines: Sequence[Line]) -> None:
    """Counts as planted, live tables and measures as the oracle has them."""
    outcomes = [line.outcome for line in lines]
    planted = {name: outcomes.count(name) for name in COUNTS[1:]} | {"received": len(lines)}
    assert dict(laboratory.judge.reading.counts) == {k: n for k, n in planted.items() if n}
    assert laboratory.counts() == planted
    wrong = laboratory.row_differences()
    assert not wrong, wrong[:5]
    wrong = laboratory.metric_differences(laboratory.oracle(FIELDS))
    assert not wrong, wrong[:5]


def told(at: int, op: str, after: Row | None = None, before: Row | None = None) -> bytes:
    """A change of orders, ``at`` seconds after the beginning."""
    event: dict[str, Any] = {"id": f"e{at}", "table": "orders", "type": op}
    event["timestamp"] = (NOW - LATENESS + timedelta(seconds=at)).isoformat()
    images = {name: row for name, row in (("before", before), ("after", after)) if row}
    return json.dumps(event | images).encode()


BASE = [
    told(n, "INSERT", {"id": n, "amount": f"{n}.5", "status": ("new", "paid")[n % 2]})
    for n in range(100, 108)
]
ROW = {"id": 1, "amount": "5", "status": "new", "note": "a"}
MOVE = told(3, "UPDATE", {"id": 2}, {"id": 1})
CASES = {
    "a late update of a row that moved": [
        *([told(1, "INSERT", ROW)], [MOVE], [told(2, "UPDATE", {"id": 1, "amount": "7"})]),
    ],
    "a late insert of a row that moved": [[MOVE], [told(1, "INSERT", ROW)]],
    "a late update of a row that moved twice": [
        [told(1, "INSERT", ROW), MOVE, told(5, "UPDATE", {"id": 3}, {"id": 2})],
        [told(2, "UPDATE", {"id": 1, "amount": "9", "status": "paid"})],
    ],
    "a move that comes late": [
        [told(1, "INSERT", ROW), told(9, "UPDATE", {"id": 2, "note": "later"})],
        [MOVE],
    ],
    "two rows that swap their keys": [
        [
            *(told(1, "INSERT", ROW), told(2, "INSERT", ROW | {"id": 2, "amount": "6"})),
            told(4, "UPDATE", {"id": 9}, {"id": 1}),
            told(5, "UPDATE", {"id": 1}, {"id": 2}),
            told(6, "UPDATE", {"id": 2}, {"id": 9}),
        ],
    ],
    "a truncate that comes late": [
        [told(1, "INSERT", ROW), told(9, "UPDATE", {"id": 1, "amount": "6"})],
        [told(5, "TRUNCATE")],
        [told(4, "INSERT", ROW | {"id": 8})],
    ],
    "a truncate beside a late update of a row that moved": [
        [MOVE],
        [told(900, "TRUNCATE"), told(1, "UPDATE", {"id": 1, "status": "new"})],
    ],
    "a field that is new": [[told(1, "INSERT", {"id": 1})], [told(2, "UPDATE", {"id": 1, "n": 2})]],
}


@pytest.mark.parametrize("batches", CASES.values(), ids=CASES)
def test_cases_that_are_easily_got_wrong(tmp_path: Path, batches: list[list[bytes]]) -> None:
    """Each was found by the histories below, or nearly was."""
    laboratory = Laboratory(tmp_path / "w.duckdb", {"orders": ("id",)})
    try:
        for batch in (BASE, *batches):
            laboratory.feed(batch)
        wrong = laboratory.row_differences()
        wrong += laboratory.metric_differences(laboratory.oracle({"orders": FIELDS["orders"]}))
    finally:
        laboratory.close()
    assert not wrong, wrong[:5]


def test_too_late_events_take_their_place_when_they_are_replayed(tmp_path: Path) -> None:
    """Out of the quarantine they count as if they had come in time."""
    laboratory = Laboratory(tmp_path / "w.duckdb", {"orders": ("id",)}, lateness=LATENESS)
    late = [
        told(-9_000, "INSERT", ROW),
        told(-8_000, "UPDATE", {"id": 1, "status": "paid"}),
        told(-8_500, "UPDATE", {"id": 1, "note": "b", "amount": "6"}),
    ]
    try:
        laboratory.feed(BASE)
        assert laboratory.feed(late).late == 3
        assert laboratory.engine.replay((), {}).applied == 3
        for line in late:
            laboratory.judge.admit(line)
        wrong = laboratory.row_differences()
        wrong += laboratory.metric_differences(laboratory.oracle({"orders": FIELDS["orders"]}))
    finally:
        laboratory.close()
    assert not wrong, wrong[:5]


@quick
@given(st.randoms(use_true_random=False))
def test_the_outcome_depends_on_the_set_of_events_alone(rng: Random) -> None:
    """Any arrival within the allowed lateness, any batches, restarts and compactions."""
    run(rng, SMALL)


@quick
@given(st.randoms(use_true_random=False))
def test_the_same_where_tables_are_many(rng: Random) -> None:
    """As in commits of hundreds of tables: folded together, in one delta, without mirrors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_tables, "TOGETHER", 1)
        patch.setattr(live_put, "MIRRORED_TABLES", 0)
        patch.setattr(live_fold, "SHARED_ROWS", 5)
        patch.setattr(live_fold, "LARGE_TABLE", 7)
        run(rng, SMALL)


@quick
@given(st.randoms(use_true_random=False))
def test_an_ordered_source_is_taken_at_its_word(rng: Random) -> None:
    """Of two changes the one that comes later holds, although its time says otherwise."""
    lines = []
    for event in Maker(rng, SMALL, NOW - LATENESS).events():
        at = datetime.fromisoformat(event["timestamp"]) - timedelta(seconds=rng.randrange(300))
        lines.append(Line(json.dumps({**event, "timestamp": at.isoformat()}).encode()))
    check(rng, lines, ordered=True)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@long
@given(st.integers(0, 2**32))
def test_the_same_of_larger_histories(seed: int) -> None:
    """Hundreds of versions."""
    run(Random(seed), LARGE)
