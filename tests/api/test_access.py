"""Users over HTTP: roles on every route, signing in, cookies, links, limits, webhooks, the log."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from datawatch_lab.api.auth import Gate, gate_for
from datawatch_lab.api.limits import Limits, RateError
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.who import USER_ROLES, UserRole, Who, current_who, has_role
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.webhook import SIGNATURE, TIMESTAMP, Webhook, sign
from datawatch_lab.service.answers import EventsAnswer, HealthAnswer
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import API, HOST, TOKEN, StubCaller
from tests.service.access_helpers import PASSWORD, cheap
from tests.services.ports import free_port
from tests.waiting import PATIENCE

SECRET = "shared-by-both-sides"  # noqa: S105 — of a test
PAGE = {"Accept": "text/html"}
ROUTES = [(each.method, path, each.role) for each in OPERATIONS for path in each.paths]
LATER = {(each.method, path) for each in OPERATIONS if each.resource for path in each.paths}
"""Routes of one dashboard: the engine says who may, see tests/dashboards; here none is behind."""
FREE = [each.name for each in OPERATIONS if each.answer is HealthAnswer]


class Noting(StubCaller):
    """Remembers as whom it was called, too."""

    def __init__(self) -> None:
        super().__init__()
        self.who: list[Any] = []

    def call(self, operation: Any, ask: Any) -> Any:
        """Note who asks, and answer."""
        self.who.append(current_who())
        return super().call(operation, ask)


@dataclass
class House:
    """A server with users ada (admin), eda (editor) and vic (viewer), and a token for each."""

    server: Server
    gate: Gate
    access: Access
    stub: Noting
    tokens: dict[str, str]

    def client(self, token: str | None = None) -> httpx.Client:
        """A client, with a token in its header or as a stranger."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.server.address, headers=headers, trust_env=False)

    def sign_in(self, client: httpx.Client, name: str, password: str, **how: Any) -> httpx.Response:
        """Post the form."""
        headers = {"Origin": self.server.address, **how.pop("headers", {})}
        form = {"name": name, "password": password, **how}
        return client.post("/login", data=form, headers=headers)


NAMES: dict[UserRole, str] = {"admin": "ada", "editor": "eda", "viewer": "vic"}


def build(folder: Path, **how: Any) -> House:
    """A house that is served; its server has to be stopped."""
    access = Access(folder / "w.duckdb", hasher=cheap())
    tokens: dict[str, str] = {}
    for role, name in NAMES.items():
        access.users.add(name, role, PASSWORD)
        tokens[role] = access.tokens.make(name, "test")[1]
    port = free_port()
    gate = replace(gate_for(TOKEN, host=HOST, port=port, **how), access=access)
    stub = Noting()
    server = Server(patterns(Workspace(stub), gate, max_bytes=1_000), host=HOST, port=port)
    server.start()
    return House(server, gate, access, stub, tokens)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for tests that change nothing."""
    limits = Limits(requests="", strangers="", logins="")
    found = build(tmp_path_factory.mktemp("house"), limits=limits)
    yield found
    found.server.stop()


@pytest.fixture
def house(shared: House) -> House:
    """The same, with nothing asked yet."""
    shared.stub.asked.clear()
    shared.stub.who.clear()
    shared.stub.answers.clear()
    return shared


def concrete(path: str) -> str:
    """A path with a value for each of its parameters."""
    path = path.replace("{version}", "1")
    for name in ("name", "id", "table", "column", "service"):
        path = path.replace("{" + name + "}", "a1")
    return path


@pytest.mark.parametrize("role", USER_ROLES)
def test_every_route_asks_for_its_role(house: House, role: UserRole) -> None:
    """With a token of too small a role, each route is 403 with the envelope, and nothing runs."""
    with house.client(house.tokens[role]) as client:
        for method, path, wanted in ROUTES:
            house.stub.asked.clear()
            answer = client.request(method, concrete(path))
            if has_role(role, wanted) or (method, path) in LATER:
                assert answer.status_code != 403, (method, path)
                continue
            assert answer.status_code == 403, (method, path)
            assert f"role {wanted}" in answer.json()["error"]["message"]
            assert not house.stub.asked


def test_the_engine_is_told_who_asks(house: House) -> None:
    """The operation runs as the user of the token, with its role, name, address and request."""
    with house.client(house.tokens["editor"]) as client:
        client.get(f"{API}/tables", headers={"X-Request-ID": "r-77"})
    (who,) = house.stub.who
    assert (who.name, who.role, who.via) == ("eda", "editor", "token:test")
    assert (who.address, who.request) == (HOST, "r-77")


def test_the_engine_is_told_what_bounds_a_token(house: House) -> None:
    """The role that was chosen for it, and when it ends; neither for one as its user."""
    with house.client(house.tokens["admin"]) as client:
        client.get(f"{API}/tables")
    made, secret = house.access.tokens.make("ada", role="viewer", expires_in=timedelta(days=90))
    with house.client(secret) as client:
        client.get(f"{API}/tables")
    free, bound = house.stub.who
    assert (free.role, free.cap, free.until) == ("admin", None, None)
    assert (bound.role, bound.cap, bound.until) == ("viewer", "viewer", made.expires)


def test_the_owner_is_an_admin(house: House) -> None:
    """The token of the workspace stays what it was, beside users."""
    with house.client(TOKEN) as client:
        assert client.get(f"{API}/users").status_code == 200
    assert (house.stub.who[0].name, house.stub.who[0].via) == ("owner", "owner")


def test_the_owner_is_of_this_machine() -> None:
    """From another address the token of the workspace is nobody's."""

    class Request:
        remote_ip = "203.0.113.9"
        host = f"{HOST}:1"
        headers: ClassVar[dict[str, str]] = {"Authorization": f"Bearer {TOKEN}"}

    class Handler:
        request = Request()

    gate = gate_for(TOKEN, host=HOST, port=1)
    assert gate.who(Handler()) is None  # type: ignore[arg-type]  # what the gate looks at
    Handler.request.remote_ip = "::ffff:127.0.0.1"
    found = gate.who(Handler())  # type: ignore[arg-type]
    assert found is not None
    assert found.name == "owner"


# ------------------------------------------------------------------ signing in


def test_the_form_signs_in(house: House) -> None:
    """A good form leads to the page that was wanted, with a hidden cookie that then lets in."""
    with house.client() as client:
        page = client.get("/login", params={"next": "/datawatch?range=1h"})
        assert page.status_code == 200
        assert 'name="password"' in page.text
        assert "/datawatch?range=1h" in page.text
        assert "script" not in page.text.lower()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        answer = house.sign_in(client, "Vic", PASSWORD, next="/datawatch?range=1h")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/datawatch?range=1h")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert client.get(f"{API}/tables").status_code == 200
        assert client.get(f"{API}/users").status_code == 403
    assert (house.stub.who[0].name, house.stub.who[0].via) == ("vic", "session")


@pytest.mark.parametrize(
    ("name", "password"), [("vic", "wrong password"), ("nobody", PASSWORD), ("", ""), ("vic", "")]
)
def test_a_wrong_form_does_not(house: House, name: str, password: str) -> None:
    """One sentence for a wrong name and a wrong password, no cookie, status 401."""
    with house.client() as client:
        answer = house.sign_in(client, name, password)
    assert answer.status_code == 401
    assert "Name or password is not right." in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_name_with_html_is_text(house: House) -> None:
    """What was typed as a name, or stands in the address, reaches the page escaped."""
    nasty = '"><script>alert(1)</script>'
    with house.client() as client:
        for answer in (
            house.sign_in(client, nasty, "x" * 12, next=f"/{nasty}"),
            client.get("/login", params={"next": f"/{nasty}"}),
        ):
            assert "<script" not in answer.text.lower()
            assert "&lt;script&gt;" in answer.text or "%3Cscript" in answer.text


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "evil", "/\t/evil.example"],
)
def test_signing_in_leads_nowhere_else(house: House, wanted: str) -> None:
    """A wanted page of another server is not gone to."""
    with house.client() as client:
        answer = house.sign_in(client, "vic", PASSWORD, next=wanted)
    assert answer.headers["Location"] == "/datawatch"


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_site_signs_nobody_in(house: House, origin: str) -> None:
    """Neither in nor out, whatever name and password it knows."""
    with house.client() as client:
        answer = house.sign_in(client, "vic", PASSWORD, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
        assert client.post("/logout", headers={"Origin": origin}).status_code == 403


def test_signing_out_takes_the_cookie_back(house: House) -> None:
    """After it the browser is a stranger."""
    with house.client() as client:
        house.sign_in(client, "vic", PASSWORD)
        assert client.get(f"{API}/tables").status_code == 200
        assert client.post("/logout", headers={"Origin": house.server.address}).status_code == 303
        assert client.get(f"{API}/tables").status_code == 401


def test_without_users_the_page_explains_the_link(
    tmp_path: Path, stub: StubCaller, serve: Any
) -> None:
    """A server of the token alone has no form, and says how to come in."""
    server = serve(Workspace(stub))
    page = httpx.get(f"{server.address}/login", trust_env=False)
    assert "<form" not in page.text
    assert "?token=" in page.text


# ------------------------------------------------------------------ cookies


def test_a_cookie_of_another_port_says_nothing(house: House) -> None:
    """A cookie that was signed for another server of this machine is a stranger's here."""
    user = house.access.users.get("ada")
    other = house.access.sessions(house.server.port + 1).cookie(user)
    good = house.access.sessions(house.server.port).cookie(user)
    for value, status in ((good, 200), (other, 401)):
        with house.client() as client:
            client.cookies.set(house.gate.cookie, value)
            assert client.get(f"{API}/users").status_code == status


def test_no_role_can_be_edited_into_a_cookie(house: House) -> None:
    """A cookie has a name and a signature; with another name, or a role added, it is refused."""
    from itsdangerous.encoding import base64_encode

    cookie = house.access.sessions(house.server.port).cookie(house.access.users.get("vic"))
    _, _, rest = cookie.partition(".")
    for payload in (["ada", 0], ["vic", 0, "admin"], {"name": "vic", "role": "admin"}, ["owner"]):
        forged = f"{base64_encode(json.dumps(payload)).decode()}.{rest}"
        with house.client() as client:
            client.cookies.set(house.gate.cookie, forged)
            assert client.get(f"{API}/tables").status_code == 401


def test_the_cookie_of_a_link_is_not_the_token(house: House) -> None:
    """Opening the owner's link gives a signed cookie; the token itself is not in the browser."""
    with house.client() as client:
        answer = client.get("/", params={"token": TOKEN}, headers=PAGE)
        assert answer.status_code == 302
        assert TOKEN not in answer.headers["Set-Cookie"]
        assert client.get(f"{API}/users").status_code == 200


def test_a_change_of_role_holds_at_once(tmp_path: Path) -> None:
    """Cookie and token of a user have the role of now; a removed user is a stranger."""
    house = build(tmp_path)
    try:
        with house.client() as signed, house.client(house.tokens["editor"]) as program:
            house.sign_in(signed, "eda", PASSWORD)
            for client in (signed, program):
                assert client.post(f"{API}/quarantine/replay").status_code == 200
            house.access.users.set_role("eda", "viewer")
            for client in (signed, program):
                assert client.post(f"{API}/quarantine/replay").status_code == 403
            house.access.users.remove("eda")
            for client in (signed, program):
                assert client.get(f"{API}/tables").status_code == 401
    finally:
        house.server.stop()


# ------------------------------------------------------------------ links


def test_a_shared_link_opens_no_operation(house: House) -> None:
    """A link to a dashboard is not a way to anything else, and says so."""
    _, token = house.access.shares.sign_share("dashboard:d1", datetime.now(UTC) + timedelta(days=1))
    with house.client() as client:
        answer = client.get(f"{API}/tables", params={"share": token})
        assert answer.status_code == 403
        assert "something else" in answer.json()["error"]["message"]
        assert client.post(f"{API}/tokens", params={"share": token}).status_code == 403
    assert not house.stub.asked


def test_a_dead_link_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Altered, expired or revoked: 401 with a sentence."""
    shares = house.access.shares
    now, clock = datetime.now(UTC), shares._clock
    monkeypatch.setattr(shares, "_clock", ManualClock(now - timedelta(days=1)))
    _, expired = shares.sign_share("dashboard:d1", now - timedelta(hours=1))
    monkeypatch.setattr(shares, "_clock", clock)
    gone, revoked = shares.sign_share("dashboard:d1", now + timedelta(days=1))
    shares.revoke(gone.id)
    with house.client() as client:
        for token, word in ((expired, "expired"), (revoked, "revoked"), ("W10.x", "not valid")):
            answer = client.get(f"{API}/tables", params={"share": token})
            assert answer.status_code == 401
            assert word in answer.json()["error"]["message"]


# ------------------------------------------------------------------ limits


def test_too_many_requests_are_told_when_to_try_again(tmp_path: Path) -> None:
    """429 with Retry-After, for that user alone; the owner of the machine is not counted."""
    house = build(tmp_path, limits=Limits(requests="5/hour"))
    try:
        with (
            house.client(house.tokens["viewer"]) as one,
            house.client(house.tokens["editor"]) as other,
            house.client(TOKEN) as owner,
        ):
            found = [one.get(f"{API}/tables") for _ in range(7)]
            assert [each.status_code for each in found] == [200] * 5 + [429] * 2
            assert 0 < int(found[-1].headers["Retry-After"]) <= 3_600
            assert found[-1].json()["error"]["code"] == "rate_limited"
            assert other.get(f"{API}/tables").status_code == 200
            assert {owner.get(f"{API}/tables").status_code for _ in range(20)} == {200}
    finally:
        house.server.stop()


def test_guessing_is_slow(tmp_path: Path) -> None:
    """After a few attempts even the right password is not looked at."""
    house = build(tmp_path, limits=Limits(logins="3/hour"))
    try:
        with house.client() as client:
            for _ in range(3):
                assert house.sign_in(client, "vic", "a guess at it").status_code == 401
            last = house.sign_in(client, "vic", PASSWORD)
            assert last.status_code == 429
            assert int(last.headers["Retry-After"]) > 0
            assert "Set-Cookie" not in last.headers
    finally:
        house.server.stop()


def test_each_limit_counts_for_itself() -> None:
    """By address, by name from anywhere, by user and way; an empty limit is none."""
    limits = Limits(requests="2/hour;3/day", strangers="1/hour", logins="1/hour")
    for address in ("203.0.113.1", "203.0.113.2"):
        limits.stranger(address)
        with pytest.raises(RateError):
            limits.stranger(address)
    for number in range(6):
        limits.login(f"198.51.100.{number}", "Ada ")
    with pytest.raises(RateError):
        limits.login("198.51.100.99", "ada")  # six addresses, one name
    limits.login("198.51.100.98", "bob")
    ada = Who("ada", "viewer", "session")
    for _ in range(2):
        limits.take(ada)
    with pytest.raises(RateError) as caught:
        limits.take(ada)
    assert 0 < caught.value.details["retry_after"] <= 3_600
    limits.take(replace(ada, via="token:ci"))
    for _ in range(20):
        Limits(requests="").take(ada)


# ------------------------------------------------------------------ webhooks


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that takes signed deliveries."""
    found = build(tmp_path_factory.mktemp("hooked"), webhook=Webhook(SECRET))
    found.stub.answers["post_events"] = EventsAnswer(1, 1, 0, 0, 0, [])
    yield found
    found.server.stop()


BODY = b'[{"id": "evt-1"}]'


def delivery(body: bytes = BODY, sent: float | None = None) -> dict[str, str]:
    """Headers of a delivery of now."""
    return {
        SIGNATURE: sign(SECRET, body),
        TIMESTAMP: str(int(time.time() if sent is None else sent)),
    }


def test_a_signed_delivery_needs_no_token(hooked: House) -> None:
    """It is taken in as an editor named webhook, packed or not."""
    packed = gzip.compress(BODY)
    with hooked.client() as client:
        assert (
            client.post(f"{API}/events/batch", content=BODY, headers=delivery()).status_code == 202
        )
        headers = delivery(packed) | {"Content-Encoding": "gzip"}
        answer = client.post(f"{API}/events/batch", content=packed, headers=headers)
        assert answer.status_code == 202
    assert {(who.name, who.role) for who in hooked.stub.who} == {("webhook", "editor")}


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (dict, "X-Savegress-Signature is missing"),
        (lambda: {SIGNATURE: sign(SECRET, BODY)}, "X-Savegress-Timestamp is missing"),
        (lambda: delivery(b"another"), "does not fit the body"),
        (lambda: delivery() | {SIGNATURE: sign("another", BODY)}, "does not fit the body"),
        (lambda: delivery(sent=time.time() - 3_600), "sent again"),
        (lambda: delivery(sent=time.time() + 3_600), "from now"),
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_bad_delivery_is_refused(
    hooked: House, made: Callable[[], dict[str, str]], word: str, token: str | None
) -> None:
    """401 that names what is wrong, and nothing is taken in; a token beside it changes nothing."""
    hooked.stub.asked.clear()
    headers = made()  # now: it holds for five minutes
    with hooked.client(token) as client:
        answer = client.post(f"{API}/events/batch", content=BODY, headers=headers)
    if token and not headers:
        assert answer.status_code == 202  # an ordinary sender
        return
    assert answer.status_code == 401
    assert word in answer.json()["error"]["message"]
    assert not hooked.stub.asked


def test_a_signature_opens_events_only(hooked: House) -> None:
    """A signed request to any other route is a stranger's, and a viewer's token is not enough."""
    with hooked.client() as client:
        assert client.get(f"{API}/tables", headers=delivery(b"")).status_code == 401
        answer = client.post(f"{API}/sql", content=BODY, headers=delivery())
        assert answer.status_code == 401
    with hooked.client(hooked.tokens["viewer"]) as client:
        assert client.post(f"{API}/events/batch", content=BODY).status_code == 403


def test_with_a_secret_no_auth_does_not_open_events(tmp_path: Path, serve: Any) -> None:
    """Where everybody of the machine is let in, deliveries still have to be signed."""
    stub = StubCaller()
    stub.answers["post_events"] = EventsAnswer(1, 1, 0, 0, 0, [])
    port = free_port()
    gate = gate_for(None, host=HOST, port=port, webhook=Webhook(SECRET))
    server = Server(patterns(Workspace(stub), gate), host=HOST, port=port)
    server.start()
    try:
        with httpx.Client(base_url=server.address, trust_env=False) as client:
            assert client.get(f"{API}/tables").status_code == 200
            assert client.post(f"{API}/events/batch", content=BODY).status_code == 401
            answer = client.post(f"{API}/events/batch", content=BODY, headers=delivery())
            assert answer.status_code == 202
    finally:
        server.stop()


# ------------------------------------------------------------------ sizes, paths, the log


def test_too_large_a_body_is_refused(house: House) -> None:
    """413, announced or sent in pieces, for forms too; nothing runs."""
    with house.client(house.tokens["editor"]) as client:
        big = b"x" * 2_000
        assert client.post(f"{API}/events", content=big).status_code == 413
        assert client.post(f"{API}/events", content=iter([big, big])).status_code == 413
        form = {"name": "vic", "password": "x" * 20_000}
        headers = {"Origin": house.server.address}
        assert client.post("/login", data=form, headers=headers).status_code == 413
        pieces = iter([b"name=vic&password=", b"x" * 20_000])
        assert client.post("/login", content=pieces, headers=headers).status_code == 413
    assert not house.stub.asked


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A small body that unpacks to more than the limit is refused, and nothing is taken in."""
    bomb = gzip.compress(bytes(70 * 1024 * 1024), 1)
    assert len(bomb) < 1_000_000
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        port = free_port()
        urls = patterns(workspace, gate_for(TOKEN, host=HOST, port=port))
        server = Server(urls, host=HOST, port=port)
        server.start()
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}
            with httpx.Client(base_url=server.address, headers=headers, trust_env=False) as client:
                answer = client.post(f"{API}/events/batch", content=bomb)
            assert answer.status_code == 413
            assert workspace.ledger().received == 0
        finally:
            server.stop()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../w.duckdb.token",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fw.duckdb.access",
        "/static//etc/passwd",
        "/api/../w.duckdb.token",
        "/w.duckdb.access",
    ],
)
def test_no_path_leads_to_a_file(house: House, path: str) -> None:
    """Paths out of the served folders answer 4xx and no file."""
    with house.client(TOKEN) as client:
        url = httpx.URL(house.server.address).copy_with(raw_path=path.encode())
        answer = client.get(url)
    assert 400 <= answer.status_code < 500
    assert b"root:" not in answer.content
    assert b"SQLite" not in answer.content


def test_no_secret_reaches_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Tokens, links, cookies, passwords in every place of a request, good and bad: no log line."""
    caplog.set_level(logging.DEBUG)
    _, share = house.access.shares.sign_share("dashboard:d1", datetime.now(UTC) + timedelta(days=1))
    cookie = house.access.sessions(house.server.port).cookie(house.access.users.get("vic"))
    good, bad = house.tokens["viewer"], "dw_" + "b4d" * 14
    paths = (f"{API}/tables", f"{API}/nowhere", "/login", "/", "/nowhere", f"{API}/sql")
    with house.client() as client:
        for path in paths:
            for token in (good, bad, TOKEN):
                client.get(path, headers={"Authorization": f"Bearer {token}"})
                client.get(path, params={"token": token})
                client.post(path, params={"token": token}, content=b"{}")
            client.get(path, params={"share": share})
            client.get(path, headers={"Cookie": f"{house.gate.cookie}={cookie}"})
        house.sign_in(client, "vic", PASSWORD, next=f"/datawatch?token={good}")
    lines = [
        each.getMessage()
        for each in caplog.records
        if not each.name.startswith(("httpx", "httpcore"))
    ]
    assert len(lines) >= len(paths)
    for secret in (good, bad, TOKEN, share, cookie, PASSWORD):
        assert not any(secret in each for each in lines)


# ------------------------------------------------------------------ over a real engine


def test_a_viewer_over_a_real_engine(tmp_path: Path) -> None:
    """Masked rows and bytes, no unmasking, no writing; an editor's change is in the admin's log."""
    event = {
        "table": "people",
        "operation": "INSERT",
        "timestamp": "2026-01-05T12:00:00Z",
        "after": {"id": 1, "email": "ada@example.com"},
    }
    access = Access(tmp_path / "w.duckdb", hasher=cheap())
    tokens = {}
    for role, name in NAMES.items():
        access.users.add(name, role)
        tokens[role] = access.tokens.make(name)[1]
    port = free_port()
    gate = gate_for(TOKEN, host=HOST, port=port, workspace=tmp_path / "w.duckdb")
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        workspace.post(json.dumps([event, event | {"timestamp": "ada@example.com"}]).encode())
        workspace.correct("people", "email", sensitive=True)
        server = Server(patterns(workspace, gate), host=HOST, port=port)
        server.start()
        try:
            clients = {
                role: httpx.Client(
                    base_url=f"{server.address}{API}",
                    headers={"Authorization": f"Bearer {token}", "X-Request-ID": f"of-{role}"},
                    trust_env=False,
                    timeout=PATIENCE,
                )
                for role, token in tokens.items()
            }
            query = {"query": "SELECT email FROM live.people"}
            seen = clients["viewer"].post("/sql", json=query).json()
            assert seen["rows"] == [["•••"]]
            assert clients["viewer"].post("/sql", json=query | {"masked": False}).status_code == 403
            assert "ada@example" not in clients["viewer"].get("/quarantine").text
            assert "ada@example" in clients["editor"].get("/quarantine").text
            change = {"role": "text"}
            column = "/tables/people/columns/email"
            assert clients["viewer"].put(column, json=change).status_code == 403
            assert clients["editor"].put(column, json=change).status_code == 200
            seen = clients["editor"].post("/sql", json=query | {"masked": False}).json()
            assert seen["rows"] == [["ada@example.com"]]
            assert clients["editor"].get("/audit").status_code == 403
            look, change_ = clients["admin"].get("/audit", params={"who": "eda"}).json()
            assert (look["operation"], change_["operation"]) == ("sql", "correct_column")
            assert (change_["request"], change_["outcome"]) == ("of-editor", "done")
            assert change_["after"]["role"] == "text"
            for each in clients.values():
                each.close()
        finally:
            server.stop()
            access.close()
