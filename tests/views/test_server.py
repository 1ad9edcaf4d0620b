"""The server lets in whom it knows, and nobody else, to pages, sessions and WebSockets."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tornado.web import RequestHandler

from datawatch_lab.cli.pages import server_with_pages
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.handle import Workspace
from tests.views.conftest import Serve
from tests.waiting import PATIENCE

PAGE = "/datawatch"


def user_of(handler: Any) -> str | None:
    """Knows whoever sends the right header."""
    return "ann" if handler.request.headers.get("X-User") == "ann" else None


class Hello(RequestHandler):
    """Another URL of the same server."""

    def get(self) -> None:
        """Greets."""
        self.finish("hello")


def session_token(html: str) -> str:
    """The token with which the page opens its WebSocket."""
    found = re.search(r'"token":"([^"]+)"', html)
    assert found, html[:500]
    return found[1]


def open_socket(address: str, token: str, **headers: str) -> int:
    """Ask for the page's WebSocket; the status of the answer, 101 when it opens."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": f"bokeh, {token}",
    }
    with closing(connection):
        connection.request("GET", f"{PAGE}/ws", headers=handshake | headers)
        return connection.getresponse().status


def test_strangers_are_told_how_to_come_in(serve: Serve, shop: Workspace) -> None:
    """Without a user a page is a 403 that explains the link; it holds nothing of the data."""
    address = serve(shop, user_of=user_of)
    for page in (PAGE, f"{PAGE}/explorer"):
        answer = httpx.get(address + page, follow_redirects=True)
        assert answer.status_code == 403
        assert "?token=" in answer.text
        assert "orders" not in answer.text


def test_strangers_sign_in_whatever_page_they_ask_for(serve: Serve, shop: Workspace) -> None:
    """The way to sign in is found from pages below others, too, and leads back to the page."""
    address = serve(shop, user_of=user_of, login="/login", urls=[("/login", Hello, {})])
    for page in (PAGE, f"{PAGE}/alerts", f"{PAGE}/alerts?tab=rules"):
        answer = httpx.get(address + page, follow_redirects=True)
        assert (answer.text, answer.url.path) == ("hello", "/login")
        assert answer.url.params["next"] == page


def test_a_known_user_gets_the_page(serve: Serve, shop: Workspace) -> None:
    """With a user the page comes, and every script and style that it names is of this server."""
    address = serve(shop, user_of=user_of)
    answer = httpx.get(address + PAGE, headers={"X-User": "ann"})
    assert answer.status_code == 200
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_a_socket_needs_a_user_too(serve: Serve, shop: Workspace) -> None:
    """A session token alone does not open the WebSocket."""
    address = serve(shop, user_of=user_of)
    page = httpx.get(address + PAGE, headers={"X-User": "ann"}).text
    assert open_socket(address, session_token(page)) != 101
    again = httpx.get(address + PAGE, headers={"X-User": "ann"}).text
    assert open_socket(address, session_token(again), **{"X-User": "ann"}) == 101


def test_pages_of_other_origins_get_no_socket(serve: Serve, shop: Workspace) -> None:
    """The Origin of a WebSocket must be this server."""
    address = serve(shop)
    token = session_token(httpx.get(address + PAGE).text)
    assert open_socket(address, token, Origin="http://elsewhere.example") == 403
    token = session_token(httpx.get(address + PAGE).text)
    assert open_socket(address, token, Origin=address) == 101


def test_a_wildcard_origin_is_refused(shop: Workspace) -> None:
    """Nobody can switch the check of origins off by accident."""
    with pytest.raises(ValueError, match="wildcard"):
        server_with_pages(shop, host="127.0.0.1", port=0, origins=["*"])


def test_other_urls_are_served_beside_the_pages(serve: Serve, shop: Workspace) -> None:
    """URL patterns of the caller live at the same address; unknown ones are 404."""
    address = serve(shop, urls=[("/hello", Hello, {})])
    assert httpx.get(address + "/hello").text == "hello"
    assert httpx.get(address + "/nothing").status_code == 404


def test_a_taken_port_is_an_error_that_names_it(shop: Workspace) -> None:
    """Starting on a port in use says which, and does not hang."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DataWatchError, match=str(port)):
            server_with_pages(shop, host="127.0.0.1", port=port).start()


def test_stopping_twice_is_harmless(shop: Workspace) -> None:
    """A server that never started or has stopped can be stopped."""
    server = server_with_pages(shop, host="127.0.0.1", port=0)
    server.stop()
    server.start()
    server.stop()
    server.stop()
