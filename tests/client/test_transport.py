"""What the answers of servers mean for the events that were sent, and for callers."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest

from datawatch_lab.api.envelope import envelope
from datawatch_lab.client.transport import Delivered, HttpTransport, Later, Refused, read_reply
from datawatch_lab.core import errors
from datawatch_lab.service.answers import EventsAnswer
from datawatch_lab.service.remote import ARROW, error_of
from datawatch_lab.service.tables import from_ipc
from tests.client.conftest import TOKEN, Live

GOOD = msgspec.json.encode(EventsAnswer(1, 1, 0, 0, 0, []))


def reply(status: int, content: bytes = b"", **headers: str) -> Any:
    """What an answer means."""
    request = httpx.Request("POST", "http://dw.example/x")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(httpx.Response(status, content=content, headers=given, request=request))


@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_for_each_event(status: int) -> None:
    """Any success with the counts in it."""
    found = reply(status, GOOD)
    assert isinstance(found, Delivered)
    assert found.answer.applied == 1


@pytest.mark.parametrize("content", [b"", b"<html>welcome</html>", b'{"received": "many"}'])
def test_a_success_of_somebody_else_is_none(content: bytes) -> None:
    """A proxy or another program that says 200 has not taken the events."""
    assert isinstance(reply(200, content), Later)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 500, 502, 503, 504])
def test_faults_that_may_pass_are_tried_again(status: int) -> None:
    """Nothing is given up for a server that is broken, elsewhere or strict about tokens."""
    found = reply(status, b"nope")
    assert isinstance(found, Later)
    assert not found.busy


def test_a_busy_server_says_how_long() -> None:
    """429 and 503 with Retry-After."""
    busy = errors.BusyError("the queue is full.")
    assert reply(429, envelope(busy), Retry_After="2") == Later(
        "answered 429: the queue is full.", busy=True, after=2.0
    )
    assert reply(503, b"", Retry_After="7").after == 7.0


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_body_that_is_not_taken_is_refused(status: int) -> None:
    """These will not pass, so the guilty event is looked for."""
    assert isinstance(reply(status, b"{}"), Refused)


class Echo(BaseHTTPRequestHandler):
    """Takes events and remembers how they came."""

    seen: list[tuple[dict[str, str], bytes, str]]

    def do_POST(self) -> None:
        """Answer for everything."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((dict(self.headers), body, self.path))
        self.send_response(202)
        self.end_headers()
        self.wfile.write(GOOD)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of an `Echo`."""
    Echo.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("compress", [False, True])
def test_lines_are_sent_as_ndjson_with_the_token(echo: str, compress: bool) -> None:
    """One POST to the batch route, packed where asked."""
    transport = HttpTransport(echo, "secret", timeout=10.0, compress=compress)
    assert isinstance(transport.post([b'{"a":1}', b'{"b":2}']), Delivered)
    transport.close()
    ((headers, body, path),) = Echo.seen
    assert path == "/api/v1/datawatch/events/batch"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/x-ndjson"
    assert (gzip.decompress(body) if compress else body) == b'{"a":1}\n{"b":2}'


def test_nobody_there_is_no_error() -> None:
    """A refused connection is something to try again."""
    transport = HttpTransport("http://127.0.0.1:9", None, timeout=1.0)
    found = transport.post([b"{}"])
    assert isinstance(found, Later)
    assert "does not answer" in found.reason


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("a", hint="b", details={"x": 1}),
        errors.NotFoundError("a"),
        errors.ConfigError("a"),
        errors.TimeError("a"),
        errors.WorkspaceError("a"),
        errors.WorkspaceLockedError("a"),
        errors.MigrationError("a"),
        errors.SourceError("a"),
        errors.BusyError("a", details={"retry_after": 1.5}),
        errors.AccessError("a", status=401),
        errors.AccessError("a", status=403, hint="b"),
        errors.PlanError("a", details={"plan": "pro"}),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.status}",
)
def test_an_error_arrives_as_what_it_was(error: errors.DataWatchError) -> None:
    """Class, status, code, hint and details survive the envelope."""
    response = httpx.Response(error.status, content=envelope(error))
    found = error_of(response, "http://x")
    assert type(found) is type(error)
    for name in ("message", "hint", "details", "status", "code"):
        assert getattr(found, name) == getattr(error, name)


def test_an_answer_that_is_no_envelope_still_is_an_error() -> None:
    """A proxy's page, and a kind of error that this release does not know."""
    found = error_of(httpx.Response(502, content=b"<html>"), "http://x")
    assert isinstance(found, errors.SourceError)
    assert "502" in found.message
    body = {"error": {"code": "new_kind", "message": "m", "details": {}, "hint": ""}}
    odd = error_of(httpx.Response(418, json=body), "http://x")
    assert (odd.code, odd.status, odd.message) == ("new_kind", 418, "m")


def test_arrow_is_given_to_who_accepts_it(live: Live) -> None:
    """JSON by default; Arrow with its media type; errors are JSON all the same."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{live.address}/api/v1/datawatch/sql"
    with httpx.Client(headers=headers, trust_env=False) as client:
        plain = client.post(url, json={"query": "select 1 as one"})
        arrow = client.post(url, json={"query": "select 1 as one"}, headers={"Accept": ARROW})
        wrong = client.post(url, json={"query": "drop table x"}, headers={"Accept": ARROW})
        document = client.get(f"{live.address}/api/openapi.json").json()
    assert plain.headers["Content-Type"].startswith("application/json")
    assert arrow.headers["Content-Type"] == ARROW
    assert "Accept" in arrow.headers["Vary"]
    assert from_ipc(arrow.content).cast(pa.schema([("one", pa.int32())])).num_rows == 1
    assert wrong.status_code == 400
    assert wrong.json()["error"]["code"] == "invalid_input"
    described = document["paths"]["/api/v1/datawatch/sql"]["post"]["responses"]["200"]["content"]
    assert set(described) == {"application/json", ARROW}
