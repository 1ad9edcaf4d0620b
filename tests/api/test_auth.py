"""Who gets in: every route asks for the token; Host, Origin, cookie, link."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import httpx
import msgspec
import pytest

from datawatch_lab.api.limits import Limits
from datawatch_lab.api.server import Server
from datawatch_lab.service.answers import HealthAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import API, TOKEN, Serve, StubCaller

ROUTES = [(each.method, path) for each in OPERATIONS for path in each.paths]
PAGE = {"Accept": "text/html,application/xhtml+xml"}


def concrete(path: str) -> str:
    """A path with a value for each of its parameters."""
    path = path.replace("{version}", "1")
    return path.replace("{name}", "orders_total").replace("{id}", "a1").replace("{service}", "a1")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}]
)
def test_every_route_refuses_a_stranger(
    serve: Serve, stub: StubCaller, headers: dict[str, str]
) -> None:
    """Without the token, or with a wrong one, no operation runs; health tells its status only."""
    stub.answers["health"] = HealthAnswer("ok", "1.0", 12.0, 0)
    server = serve(Workspace(stub), limits=Limits(strangers=""))
    with httpx.Client(base_url=server.address, trust_env=False) as stranger:
        for method, path in [*ROUTES, ("GET", "/api/openapi.json"), ("GET", "/api/x")]:
            answer = stranger.request(method, concrete(path), headers=headers)
            if path.endswith("/health"):
                assert answer.json() == {"status": "ok"}
                stub.asked.clear()
                continue
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["error"]["code"] == "not_allowed"
            assert not stub.asked, (method, path)


def minimal(kind: Any) -> Any:
    """The least that a type takes: a value for each field that has no default."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = (each for each in msgspec.structs.fields(kind) if each.required)
        return {each.encode_name: minimal(each.type) for each in fields}
    kinds = {str: "a1", int: 1, float: 1.0, bool: True, list: [], dict: {}}
    plain = get_origin(kind) or kind
    if plain in kinds:
        return kinds[plain]
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return minimal(get_args(kind)[0]) if get_args(kind) else "a1"


def test_every_route_lets_the_owner_in(client: httpx.Client, stub: StubCaller) -> None:
    """With the token, the operation of the route is carried out."""
    stub.answers["post_event"] = ValueError  # any class: the answer's form does not matter here
    for wanted in OPERATIONS:
        values = {} if wanted.binary else minimal(wanted.ask)
        values = {name: each for name, each in values.items() if name not in wanted.path_fields}
        content = json.dumps(values).encode() if wanted.method in ("POST", "PUT") else None
        query = values if wanted.method in ("GET", "DELETE") else None
        for path in wanted.paths:
            stub.asked.clear()
            answer = client.request(wanted.method, concrete(path), content=content, params=query)
            assert [name for name, _ in stub.asked] == [wanted.name], (path, answer.text)
            assert answer.status_code in (wanted.status, 500)


def test_the_owner_is_told_the_whole_health(client: httpx.Client, stub: StubCaller) -> None:
    """With the token, health has release, uptime and backlog."""
    stub.answers["health"] = HealthAnswer("ok", "1.0", 12.0, 3)
    assert client.get("/health").json()["backlog"] == 3


def test_a_link_becomes_a_cookie(server: Server, stranger: httpx.Client) -> None:
    """A page opened with ?token= gets a hidden cookie and a clean address, and is let in then."""
    answer = stranger.get(f"{API}/tables", params={"token": TOKEN, "name": "a b"}, headers=PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{API}/tables?name=a+b"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"datawatch_token_{server.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert stranger.get(f"{API}/tables").status_code == 200


def test_a_wrong_link_gives_no_cookie(stranger: httpx.Client) -> None:
    """A link with another token is refused and sets nothing."""
    answer = stranger.get(f"{API}/tables", params={"token": "guess"}, headers=PAGE)
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_program_may_use_the_query(stranger: httpx.Client, stub: StubCaller) -> None:
    """Where no page is asked for, ?token= signs in at once and is no parameter of the operation."""
    assert stranger.get(f"{API}/tables", params={"token": TOKEN}).status_code == 200
    assert stub.asked[0][1].name is None


def test_a_link_cannot_lead_elsewhere(stranger: httpx.Client) -> None:
    """The redirect of a link stays on this server, whatever slashes its path begins with."""
    answer = stranger.get("/", params={"token": TOKEN, "next": "//elsewhere.example"}, headers=PAGE)
    assert answer.headers["Location"].startswith("/?next=")


def test_home_leads_to_the_portal(stranger: httpx.Client) -> None:
    """`/` goes to the portal, which asks for the token itself."""
    answer = stranger.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/datawatch")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", ""])
def test_a_foreign_host_is_refused(client: httpx.Client, stub: StubCaller, host: str) -> None:
    """A name that somebody points at this machine (DNS rebinding) is no way in, token or not."""
    answer = client.get(f"{API}/tables", headers={"Host": host})
    assert answer.status_code in (400, 403)
    assert not stub.asked


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_names_are_known(client: httpx.Client, server: Server, host: str) -> None:
    """All names of loopback are this server's."""
    answer = client.get(f"{API}/tables", headers={"Host": f"{host}:{server.port}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_changes_nothing(
    client: httpx.Client, stub: StubCaller, origin: str
) -> None:
    """A change with a foreign Origin is refused, though the browser added the cookie."""
    answer = client.post(f"{API}/events", content=b"{}", headers={"Origin": origin})
    assert answer.status_code == 403
    assert not stub.asked


def test_a_page_of_this_server_may_change(
    client: httpx.Client, server: Server, stub: StubCaller
) -> None:
    """The server's own pages send its own Origin, and programs none."""
    for headers in ({"Origin": server.address}, {}):
        assert client.post(f"{API}/quarantine/replay", headers=headers).status_code == 200
    assert len(stub.asked) == 2


def test_without_a_token_the_host_still_counts(serve: Serve, stub: StubCaller) -> None:
    """--no-auth lets everybody of this machine in, but no page of a foreign name."""
    server = serve(Workspace(stub), token=None)
    assert httpx.get(f"{server.address}{API}/tables", trust_env=False).status_code == 200
    answer = httpx.get(
        f"{server.address}{API}/tables", headers={"Host": "evil.example"}, trust_env=False
    )
    assert answer.status_code == 403


def test_the_log_has_no_token(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """A request's line has method, path, status and id, and never a token."""
    caplog.set_level("INFO", logger="datawatch_lab")
    client.get(f"{API}/tables", params={"token": TOKEN}, headers={"X-Request-ID": "r-1"})
    client.get("/nowhere", params={"token": TOKEN})
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("datawatch_lab")]
    assert any(f"method=GET path={API}/tables status=200" in each for each in ours)
    assert any("id=r-1" in each for each in ours)
    assert not any(TOKEN in each for each in ours)
