"""Whatever the order of arrival, the batches, the restarts: the outcome is that of the oracle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.engine.laboratory import COUNTS, NOW, Laboratory
from tests.oracle.histories import FIELDS, KEYS, Line, Maker, Shape, arrival

pytestmark = pytest.mark.timeout(600)

LATENESS = timedelta(hours=1)
SMALL = Shape(tables=3, events=24, keys=4, seeds=6, late=0.1, too_late=0.02, again=0.05)
LARGE = Shape(tables=3, events=400, keys=25, seeds=20, late=0.02, too_late=0.005, again=0.02)

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
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


@quick
@given(st.randoms(use_true_random=False))
def test_the_outcome_depends_on_the_set_of_events_alone(rng: Random) -> None:
    """Any arrival within the allowed lateness, any batches, restarts and compactions."""
    run(rng, SMALL)


@quick
@given(st.randoms(use_true_random=False))
def test_an_ordered_source_is_taken_at_its_word(rng: Random) -> None:
    """Of two changes the one that comes later holds, although its time says otherwise."""
    lines = []
    for event in Maker(rng, SMALL, NOW - LATENESS).events():
        told = datetime.fromisoformat(event["timestamp"]) - timedelta(seconds=rng.randrange(300))
        lines.append(Line(json.dumps({**event, "timestamp": told.isoformat()}).encode()))
    check(rng, lines, ordered=True)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@long
@given(st.integers(0, 2**32))
def test_the_same_of_larger_histories(seed: int) -> None:
    """Hundreds of versions."""
    run(Random(seed), LARGE)
