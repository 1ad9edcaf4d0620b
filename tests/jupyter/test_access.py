"""What is mounted below Jupyter: who is refused, what passes, what does not reach the browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import websocket

from tests.jupyter.conftest import BASE, ENGINE_TOKEN, FakeEngine, Lab
from tests.waiting import PATIENCE

EVIL = "https://evil.example"
READ = ["-/state", "-/summary", "", "datawatch", "d/1", "api/v1/datawatch/tables", "static/x.js"]
CHANGED = ["-/start", "-/stop", "api/v1/datawatch/sources", "api/v1/datawatch/events"]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
SOCKETS = ["ws/boards/1", "ws/dashboard", "datawatch/ws"]


def _socket(lab: Lab, path: str, **how: Any) -> websocket.WebSocket:
    address = f"ws{lab.address.removeprefix('http')}/datawatch/{path}"
    return websocket.create_connection(address, timeout=PATIENCE, **how)


def _cookies(client: httpx.Client) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)


@pytest.mark.parametrize("path", READ)
def test_a_stranger_reads_nothing(lab: Lab, engine: FakeEngine, path: str) -> None:
    """Without Jupyter's login every address leads to it or is 403, and the engine is not asked."""
    before = len(engine.seen.requests)
    with lab.client(signed_in=False) as client:
        answer = client.get(path)
        assert answer.status_code in (302, 403)
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith(f"{BASE}login")
    assert len(engine.seen.requests) == before


@pytest.mark.parametrize("path", CHANGED)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_stranger_changes_nothing(lab: Lab, engine: FakeEngine, path: str, method: str) -> None:
    """Without Jupyter's login no change passes, with any Origin."""
    before = len(engine.seen.requests)
    with lab.client(signed_in=False) as client:
        for headers in ({}, {"Origin": lab.origin}, {"Origin": EVIL}):
            assert client.request(method, path, headers=headers).status_code in (403, 405)
    assert len(engine.seen.requests) == before


@pytest.mark.parametrize("path", CHANGED)
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_changes_nothing(
    lab: Lab, engine: FakeEngine, path: str, origin: str
) -> None:
    """With the user's cookies, but from another origin, a change is 403."""
    before = len(engine.seen.requests)
    with lab.client() as client:
        assert client.post(path, headers={"Origin": origin}, json={}).status_code == 403
    assert len(engine.seen.requests) == before


def test_a_change_without_an_origin_needs_the_xsrf_token(lab: Lab) -> None:
    """Cookies alone, without Origin, are refused; a program that sends the token passes."""
    with lab.client() as client:
        assert client.post("api/v1/datawatch/events", json={}).status_code == 403
    with lab.client(signed_in=False, Authorization=f"token {lab.token}") as program:
        assert program.post("api/v1/datawatch/events", json={}).status_code == 201


def test_a_page_of_another_site_reads_nothing(lab: Lab) -> None:
    """What the browser marks as asked by another site is 403; nothing is shared by CORS."""
    with lab.client() as client:
        crossing = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": EVIL}
        assert client.get("api/v1/datawatch/tables", headers=crossing).status_code == 403
        fine = client.get("api/v1/datawatch/tables")
        assert fine.status_code == 200
        assert "Access-Control-Allow-Origin" not in fine.headers


@pytest.mark.parametrize("path", SOCKETS)
def test_sockets_refuse_strangers_and_other_origins(
    lab: Lab, engine: FakeEngine, path: str
) -> None:
    """A WebSocket needs the login and a page of this server."""
    before = len(engine.seen.requests)
    for signed_in, origin in ((False, lab.origin), (True, EVIL), (True, "null")):
        with lab.client(signed_in=signed_in, **UPGRADE, Origin=origin) as client:
            assert client.get(path).status_code == 403
    assert len(engine.seen.requests) == before


def test_a_socket_passes_both_ways(lab: Lab, engine: FakeEngine) -> None:
    """Text, bytes, the subprotocol and the closing code pass; the token is added on the way."""
    with lab.client() as client:
        cookies = _cookies(client)
    how = {"origin": lab.origin, "cookie": cookies, "subprotocols": ["bokeh", "x"]}
    socket = _socket(lab, "ws/boards/1?range=1h", **how)
    try:
        _, path, headers, _ = engine.seen.last
        assert path == "/ws/boards/1?range=1h"
        assert headers["authorization"] == f"Bearer {ENGINE_TOKEN}"
        assert "cookie" not in headers
        assert "origin" not in headers
        assert socket.subprotocol == "bokeh"
        socket.send("häl")
        assert socket.recv() == "häl"
        socket.send_binary(b"\x00\xff")
        assert socket.recv() == b"\x00\xff"
        socket.send("end")
        opcode, data = socket.recv_data()
        assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 4321)
    finally:
        socket.shutdown()  # type: ignore[no-untyped-call]


def test_the_engine_and_the_browser_see_what_is_theirs(lab: Lab, engine: FakeEngine) -> None:
    """Jupyter's token and cookies stop here, and so do the engine's; addresses get the prefix."""
    with lab.client() as client:
        answer = client.get("d/1", params={"range": "1h", "token": lab.token})
        _, path, headers, _ = engine.seen.last
        assert path == "/d/1?range=1h"
        assert "cookie" not in headers
        assert ENGINE_TOKEN not in answer.text + str(answer.headers)
        assert "Set-Cookie" not in answer.headers
        assert f'href="{BASE}datawatch/static/board/a.css"' in answer.text
        assert f'href="{BASE}datawatch/d/2"' in answer.text
        assert 'href="data"' in answer.text
        assert f"ws://{lab.host}" in answer.headers["Content-Security-Policy"]
        moved = client.get("moved")
        assert moved.headers["Location"] == f"{BASE}datawatch/datawatch?range=1h"
        assert client.get("login").status_code == 404


@pytest.mark.parametrize(
    "path", ["d/my%20board", "d/M%C3%BCnchen", "d/what%3F", "d/a%2Fb%23c", "login%3Fa", "d/a+b:c@d"]
)
def test_a_path_arrives_as_it_was_sent(lab: Lab, engine: FakeEngine, path: str) -> None:
    """A board by a name with a space, an umlaut or a question mark is that board."""
    with lab.client() as client:
        assert client.get(f"{path}?range=1h").status_code == 200
    _, found, _, _ = engine.seen.last
    assert found == f"/{path}?range=1h"


def test_the_login_of_the_engine_is_not_there_however_it_is_written(lab: Lab) -> None:
    """An escaped name is that name."""
    with lab.client() as client:
        for path in ("login", "lo%67in", "login/", "login%2Fx", "logout?next=/"):
            assert client.get(path).status_code == 404


def test_changes_of_own_pages_pass_with_their_body(lab: Lab, engine: FakeEngine) -> None:
    """A page of this server may change; method, path and body arrive as they were sent."""
    with lab.client(Origin=lab.origin) as client:
        for method in ("POST", "PUT", "DELETE"):
            answer = client.request(method, "api/v1/datawatch/events", content=b'{"a": 1}')
            assert answer.status_code == 201
            assert engine.seen.last[0] == method
            assert engine.seen.last[3] == b'{"a": 1}'


def test_the_summary_holds_what_the_side_bar_shows(lab: Lab) -> None:
    """One answer has state, numbers, tables, metrics, dashboards, alerts and who asks; no token."""
    with lab.client() as client:
        answer = client.get("-/summary")
    found = answer.json()
    assert found["state"]["name"] == "running"
    assert found["status"]["events"] == 1200
    assert [each["name"] for each in found["metrics"]] == ["orders_amount_sum"]
    assert found["dashboards"][0] == {
        "id": "1",
        "name": "Shop",
        "description": "",
        "tiles": 3,
        "path": "/d/1",
        "updated_at": None,
    }
    assert found["me"]["role"] == "admin"
    assert ENGINE_TOKEN not in answer.text
