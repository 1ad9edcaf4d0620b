"""Quick answers: what was answered for is applied, once, whatever happens between."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine import Engine
from datawatch_lab.engine.acceptance import identity_of
from datawatch_lab.engine.intake import take_http
from datawatch_lab.engine.receipts import OneApplied, Receipt
from datawatch_lab.engine.submission import Submission
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.single import plain_event
from tests.waiting import PATIENCE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAYS = ("columns", "plain")
"""An event that comes alone is answered for by itself; others, and several, by their columns."""


@pytest.fixture(params=WAYS, autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test is about both ways."""
    monkeypatch.setattr(sys.modules[__name__], "WAY", request.param)
    return str(request.param)


WAY = WAYS[0]


def order(number: int, *, at: datetime = NOW, **fields: Any) -> bytes:
    """An inserted order."""
    return json.dumps(
        {
            "id": f"e{number}",
            "table": "orders",
            "type": "INSERT",
            "timestamp": at.isoformat(),
            "after": {"id": number, "amount": number, **fields},
        }
    ).encode()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine that knows the table of orders."""
    opened = opened_at(tmp_path)
    yield opened
    opened.close()


def opened_at(folder: Path) -> Engine:
    """An engine in a folder; a new one is given two orders."""
    made = Engine.open(folder / "w.duckdb", clock=ManualClock(NOW))
    if not made.tables():
        submit(made, order(1), order(2))
    return made


def submit(engine: Engine, *lines: bytes) -> LedgerCounts:
    """Submit and wait until it is stored."""
    return (
        engine.submit(decode(lines, range(len(lines)), range(len(lines)), source="http"))
        .result()
        .counts
    )


def accept(engine: Engine, *lines: bytes) -> Receipt | OneApplied | None:
    """Ask for a quick answer."""
    if WAY == "plain" and len(lines) == 1:
        event = plain_event(lines[0])
        return None if event is None else engine.accept_plain(event)
    return engine.accept(decode(lines, range(len(lines)), range(len(lines)), source="http"))


def settled(engine: Engine) -> LedgerCounts:
    """The counts once nothing waits."""
    engine._writer.run(lambda: None)
    total = LedgerCounts()
    for counts in engine.store.ledger().values():
        total += counts
    return total


def test_it_is_stored_soon_after_the_answer(engine: Engine) -> None:
    """An ordinary event is answered for as applied, and is in ledger, log and live table."""
    receipt = accept(engine, order(3))
    assert receipt is not None
    assert receipt.counts == LedgerCounts(received=1, applied=1)
    assert receipt.outcomes.select("event_id", "table", "outcome").rows() == [
        ("e3", "orders", "applied")
    ]
    assert settled(engine) == LedgerCounts(received=3, applied=3)
    assert engine.store.live_count(engine.table("orders")) == 3


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([order(1)], "seen before"),
        ([order(9), order(9)], "twice in one body"),
        ([order(9, coupon="x")], "a field that is new"),
        ([order(9).replace(b"orders", b"baskets")], "a table that is new"),
        ([order(9, at=NOW - timedelta(hours=23, minutes=58))], "old enough to be late"),
        ([order(9, at=NOW + timedelta(hours=1))], "from the future"),
        ([b'{"table": "orders"}'], "malformed"),
        ([order(n) for n in range(10, 40)], "many"),
        ([], "nothing"),
    ],
)
def test_what_is_not_certain_waits_for_its_commit(
    engine: Engine, lines: Sequence[bytes], why: str
) -> None:
    """No quick answer is given for it, and nothing is journaled."""
    assert accept(engine, *lines) is None, why
    assert engine._journal.size == 0


def test_the_same_event_is_answered_for_once(engine: Engine) -> None:
    """Of many who send one event at a time, one is answered at once; the others are duplicates."""
    answers: list[Receipt | OneApplied | None] = []
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait()
        quick = accept(engine, order(5))
        answers.append(quick)
        if quick is None:
            assert submit(engine, order(5)).duplicate == 1

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer is not None for answer in answers) == 1
    assert settled(engine) == LedgerCounts(received=10, applied=3, duplicate=7)


def test_identities_are_those_of_the_store(engine: Engine) -> None:
    """The identity of one event is what the store computes for many."""
    events = [("shop", ".orders", "e1"), ("", "sales.orders", "ü"), ("", ".x", "")]
    columns = [pa.array(column) for column in zip(*events, strict=True)]
    found = engine.store.identify(*columns)
    assert [identity_of(*event) for event in events] == list(
        zip(found.hi.tolist(), found.lo.tolist(), strict=True)
    )


def _answer_and_die(folder: Path, numbers: Sequence[int], way: str) -> None:
    setattr(sys.modules[__name__], "WAY", way)  # noqa: B010 — the name is there, in this process
    engine = opened_at(folder)
    never = threading.Event()

    def stuck(_: Sequence[Submission]) -> Sequence[Receipt]:
        never.wait()
        return ()

    engine._writer._commit = stuck
    for number in numbers:
        assert accept(engine, order(number)) is not None
    os._exit(9)


def test_what_was_answered_for_survives_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A process that dies before the commit leaves its events to the next, each applied once."""
    # a shell of IPython in another test may have put a main module of its own, which spawn asks
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    opened_at(tmp_path).close()
    fork = multiprocessing.get_context("spawn")
    for numbers in ([3, 4, 5], [6]):
        child = fork.Process(target=_answer_and_die, args=(tmp_path, numbers, way))
        child.start()
        child.join(4 * PATIENCE)  # it starts a Python of its own
        assert child.exitcode == 9
    for _ in range(2):
        engine = opened_at(tmp_path)
        assert settled(engine) == LedgerCounts(received=6, applied=6)
        assert engine.store.live_count(engine.table("orders")) == 6
        engine.close()


def test_a_store_that_fails_for_a_while_is_tried_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk delays what was answered for; it is stored when there is space."""
    real, fails = engine.store.commit, iter([True, True])

    def commit(what: Any) -> int:
        if next(fails, False):
            raise WorkspaceError("no space left")
        return real(what)

    monkeypatch.setattr(engine.store, "commit", commit)
    monkeypatch.setattr("datawatch_lab.engine.writer._RETRY_AFTER_SECONDS", 0.01)
    assert accept(engine, order(3)) is not None
    assert settled(engine) == LedgerCounts(received=3, applied=3)


def test_what_can_never_be_stored_is_set_aside(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that stays puts the event into the quarantine, whole, and the next one is stored."""
    real = engine.measures.derive

    def derive(batches: Any, *rest: Any) -> Any:
        if any(3 in batch.after.columns["id"].to_list() for batch in batches):
            raise ZeroDivisionError
        return real(batches, *rest)

    monkeypatch.setattr(engine.measures, "derive", derive)
    monkeypatch.setattr("datawatch_lab.engine.writer._RETRY_AFTER_SECONDS", 0.01)
    assert accept(engine, order(3)) is not None
    assert accept(engine, order(4)) is not None
    assert settled(engine) == LedgerCounts(received=4, applied=3, quarantined=1)
    (row,) = engine.store.quarantine()
    assert json.loads(row.raw)["after"] == {"id": 3, "amount": 3}
    assert "could not be stored" in row.reason


def test_closing_leaves_to_the_journal_what_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails until the end does not keep the engine from closing; nothing is lost."""
    engine = opened_at(tmp_path)
    real = engine.store.commit

    def commit(what: Any) -> int:
        if what.log.num_rows:
            raise WorkspaceError("no space left")
        return real(what)

    with monkeypatch.context() as patched:
        patched.setattr(engine.store, "commit", commit)
        assert accept(engine, order(3)) is not None
        assert accept(engine, order(4)) is not None
        engine.close()
    engine = opened_at(tmp_path)
    assert settled(engine) == LedgerCounts(received=4, applied=4)
    engine.close()


def test_events_that_come_alone_are_stored_as_if_they_came_together(tmp_path: Path) -> None:
    """In the order of their answers, each with its own id and the moment when it was taken in."""
    clock = ManualClock(NOW)
    engine = Engine.open(tmp_path / "w.duckdb", clock=clock)
    submit(engine, order(1), order(2))
    hold, gone = threading.Event(), threading.Event()

    def wait() -> None:
        gone.set()
        hold.wait()

    held = threading.Thread(target=engine._writer.run, args=(wait,))
    held.start()
    assert gone.wait(PATIENCE)
    timeless = json.dumps({"table": "orders", "type": "INSERT", "after": {"id": 3}}).encode()
    told = []
    for body in (order(4), timeless, b" %s\n" % order(5), timeless):
        clock.advance(timedelta(seconds=1))
        receipt = take_http(engine, body, content_type="", content_encoding="", wait=False)
        told += receipt.outcomes["event_id"].to_list()
    hold.set()
    held.join()
    assert settled(engine) == LedgerCounts(received=6, applied=6)
    sql = "SELECT _event_id, _ts, _received FROM changes.orders ORDER BY _seq"
    rows = engine.sql(sql).table.to_pylist()[2:]
    assert [row["_event_id"] for row in rows] == told
    assert told[0] == "e4"
    assert len(set(told)) == 4
    now = NOW.replace(tzinfo=None)
    moments = [now + timedelta(seconds=n) for n in (1, 2, 3, 4)]
    assert [row["_received"] for row in rows] == moments
    assert [row["_ts"] for row in rows] == [now, moments[1], now, moments[3]]
    engine.close()


@pytest.mark.parametrize("kind", [ZeroDivisionError, pl.exceptions.PanicException])
def test_what_cannot_be_decoded_after_all_is_set_aside(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    """A fault of ours, or a panic of a library, loses nothing that was answered for."""
    broken = kind("by nought")

    def fail(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr("datawatch_lab.engine.singles.decode_singles", fail)
    event = plain_event(order(3))
    assert event is not None
    assert engine.accept_plain(event) is not None
    assert settled(engine) == LedgerCounts(received=3, applied=2, quarantined=1)
    (row,) = engine.store.quarantine()
    assert json.loads(row.raw)["after"] == {"id": 3, "amount": 3}
    assert row.reason == "it cannot be decoded: by nought"
