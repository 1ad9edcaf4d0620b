"""What a request may look like, and how each fault is answered."""

from __future__ import annotations

import gzip
import socket
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from datawatch_lab.api.server import Server
from datawatch_lab.core.errors import BusyError, SourceError, WorkspaceError, not_found
from datawatch_lab.service.answers import EventOutcome, EventsAnswer, MetricAnswer
from tests.api.conftest import API, StubCaller
from tests.waiting import eventually

METRIC = MetricAnswer("orders_total", "orders", "", "counter", "1", [], True, "Changes of orders.")


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The envelope's content; it has the four keys and nothing beside."""
    body: dict[str, dict[str, Any]] = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details", "hint"}
    return body["error"]


def test_path_and_query_become_the_input(client: httpx.Client, stub: StubCaller) -> None:
    """Path parts and query parameters arrive typed; a quoted slash stays part of the name."""
    client.get(f"{API}/metrics/a%2Fb/range", params={"from": "-1h", "to": "now", "step": "1m"})
    name, ask = stub.asked[0]
    assert name == "range_query"
    assert (ask.name, ask.start, ask.end, ask.step) == ("a/b", "-1h", "now", "1m")


def test_a_number_in_the_query_is_a_number(client: httpx.Client, stub: StubCaller) -> None:
    """Texts of the query are turned into the type of the field."""
    client.get(f"{API}/quarantine", params={"limit": "7"})
    assert stub.asked[0][1].limit == 7


def test_a_json_body_becomes_the_input(client: httpx.Client, stub: StubCaller) -> None:
    """The fields of a JSON object arrive typed."""
    client.post(f"{API}/quarantine/replay", json={"ids": [1], "fixed": [{"id": 2, "raw": "x"}]})
    ask = stub.asked[0][1]
    assert (ask.ids, ask.fixed[0].raw) == ([1], "x")


def test_events_arrive_as_they_came(client: httpx.Client, stub: StubCaller) -> None:
    """A body of events is passed on untouched, with its type, encoding and `wait`."""
    stub.answers["post_events"] = EventsAnswer(0, 0, 0, 0, 0, [])
    packed = gzip.compress(b"{}\n{}")
    headers = {"Content-Type": "application/x-ndjson; charset=utf-8", "Content-Encoding": "gzip"}
    answer = client.post(
        f"{API}/events/batch", params={"wait": "true"}, content=packed, headers=headers
    )
    assert answer.status_code == 202
    ask = stub.asked[0][1]
    assert (ask.body, ask.content_type) == (packed, "application/x-ndjson")
    assert (ask.content_encoding, ask.wait) == ("gzip", True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/quarantine?limit=many", None, 400, "int"),
        ("GET", "/quarantine?limits=7", None, 400, "no parameter 'limits'"),
        ("GET", "/quarantine?limit=1&limit=2", None, 400, "2 times"),
        ("GET", "/offset", None, 400, "source"),
        ("GET", "/metrics/x/query?name=y", None, 400, "two values"),
        ("POST", "/quarantine/replay", b"{", 400, "not JSON"),
        ("POST", "/quarantine/replay", b"[]", 400, "JSON object"),
        ("POST", "/quarantine/replay", b'{"ids": ["a"]}', 400, "ids"),
        ("POST", "/events", b"", 400, "empty"),
        ("POST", "/events?content_type=x", b"{}", 400, "content_type"),
        ("DELETE", "/metrics", None, 405, "does not take DELETE"),
        ("GET", "/metrisc", None, 404, f"did you mean {API}/metrics?"),
        ("POST", "/events", b"x" * 1_001, 413, "1,000 bytes"),
    ],
)
def test_a_fault_of_the_request_is_named(
    client: httpx.Client,
    stub: StubCaller,
    method: str,
    path: str,
    body: bytes | None,
    status: int,
    words: str,
) -> None:
    """Each fault has its status and a message that names it; nothing is carried out."""
    answer = client.request(method, f"{API}{path}", content=body)
    assert answer.status_code == status
    assert words in error_of(answer)["message"]
    assert not stub.asked


def test_many_bodies_hold_a_bounded_memory(
    client: httpx.Client, server: Server, stub: StubCaller
) -> None:
    """A body that finds the room taken by unfinished ones is told to come again, and then may."""
    shared = next(how["shared"] for _, _, how in server.patterns if "shared" in how)
    shared.bodies.now = lambda: 0.0  # they are not slow, however busy this machine is
    stub.answers["post_event"] = EventsAnswer(0, 0, 0, 0, 0, [])
    place = (client.base_url.host, client.base_url.port)
    head = f"POST {API}/events HTTP/1.1\r\nHost: {place[0]}:{place[1]}\r\n"
    token = client.headers.get("Authorization", "")
    head += f"Authorization: {token}\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    with ExitStack() as open_ones:
        for _ in range(4):
            slow = open_ones.enter_context(socket.create_connection(place))
            slow.sendall(head.encode())
            assert b" 100 " in slow.recv(1_000)
            slow.sendall(b"x" * 900)
        eventually(lambda: shared.bodies.held == 3_600)
        error = error_of(client.post(f"{API}/events", content=b"x" * 900))
        assert error["code"] == "busy"
        pieces = client.post(f"{API}/events", content=(b"x" * 100 for _ in range(9)))
        assert pieces.status_code == 429
        assert int(pieces.headers["Retry-After"]) >= 1
        assert not stub.asked
    eventually(lambda: not shared.bodies.held)
    eventually(lambda: client.post(f"{API}/events", content=b"{}").status_code == 202)


def test_a_body_of_unknown_length_is_bounded(client: httpx.Client, stub: StubCaller) -> None:
    """A chunked body beyond the limit is refused as well."""
    answer = client.post(f"{API}/events", content=(b"x" * 100 for _ in range(20)))
    assert answer.status_code == 413
    assert not stub.asked


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (not_found("metric", "x", ["y"]), 404, "not_found"),
        (WorkspaceError("the workspace is closed."), 503, "workspace_unavailable"),
        (SourceError("it cannot be read."), 502, "source_failed"),
    ],
)
def test_an_error_of_ours_is_answered_as_it_is(
    client: httpx.Client, stub: StubCaller, fault: Exception, status: int, code: str
) -> None:
    """Code, message, hint and details of an error reach the caller, with its status."""
    stub.answers["tables"] = fault
    answer = client.get(f"{API}/tables")
    assert answer.status_code == status
    assert error_of(answer)["code"] == code


def test_a_busy_engine_says_when_to_come_back(client: httpx.Client, stub: StubCaller) -> None:
    """429 carries Retry-After in whole seconds."""
    stub.answers["post_events"] = BusyError("full.", details={"retry_after": 1.2})
    answer = client.post(f"{API}/events/batch", content=b"{}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert error_of(answer)["code"] == "busy"


def test_a_surprise_stays_in_the_log(
    client: httpx.Client, stub: StubCaller, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug answers 500 with a request id, under which the log has the trace."""
    stub.answers["tables"] = RuntimeError("a secret detail")
    answer = client.get(f"{API}/tables")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    name = answer.headers["X-Request-ID"]
    assert error_of(answer)["details"] == {"request_id": name}
    (record,) = [each for each in caplog.records if each.exc_info]
    assert name in record.getMessage()
    assert "a secret detail" in str(record.exc_info)


def outcome(state: str, reason: str) -> EventOutcome:
    """The outcome of the first event."""
    return EventOutcome(0, "e-1", "orders", state, reason)  # type: ignore[arg-type]  # from a parameter


def test_one_malformed_event_is_an_error(client: httpx.Client, stub: StubCaller) -> None:
    """A single malformed event answers 400 with its reason and says that it is in quarantine."""
    stub.answers["post_event"] = EventsAnswer(1, 0, 0, 0, 1, [outcome("quarantined", "no table.")])
    answer = client.post(f"{API}/events", content=b"{}")
    found = error_of(answer)
    assert answer.status_code == 400
    assert "no table" in found["message"]
    assert "quarantine" in found["hint"]
    assert found["details"]["outcome"]["outcome"] == "quarantined"


@pytest.mark.parametrize("state", ["applied", "duplicate", "late"])
def test_one_good_event_is_accepted(client: httpx.Client, stub: StubCaller, state: str) -> None:
    """Applied, duplicate and late single events answer 202 with the outcome."""
    applied, duplicate, late = (int(each == state) for each in ("applied", "duplicate", "late"))
    stub.answers["post_event"] = EventsAnswer(1, applied, duplicate, late, 0, [outcome(state, "")])
    answer = client.post(f"{API}/events", content=b"{}")
    assert answer.status_code == 202
    assert answer.json()["events"][0]["outcome"] == state


def test_a_batch_reports_each_event(client: httpx.Client, stub: StubCaller) -> None:
    """A batch answers 202 even when all of it is malformed; each outcome is in the body."""
    bad = [EventOutcome(i, f"e-{i}", "", "quarantined", "no table.") for i in range(2)]
    stub.answers["post_events"] = EventsAnswer(2, 0, 0, 0, 2, bad)
    answer = client.post(f"{API}/events/batch", content=b"[{}, {}]")
    assert answer.status_code == 202
    assert [each["reason"] for each in answer.json()["events"]] == ["no table."] * 2


def test_large_answers_are_packed(client: httpx.Client, stub: StubCaller) -> None:
    """A client that takes gzip gets it for large answers, and the same content without."""
    stub.answers["list_metrics"] = [METRIC] * 50
    packed = client.get(f"{API}/metrics", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"{API}/metrics", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"


def test_an_unchanged_answer_is_not_sent_again(client: httpx.Client, stub: StubCaller) -> None:
    """If-None-Match with the ETag of the same answer gives 304 without a body."""
    stub.answers["list_metrics"] = [METRIC]
    tag = client.get(f"{API}/metrics").headers["ETag"]
    answer = client.get(f"{API}/metrics", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_head_is_get_without_its_body(client: httpx.Client) -> None:
    """HEAD answers the headers of GET."""
    answer = client.head(f"{API}/tables")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_request_keeps_its_name(client: httpx.Client) -> None:
    """A well-formed X-Request-ID is kept, another one is replaced."""
    kept = client.get("/health", headers={"X-Request-ID": "trace-7"})
    replaced = client.get("/health", headers={"X-Request-ID": "bad id; x"})
    assert kept.headers["X-Request-ID"] == "trace-7"
    assert replaced.headers["X-Request-ID"] not in ("", "bad id; x")


def test_answers_do_not_name_the_server(client: httpx.Client) -> None:
    """No Server header; content types are not guessed."""
    headers = client.get("/health").headers
    assert "Server" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
