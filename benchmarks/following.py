"""WebSocket clients that only listen, and note when each message came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from benchmarks.loopback import Server
from benchmarks.model import UnmeasurableError

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_OPENING_SECONDS = 60.0


@dataclass(frozen=True)
class Follower:
    """What one client asks for.

    Attributes:
        path: of the WebSocket.
        message: sent once it is open; '' for a client that says nothing.
    """

    path: str
    message: str = ""


@dataclass(eq=False)
class _Wire(asyncio.Protocol):
    """One connection; pieces are kept with the moment they came, and read when all is over."""

    opening: bytes
    message: bytes
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    lost: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade and for what is to be followed, at once."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.opening + self.message)

    def data_received(self, data: bytes) -> None:
        """Note when it came."""
        self.pieces.append((time.time(), data))
        self.begun.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 — as asyncio calls it
        """The server has closed, or we have."""
        self.lost = True
        self.begun.set()


@dataclass(frozen=True)
class Received:
    """What all clients were sent.

    Attributes:
        lags: ms from the stamp of a message to its receipt, ascending; what came first to each
            client is left out.
        messages: by client.
        skipped: messages that clients were spared because they were slow.
        bytes: in all.
    """

    lags: list[float]
    messages: list[int]
    skipped: int
    bytes: int


async def follow(server: Server, followers: Sequence[Follower], seconds: float) -> Received:
    """Connect all clients, then listen for so long.

    Raises:
        UnmeasurableError: a client was refused, lost or sent an error.
    """
    loop = asyncio.get_running_loop()
    wires: list[_Wire] = []
    transports = []
    for follower in followers:
        opening, message = _opening(server, follower.path), _frame(follower.message.encode())
        made, wire = await loop.create_connection(
            partial(_Wire, opening, message), server.host, server.port
        )
        transports.append(made)
        wires.append(wire)
    end = time.monotonic() + _OPENING_SECONDS
    for each in wires:
        await asyncio.wait_for(each.begun.wait(), max(end - time.monotonic(), 0.001))
    begun = time.time() + 1.0
    await asyncio.sleep(1.0 + seconds)
    if lost := sum(each.lost for each in wires):
        raise UnmeasurableError(f"{lost} of {len(wires)} clients were refused or lost")
    for transport in transports:
        transport.abort()
    return _received(wires, begun)


def _received(wires: Sequence[_Wire], begun: float) -> Received:
    lags, counts, skipped = [], [], 0
    for wire in wires:
        found = [(at, each) for at, each in _messages(wire.pieces) if at >= begun]
        if fault := next((each for _, each in found if each["type"] == "error"), None):
            raise UnmeasurableError(f"a client was sent: {fault['error']['message']}")
        counts.append(len(found))
        skipped += sum(each.get("skipped", 0) for _, each in found)
        lags += [1e3 * (at - _stamp(each["at"])) for at, each in found]
    size = sum(len(data) for wire in wires for _, data in wire.pieces)
    return Received(sorted(lags), counts, skipped, size)


def _stamp(at: str | int) -> float:
    """A stamp in seconds since 1970: ISO 8601, or milliseconds as boards have them."""
    return at / 1e3 if isinstance(at, int) else datetime.fromisoformat(at).timestamp()


def _opening(server: Server, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {server.host}:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {_KEY}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _frame(message: bytes) -> bytes:
    """A masked text frame, by a mask of zeros; nothing for no message."""
    if not message:
        return b""
    return b"\x81" + bytes([0x80 | 126]) + len(message).to_bytes(2, "big") + b"\0\0\0\0" + message


def _messages(pieces: Sequence[tuple[float, bytes]]) -> list[tuple[float, dict[str, Any]]]:
    """Messages with the moment their last byte came; those without a stamp are left out."""
    data, found = b"", []
    is_open = False
    for at, piece in pieces:
        data += piece
        if not is_open and b"\r\n\r\n" in data:
            is_open, data = True, data.partition(b"\r\n\r\n")[2]
        while is_open and (frame := _unframed(data)) is not None:
            text, data = frame
            message = json.loads(text) if text else {}
            if "at" in message or message.get("type") == "error":
                found.append((at, message))
    return found


def _unframed(data: bytes) -> tuple[bytes, bytes] | None:
    """The text of the first frame ('' for a ping) and what follows; None before it is whole."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) < start + size:
        return None
    text = data[start : start + size] if data[0] & 0x0F == 1 else b""
    return text, data[start + size :]
