"""The engine on a real store: what it takes in, stores, derives, and keeps over a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.batches import Offset
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import BusyError, NotFoundError, WorkspaceError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import Commit
from datawatch_lab.engine import Engine, intake
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.file import FileSource
from tests.waiting import PATIENCE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def order(number: int, minute: float = 0, **row: Any) -> bytes:
    """An inserted order, ``minute`` minutes before now."""
    after = {"id": number, "amount": f"{number}.50", "status": "paid", "customer_id": number % 7}
    event = {
        "id": f"e{number}",
        "table": "orders",
        "operation": "INSERT",
        "timestamp": (NOW - timedelta(minutes=minute)).isoformat(),
        "metadata": {"database": "shop"},
        "after": after | row,
    }
    return json.dumps(event).encode()


def take(engine: Engine, *events: bytes, source: str = "test") -> Any:
    """Submit events and wait until they are durable."""
    batch = decode(list(events), list(range(1, len(events) + 1)), [-1] * len(events), source=source)
    return engine.submit(batch).result().counts


def value(engine: Engine, metric: str, **how: Any) -> float | None:
    """One value of a metric over the last hour."""
    request = QueryRequest(metric, start="-1h", end="now+1h", stepped=False, **how)
    series = run(engine, request).series
    return series[0].value if series else None


@pytest.fixture
def clock() -> ManualClock:
    """Stands still."""
    return ManualClock(NOW)


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    """An engine on a new workspace."""
    made = Engine.open(tmp_path / "w.duckdb", clock=clock)
    yield made
    made.close()


def test_an_event_is_in_its_metrics_when_its_receipt_comes(engine: Engine) -> None:
    """The open bucket included."""
    counts = take(engine, *(order(number) for number in range(1, 31)))
    assert (counts.received, counts.applied) == (30, 30)
    assert value(engine, "orders_inserts_total") == 30
    assert value(engine, "orders_amount_sum") == sum(n + 0.5 for n in range(1, 31))
    assert value(engine, "events_total") == 30


def test_a_second_delivery_is_a_duplicate_within_and_across_batches(engine: Engine) -> None:
    """By origin, table and id, whatever else differs."""
    assert take(engine, order(1), order(1, status="other")).duplicate == 1
    assert take(engine, order(1)).duplicate == 1
    assert value(engine, "orders_inserts_total") == 1


def test_late_and_future_events_are_set_aside_and_can_be_replayed(
    engine: Engine, clock: ManualClock
) -> None:
    """They keep their identity: replayed, they are applied once, and the ledger moves."""
    take(engine, order(1))
    late, future = order(2, minute=25 * 60), order(3, minute=-30)
    counts = take(engine, late, future)
    assert (counts.late, counts.quarantined) == (1, 1)
    assert take(engine, late).duplicate == 1
    assert engine.quarantined() == 2
    kept = json.loads(engine.store.quarantine()[0].raw)
    assert kept["metadata"] == {"database": "shop"}
    assert kept["after"] == json.loads(late)["after"]

    first = engine.replay((), {})
    assert (first.tried, first.applied, len(first.failed)) == (2, 1, 1)
    assert "still ahead of the clock" in first.failed[0][1]
    clock.advance(timedelta(hours=1))
    assert engine.replay((), {}).applied == 1
    assert engine.quarantined() == 0
    total = sum(engine.store.ledger().values(), start=type(counts)())
    assert total.balanced
    assert (total.received, total.applied, total.duplicate) == (4, 3, 1)
    with pytest.raises(NotFoundError, match="no waiting row 1"):
        engine.replay([1], {})


def test_a_corrected_row_leaves_the_quarantine_and_a_wrong_one_stays(engine: Engine) -> None:
    """What is replayed moves in the ledger from where it was counted to where it belongs."""
    take(engine, order(1), b'{"table": "orders", "oops": 1}', b"not json")
    rows = engine.store.quarantine()
    assert [row.line for row in rows] == [2, 3]
    result = engine.replay([rows[0].id], {rows[1].id: order(9)})
    assert (result.applied, len(result.failed)) == (1, 1)
    assert result.failed[0][0].id == rows[0].id
    counts = engine.store.ledger()
    assert counts["test", "orders"].applied == 2
    assert all(cell.balanced for cell in counts.values())
    assert value(engine, "orders_inserts_total") == 2


def test_a_restart_knows_everything(tmp_path: Path, clock: ManualClock) -> None:
    """Tables, roles, series, identities, watermarks and offsets."""
    with_data = Engine.open(tmp_path / "w.duckdb", clock=clock)
    take(with_data, *(order(number) for number in range(50)))
    tables, metrics = with_data.tables(), set(with_data.metrics())
    with_data.close()
    again = Engine.open(tmp_path / "w.duckdb", clock=clock)
    try:
        assert again.tables() == tables
        assert set(again.metrics()) == metrics
        assert take(again, order(7)).duplicate == 1
        assert take(again, order(60, minute=25 * 60)).late == 1
        assert take(again, order(61)).applied == 1
        assert value(again, "orders_inserts_total") == 51
    finally:
        again.close()


def test_roles_that_become_clear_late_lose_no_rows(engine: Engine) -> None:
    """One event at a time, or all at once: the same metrics with the same values."""
    for number in range(40):
        take(engine, order(number, status=["paid", "pending"][number % 2]))
    by_status = {
        dict(each.labels)["status"]: each.value
        for each in run(
            engine, QueryRequest("orders_by_status", start="-1h", end="now+1h", stepped=False)
        ).series
    }
    assert by_status == {"paid": 20, "pending": 20}
    assert value(engine, "orders_customer_id_cardinality") == 7


def test_a_label_that_appears_late_counts_earlier_rows_as_missing(engine: Engine) -> None:
    """A split by a new field still adds up to the total."""
    take(engine, *(order(number) for number in range(30)))
    take(engine, *(order(number, channel=["web", "app"][number % 2]) for number in range(30, 60)))
    request = QueryRequest(
        "orders_inserts_total", start="-1h", end="now+1h", stepped=False, group_by=("channel",)
    )
    found = {dict(each.labels)["channel"]: each.value for each in run(engine, request).series}
    assert found == {"(missing)": 30, "web": 15, "app": 15}


def test_states_behind_the_log_are_caught_up_at_opening(tmp_path: Path, clock: ManualClock) -> None:
    """Whatever the cursor has not reached is derived from the log before anything is asked."""
    path = tmp_path / "w.duckdb"
    engine = Engine.open(path, clock=clock)
    store_commit = engine.store.commit

    def without_states(commit: Commit) -> int:
        bare = replace(commit, appends=None, measures=(), series=(), evidence={}, cursors={})
        return store_commit(bare)

    engine.store.commit = without_states  # type: ignore[method-assign]  # a derivation that is new
    take(engine, *(order(number) for number in range(25)))
    engine.close()
    again = Engine.open(path, clock=clock)
    try:
        assert value(again, "orders_inserts_total") == 25
        assert take(again, order(25)).applied == 1
        assert value(again, "orders_inserts_total") == 26
    finally:
        again.close()


def test_a_commit_that_fails_leaves_no_trace_and_the_engine_goes_on(engine: Engine) -> None:
    """The submitter gets the error; the next batch is stored as if nothing had been."""
    take(engine, order(1))
    store_commit = engine.store.commit

    def full(commit: Commit) -> int:
        del commit
        raise WorkspaceError("no space left on device")

    engine.store.commit = full  # type: ignore[method-assign]  # a disk that is full
    with pytest.raises(WorkspaceError, match="no space"):
        take(engine, order(2, coupon="A"))
    assert not engine.healthy
    engine.store.commit = store_commit  # type: ignore[method-assign]
    assert take(engine, order(2)).applied == 1
    assert engine.healthy
    assert value(engine, "orders_inserts_total") == 2
    assert "orders_coupon_null_ratio" not in engine.metrics()


def test_a_listener_that_fails_does_not_fail_the_batch(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are still told, and an ended subscription is not."""
    told: list[int] = []

    def broken(version: int) -> None:
        raise ValueError(version)

    engine.subscribe(broken)
    end = engine.subscribe(told.append)
    assert take(engine, order(1)).applied == 1
    end()
    take(engine, order(2))
    assert told == [1]
    assert "a listener of data versions failed" in caplog.text


def test_a_file_read_again_in_one_process_brings_duplicates_each_time(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Whether or not the note that the last run is over was stored already; also after closing."""
    file = tmp_path / "orders.ndjson"
    file.write_bytes(b"\n".join(order(number) for number in range(20)) + b"\n")
    engine = Engine.open(tmp_path / "w.duckdb", clock=clock)
    runs = [intake.run(engine, FileSource(file)) for _ in range(3)]
    engine.close()
    engine = Engine.open(tmp_path / "w.duckdb", clock=clock)
    try:
        runs.append(intake.run(engine, FileSource(file)))
        assert [each.applied for each in runs] == [20, 0, 0, 0]
        assert [each.duplicate for each in runs] == [0, 20, 20, 20]
    finally:
        engine.close()


def test_a_full_queue_refuses_who_does_not_wait(tmp_path: Path, clock: ManualClock) -> None:
    """With the reason and when to try again; nothing is lost of what was accepted."""
    engine = Engine.open(tmp_path / "w.duckdb", clock=clock, settings=Settings(queue_events=10))
    try:
        batch = decode([order(n) for n in range(8)], [0] * 8, [-1] * 8, source="flood")
        accepted: list[Any] = []

        def flood() -> None:
            for _ in range(1_000):
                accepted.append(engine.submit(batch, wait=False))  # noqa: PERF401 — it is cut

        with pytest.raises(BusyError, match="wait to be stored") as refused:
            flood()
        assert refused.value.details["retry_after"] > 0
        counts = [each.result().counts for each in accepted]
        assert sum(each.applied for each in counts) == 8
        assert sum(each.duplicate for each in counts) == 8 * (len(counts) - 1)
    finally:
        engine.close()


def test_a_silent_clock_needs_no_data(engine: Engine) -> None:
    """An empty workspace answers with what there is: nothing."""
    assert list(engine.metrics()) == ["events_total"]
    assert value(engine, "events_total") is None
    assert engine.tables() == []
    with pytest.raises(NotFoundError, match="There are no tables yet"):
        engine.table("orders")


def test_no_offset_passes_a_batch_that_failed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Batches behind one that failed are not stored; the next run begins with it."""
    batches = [
        replace(
            decode([order(number)], [number], [number], source="s"),
            offset=Offset("s", {"line": number}),
        )
        for number in (1, 2, 3)
    ]
    real, fails = engine.store.commit, iter([True])

    def commit(what: Commit) -> int:
        if what.log.num_rows and next(fails, False):
            raise WorkspaceError("no space left")
        return real(what)

    engine.begin("s")
    gate = threading.Event()
    held = threading.Thread(target=lambda: engine._writer.run(gate.wait))
    held.start()
    monkeypatch.setattr(engine.store, "commit", commit)
    monkeypatch.setattr(engine._writer, "_settings", Settings(batch_events=1))
    waiting = [engine.submit(batch) for batch in batches]
    gate.set()
    held.join()
    for each in waiting:
        with pytest.raises(WorkspaceError):
            each.result(PATIENCE)
    assert engine.offset("s") is None
    assert engine.begin("s") is None
    for batch in batches:
        assert engine.submit(batch).result(PATIENCE).counts.applied == 1
    assert engine.offset("s") == {"line": 3}
