"""The writer's queue is bounded by events and by bytes, and one bad event costs itself only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.errors import BusyError, WorkspaceError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import writer as writers
from datawatch_lab.engine.parting import halves, is_of_data, store_in_parts
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.submission import Submission
from datawatch_lab.engine.writer import Writer
from tests.ingest.samples import decoded, event
from tests.waiting import PATIENCE, eventually

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Store = Callable[[Sequence[Submission]], Sequence[Receipt]]


def submission(numbers: Sequence[int], bad: int = 0) -> Submission:
    """Events with these numbers as ids, every third with an image before, and some bad lines."""
    items: list[bytes | dict[str, object]] = [
        event(n, operation="UPDATE", before={"id": n} if n % 3 == 0 else None,
              table="users" if n % 4 == 0 else "orders")
        for n in numbers
    ]  # fmt: skip
    batch = decoded([*items, *([b"{"] * bad)], offset=Offset("s", {"at": len(items)}))
    return Submission(replace(batch, fresh=True), NOW, journal=7)


def numbers_of(batch: DecodedBatch) -> list[int]:
    """Ids of the events, read from the typed images, which must be where the events are."""
    found: dict[int, int] = {}
    for rows in batch.rows.values():
        for at, value in zip(rows.after.rows, rows.after.columns["id"], strict=True):
            found[int(at)] = int(value)
    return [found[at] for at in range(batch.events.num_rows)]


def receipt_of(given: Submission, outcome: str = "applied") -> Receipt:
    """What a store would say."""
    frame = pl.DataFrame(given.batch.events.select(["line", "offset", "event_id", "table"]))
    rows = frame.with_columns(pl.lit(outcome).alias("outcome"), pl.lit("").alias("reason"))
    counts = LedgerCounts(frame.height, **{outcome: frame.height})
    return Receipt(counts, rows, 1)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=20, unique=True), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_halves_are_the_whole(numbers: list[int], bad: int) -> None:
    """Events with their images in order, bad rows once, the offset with the last part only."""
    whole = submission(numbers, bad)
    first, second = halves(whole)
    assert numbers_of(first.batch) + numbers_of(second.batch) == numbers
    assert first.batch.events.num_rows
    assert second.batch.events.num_rows
    assert first.batch.bad.num_rows + second.batch.bad.num_rows == bad
    assert (first.batch.offset, second.batch.offset) == (None, whole.batch.offset)
    assert (first.journal, second.journal) == (0, 7)
    assert (first.batch.fresh, second.batch.fresh) == (True, False)


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=20, unique=True),
    st.sets(st.integers(1, 500)),
)
@settings(max_examples=40, deadline=None)
def test_only_what_fails_is_set_aside(numbers: list[int], poison: set[int]) -> None:
    """All others are stored, each once, in order, and the receipt tells of every event."""
    stored: list[int] = []
    aside: list[int] = []

    def store(given: Sequence[Submission]) -> Sequence[Receipt]:
        (one,) = given
        if poison & set(numbers_of(one.batch)):
            raise ValueError("poison")
        stored.extend(numbers_of(one.batch))
        return [receipt_of(one)]

    def set_aside(given: Sequence[Submission]) -> Sequence[Receipt]:
        (one,) = given
        aside.extend(numbers_of(one.batch))
        return [receipt_of(one, "quarantined")]

    receipt = store_in_parts(submission(numbers), store, set_aside)
    assert stored == [n for n in numbers if n not in poison]
    assert aside == [n for n in numbers if n in poison]
    assert receipt.counts == LedgerCounts(len(numbers), len(stored), quarantined=len(aside))
    assert receipt.outcomes["line"].to_list() == list(range(1, len(numbers) + 1))


def test_a_fault_of_the_disk_parts_nothing() -> None:
    """What is no fault of the events is raised as it is, and no event is set aside for it."""
    calls = []

    def store(given: Sequence[Submission]) -> Sequence[Receipt]:
        calls.append(given)
        raise WorkspaceError("no space left")

    with pytest.raises(WorkspaceError, match="no space"):
        store_in_parts(submission([1, 2, 3]), store, store)
    assert len(calls) == 1
    assert not is_of_data(MemoryError())
    assert is_of_data(WorkspaceError("a value does not fit", details={"statement": True}))


@pytest.fixture
def held() -> Iterator[tuple[Writer, threading.Event]]:
    """A writer whose commits wait for an event."""
    go = threading.Event()

    def commit(given: Sequence[Submission]) -> Sequence[Receipt]:
        go.wait(PATIENCE)
        return [receipt_of(each) for each in given]

    writer = Writer(commit, lambda _: None, Settings(queue_events=100, batch_events=10), commit)
    yield writer, go
    go.set()
    writer.close()


def test_the_queue_is_bounded_by_bytes(
    held: tuple[Writer, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few events of many bytes fill it too; there is room again when they are stored."""
    writer, go = held
    monkeypatch.setattr(writers, "QUEUE_BYTES", 1_000)
    one = submission([1])
    large = replace(one, batch=replace(one.batch, size=600))
    first = writer.submit(large)
    with pytest.raises(BusyError, match="600 bytes"):
        writer.submit(large, wait=False)
    with pytest.raises(BusyError):
        writer.submit(replace(one, batch=replace(one.batch, size=500)), wait=False)
    second = writer.submit(one, wait=False)
    assert writer.has_room()
    third = writer.submit(large)  # waiting asks for any room at all
    assert not writer.has_room()
    with pytest.raises(BusyError):
        writer.refuse_when_full()
    go.set()
    assert all(each.result(PATIENCE).counts.applied == 1 for each in (first, second, third))
    eventually(lambda: writer.backlog == 0)  # just after who waits was told
    writer.refuse_when_full()


def of_tables(count: int, number: int) -> Submission:
    """One event for each of many tables."""
    batch = decoded([event(number * count + n, table=f"t{n}") for n in range(count)])
    return Submission(batch, NOW)


@pytest.mark.parametrize(("tables", "sizes"), [(50, [50, 50, 50, 50]), (100, [100, 200, 100])])
def test_a_commit_of_many_tables_takes_more(tables: int, sizes: list[int]) -> None:
    """`batch_events` is for up to fifty tables; with twice as many it is twice as many events."""
    go, begun, stored = threading.Event(), threading.Event(), []

    def commit(given: Sequence[Submission]) -> Sequence[Receipt]:
        begun.set()
        go.wait(PATIENCE)
        stored.append(sum(each.batch.received for each in given))
        return [receipt_of(each) for each in given]

    limits = Settings(queue_events=1_000, batch_events=100 if tables > 50 else 50)
    writer = Writer(commit, lambda _: None, limits, commit)
    try:
        first = writer.submit(of_tables(tables, 0))
        assert begun.wait(PATIENCE)
        rest = [writer.submit(of_tables(tables, number)) for number in (1, 2, 3)]
        go.set()
        assert [each.result(PATIENCE).counts.applied for each in (first, *rest)] == [tables] * 4
    finally:
        go.set()
        writer.close()
    assert stored == sizes


def test_a_wide_commit_is_bounded_by_the_queue() -> None:
    """However many tables there are, a commit leaves half of the room to what comes meanwhile."""
    limits = Settings(queue_events=300, batch_events=100)
    writer = Writer(lambda _: [], lambda _: None, limits, lambda _: [])
    try:
        assert writer._limits(1_000) == (150, writers.WIDE_COMMIT_BYTES)
        assert writer._limits(50) == (100, writers.COMMIT_BYTES)
    finally:
        writer.close()


def test_what_is_left_to_the_journal_leaves_all_after_it_there() -> None:
    """Once an answered event waits for the next opening, no later one is stored before it."""
    stored: list[list[int]] = []
    began = threading.Event()

    def commit(given: Sequence[Submission]) -> Sequence[Receipt]:
        began.set()
        numbers = [each.journal for each in given]
        if 1 in numbers:
            raise OSError(28, "No space left on device")
        stored.append(numbers)
        return [receipt_of(each) for each in given]

    writer = Writer(commit, lambda _: None, Settings(), commit)
    held, blocked = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        blocked.wait(PATIENCE)

    job = threading.Thread(target=writer.run, args=(hold,))
    job.start()
    assert held.wait(PATIENCE)
    waiting = [writer.put(replace(submission([n]), journal=n)) for n in (1, 2)]
    blocked.set()
    job.join()
    assert began.wait(PATIENCE)
    writer.close()
    assert stored == []
    assert waiting[0].exception(PATIENCE) is not None
    assert isinstance(waiting[1].exception(PATIENCE), WorkspaceError)


def test_a_trickle_of_answered_events_is_gathered_until_somebody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a commit what only the journal has waits for more; who waits for a commit has it soon.

    The rest is made endless here, so that only what presses can end it.
    """
    monkeypatch.setattr(writers, "_LONGEST_REST_SECONDS", 1e6)
    monkeypatch.setattr(writers, "_REST", 1e12)
    commits: list[int] = []

    def commit(given: Sequence[Submission]) -> Sequence[Receipt]:
        commits.append(len(given))
        return [receipt_of(each) for each in given]

    writer = Writer(commit, lambda _: None, Settings(), commit)
    writer.submit(submission([1])).result(PATIENCE)
    answered = [writer.put(submission([number])) for number in range(2, 8)]
    assert not any(each.done() for each in answered)
    writer.submit(replace(submission([8]), journal=0)).result(PATIENCE)
    assert all(each.done() for each in answered)
    assert commits == [1, 7]
    last = writer.put(submission([9]))
    writer.close()
    assert last.done()
    assert commits == [1, 7, 1]
