"""What HTTP asks of every answer: pages of lists, other origins, packed bodies, an end in order."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.api.paging import LINK, TOTAL, Page, cut, headers_for
from datawatch_lab.api.running import Running
from datawatch_lab.cli.logs import JsonLines
from datawatch_lab.service.answers import MetricAnswer
from datawatch_lab.service.handle import Workspace
from tests.api.conftest import API, HOST, TOKEN, Serve, StubCaller
from tests.api.test_requests import error_of
from tests.waiting import PATIENCE, eventually

ELSEWHERE = "https://app.example.org"


def metrics(count: int) -> list[MetricAnswer]:
    """So many metrics."""
    return [
        MetricAnswer(f"m{number}", "orders", "", "counter", "1", [], True, "")
        for number in range(count)
    ]


def test_a_list_is_whole_unless_a_limit_is_given(client: httpx.Client, stub: StubCaller) -> None:
    """Pages follow one another by Link; the count is that of the whole list."""
    stub.answers["list_metrics"] = metrics(250)
    assert len(client.get(f"{API}/metrics").json()) == 250
    names, following = [], f"{API}/metrics?search=m&limit=100"
    while following:
        answer = client.get(following)
        assert answer.headers[TOTAL] == "250"
        names += [each["name"] for each in answer.json()]
        following = str(answer.links["next"]["url"]) if LINK in answer.headers else ""
    assert names == [f"m{number}" for number in range(250)]
    assert all(ask.search == "m" for _, ask in stub.asked[1:])


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1&limit=2", "offset=-1", "limit=²"])
def test_a_wrong_page_is_refused(client: httpx.Client, stub: StubCaller, query: str) -> None:
    """400 with the envelope; nothing is asked."""
    answer = client.get(f"{API}/metrics?{query}")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_input"
    assert not stub.asked


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
@settings(max_examples=60)
def test_pages_together_are_the_list(items: list[int], limit: int) -> None:
    """However long it is, the pages that follow one another give each item once."""
    found: list[int] = []
    page = Page(limit, 0)
    while True:
        found += cut(items, page)
        if LINK not in headers_for(page, len(items), "/x", ""):
            break
        page = Page(limit, page.offset + limit)
    assert found == items


def test_a_json_body_may_be_packed(client: httpx.Client, stub: StubCaller) -> None:
    """Gzip is unpacked; what is not gzip, or ends early, is named."""
    body = gzip.compress(b'{"ids": [1]}')
    headers = {"Content-Encoding": "gzip"}
    client.post(f"{API}/quarantine/replay", content=body, headers=headers)
    assert stub.asked[0][1].ids == [1]
    for wrong in (b'{"ids": [1]}', body[:-4]):
        answer = client.post(f"{API}/quarantine/replay", content=wrong, headers=headers)
        assert answer.status_code == 400
        assert "not gzip" in error_of(answer)["message"]


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "br"}, {"Content-Type": "text/xml"}, {"Content-Type": "multipart/mixed"}],
)
def test_a_body_of_another_kind_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    """415 with the envelope."""
    answer = client.post(f"{API}/sql", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media_type"


def test_other_origins_are_off_by_default(client: httpx.Client, stub: StubCaller) -> None:
    """Nothing is said to a page of elsewhere, a preflight is refused, a change is 403."""
    origin = {"Origin": ELSEWHERE}
    read = client.get(f"{API}/tables", headers=origin)
    assert not [name for name in read.headers if name.startswith("access-control")]
    asking = origin | {"Access-Control-Request-Method": "POST"}
    url = client.base_url.join(f"{API}/sql")
    preflight = httpx.options(url, headers=asking, trust_env=False)
    assert preflight.status_code in (401, 403)
    assert "access-control-allow-origin" not in preflight.headers
    assert client.post(f"{API}/quarantine/replay", json={}, headers=origin).status_code == 403
    assert [name for name, _ in stub.asked] == ["tables"]


def test_listed_origins_may_ask(serve: Serve, stub: StubCaller) -> None:
    """A preflight needs no token; answers and errors can be read; no credentials are allowed."""
    server = serve(Workspace(stub), origins=[ELSEWHERE])
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        origin = {"Origin": ELSEWHERE}
        asking = origin | {"Access-Control-Request-Method": "POST"}
        preflight = client.options(f"{API}/quarantine/replay", headers=asking)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        sent = client.post(f"{API}/quarantine/replay", json={}, headers=origin | bearer)
        refused = client.get(f"{API}/tables", headers=origin)
        assert (sent.status_code, refused.status_code) == (200, 401)
        for answer in (preflight, sent, refused):
            assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE
            assert "Origin" in answer.headers["Vary"]
            assert "access-control-allow-credentials" not in answer.headers
        other = client.options(f"{API}/sql", headers=asking | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_unknown_paths_are_answered_with_the_envelope(client: httpx.Client) -> None:
    """Outside /api too, and however the path tries to climb out."""
    for path in (
        "/nothing",
        "/static/no.js",
        "/static/../../etc/passwd",
        "/static/%2e%2e%2fpasswd",
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"


class Slow(StubCaller):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = threading.Event(), threading.Event()

    def call(self, operation: Any, ask: Any) -> Any:
        """Wait, then answer; how the server is, at once."""
        if operation.name == "health":
            return []
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        return super().call(operation, ask)


def test_requests_that_run_end_before_the_server(serve: Serve) -> None:
    """A stop waits for the answer that is being made, and takes nothing new."""
    slow = Slow()
    server = serve(Workspace(slow))
    answers: list[httpx.Response] = []
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask() -> None:
        url = f"{server.address}{API}/tables"
        answers.append(httpx.get(url, headers=headers, trust_env=False, timeout=PATIENCE))

    asking = threading.Thread(target=ask)
    asking.start()
    assert slow.began.wait(PATIENCE)
    ending = threading.Thread(target=server.stop)
    ending.start()
    while (late := httpx.get(f"{server.address}/health", trust_env=False)).status_code != 503:
        time.sleep(0.02)  # until the server has begun to end
    assert late.headers["Retry-After"] == "5"
    slow.may_end.set()
    asking.join(PATIENCE)
    ending.join(PATIENCE)
    assert [each.status_code for each in answers] == [200]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.address, trust_env=False)


def test_a_drain_says_how_many_are_left() -> None:
    """One that does not end in time is counted."""
    running = Running()
    with running.one():
        assert running.drain(0.01) == 1
    assert running.drain(0.0) == 0


def test_a_slow_sender_is_let_go(stub: StubCaller, serve: Serve) -> None:
    """A head that does not end is not waited for longer than the server's patience."""
    server = serve(Workspace(stub), idle_seconds=0.3)
    with socket.create_connection((HOST, server.port), timeout=PATIENCE) as sender:
        sender.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert sender.recv(1) == b""


def test_a_request_is_one_json_object_in_the_log(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """With its parts as fields, and without a token."""
    with caplog.at_level(logging.INFO):
        client.get(f"{API}/tables?token=s3cret", headers={"X-Request-ID": "trace-9"})
        # The line is written once the answer is out.
        eventually(lambda: any("trace-9" in each.getMessage() for each in caplog.records))
    (record,) = (each for each in caplog.records if "trace-9" in each.getMessage())
    line = JsonLines("staging").format(record)
    entry = json.loads(line)
    assert "\n" not in line
    assert (entry["method"], entry["status"], entry["id"]) == ("GET", 200, "trace-9")
    assert (entry["path"], entry["environment"]) == (f"{API}/tables", "staging")
    assert "s3cret" not in line
