"""WebSocket clients for tests: one that speaks as programs do, one that is as rude as it likes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from datawatch_lab.api.server import Server
from tests.api.conftest import TOKEN
from tests.waiting import PATIENCE

Json = dict[str, Any]


class Client:
    """An open WebSocket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def say(self, message: Json | str) -> None:
        """Send a message."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.connection.write_message(text)

    async def hear(self) -> Json | None:
        """The next message; None when the server has closed."""
        text = await asyncio.wait_for(self.connection.read_message(), PATIENCE)
        if text is None:
            return None
        found: Json = json.loads(text)
        return found

    async def next(self, *types: str) -> Json:
        """The next message of one of these types."""
        while True:
            found = await self.hear()
            assert found is not None, f"closed while waiting for {types}"
            if not types or found["type"] in types:
                return found

    async def ask(self, message: Json | str) -> Json:
        """Send a message and wait for its answer, past what the streams say."""
        await self.say(message)
        return await self.next("subscribed", "unsubscribed", "resumed", "pong", "error")

    def drop(self) -> None:
        """Be gone without a word."""
        protocol = self.connection.protocol
        assert protocol is not None
        assert protocol.stream is not None
        protocol.stream.close()


@asynccontextmanager
async def opened(
    server: Server, path: str = "/ws/dashboard", **headers: str
) -> AsyncIterator[Client]:
    """A client that knows the token; headers replace its own."""
    address = f"ws://{server.host}:{server.port}{path}"
    given = {"Authorization": f"Bearer {TOKEN}", **headers}
    asked = HTTPRequest(address, headers=given, connect_timeout=PATIENCE, request_timeout=PATIENCE)
    connection = await websocket_connect(asked)
    try:
        yield Client(connection)
    finally:
        stream = connection.protocol.stream if connection.protocol is not None else None
        connection.close()
        if stream is not None:
            stream.close()
        await asyncio.sleep(0)  # for the callbacks of closing


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene."""

    async def play() -> None:
        await scene()

    asyncio.run(play())


def handshake(server: Server, path: str = "/ws/dashboard", **headers: str) -> socket.socket:
    """A raw socket that has asked for the upgrade; it answers nothing and reads nothing itself."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    wire.settimeout(PATIENCE)
    wire.connect((server.host, server.port))
    given = {
        "Host": f"{server.host}:{server.port}",
        "Authorization": f"Bearer {TOKEN}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    wire.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    return wire
