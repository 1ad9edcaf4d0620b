"""`track`: what it records, of which kinds of functions, and what it costs."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import tracemalloc
from typing import Any

import msgspec
import pytest

from datawatch_lab.client import Client, default, set_default, track
from datawatch_lab.client.tracking import Tracked
from tests.waiting import PATIENCE


class Rows(list[dict[str, Any]]):
    """Collects the rows of performance."""

    def put(self, line: bytes) -> None:
        """Take an event."""
        event = msgspec.json.decode(line)
        assert (event["schema"], event["table"]) == ("datawatch", "performance")
        self.append(event["after"])


@pytest.fixture
def rows() -> Rows:
    """What was recorded."""
    return Rows()


def test_a_function_is_timed_and_stays_itself(rows: Rows) -> None:
    """Name, arguments, result and docstring are the function's; a row says how it went."""

    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    timed = Tracked(rows.put, None, "shop")(add)
    assert timed(2, b=3) == 5
    assert (timed.__name__, timed.__doc__, inspect.signature(timed)) == (
        "add",
        "Add.",
        inspect.signature(add),
    )
    (row,) = rows
    assert row["operation"].endswith("test_a_function_is_timed_and_stays_itself.<locals>.add")
    assert (row["service_id"], row["success"]) == ("shop", True)
    assert row["duration_ms"] >= 0
    assert "error_type" not in row


def test_an_exception_passes_and_is_told(rows: Rows) -> None:
    """The row has the class of the exception, and the caller gets the exception itself."""
    fault = KeyError("x")

    @Tracked(rows.put, "break", "")
    def broken() -> None:
        raise fault

    with pytest.raises(KeyError) as caught:
        broken()
    assert caught.value is fault
    assert (rows[0]["success"], rows[0]["error_type"]) == (False, "KeyError")


def test_blocks_nest(rows: Rows) -> None:
    """One object used inside itself, and in two threads at once, times each use apart."""
    block = Tracked(rows.put, "block", "")
    with block, block:
        pass
    gate = threading.Barrier(2)

    def work() -> None:
        with block:
            gate.wait(PATIENCE)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(rows) == 4
    with pytest.raises(ZeroDivisionError), block:
        _ = 1 / 0
    assert rows[-1]["error_type"] == "ZeroDivisionError"


def test_an_async_function_pays_for_its_own_steps_only(rows: Rows) -> None:
    """Its CPU time is without that of the task which ran while it waited; its duration is not."""

    @Tracked(rows.put, "waits", "")
    async def waits(other: asyncio.Task[None]) -> str:
        await other
        return "done"

    async def burns() -> None:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass

    async def both() -> str:
        return await waits(asyncio.ensure_future(burns()))

    assert asyncio.run(both()) == "done"
    assert inspect.iscoroutinefunction(waits)
    (row,) = rows
    assert row["duration_ms"] >= 100
    assert row["cpu_ms"] < 50


def test_an_async_function_is_cancelled_and_throws_as_before(rows: Rows) -> None:
    """Cancellation, errors thrown in, and caught ones pass through the wrapper."""

    @Tracked(rows.put, "sleeps", "")
    async def sleeps() -> str:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise
        return "never"

    @Tracked(rows.put, "recovers", "")
    async def recovers() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(3_600)
        except TimeoutError:
            return "recovered"
        return "never"

    async def cancel() -> None:
        task = asyncio.ensure_future(sleeps())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert asyncio.run(recovers()) == "recovered"
    assert [row.get("error_type") for row in rows] == ["CancelledError", None]


def test_memory_is_that_of_python_where_it_is_traced(rows: Rows) -> None:
    """With tracemalloc on, a function that keeps 2 MB grows by 2 MB."""
    kept = []

    @Tracked(rows.put, "keeps", "")
    def keeps() -> None:
        kept.append(bytes(2 * 1_048_576))

    tracemalloc.start()
    try:
        keeps()
    finally:
        tracemalloc.stop()
    assert rows[0]["resource_mb"] == pytest.approx(2.0, abs=0.1)


def test_the_default_client_takes_what_names_none(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`track` without a client finds the default one when it is called, not when it is written."""
    monkeypatch.setattr(default, "_default", [])

    @track
    def plain() -> int:
        return 1

    @track("named", service="other")
    def named() -> int:
        return 2

    set_default(client)
    with track("block"):
        assert plain() + named() == 3
    assert client.flush(30)
    client.post_events(b'{"type": "INSERT", "table": "t", "after": {}}', wait=True)
    found = client.sql("select operation, service_id from live.performance")
    assert sorted(each[0].rpartition(".")[2] for each in found.rows) == ["block", "named", "plain"]
    assert {each[1] for each in found.rows} == {"tests", "other"}


def test_it_records_into_the_buffer_only() -> None:
    """A call hands one event over and asks nothing of the network."""
    with Client("http://127.0.0.1:9", spool=False, flush_interval=3_600) as client:

        @client.track
        def quick() -> None:
            """Nothing."""

        for _ in range(100):
            quick()
        assert client.stats.queued == 100
        assert client.stats.retries == 0
        client.close(0.0)


def test_what_cannot_be_recorded_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A closed client and an address that is none cost the timed program a warning, and no more."""
    client = Client("http://127.0.0.1:9", spool=False, flush_interval=3_600)
    closed = client.track("closed")
    client.close(0.0)
    monkeypatch.setattr(default, "_default", [])
    monkeypatch.setenv("DATAWATCH_URL", "no address at all")
    malformed = track("malformed")

    for tracked in (closed, malformed):

        @tracked
        def plain() -> int:
            return 1

        @tracked
        def broken() -> None:
            raise KeyError("the program's own")

        @tracked
        async def slow() -> int:
            return 2

        for _ in range(2):
            assert plain() == 1
            with pytest.raises(KeyError, match="the program's own"):
                broken()
            assert asyncio.run(slow()) == 2
            with tracked:
                pass
    told = [each for each in caplog.records if "not recorded" in each.getMessage()]
    assert [each.getMessage().split()[2] for each in told] == ["closed", "malformed"]
