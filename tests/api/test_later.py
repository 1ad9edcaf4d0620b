"""A part of a server that is made after the server answers: who asks for it waits, no one else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from datawatch_lab.api.later import Later
from datawatch_lab.api.server import Server
from tests.services.ports import free_port
from tests.waiting import PATIENCE

HOST = "127.0.0.1"


class Now(RequestHandler):
    """What is served from the first moment."""

    def get(self) -> None:
        """Answers."""
        self.finish("now")


class Slow(RequestHandler):
    """What is served later."""

    def get(self) -> None:
        """Answers."""
        self.finish("at last")

    def post(self) -> None:
        """Gives back the body."""
        self.finish(self.request.body)


class Part:
    """A part whose making the test lets go on, or fail."""

    name = "the slow pages"
    paths = "/slow(?:/.*)?"

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.making = threading.Event()
        self.let = threading.Event()
        self.calls: list[str] = []

    def make(self, ended: threading.Event) -> None:
        """Wait for the test."""
        del ended
        self.calls.append("make")
        self.making.set()
        assert self.let.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault

    def begin(self, loop: Any, http: Any) -> Application:
        """The application."""
        assert loop.asyncio_loop.is_running()
        assert http is not None
        self.calls.append("begin")
        return Application([("/slow/echo", Slow), ("/slow", Slow)])

    def end(self) -> None:
        """Note it."""
        self.calls.append("end")

    def close(self) -> None:
        """Note it."""
        self.calls.append("close")


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a part; gives the root of the server, which ends with the test."""
    running: list[tuple[Server, Part]] = []

    def begin(part: Part, user_of: Any = None) -> str:
        port = free_port()
        later = Later(part, user_of=user_of)
        server = Server([("/now", Now, {})], host=HOST, port=port, later=later)
        server.start()
        running.append((server, part))
        return server.address

    yield begin
    for server, part in running:
        part.let.set()
        server.stop()


@pytest.fixture
def asking() -> Iterator[Callable[..., Future[httpx.Response]]]:
    """Asks from a thread."""
    with ThreadPoolExecutor(8) as threads:

        def ask(method: str, address: str, **how: Any) -> Future[httpx.Response]:
            return threads.submit(
                httpx.request, method, address, timeout=PATIENCE, trust_env=False, **how
            )

        yield ask


def get(address: str) -> httpx.Response:
    """Ask at once."""
    return httpx.get(address, timeout=PATIENCE, trust_env=False)


def test_all_else_is_answered_meanwhile(serve: Serve, asking: Any) -> None:
    """Who asks for the part waits and is answered in the end, with what came in the body."""
    part = Part()
    root = serve(part)
    assert part.calls == []
    waiting = [asking("GET", f"{root}/slow"), asking("POST", f"{root}/slow/echo", content="x" * 9)]
    assert part.making.wait(PATIENCE)
    assert get(f"{root}/now").text == "now"
    assert get(f"{root}/nothing").status_code == 404
    assert not any(each.done() for each in waiting)
    part.let.set()
    assert [each.result(PATIENCE).text for each in waiting] == ["at last", "x" * 9]
    assert get(f"{root}/slow").text == "at last"
    assert get(f"{root}/slow/unknown").status_code == 404
    assert part.calls == ["make", "begin"]


def test_a_part_that_cannot_be_made_is_said(
    serve: Serve, asking: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Those who waited and those who come later read why; the log has it, too; the rest is served.

    Strangers are told that the part is not there, and no more.
    """
    part = Part(ImportError("no module named <panel>"))
    root = serve(part, lambda handler: handler.request.headers.get("X-User"))
    known = {"X-User": "ann"}
    waiting = [asking("GET", f"{root}/slow", headers=known), asking("GET", f"{root}/slow")]
    part.let.set()
    told, stranger = (each.result(PATIENCE) for each in waiting)
    later = httpx.post(f"{root}/slow/x", headers=known, timeout=PATIENCE, trust_env=False)
    assert [each.status_code for each in (told, stranger, later)] == [503, 503, 503]
    assert "ImportError: no module named &lt;panel&gt;" in told.text
    assert told.text == later.text
    assert "The slow pages could not be loaded." in stranger.text
    assert "panel" not in stranger.text
    assert "the slow pages could not be loaded" in caplog.text
    assert "no module named <panel>" in caplog.text
    assert get(f"{root}/now").text == "now"


def test_a_socket_waits_too(serve: Serve) -> None:
    """A WebSocket that is opened meanwhile, as by a page that outlived a restart, is answered."""

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    class Talking(Part):
        def begin(self, loop: Any, http: Any) -> Application:
            super().begin(loop, http)
            return Application([("/slow/ws", Echo)])

    part = Talking()
    root = serve(part)

    def let() -> None:
        part.making.wait(PATIENCE)
        part.let.set()

    threading.Thread(target=let).start()

    async def said() -> str | bytes | None:
        talking = await websocket_connect(root.replace("http", "ws", 1) + "/slow/ws")
        await talking.write_message("hello")
        answer = await asyncio.wait_for(talking.read_message(), PATIENCE)
        talking.close()
        assert await asyncio.wait_for(talking.read_message(), PATIENCE) is None
        return answer

    assert asyncio.run(said()) == "hello"


def test_a_server_that_ends_meanwhile(asking: Any) -> None:
    """It does not wait for the part to be made before it answers who waits: it is about to end."""
    part = Part()
    server = Server([("/now", Now, {})], host=HOST, port=free_port(), later=Later(part))
    server.start()
    waiting = asking("GET", f"{server.address}/slow")
    assert part.making.wait(PATIENCE)
    ending = threading.Thread(target=server.stop)
    ending.start()
    answer = waiting.result(PATIENCE)
    assert (answer.status_code, "about to end" in answer.text) == (503, True)
    part.let.set()
    ending.join(PATIENCE)
    assert not ending.is_alive()
    assert part.calls == ["make", "close"]


def test_what_nobody_asked_for_is_not_made() -> None:
    """Without `load` and without a request, nothing is made; what was made ends with the server."""
    idle, loaded = Part(), Part()
    loaded.let.set()
    for part, load in ((idle, False), (loaded, True)):
        server = Server([("/now", Now, {})], host=HOST, port=free_port(), later=Later(part))
        server.start()
        if load:
            server.load()
            server.load()
            assert get(f"{server.address}/slow").text == "at last"
        server.stop()
        server.stop()
    assert idle.calls == ["close", "close"]
    assert loaded.calls == ["make", "begin", "end", "close", "close"]


def test_who_has_gone_is_not_waited_for(serve: Serve) -> None:
    """A client that gives up harms nobody: the next one is answered."""
    part = Part()
    root = serve(part)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{root}/slow", timeout=httpx.Timeout(PATIENCE, read=0.2), trust_env=False)
    part.let.set()
    assert get(f"{root}/slow").text == "at last"
