"""Bodies of requests: what is held of them, whose room is given to others, what is no input."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.bodies import GRACE_SECONDS, LEAST_PACE, Bodies, Body
from datawatch_lab.api.limits import Limits
from datawatch_lab.api.requests import read_ask
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.errors import BusyError, InputError
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.answers import HealthAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.sql import sql
from datawatch_lab.service.operations.users import change_password
from tests.api.conftest import API, HOST, TOKEN, StubCaller
from tests.service.access_helpers import PASSWORD, cheap
from tests.services.ports import free_port
from tests.waiting import PATIENCE, eventually

MEGABYTE = 1 << 20


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """The seconds."""
        return self.seconds


def head(method: str, path: str, *lines: str) -> bytes:
    """The head of a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


# ------------------------------------------------------------------ counting


def test_a_slow_body_gives_way_to_others() -> None:
    """One that stands still keeps its bytes while there is room, and loses them after."""
    now, gone = Hand(), []
    bodies = Bodies(100, now)
    slow, quick = bodies.one(lambda: gone.append("slow")), bodies.one(lambda: gone.append("quick"))
    slow.grow(80)
    with pytest.raises(BusyError):
        quick.grow(30)
    now.seconds = GRACE_SECONDS - 0.1
    quick.grow(20)
    with pytest.raises(BusyError):
        quick.grow(30)
    now.seconds = GRACE_SECONDS
    assert bodies.held == 100
    quick.grow(30)
    assert (gone, bodies.held, slow.size, quick.size) == (["slow"], 50, 0, 50)


def test_one_that_keeps_coming_is_kept() -> None:
    """A body that comes at the least pace is not given up, nor one that is complete."""
    now = Hand()
    bodies = Bodies(LEAST_PACE * 20, now)
    steady, done, other = bodies.one(), bodies.one(), bodies.one()
    done.grow(1)
    done.arrived()
    for _ in range(19):
        steady.grow(LEAST_PACE)
        now.seconds += 1
    with pytest.raises(BusyError):
        other.grow(2 * LEAST_PACE)
    now.seconds += GRACE_SECONDS
    other.grow(2 * LEAST_PACE)
    assert (steady.size, done.size) == (0, 1)


def test_trickling_is_no_pace() -> None:
    """A large part at once and a byte now and then after it does not hold the room."""
    now = Hand()
    bodies = Bodies(200 * MEGABYTE, now)
    trickle, other = bodies.one(), bodies.one()
    trickle.grow(150 * MEGABYTE)
    for _ in range(int(2 * GRACE_SECONDS)):
        now.seconds += 1
        trickle.grow(1)
    now.seconds += 0.1
    other.grow(100 * MEGABYTE)
    assert (trickle.size, bodies.held) == (0, 100 * MEGABYTE)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60), st.floats(0, 3)), max_size=60))
def test_what_is_held_is_the_sum_of_all(steps: list[tuple[int, int, float]]) -> None:
    """However bodies come, end and are given up: the sum is right, and within the bound."""
    now = Hand()
    bodies = Bodies(100, now)
    every: list[Body] = [bodies.one() for _ in range(5)]
    for which, more, seconds in steps:
        now.seconds += seconds
        if more:
            try:
                every[which].grow(more)
            except BusyError:
                every[which].release()
        else:
            every[which].arrived()
            every[which].release()
        sizes = [each.size for each in every]
        assert bodies.held == sum(sizes)
        assert bodies.held <= 100 or len([each for each in sizes if each]) == 1
    for each in every:
        each.release()
    assert bodies.held == 0


# ------------------------------------------------------------------ over the wire


@pytest.fixture
def health(stub: StubCaller) -> StubCaller:
    """A stub that is well."""
    stub.answers["health"] = HealthAnswer("ok", "1", 0.0, 0)
    return stub


def test_announcing_much_takes_nothing_from_others(
    health: StubCaller, client: httpx.Client
) -> None:
    """Strangers and others who announce bodies, and send none, do not stop what is sent."""
    del health
    server = serve_port(client)
    with ExitStack() as stack:
        for _ in range(6):
            for request in (
                head("GET", "/health", "Content-Length: 1000"),
                head("OPTIONS", f"{API}/sql", "Content-Length: 1000"),
                head("POST", f"{API}/sql", f"Authorization: Bearer {TOKEN}", "Content-Length: 999"),
            ):
                sender = stack.enter_context(
                    socket.create_connection((HOST, server), timeout=PATIENCE)
                )
                sender.sendall(request)
        assert client.get("/health").status_code == 200
        assert client.post(f"{API}/sql", json={"query": "SELECT 1"}).status_code == 200


def serve_port(client: httpx.Client) -> int:
    """The port of a client's server."""
    return int(client.base_url.port or 0)


@pytest.mark.parametrize(
    "request_head",
    [
        head("GET", "/health", "Content-Length: 67108864"),
        head("HEAD", "/health", "Content-Length: 5"),
        head("GET", f"{API}/tables", "Transfer-Encoding: chunked"),
        head("DELETE", f"{API}/metrics/a", "Content-Length: 9"),
    ],
)
def test_no_body_comes_with_a_question(client: httpx.Client, request_head: bytes) -> None:
    """Methods that take none are answered 413 before a byte of it, and the connection ends."""
    with socket.create_connection((HOST, serve_port(client)), timeout=PATIENCE) as sender:
        sender.sendall(request_head)
        answer = b""
        while piece := sender.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_large_body_to_no_path_is_told_so(client: httpx.Client, method: str) -> None:
    """The envelope names the nearest path, however large what was sent there; strangers get 401."""
    body = b"x" * (3 * MEGABYTE)
    answer = client.request(method, f"{API}/evnts", content=body)
    assert answer.status_code == 404
    assert "did you mean" in answer.json()["error"]["message"]
    stranger = client.request(method, f"{API}/evnts", headers={"Authorization": "-"})
    assert stranger.status_code == 401
    assert stranger.json()["error"]["code"] == "not_allowed"
    assert stranger.headers["Connection"] == "close"


def test_a_body_that_is_given_up_is_told(stub: StubCaller) -> None:
    """Who sent too slowly while others needed the room is answered 429, once all is sent."""
    port = free_port()
    urls = patterns(Workspace(stub), gate_for(TOKEN, host=HOST, port=port), max_bytes=1_000)
    shared = next(how["shared"] for _, _, how in urls if "shared" in how)
    now = Hand()
    shared.bodies.now = now
    server = Server(urls, host=HOST, port=port)
    server.start()
    try:
        with ExitStack() as stack:
            slow = []
            for _ in range(4):
                sender = stack.enter_context(
                    socket.create_connection((HOST, port), timeout=PATIENCE)
                )
                sender.sendall(
                    head("POST", f"{API}/sql", f"Authorization: Bearer {TOKEN}",
                         "Content-Length: 1000") + b" " * 999
                )  # fmt: skip
                slow.append(sender)
            auth = {"Authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=server.address, headers=auth, trust_env=False) as client:
                body = b'{"query": "SELECT 1"}'
                # Once all that they have sent has been read, there is no room.
                eventually(lambda: client.post(f"{API}/sql", content=body).status_code == 429)
                now.seconds = GRACE_SECONDS
                assert client.post(f"{API}/sql", content=body).status_code == 200
            for sender in slow:
                sender.sendall(b" ")
            found = sorted(sender.recv(12) for sender in slow)
            assert found == [b"HTTP/1.1 400"] * 3 + [b"HTTP/1.1 429"]
    finally:
        server.stop()


@pytest.mark.parametrize("path", ["/", "/api/openapi.json", f"{API}/nowhere", "/nowhere"])
def test_little_is_read_of_strangers(client: httpx.Client, path: str) -> None:
    """A body that no handler asks for is not read further than a megabyte."""
    with socket.create_connection((HOST, serve_port(client)), timeout=PATIENCE) as sender:
        sender.sendall(head("POST", path, f"Content-Length: {100 * MEGABYTE}"))
        assert sender.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 404")


# ------------------------------------------------------------------ guessing


@pytest.fixture
def slow_login(tmp_path: Path, stub: StubCaller) -> Iterator[tuple[Server, str]]:
    """A server that takes three attempts to sign in, and a token of ada."""
    access = Access(tmp_path / "w.duckdb", hasher=cheap())
    access.users.add("ada", "admin", PASSWORD)
    _, token = access.tokens.make("ada")
    port = free_port()
    limits = Limits(logins="3/minute")
    gate = replace(gate_for(TOKEN, host=HOST, port=port, limits=limits), access=access)
    server = Server(patterns(Workspace(stub), gate), host=HOST, port=port)
    server.start()
    yield server, token
    server.stop()


def test_the_own_password_is_not_guessed_either(slow_login: tuple[Server, str]) -> None:
    """Changing the password counts as an attempt to sign in."""
    server, token = slow_login
    headers = {"Authorization": f"Bearer {token}"}
    body = {"old": "a guess of it", "new": "whatever it is"}
    with httpx.Client(base_url=server.address, headers=headers, trust_env=False) as client:
        found = [client.put(f"{API}/me/password", json=body).status_code for _ in range(5)]
    assert found == [200, 200, 200, 429, 429]
    assert change_password.asks_password


# ------------------------------------------------------------------ what is no input


@pytest.mark.parametrize("depth", [120, 2_000, 200_000])
def test_deep_bodies_are_refused(client: httpx.Client, depth: int) -> None:
    """JSON of more levels than anything that is meant ends with 400, not with a fault of ours."""
    deep = b'{"query": ' + b"[" * min(depth, 400) + b"]" * min(depth, 400) + b"}"
    assert client.post(f"{API}/sql", content=deep).status_code == 400
    with pytest.raises(InputError, match="levels deep"):
        read_ask(sql, path={}, query={}, headers={}, body=b'{"a":' * depth + b"1" + b"}" * depth)


@given(st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_what_is_nested_as_usual_is_read(value: object) -> None:
    """The depth of an ordinary body refuses nothing: what is wrong with it is said."""
    import msgspec

    with pytest.raises(InputError, match="query"):
        read_ask(sql, path={}, query={}, headers={}, body=msgspec.json.encode({"query": [value]}))


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["9" * 5_000, "0" * 5_000, "0" * 20 + "1" * 5_000, "²", "1_0"])
def test_numbers_of_many_digits_are_refused(
    client: httpx.Client, stub: StubCaller, name: str, value: str
) -> None:
    """A page that is no number of its range is answered 400."""
    assert client.get(f"{API}/tables", params={name: value}).status_code == 400
    assert not stub.asked


@pytest.mark.parametrize("since", ["9" * 5_000, "-1", "٣", "1.5", "x"])
def test_since_is_a_number(client: httpx.Client, since: str) -> None:
    """A socket that goes on from what is no number is answered 400."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    answer = client.get("/ws/dashboard", params={"since": since}, headers=headers)
    assert answer.status_code == 400, answer.text
