from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pytest

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA, DecodedBatch, Offset
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.core.sources import Source
from datawatch_lab.ingest.sources.demo import DemoSource, Pace
from datawatch_lab.ingest.sources.demo_simulator import Shop, Simulator

NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
HISTORY = timedelta(hours=10)


class Recorder:
    """Stands in for decode: keeps what it was given."""

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.offsets: list[int] = []

    def __call__(  # noqa: D102 - as its protocol says
        self,
        items: Sequence[bytes],
        lines: Sequence[int] | np.ndarray,
        offsets: Sequence[int] | np.ndarray,
        *,
        source: str,
        offset: Offset | None = None,
    ) -> DecodedBatch:
        assert len(items) == len(lines) == len(offsets)
        self.items += items
        self.offsets += list(offsets)
        empty = EVENT_SCHEMA.empty_table()
        return DecodedBatch(source, empty, {}, BAD_SCHEMA.empty_table(), offset, len(items))


def _source(decode: Recorder, clock: ManualClock, **more: Any) -> DemoSource:
    """A source whose sleeping moves the clock."""
    given: dict[str, Any] = {"history": HISTORY, **more}
    return DemoSource(
        clock,
        decode=decode,
        sleep=lambda seconds: clock.advance(timedelta(seconds=seconds)),
        **given,
    )


def _expected(start: datetime, end: datetime) -> list[bytes]:
    chunks = Simulator(7, start).history(start, end)
    return [line for chunk in chunks for line in chunk]


def _positions(batches: Iterator[DecodedBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        assert batch.offset is not None
        yield json.loads(json.dumps(batch.offset.position))


def test_it_is_a_source() -> None:
    """It keeps the protocol of sources and is called demo."""
    source: Source = _source(Recorder(), ManualClock(NOW))
    assert source.name == "demo"


def test_history_comes_first_and_ends_at_the_present() -> None:
    """Without live, all history up to the present is given, and progress ends at its whole."""
    seen: list[tuple[float, float, int]] = []
    decode = Recorder()
    source = _source(decode, ManualClock(NOW), live=None, progress=lambda *told: seen.append(told))
    assert len(list(source.batches(None))) == len(seen)
    assert decode.items == _expected(NOW - HISTORY, NOW)
    assert seen[-1] == (36_000.0, 36_000.0, len(decode.items))


def test_live_follows_the_clock() -> None:
    """After history, events come when their time has come, never before."""
    clock, decode = ManualClock(NOW), Recorder()
    source = _source(decode, clock, live=Pace(interval=timedelta(seconds=1)))
    reached = NOW
    for position in _positions(source.batches(None)):
        reached = datetime.fromisoformat(position["reached"])
        assert reached <= clock.now()
        if reached > NOW + timedelta(minutes=10):
            source.stop()
    assert decode.items == _expected(NOW - HISTORY, reached)


def test_live_starts_at_the_present_however_long_history_took() -> None:
    """What fell due meanwhile is brought as past, so nothing arrives late for good."""
    clock, decode = ManualClock(NOW), Recorder()
    source = _source(decode, clock, live=Pace(interval=timedelta(seconds=1)))
    behind, past = [], []
    for batch in source.batches(None):
        if clock.now() < NOW + timedelta(seconds=30):
            clock.advance(timedelta(seconds=10))  # taking history in is slow
        assert batch.offset is not None
        reached = datetime.fromisoformat(str(batch.offset.position["reached"]))
        if not batch.backfill:
            behind.append(clock.now() - reached)
        past.append(batch.backfill)
        if len(behind) > 20:
            source.stop()
    assert past == sorted(past, reverse=True)
    assert max(behind) <= timedelta(seconds=1)
    assert decode.items == _expected(NOW - HISTORY, reached)


def test_stop_ends_it_between_batches() -> None:
    """After stop no further batch comes, in history as in live."""
    source = _source(Recorder(), ManualClock(NOW))
    batches = source.batches(None)
    next(batches)
    source.stop()
    assert list(batches) == []


def test_resume_at_every_batch_equals_one_pass() -> None:
    """From any offset a new source goes on with exactly the rest, also after a pause."""
    later = NOW + timedelta(hours=3)
    whole = Recorder()
    list(_source(whole, ManualClock(later), history=HISTORY * 1.3, live=None).batches(None))
    first = Recorder()
    count = len(list(_source(first, ManualClock(NOW), live=None).batches(None)))
    for taken in range(1, count + 1):
        decode = Recorder()
        before = _source(decode, ManualClock(NOW), live=None).batches(None)
        *_, position = _positions(islice(before, taken))
        list(_source(decode, ManualClock(later), live=None).batches(position))
        assert decode.items == whole.items
        assert decode.offsets == whole.offsets


def test_replay_runs_at_its_speed_until_it_has_caught_up() -> None:
    """The youngest 20 minutes are played ten times as fast, then the clock is followed."""
    clock, decode, interval = ManualClock(NOW), Recorder(), timedelta(seconds=2)
    behind = timedelta(minutes=20)
    source = _source(decode, clock, live=Pace(replay=behind, speed=10.0, interval=interval))
    pace = []
    for position in _positions(source.batches(None)):
        reached = datetime.fromisoformat(position["reached"])
        pace.append((clock.now() - NOW, reached - (NOW - behind)))
        if clock.now() > NOW + timedelta(minutes=4):
            source.stop()
    running = [(real, shop) for real, shop in pace if timedelta(0) < real < timedelta(minutes=2)]
    assert len(running) > 20
    assert all(shop == 10 * real for real, shop in running)
    assert all(shop == real + behind for real, shop in pace[-5:])


def test_another_shop_is_refused() -> None:
    """A workspace that holds one shop does not go on with another."""
    batches = _source(Recorder(), ManualClock(NOW)).batches(None)
    position = next(_positions(batches))
    other = _source(Recorder(), ManualClock(NOW), shop=Shop(seed=8))
    with pytest.raises(SourceError, match="another shop"):
        next(other.batches(position))


def test_a_foreign_position_is_refused() -> None:
    """A position that is none of this source is an error, not a fresh start."""
    with pytest.raises(SourceError, match="no position"):
        next(_source(Recorder(), ManualClock(NOW)).batches({"line": 3}))


def test_a_speed_of_nothing_is_refused() -> None:
    """Standing still is no speed."""
    with pytest.raises(InputError, match="speed 0"):
        DemoSource(ManualClock(NOW), live=Pace(speed=0.0))


def test_truth_covers_what_was_given() -> None:
    """The source tells the truth of all it has given, also before a resume."""
    decode = Recorder()
    source = _source(decode, ManualClock(NOW), live=None)
    assert source.truth() is None
    positions = list(_positions(source.batches(None)))
    truth = source.truth()
    assert truth is not None
    assert truth.planted.received == len(decode.items)
    resumed = _source(decode, ManualClock(NOW + HISTORY), live=None)
    list(resumed.batches(positions[-1]))
    whole = resumed.truth()
    assert whole is not None
    assert whole.planted.received == len(decode.items)


def test_the_real_decoder_finds_what_was_planted() -> None:
    """Through the real decoder, events, duplicates and malformed lines are as the truth says."""
    shop = Shop(bad_share=0.01, duplicate_share=0.01)
    source = DemoSource(ManualClock(NOW), shop=shop, history=HISTORY, live=None)
    batches = list(source.batches(None))
    truth = source.truth()
    assert truth is not None
    planted = truth.planted
    assert sum(b.events.num_rows for b in batches) == planted.events + planted.duplicate
    assert sum(b.bad.num_rows for b in batches) == planted.malformed
    assert planted.malformed > 20
    ids = [x for b in batches for x in b.bad.column("event_id").to_pylist()]
    assert len(set(ids)) == len(ids)
    assert all(b.source == "demo" for b in batches)
