"""Clients that are cut off, read slowly or not at all: they lose nothing and delay nobody."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from tornado.websocket import WebSocketHandler

from datawatch_lab.api.server import Server
from datawatch_lab.api.sockets.room import Room, SocketLimits
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.stream import Limits
from tests.api.conftest import Serve
from tests.api.sockets import Client, Json, handshake, opened, run
from tests.service.live.fakes import FakeCaller, Page, document
from tests.waiting import PATIENCE, eventually

UPDATES = ("snapshot", "dashboard_update", "event")
Begin = Callable[..., Server]


class Stage:
    """A server of pages whose second is short.

    Attributes:
        caller: answers the pages.
        second: of the hub.
        room: of the server.
        server: that clients talk to.
    """

    def __init__(self, serve: Serve, caller: FakeCaller, second: float = 0.02, **how: Any) -> None:
        self.caller = caller
        self.second = second
        ring = Limits(ring_messages=how.pop("ring", 180))
        hub = Hub(caller, {"dashboard": document()}, limits=ring, second=second)
        self.room = Room(hub, SocketLimits(**how))
        self.server = serve(Workspace(caller), room=self.room)


@pytest.fixture
def stage(serve: Serve) -> Iterator[Callable[..., Stage]]:
    """Makes stages."""
    made: list[Stage] = []

    def make(
        second: float = 0.02, answer: Callable[[int], Page] | None = None, **how: Any
    ) -> Stage:
        made.append(Stage(serve, FakeCaller(answer), second, **how))
        return made[-1]

    yield make
    for each in made:
        each.caller.gate.set()
        each.room.close()


# ---------------------------------------------------------------------- cut off


async def follow(
    server: Server, found: dict[int, Json], over: asyncio.Event, least: Callable[[], int]
) -> None:
    """Listen without interruption until it is over and a message with that number is there."""
    async with opened(server) as client:
        while not (over.is_set() and max(found) >= least()):
            message = await client.next(*UPDATES)
            found[message["seq"]] = message


async def follow_with_cuts(server: Server, found: list[Json], cuts: int, seed: int) -> None:
    """Listen, be cut off at random moments, come back with the last number."""
    moments = random.Random(seed)
    since = ""
    for _ in range(cuts):
        async with opened(server, f"/ws/dashboard{since}") as client:
            end = time.monotonic() + moments.expovariate(1 / 0.08)
            while time.monotonic() < end:
                message = await client.next()
                if message["type"] == "resumed":
                    assert message["missed"] is not None
                else:
                    found.append(message)
            client.drop()
        await asyncio.sleep(moments.expovariate(1 / 0.03))
        since = f"?since={found[-1]['seq']}" if found else ""


@pytest.mark.parametrize("seed", [1, 2])
def test_who_is_cut_off_has_the_same_sequence(stage: Callable[..., Stage], seed: int) -> None:
    """A client that is cut off at random moments has all that an uninterrupted one has, in order.

    Where one of them was too slow for a moment, a message stands for several: then the other's
    must lead to the same number.
    """
    server = stage(ring=2_000).server
    whole: dict[int, Json] = {}
    pieces: list[Json] = []

    async def scene() -> None:
        over = asyncio.Event()
        steady = asyncio.create_task(follow(server, whole, over, lambda: pieces[-1]["seq"]))
        await follow_with_cuts(server, pieces, 12, seed)
        over.set()
        await steady

    run(scene)
    assert [each["reason"] for each in pieces if "reason" in each] == ["start"]
    for before, after in pairwise(pieces):
        assert after["after"] == before["seq"]
    for each in pieces:
        other = whole.get(each["seq"])
        if other is not None and not ({"skipped", "reason"} & {*each, *other}):
            assert other == each
    shared = [each for each in pieces if each["seq"] in whole]
    assert shared


def test_a_stream_goes_on_where_it_was_when_all_had_left(stage: Callable[..., Stage]) -> None:
    """The only client of a stream is cut off; when it is back, it is told all it has missed."""
    made = stage()
    server = made.server

    async def scene() -> None:
        async with opened(server) as client:
            await client.next("dashboard_update")
            last = (await client.next("dashboard_update"))["seq"]
            client.drop()
        (kept,) = made.room.hub._kept.values()

        def rests() -> bool:
            # Nobody is there, and who comes now finds that it is behind.
            return not made.room.open and time.monotonic() > kept.due + made.second

        await asyncio.to_thread(eventually, rests)
        async with opened(server, f"/ws/dashboard?since={last}") as client:
            resumed = await client.next()
            assert resumed["type"] == "resumed"
            assert resumed["missed"] > 0
            assert (await client.next())["after"] == last

    run(scene)


def test_a_long_gap_is_said(stage: Callable[..., Stage]) -> None:
    """Who comes back too late is told that messages are gone, and sent the whole."""
    server = stage(ring=1).server

    async def scene() -> None:
        async with opened(server) as client:
            first = await client.next("snapshot")
            for _ in range(5):
                await client.next("dashboard_update")
            answer = await client.ask({"type": "resume", "since": first["seq"]})
            assert (answer["type"], answer["missed"]) == ("resumed", None)
            snapshot, following = await client.next(), await client.next()
            assert (snapshot["type"], snapshot["reason"]) == ("snapshot", "gap")
            while following["type"] == "snapshot":  # late again, for the ring has one message
                assert following["reason"] == "gap"
                snapshot, following = following, await client.next()
            assert following["after"] == snapshot["seq"]

    run(scene)


# ---------------------------------------------------------------------- slow


def waiting(room: Room) -> list[int]:
    """Bytes that wait in the server's memory for each client."""
    return [
        len(stream._write_buffer)
        for each in tuple(room._members)
        if isinstance(each, WebSocketHandler)
        and each.ws_connection is not None
        and (stream := each.ws_connection.stream) is not None
    ]


def test_who_does_not_read_takes_no_memory_and_delays_nobody(stage: Callable[..., Stage]) -> None:
    """Beside clients that do not read at all, others get every tick; one message waits for each."""
    size = 50_000
    # Twenty ticks are a second: no machine holds all of its threads up for so long.
    slow = stage(
        second=0.05, answer=lambda number: Page(number, padding="x" * size), send_bytes=16_384
    )

    async def scene() -> None:
        wires = [handshake(slow.server) for _ in range(5)]
        most = 0
        async with opened(slow.server) as client:
            first = await client.next("snapshot")
            last = first
            while last["seq"] < first["seq"] + 100:
                last = await client.next("dashboard_update")
                assert last["seq"] - last["after"] < 20
                most = max(most, *waiting(slow.room))
        assert slow.room.open >= 5
        for each in wires:
            each.close()
        assert 0 < most < 1.1 * size

    run(scene)


def test_who_reads_late_is_sent_one_message_for_many(stage: Callable[..., Stage]) -> None:
    """A client that stopped reading for a while gets what was under way, then the newest."""
    slow = stage(answer=lambda number: Page(number, padding="x" * 8_000), send_bytes=4_096)

    async def scene() -> None:
        async with opened(slow.server) as steady:
            await steady.next("snapshot")
            wire = handshake(slow.server)
            while not any(waiting(slow.room)):
                await steady.next()
            first = await steady.next("dashboard_update")
            while (newest := await steady.next())["seq"] < first["seq"] + 30:
                pass
            found = await asyncio.to_thread(messages, wire, newest["seq"])
            wire.close()
        assert len(found) < 15
        assert any(each.get("skipped", 0) > 10 for each in found)
        assert found[-1]["seq"] >= newest["seq"]

    run(scene)


def messages(wire: Any, seq: int) -> list[Json]:
    """What a raw socket has to read, up to a message with this number or a later one."""
    data = b""
    found: list[Json] = []
    while not found or found[-1]["seq"] < seq:
        more = wire.recv(65_536)
        assert more
        data += more
        if not found and b"\r\n\r\n" in data[:2_000]:
            data = data.partition(b"\r\n\r\n")[2]
        while (frame := unframed(data)) is not None:
            text, data = frame
            if text:
                found.append(json.loads(text))
    return found


def unframed(data: bytes) -> tuple[bytes, bytes] | None:
    """The text of the first frame, empty for a ping, and what follows; None before it is whole."""
    if len(data) < 10 or data[:4] == b"HTTP":
        return None
    size, start = data[1], 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) < start + size:
        return None
    is_text = data[0] & 0x0F == 1
    return data[start : start + size] if is_text else b"", data[start + size :]


def test_who_asks_without_reading_is_not_answered_endlessly(stage: Callable[..., Stage]) -> None:
    """The next message is read when the last answer has left; so answers do not pile up."""
    slow = stage(second=10.0, send_bytes=4_096)
    ping = b'{"type":"ping","id":"' + b"x" * 20_000 + b'"}'
    frame = b"\x81\xfe" + len(ping).to_bytes(2, "big") + b"\0\0\0\0" + ping

    wire = handshake(slow.server, "/ws/dashboard?quiet=true")
    eventually(lambda: waiting(slow.room))
    wire.settimeout(0.5)
    sent = 0
    with suppress(TimeoutError):
        while sent < 100_000_000:
            sent += wire.send(frame)
    assert sent < 100_000_000
    assert max(waiting(slow.room)) < 2 * len(ping)
    wire.close()


# ---------------------------------------------------------------------- dead


def test_who_does_not_answer_is_sent_away(stage: Callable[..., Stage]) -> None:
    """A client that answers no heartbeat is gone after two; one that does stays."""
    dead = stage(heartbeat=2.0)

    async def scene() -> None:
        async with opened(dead.server) as client:
            await client.next()
            wire = handshake(dead.server)
            await until(client, lambda: dead.room.open == 2)
            await until(client, lambda: dead.room.open == 1)
            wire.close()
            for _ in range(20):
                await client.next("dashboard_update")

    run(scene)


async def until(client: Client, condition: Callable[[], bool]) -> None:
    """Go on listening until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await client.next()
