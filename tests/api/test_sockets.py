"""WebSockets: who gets in, what may be asked, what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from datawatch_lab.api.server import Server
from datawatch_lab.api.sockets.room import Room, SocketLimits
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.answers import SeriesAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.stream import Limits
from datawatch_lab.service.live.topics import Metrics, Topic
from datawatch_lab.service.operations.metrics import ComparedAnswer
from tests.api.conftest import TOKEN, Serve, StubCaller
from tests.api.sockets import handshake, opened, run
from tests.service.live.fakes import Page, document
from tests.waiting import eventually

PATHS = ("/ws/dashboard", "/ws/analytics")
TOPICS: dict[str, Topic] = {"dashboard": document(), "analytics": document(), "metrics": Metrics()}


class Pages(StubCaller):
    """Answers pages with growing numbers, and range queries with one growing point."""

    def call(self, operation: Any, ask: Any) -> Any:
        """The next page, or the answer of a metric."""
        super().call(operation, ask)
        number = len(self.asked)
        if operation.name != "range_query":
            return Page(number, [number])
        if ask.name == "missing":
            raise InputError("no metric 'missing'.", hint="Metrics: orders_total.")
        series = [SeriesAnswer({}, [("2026-01-01T00:00:00Z", float(number))])]
        start, end = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
        return ComparedAnswer(ask.name, ask.aggregation or "sum", start, end, "1m", series)


@pytest.fixture
def pages() -> Pages:
    """The caller behind `sockets`."""
    return Pages()


@pytest.fixture
def room(pages: Pages) -> Iterator[Room]:
    """The room of `sockets`: its second is short, and there is little room."""
    limits = SocketLimits(connections=3, subscriptions=2, metrics=3, message_bytes=2_000)
    found = Room(Hub(pages, TOPICS, second=0.05), limits)
    yield found
    found.close()


@pytest.fixture
def sockets(serve: Serve, pages: Pages, room: Room) -> Server:
    """A server with `room`."""
    return serve(Workspace(pages), room=room)


# ---------------------------------------------------------------------- who gets in


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Upgrade": ""}, 426),
    ],
)
def test_strangers_are_refused(
    sockets: Server, pages: Pages, path: str, headers: dict[str, str], status: int
) -> None:
    """The upgrade is refused as any request is, with the envelope, and nothing is asked."""
    with handshake(sockets, path, **headers) as wire:
        head, _, body = wire.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["error"]["message"]
    assert not pages.asked


def test_pages_of_this_server_get_in(sockets: Server) -> None:
    """A page of this server is let in, by the token in the address or in the header."""

    async def scene() -> None:
        origin = f"http://{sockets.host}:{sockets.port}"
        async with opened(sockets, Origin=origin) as client:
            assert (await client.next())["type"] == "snapshot"
        path = f"/ws/dashboard?token={TOKEN}"
        async with opened(sockets, path, Authorization="") as client:
            assert (await client.next())["type"] == "snapshot"

    run(scene)


def test_a_plain_request_is_told_what_it_is(sockets: Server) -> None:
    """GET without an upgrade, other methods and other paths are answered with the envelope."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=sockets.address, headers=headers, trust_env=False) as client:
        answer = client.get("/ws/dashboard")
        assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")
        assert "WebSocket" in answer.json()["error"]["message"]
        assert client.post("/ws/dashboard", content=b"{}").status_code in (405, 426)
        missing = client.get("/ws/dashbord")
    assert missing.status_code == 404
    assert "/ws/dashboard" in missing.json()["error"]["message"]


@pytest.mark.parametrize("query", ["since=x", "since=-1", "interval=2s", "speed=1"])
def test_a_wrong_parameter_is_refused(sockets: Server, query: str) -> None:
    """A parameter that cannot be read is a 400 that names it, not a stream of something else."""
    with handshake(sockets, f"/ws/dashboard?{query}") as wire:
        head, _, body = wire.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert query.partition("=")[0] in json.loads(body)["error"]["message"]


def test_there_is_a_limit_of_connections(sockets: Server, room: Room) -> None:
    """One connection too many gets 429 and the limit; one that leaves makes room."""

    async def scene() -> None:
        async with opened(sockets) as first, opened(sockets) as second, opened(sockets) as third:
            for each in (first, second, third):
                await each.next()
            with pytest.raises(HTTPClientError) as caught:
                async with opened(sockets):
                    pass
            assert caught.value.code == 429
            assert caught.value.response is not None
            assert b"the limit is 3" in caught.value.response.body
            third.connection.close()
            while room.open == 3:
                await first.next()
            async with opened(sockets) as fourth:
                await fourth.next()

    run(scene)


def test_who_may_no_longer_is_sent_away(serve: Serve, pages: Pages) -> None:
    """With each heartbeat it is looked whether the client still may follow."""
    # The heartbeat is also the time that the client has for its answer.
    room = Room(Hub(pages, TOPICS, second=0.05), SocketLimits(heartbeat=2.0))
    server = serve(Workspace(pages), room=room)

    async def scene() -> None:
        async with opened(server) as client:
            await client.next("dashboard_update")
            gate = room_gate(room)
            object.__setattr__(gate, "token", "another")
            while await client.hear() is not None:
                pass
            assert client.connection.close_code == 1008

    run(scene)
    eventually(lambda: not room.open)


def room_gate(room: Room) -> Any:
    """The gate that the members of a room came through."""
    (member,) = room._members
    return member.shared.gate  # type: ignore[attr-defined]  # a handler


# ---------------------------------------------------------------------- old clients


@pytest.mark.parametrize(
    ("path", "first", "further"),
    [
        ("/ws/dashboard", "snapshot", {"event", "dashboard_update"}),
        ("/ws/analytics", "snapshot", {"event", "dashboard_update"}),
    ],
)
def test_who_says_nothing_is_sent_all(
    sockets: Server, path: str, first: str, further: set[str]
) -> None:
    """A client that only listens gets the whole, and then what happens, in numbered order."""

    async def scene() -> None:
        async with opened(sockets, path) as client:
            found = [await client.next() for _ in range(9)]
        assert found[0]["type"] == first
        assert {each["type"] for each in found[1:]} == further
        numbers = [each["seq"] for each in found]
        assert [each["after"] for each in found] == [None, *numbers[:-1]]
        assert list(found[0])[:2] == ["type", "data"]

    run(scene)


# ---------------------------------------------------------------------- what may be asked


def test_metrics_are_followed(sockets: Server, pages: Pages) -> None:
    """A subscription is answered, then come the whole and what has changed, under its name."""

    async def scene() -> None:
        async with opened(sockets, "/ws/analytics?quiet=true") as client:
            asked = {"metrics": ["a", "b"], "interval": "1s", "from": "-5m", "step": "1m"}
            answer = await client.ask({"type": "subscribe", "id": "mine", **asked})
            name = answer.pop("stream")
            assert answer == {
                "type": "subscribed",
                "id": "mine",
                "topic": "metrics",
                "metrics": ["a", "b"],
                "interval": "1s",
            }
            whole, change = await client.next(), await client.next()
            assert whole["type"] == change["type"] == "metrics_update"
            assert whole["stream"] == change["stream"] == name
            assert (whole["after"], change["after"]) == (None, whole["seq"])
            assert set(whole["data"]["metrics"]) == {"a", "b"}
            assert whole["data"]["metrics"]["a"]["whole"]
            assert not change["data"]["metrics"]["a"]["whole"]
            ended = await client.ask({"type": "unsubscribe", "id": "mine"})
            assert ended["streams"] == [name]

    run(scene)
    asked = [ask for name, ask in pages.asked if name == "range_query"]
    assert {(each.name, each.start, each.step) for each in asked} == {
        ("a", "-5m", "1m"),
        ("b", "-5m", "1m"),
    }


def test_a_topic_is_followed_and_left(sockets: Server) -> None:
    """Topics are followed beside metrics; ending all leaves a silent connection that answers."""

    async def scene() -> None:
        async with opened(sockets, "/ws/analytics?quiet=true") as client:
            for topic, interval in (("dashboard", "1s"), ("analytics", "5s")):
                asked = {"type": "subscribe", "topic": topic, "interval": interval}
                assert (await client.ask(asked))["stream"] == f"{topic}-{interval}"
            ended = await client.ask({"type": "unsubscribe"})
            assert set(ended["streams"]) == {"dashboard-1s", "analytics-5s"}
            for number in range(3):
                await client.say({"type": "ping", "id": str(number)})
                pong = await client.next()
                assert (pong["type"], pong["id"]) == ("pong", str(number))

    run(scene)


def test_a_subscription_is_ended_by_its_metrics(sockets: Server) -> None:
    """What was subscribed to by metrics may be ended by the same metrics."""

    async def scene() -> None:
        async with opened(sockets, "/ws/dashboard?quiet=1") as client:
            name = (await client.ask({"type": "subscribe", "metrics": "a, b"}))["stream"]
            for other in (["a"], ["b", "a"]):
                answer = await client.ask({"type": "unsubscribe", "metrics": other})
                assert answer["streams"] == []
            answer = await client.ask({"type": "unsubscribe", "metrics": ["a", "b"]})
            assert answer["streams"] == [name]

    run(scene)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "not JSON"),
        ("\x00", "not JSON"),
        ("[1]", "cannot be read"),
        ('{"type": "subscribed"}', "cannot be read"),
        ('{"type": "subscribe", "speed": 1}', "unknown field `speed`"),
        ('{"type": "subscribe", "since": "x", "metrics": ["a"]}', "since"),
        ('{"type": "subscribe"}', "names nothing"),
        ('{"type": "subscribe", "metrics": ["a"], "interval": "2s"}', "1s, 5s, 30s, 1m"),
        ('{"type": "subscribe", "metrics": ["a"], "topic": "dashboard"}', "'metrics'"),
        ('{"type": "subscribe", "from": "-1h", "topic": "dashboard"}', "'from'"),
        ('{"type": "subscribe", "topic": "dashbord"}', "did you mean 'dashboard'"),
        ('{"type": "subscribe", "metrics": ["a", "b", "c", "d"]}', "3 are the limit"),
        ('{"type": "subscribe", "metrics": ["missing"]}', "no metric 'missing'"),
        ('{"type": "ping", "id": "' + "x" * 65 + '"}', "length <= 64"),
        ('{"type": "subscribe", "metrics": ["a"], "id": "' + "x" * 65 + '"}', "length <= 64"),
        ('{"type": "resume", "since": 1, "stream": "x"}', "'x' is not followed"),
        ("[" * 1_900, "cannot be read"),
        ('{"x": ' + "[" * 1_900, "not JSON"),
    ],
)
def test_a_wrong_message_is_answered(sockets: Server, message: str, words: str) -> None:
    """What cannot be done is said in the shape of the error envelope; the connection goes on."""

    async def scene() -> None:
        async with opened(sockets, "/ws/dashboard?quiet=true") as client:
            answer = await client.ask(message)
            assert answer["type"] == "error"
            assert set(answer["error"]) == {"code", "message", "details", "hint"}
            assert words in answer["error"]["message"] + answer["error"]["hint"]
            assert (await client.ask({"type": "ping"}))["type"] == "pong"

    run(scene)


def test_an_error_names_its_message(sockets: Server) -> None:
    """The id of a message comes back with its error."""

    async def scene() -> None:
        async with opened(sockets) as client:
            asked = {"type": "subscribe", "id": "seven", "metrics": ["missing"]}
            assert (await client.ask(asked))["id"] == "seven"

    run(scene)


def test_names_of_a_client_are_bounded(sockets: Server, room: Room) -> None:
    """A stream may have several names, each of which ends it; those of a flood are not all kept."""

    async def scene() -> None:
        async with opened(sockets, "/ws/analytics?quiet=true") as client:
            asked = {"type": "subscribe", "metrics": ["a"], "interval": "1m"}
            most = 4 * room.limits.subscriptions
            for number in range(most + 20):
                stream = (await client.ask({**asked, "id": f"n{number}"}))["stream"]
            (member,) = room._members
            assert len(member.names) == most  # type: ignore[attr-defined]
            ended = await client.ask({"type": "unsubscribe", "id": f"n{most + 15}"})
            assert ended["streams"] == [stream]

    run(scene)


def test_there_is_a_limit_of_subscriptions(sockets: Server) -> None:
    """One stream too many is refused; the same once more is not one more."""

    async def scene() -> None:
        async with opened(sockets) as client:
            await client.next()
            first = await client.ask({"type": "subscribe", "metrics": ["a"]})
            again = await client.ask({"type": "subscribe", "metrics": ["a"]})
            assert first == again
            refused = await client.ask({"type": "subscribe", "metrics": ["b"]})
            assert refused["error"]["code"] == "busy"
            assert refused["error"]["details"] == {"limit": 2}
            await client.ask({"type": "unsubscribe", "stream": "dashboard-1s"})
            assert (await client.ask({"type": "subscribe", "metrics": ["b"]}))["stream"]

    run(scene)


def test_too_large_a_message_ends_the_connection(sockets: Server, room: Room) -> None:
    """A message beyond the limit is not read."""

    async def scene() -> None:
        async with opened(sockets, "/ws/dashboard?quiet=true") as client:
            await client.say('{"type": "ping", "id": "' + "x" * 3_000 + '"}')
            assert await client.hear() is None

    run(scene)


def test_nobody_is_left_behind(sockets: Server, room: Room) -> None:
    """When clients have gone, politely or not, nothing is followed any more."""

    async def scene() -> None:
        async with opened(sockets) as polite, opened(sockets) as rude:
            for each in (polite, rude):
                await each.ask({"type": "subscribe", "metrics": ["a"]})
            assert (room.open, room.hub.streams) == (2, 2)
            rude.drop()
        for _ in range(20):
            with suppress(HTTPClientError):  # while the server has not seen that the last has gone
                async with opened(sockets, "/ws/dashboard?quiet=true") as hasty:
                    await hasty.say({"type": "subscribe", "metrics": ["a"]})
                    hasty.drop()
        while room.open:  # noqa: ASYNC110 — the server is in another thread
            await asyncio.sleep(0.01)
        async with opened(sockets, "/ws/dashboard?quiet=true") as last:
            while room.open > 1 or room.hub.streams:
                await last.ask({"type": "ping"})

    run(scene)


def test_a_stopping_server_says_so(sockets: Server) -> None:
    """Clients of a server that stops are told with the code for it."""

    async def scene() -> None:
        async with opened(sockets) as client:
            await client.next()
            sockets.stop()
            while await client.hear() is not None:
                pass
            assert client.connection.close_code == 1001

    run(scene)


def test_the_limits_are_documented() -> None:
    """docs/websocket.md states the limits that hold by default."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "websocket.md").read_text("utf-8")
    sockets, streams = SocketLimits(), Limits()
    for words in (
        f"| connections of the server | {sockets.connections:,};",
        f"| streams of a connection | {sockets.subscriptions} |",
        f"| metrics of a subscription | {sockets.metrics} |",
        f"| different questions followed at once | {streams.streams} |",
        f"| a whole answer | {streams.whole_bytes // 1024**2} MB |",
        f"| time for the first answer of a subscription | {sockets.answer_seconds:.0f} s |",
        f"| a client's message | {sockets.message_bytes // 1024} kB;",
        f"pings every {sockets.heartbeat:.0f} s",
        f"the last {streams.ring_messages} messages",
        f"({streams.ring_bytes // 1024} kB at most)",
    ):
        assert words in page
    assert all(f"`{each}`" in page for each in TOPICS)


def test_the_document_describes_the_sockets(sockets: Server) -> None:
    """OpenAPI has the addresses and messages, and every reference in them leads somewhere."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{sockets.address}/api/openapi.json"
    found = httpx.get(url, headers=headers, trust_env=False).json()["x-websockets"]
    assert set(found["addresses"]) == set(PATHS)
    text = json.dumps(found)
    for reference in set(text.split('"#/x-websockets/definitions/')[1:]):
        assert reference.partition('"')[0] in found["definitions"]
    assert {"Subscribe", "Unsubscribe", "Resume", "Ping", "Update"} <= set(found["definitions"])
