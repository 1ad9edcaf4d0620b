"""users and audit: what they print, and a server that other machines can reach."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from datawatch_lab.cli.sql import check_export
from datawatch_lab.core.errors import PlanError
from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import open_workspace
from tests.cli.conftest import Run, Start
from tests.service.access_helpers import PASSWORD
from tests.waiting import PATIENCE

EVERYWHERE = "0.0.0.0"  # noqa: S104 — what is tested is who may reach it
LINE = PASSWORD + "\n"


def test_a_user_from_first_to_last(run: Run, workspace: Path) -> None:
    """Added, listed, given a role and a token, removed; the audit log has it all, and no secret."""
    assert json.loads(run("users", "list", "--json").stdout) == []
    run("users", "add", "ada", "--role", "admin", "--password-stdin", input=LINE)
    made = run("users", "add", "bob", "--generate")
    assert len(made.stdout.strip()) == 20
    run("users", "role", "bob", "editor")
    token = run("users", "token", "bob", "--for", "ci", "--role", "viewer", "--expires", "90d")
    secret = token.stdout.strip()
    assert re.fullmatch(r"dw_[\w-]{43}", secret)
    (listed,) = json.loads(run("users", "tokens", "bob", "--json").stdout)
    assert (listed["user"], listed["name"], listed["role"]) == ("bob", "ci", "viewer")
    assert secret not in run("users", "tokens").stdout
    run("users", "revoke", listed["id"])
    run("users", "password", "bob", "--password-stdin", input=LINE)
    found = json.loads(run("users", "list", "--json").stdout)
    assert [(each["name"], each["role"], each["tokens"]) for each in found] == [
        ("ada", "admin", 0),
        ("bob", "editor", 0),
    ]
    run("users", "remove", "bob")
    entries = json.loads(run("audit", "--json").stdout)
    assert [each["operation"] for each in reversed(entries)] == [
        "add_user",
        "add_user",
        "change_user",
        "make_token",
        "revoke_token",
        "change_user",
        "remove_user",
    ]
    assert {each["outcome"] for each in entries} == {"done"}
    kept = run("audit", "--json").stdout + run("audit").stdout
    for word in (PASSWORD, secret, made.stdout.strip()):
        assert word not in kept
    assert workspace.with_name("w.duckdb.access").stat().st_mode & 0o777 == 0o600
    assert not workspace.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "<b>x</b>", "--generate"), "is no name of a user"),
        (("add", "ada", "--password-stdin"), "a password has 10"),
        (("token", "nobody"), "no user 'nobody'"),
        (("revoke", "x"), "no token 'x'"),
        (("role", "nobody", "admin"), "no user 'nobody'"),
    ],
)
def test_what_is_wrong_is_said(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """One sentence, exit status 1."""
    assert words in run("users", *arguments, code=1, input="short\n").stderr


def test_an_address_for_others_needs_users(run: Run) -> None:
    """Without users it is refused with how to add one; --no-auth stays for this machine."""
    refused = run("serve", "--host", EVERYWHERE, code=2).stderr
    assert "datawatch users add NAME --role admin" in refused
    run("users", "add", "ada", "--role", "admin", "--no-password")
    assert "this machine only" in run("serve", "--host", EVERYWHERE, "--no-auth", code=2).stderr


def test_a_server_for_others(run: Run, start: Start, workspace: Path) -> None:
    """With users it serves all addresses: a page asks to sign in, its link is printed nowhere."""
    run("users", "add", "ada", "--role", "admin", "--password-stdin", input=LINE)
    process = start("serve", "--host", EVERYWHERE, "--port", "0")
    said = process.until("DataWatch serves")
    assert "token=" not in said
    port = re.search(r":(\d+)/\n", said)
    assert port is not None
    address = f"http://127.0.0.1:{port[1]}"
    named = f"{socket.gethostname().lower()}:{port[1]}"
    with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE) as client:
        page = client.get("/datawatch", headers={"Host": named})
        assert page.status_code == 302
        assert "/login?next=%2Fdatawatch" in page.headers["Location"]
        assert client.get("/datawatch/ws", headers={"Upgrade": "websocket"}).status_code >= 400
        assert client.get("/datawatch", headers={"Host": "evil.example"}).status_code >= 300
        for path in ("/static/../../../../etc/passwd", "/static/js/%2e%2e/%2e%2e/%2e%2e/secret"):
            url = httpx.URL(address).copy_with(raw_path=path.encode())
            assert 400 <= client.get(url).status_code < 500
        form = {"name": "ada", "password": PASSWORD, "next": "/datawatch"}
        answer = client.post("/login", data=form, headers={"Origin": address})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/datawatch")
        assert client.get("/datawatch").status_code == 200
        me = client.get("/api/v1/datawatch/me").json()
        assert (me["name"], me["role"], me["via"]) == ("ada", "admin", "session")
        guessed = client.get("/datawatch", params={"token": "guessed-by-somebody"})
        assert guessed.status_code in (200, 302)
    # the tools of this machine go through the server as its owner
    assert json.loads(run("status", "--json").stdout)["address"] == address
    assert process.end(signal.SIGTERM) == 0
    token = workspace.with_name(workspace.name + ".token").read_text().strip()
    for secret in (token, PASSWORD, "guessed-by-somebody"):
        assert secret not in process.said()
    (entry,) = json.loads(run("audit", "--operation", "add_user", "--json").stdout)
    assert (entry["via"], entry["target"]) == ("local", "ada")


def test_csv_is_export(tmp_path: Path) -> None:
    """A plan without export refuses what --csv asks first; the plans with it do not."""
    for plan, allowed in (("none", True), ("community", False), ("pro", True)):
        settings = Settings(plan=plan)
        with open_workspace(tmp_path / "w.duckdb", settings=settings) as workspace:
            if allowed:
                check_export(workspace)
                continue
            with pytest.raises(PlanError, match="CSV export"):
                check_export(workspace)
