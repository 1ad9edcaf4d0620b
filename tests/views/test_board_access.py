"""Who may look at a board: the owner, users, who has a link to it, everybody where it is public."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.dashboards import Dashboard, replace
from datawatch_lab.core.errors import not_found
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views.board.stored import loader
from datawatch_lab.views.watch import WatchPages, assets
from tests.service.access_helpers import PASSWORD, cheap
from tests.services.ports import free_port
from tests.views.board_fakes import board_of, tile_of
from tests.waiting import PATIENCE

TOKEN = "t" * 32


@dataclass
class House:
    """A server with a private and a public board."""

    address: str
    access: Access
    boards: dict[str, Dashboard]

    def link(self, board: str) -> str:
        """A shared link's token."""
        ends = datetime.now(UTC) + timedelta(days=1)
        return self.access.shares.sign_share(f"dashboard:{board}", ends)[1]

    def get(self, path: str, **how: Any) -> httpx.Response:
        """Ask for a page."""
        return httpx.get(f"{self.address}{path}", timeout=PATIENCE, **how)

    def first(self, path: str) -> Any:
        """The first message of a socket; the status with which it was refused."""

        async def ask() -> Any:
            socket = f"ws{self.address.removeprefix('http')}{path}"
            try:
                wire = await websocket_connect(socket, connect_timeout=PATIENCE)
            except HTTPClientError as error:
                return error.code
            text = await wire.read_message()
            wire.close()
            return json.loads(text) if text else None

        return IOLoop(make_current=False).run_sync(ask, timeout=PATIENCE)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Boards ``mine`` and ``open``, in an empty workspace; the second is public."""
    text = tile_of("text", note="words of the board")
    boards = {
        "mine": board_of(text, name="Mine", id="mine"),
        "open": replace(board_of(text, name="Open", id="open"), is_public=True),
    }

    def load(name: str) -> Dashboard:
        if name not in boards:
            raise not_found("dashboard", name, boards)
        return boards[name]

    path, port = tmp_path / "shop.duckdb", free_port()
    with open_workspace(path, what="tests") as workspace, Access(path) as access:
        yield from _served(workspace, access, boards, load, port)


def _served(
    workspace: Workspace, access: Access, boards: dict[str, Dashboard], load: Any, port: int
) -> Iterator[House]:
    pages = WatchPages(workspace, load)
    gate = gate_for(TOKEN, host="127.0.0.1", port=port, workspace=Path(workspace.place))
    server = Server(patterns(workspace, gate, boards=pages), host="127.0.0.1", port=port)
    server.start()
    try:
        yield House(f"http://127.0.0.1:{port}", access, boards)
    finally:
        pages.close()
        server.stop()


def test_a_stranger_is_shown_the_door(house: House) -> None:
    """Without a token a board is not shown, and it is not said which there are."""
    for name in ("mine", "nothing"):
        answer = house.get(f"/d/{name}")
        assert answer.status_code == 401
        assert "words of the board" not in answer.text
        assert "/login?next=" in answer.text
        assert house.first(f"/ws/boards/{name}") == 401


def test_the_owner_sees_it(house: House) -> None:
    """With the token there is the page, with its values in it, and the socket."""
    signed = {"Authorization": f"Bearer {TOKEN}"}
    answer = house.get("/d/mine", headers=signed)
    assert answer.status_code == 200
    assert "words of the board" in answer.text
    assert house.get("/d/nothing", headers=signed).status_code == 404
    assert house.first(f"/ws/boards/mine?token={TOKEN}")["type"] == "board"


def test_who_may_edit_is_told_by_this_board(tmp_path: Path) -> None:
    """A viewer who was made its editor finds Edit there; an editor who was made viewer does not."""
    path, port = tmp_path / "roles.duckdb", free_port()
    with open_workspace(path, what="tests") as workspace, Access(path, hasher=cheap()) as access:
        made = {name: workspace.add_dashboard(name=name).id for name in ("One", "Two")}
        pages = {}
        for name, role, given in (("vic", "viewer", "editor"), ("ed", "editor", "viewer")):
            access.users.add(name, role, PASSWORD)
            access.shares.grant(f"dashboard:{made['One']}", name, given)
            pages[name] = {"Authorization": f"Bearer {access.tokens.make(name, 'test')[1]}"}
        for house in _served(workspace, access, {}, loader(workspace), port):
            for name, roles in (("vic", ("editor", "viewer")), ("ed", ("viewer", "editor"))):
                for board, role in zip(made.values(), roles, strict=True):
                    text = house.get(f"/d/{board}", headers=pages[name]).text
                    assert f'data-role="{role}"' in text
            for address, root in (("/d/", "../"), ("/datawatch/dashboards/", "../../")):
                page = house.get(address + made["One"], headers=pages["vic"]).text
                assert f'src="{root}static/board/watch.js' in page
                assert f'href="{root}datawatch/dashboards"' in page
                assert not re.search(r'(?:href|src|data-world)="/', page)


def test_a_link_opens_one_board_alone(house: House) -> None:
    """A shared link is for its board; another one is refused, and an altered one is none."""
    link = house.link("mine")
    assert house.get(f"/d/mine?share={link}").status_code == 200
    assert house.get(f"/d/mine?share={link}x").status_code == 401
    assert house.get(f"/d/open?share={house.link('other')}").status_code == 403
    assert house.first(f"/ws/boards/mine?share={link}")["board"]["name"] == "Mine"
    assert house.first(f"/ws/boards/open?share={link}") == 403


def test_a_public_board_is_for_everybody(house: House) -> None:
    """Its page and its socket ask for nothing, until it is public no more."""
    assert house.get("/d/open").status_code == 200
    assert house.first("/ws/boards/open")["type"] == "board"
    house.boards["open"] = replace(house.boards["open"], is_public=False)
    assert house.get("/d/open").status_code == 401


def test_a_foreign_page_reads_nothing(house: House) -> None:
    """A page of another site opens no socket, and another name of the server is none."""
    assert house.get("/d/open", headers={"Host": "evil.example"}).status_code == 403

    headers = {"Origin": "https://evil.example", "Upgrade": "websocket", "Connection": "Upgrade"}
    assert house.get("/ws/boards/open", headers=headers).status_code == 403


def test_the_page_may_load_nothing_from_elsewhere(house: House) -> None:
    """A strict policy: no script but ours, no frame of others but for who has a link."""
    own = house.get("/d/open?theme=dark")
    policy = own.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    signed = house.get("/d/mine?embed=1", headers={"Authorization": f"Bearer {TOKEN}"})
    assert "frame-ancestors 'self'" in signed.headers["Content-Security-Policy"]
    linked = house.get(f"/d/mine?embed=1&share={house.link('mine')}")
    assert "frame-ancestors *" in linked.headers["Content-Security-Policy"]
    assert 'data-theme="dark"' in own.text


def test_files_are_packed_and_kept(house: House) -> None:
    """The built files come packed, may be kept for ever, and one that there is not is 404."""
    answer = house.get("/static/board/watch.js", headers={"Accept-Encoding": "gzip"})
    assert answer.content == assets()["watch.js"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert house.get("/static/board/secret.js").status_code == 404


def test_a_plain_request_is_told_to_use_a_socket(house: House) -> None:
    """Who opens the socket's address in a browser is sent to the page."""
    answer = house.get("/ws/boards/open")
    assert answer.status_code == 426
    assert "/d/open" in answer.json()["error"]["hint"]


def test_built_files_are_small_enough() -> None:
    """No file is above 960 kB, and the page's own script is below 100 kB."""
    assert max(len(each) for each in assets().values()) < 960_000
    assert len(assets()["watch.js"]) < 100_000
