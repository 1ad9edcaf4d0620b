"""Clients against a real server: telemetry, rows, frames; kills, forks, other processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from datawatch_lab.client import AsyncClient, Client, Rejection
from datawatch_lab.client.events import SCHEMA, STREAMS, given, line
from datawatch_lab.client.frames import frame_lines
from datawatch_lab.core.errors import InputError, NotFoundError, WorkspaceError
from datawatch_lab.ingest.telemetry import streams
from tests.client.conftest import HOST, TOKEN, Live, serve
from tests.client.worker import work
from tests.waiting import eventually


def rows(live: Live, query: str, wanted: int = 1) -> list[list[Any]]:
    """Rows of a query, once there are as many as wanted: few events are seen a moment later."""
    found: list[list[Any]] = []

    def are_there() -> bool:
        with suppress(NotFoundError):
            found[:] = live.workspace.sql(query).rows
        return len(found) >= wanted

    eventually(are_there, lambda: f"{found}")
    return found


def applied(live: Live, wanted: int) -> int:
    """Events that are stored, once there are as many as wanted."""
    eventually(lambda: live.workspace.ledger().applied >= wanted)
    return live.workspace.ledger().applied


def test_the_streams_are_those_of_the_engine() -> None:
    """The SDK and the engine name the same telemetry tables."""
    assert SCHEMA == streams.SCHEMA
    assert set(STREAMS) == set(streams.STREAMS)


def test_telemetry_arrives_in_its_streams(client: Client, live: Live) -> None:
    """Each call is a row of its stream, with the fields that were given."""
    client.track_event("purchase", user_id=7, data={"amount": 19.9}, tags={"plan": "pro"})
    client.record_metric("queue_length", 12, "jobs")
    client.heartbeat(request_count=10, error_count=1, avg_latency=12.5, uptime=3_600)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    client.task_run("mail", start=start, end=start.replace(second=2), timestamp=datetime.now(UTC))
    client.record("business", metric_type="revenue", value=10)
    assert client.flush(30)
    assert client.stats.accepted == 5
    assert rows(live, "select type, service from live.events") == [["purchase", "tests"]]
    assert rows(live, "select name, value from live.measurements") == [["queue_length", 12]]
    assert rows(live, "select service, request_count from live.heartbeats") == [["tests", 10]]
    assert rows(live, "select task_type, duration_ms from live.task_runs") == [["mail", 2_000]]
    assert rows(live, "select metric_type, value from live.business") == [["revenue", 10]]


def test_rows_of_tables_change(client: Client, live: Live) -> None:
    """Inserts, updates and deletes end in the live table."""
    for number in range(3):
        client.insert("shop.orders", {"id": number, "amount": Decimal("19.90"), "status": "new"})
    assert client.flush(30)
    client.update("shop.orders", {"id": 1, "amount": Decimal("19.90"), "status": "paid"})
    client.delete("shop.orders", {"id": 2})
    assert client.flush(30)
    changes = rows(live, "select _op, id from changes.orders order by _seq", 5)
    assert [each[0] for each in changes] == ["c", "c", "c", "u", "d"]


def test_the_same_id_counts_once(client: Client, live: Live) -> None:
    """Events with an id of one's own are told apart by it."""
    for _ in range(3):
        client.insert("orders", {"id": 1}, id="order-1")
    assert client.flush(30)
    assert (client.stats.accepted, client.stats.duplicate) == (1, 2)
    assert applied(live, 1) == 1


def test_bad_events_are_told_and_spoil_nothing(live: Live) -> None:
    """The server's reason comes back with the event; the good ones beside it are in."""
    told: list[Rejection] = []
    with Client(live.address, TOKEN, on_rejected=told.append) as client:
        client.insert("orders", {"id": 1})
        client.send({"type": "BOGUS", "table": "orders"})
        client.insert("orders", {"id": 2})
        assert client.flush(30)
        assert (client.stats.accepted, client.stats.rejected) == (2, 1)
    (found,) = told
    assert found.outcome == "quarantined"
    assert "BOGUS" in found.reason
    assert b"BOGUS" in found.event


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table], ids=["pl", "pd", "pa"])
def test_frames_become_rows(client: Client, live: Live, make: Callable[[Any], Any]) -> None:
    """A frame of each kind is sent as inserts with its values."""
    assert client.send(make({"id": [1, 2], "name": ["a", "ö"]}), table="things") == 2
    assert client.flush(30)
    assert rows(live, "select id, name from live.things order by 1", 2) == [[1, "a"], [2, "ö"]]


def test_frames_keep_their_values() -> None:
    """Big integers, decimals, times with zones, NaN, lists, bytes and nulls."""
    frame = pl.DataFrame(
        {
            "big": pl.Series([2**100, None], dtype=pl.Int128),
            "money": [Decimal("1.10"), None],
            "at": [datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)] * 2,
            "share": [float("nan"), 0.1],
            "tags": [["a"], []],
            "raw": [b"\xff\x00", b""],
            "kind": pl.Series(["x", "y"], dtype=pl.Categorical),
        }
    )
    first, second = (
        msgspec.json.decode(each) for each in frame_lines(frame, "s.t", time_column="at")
    )
    assert first["timestamp"] == 1_767_268_800_000_005
    assert (first["schema"], first["table"], first["type"]) == ("s", "t", "INSERT")
    assert first["id"] != second["id"]
    after = first["after"]
    assert b'"big":1267650600228229401496703205376' in frame_lines(frame, "t")[0]
    assert (after["money"], after["share"], after["tags"]) == ("1.10", None, ["a"])
    assert (after["raw"], after["kind"]) == ("/wA=", "x")
    assert datetime.fromisoformat(after["at"]) == frame["at"][0]
    assert second["after"]["big"] is None
    assert frame_lines(frame.head(0), "t") == []


@pytest.mark.parametrize(
    ("what", "how", "message"),
    [
        ("text", {}, "neither an event nor a frame"),
        ([1], {}, "neither an event nor a frame"),
        ({"id": 1}, {}, "needs one of"),
        (pl.DataFrame({"a": [1]}), {}, "needs table"),
        (pl.DataFrame({"a": [1]}), {"table": "t", "time_column": "b"}, "Columns: a"),
        ([{"id": 1}], {"table": "t", "time_column": "id"}, "goes with a frame"),
        (pl.DataFrame({"a": [object()]}), {"table": "t"}, "cannot be written as JSON"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(
    what: object, how: dict[str, str], message: str
) -> None:
    """The mistake of a caller is an error where it is made, with what to do instead."""
    with Client(spool=False) as client:
        with pytest.raises(InputError, match=message):
            client.send(what, **how)
        with pytest.raises(InputError, match="Streams: events"):
            client.record("bussiness", value=1)
        assert client.stats.queued == 0


def test_odd_values_are_written() -> None:
    """Numbers of numpy are numbers, what JSON has no form for is text, NaN is null."""
    event = msgspec.json.decode(
        line("INSERT", "t", {"n": np.float32(0.5), "p": Path("a/b"), "nan": float("nan")})
    )
    assert event["after"] == {"n": 0.5, "p": "a/b", "nan": None}
    assert "id" not in msgspec.json.decode(given({"op": "c", "source": {}, "after": {}}))


def test_awaited_clients_do_the_same(live: Live) -> None:
    """Events, flush, operations, errors and Arrow, under asyncio."""

    async def work() -> None:
        async with AsyncClient(live.address, TOKEN, flush_interval=0.1) as client:
            client.insert("orders", {"id": 1, "amount": 5})
            assert await client.flush(30)
            assert applied(live, 1) == 1
            both = await asyncio.gather(client.ledger(), client.sql("select id from live.orders"))
            assert (both[0].applied, both[1].rows) == (1, [[1]])
            assert (await client.sql_table("select 1 as a")).num_rows == 1
            with pytest.raises(NotFoundError, match="orders"):
                await client.tables(name="ordres")
            assert client.stats.accepted == 1

    asyncio.run(work())


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """Questions fail with a sentence; events wait on disk and arrive when it comes."""
    first = serve(tmp_path / "w.duckdb")
    port = first.server.port
    first.server.stop()
    first.workspace.close()
    with Client(f"http://{HOST}:{port}", TOKEN, flush_interval=0.05) as client:
        client.insert("orders", {"id": 1})
        assert not client.flush(0.2)
        with pytest.raises(WorkspaceError, match="does not answer"):
            client.ledger()
        eventually(lambda: client.stats.spooled)  # it was tried, however busy the machine is
        second = serve(tmp_path / "w.duckdb", port)
        assert client.flush(60)
        assert client.stats.spooled == 1
        assert applied(second, 1) == 1
        second.server.stop()
        second.workspace.close()


CHILD = """
import sys, time
from datawatch_lab.client import Client
client = Client(sys.argv[1], sys.argv[2], flush_interval=0.01, spool=sys.argv[3])
for number in range(int(sys.argv[4]), int(sys.argv[4]) + 100):
    client.insert("orders", {"id": number}, id=f"order-{number}")
while client.stats.spooled < 100:
    time.sleep(0.01)
print("spooled", flush=True)
time.sleep(60)
"""


def test_what_a_killed_program_spooled_is_sent_by_the_next(tmp_path: Path) -> None:
    """Two programs are killed with -9 while the server is away; the third sends both's events."""
    first = serve(tmp_path / "w.duckdb")
    address = first.address
    first.server.stop()
    first.workspace.close()
    spool = tmp_path / "spool"
    for start in (0, 100):
        program = [sys.executable, "-c", CHILD, address, TOKEN, str(spool), str(start)]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"spooled\n"
            child.send_signal(signal.SIGKILL)
    second = serve(tmp_path / "w.duckdb", first.server.port)
    with Client(address, TOKEN, spool=spool, flush_interval=0.01) as client:
        eventually(lambda: client.stats.accepted == 200)
        assert client.stats.recovered == 200
        assert client.stats.waiting == 0
    found = second.workspace.sql("select id, count(*) from changes.orders group by 1 order by 1")
    assert found.rows == [[number, 1] for number in range(200)]
    assert not list(spool.glob("*/*/*.ndjson"))
    second.server.stop()
    second.workspace.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_send_what_they_have_when_they_end(live: Live, way: str) -> None:
    """A process of `multiprocessing` that just ends loses nothing."""
    context: Any = multiprocessing.get_context(way)
    workers = [
        context.Process(target=work, args=(live.address, TOKEN, number)) for number in range(2)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
        assert each.exitcode == 0
    assert rows(live, "select id from live.jobs order by 1", 2) == [[0], [1]]


def test_a_program_that_just_ends_loses_nothing(live: Live) -> None:
    """At exit the client sends what waits, without being closed."""
    code = (
        "import sys; from datawatch_lab.client import Client\n"
        "Client(sys.argv[1], sys.argv[2]).insert('orders', {'id': 1})\n"
    )
    subprocess.run([sys.executable, "-c", code, live.address, TOKEN], check=True, timeout=60)
    assert applied(live, 1) == 1


def test_sending_loads_nothing_of_the_engine(live: Live) -> None:
    """A program that only sends does not pay for DuckDB, polars or pyarrow."""
    code = (
        "import sys; from datawatch_lab.client import Client\n"
        "client = Client(sys.argv[1], sys.argv[2])\n"
        "client.track_event('start'); assert client.flush(30); client.close()\n"
        "heavy = {'duckdb', 'polars', 'pyarrow', 'pandas', 'tornado', 'datawatch_lab.engine'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, live.address, TOKEN],
        check=True,
        timeout=60,
        capture_output=True,
    )
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize("compress", [False, True])
def test_a_batch_may_be_packed(live: Live, compress: bool) -> None:
    """With and without gzip the same arrives."""
    with Client(live.address, TOKEN, compress=compress) as client:
        client.send([{"id": number} for number in range(50)], table="orders")
        assert client.flush(30)
    assert applied(live, 50) == 50


def test_addresses_come_from_arguments_links_and_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A printed link works as it is; a database's address is refused."""
    with Client("http://dw.example/?token=abc", spool=False) as client:
        assert (client.url, client.token) == ("http://dw.example", "abc")
    monkeypatch.setenv("DATAWATCH_URL", "http://dw.example:81")
    monkeypatch.setenv("DATAWATCH_TOKEN", "def")
    with Client(spool=False) as client:
        assert (client.url, client.token) == ("http://dw.example:81", "def")
        assert "def" not in repr(client)
    with pytest.raises(InputError, match="address of a server") as caught:
        Client("postgresql://ada:secret@db/shop")
    assert "secret" not in str(caught.value)


def test_a_wrong_token_loses_nothing(live: Live) -> None:
    """Refused at the door, events wait; the next client with the right token brings them."""
    with Client(live.address, "wrong", flush_interval=0.01) as client:
        client.insert("orders", {"id": 1})
        assert not client.flush(0.3)
        client.close(0.0)
    with Client(live.address, TOKEN, flush_interval=0.01) as client:
        client.insert("orders", {"id": 2})
        assert client.flush(30)
        assert client.stats.recovered == 1
    assert applied(live, 2) == 2
