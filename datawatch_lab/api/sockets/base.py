"""What every WebSocket of the server does: upgrade, limits, heartbeat, and sending in turn."""

from __future__ import annotations

import asyncio
import logging
import socket
from abc import ABC, abstractmethod

from tornado.websocket import WebSocketClosedError, WebSocketHandler

from datawatch_lab.api.envelope import HttpError
from datawatch_lab.api.handlers import ApiHandler, Shared
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.core.errors import InputError

log = logging.getLogger(__name__)

POLICY = 1008
"""The code with which a connection is closed that broke a rule."""
_FAULT = 1011
_DIGITS = 19


class RoomSocket(ApiHandler, WebSocketHandler, ABC):
    """A client in the room of all sockets, which has the limits.

    At most one message is on its way to it at a time; what comes meanwhile waits to be asked for
    by `next_message`. Who derives signs the client in (in ``prepare``, with `check_upgrade` and the
    room's own check), calls `enter` when it is open, `wake` when there may be something to send.
    """

    def initialize(self, shared: Shared, room: Room) -> None:  # type: ignore[override]
        """Take what all handlers share, and the room."""
        super().initialize(shared)
        self.room = room
        self.is_over = False
        self._sending: asyncio.Task[None] | None = None

    @abstractmethod
    def next_message(self) -> str | bytes | None:
        """What to send next; None when all is sent."""

    # ------------------------------------------------------------------ opening

    def check_upgrade(self, hint: str) -> None:
        """Refuse a plain request.

        Raises:
            HttpError: 426, with the hint.
        """
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise HttpError(
                426,
                f"{self.request.path} is a WebSocket.",
                hint=hint,
                headers={"Upgrade": "websocket", "Connection": "Upgrade"},
            )

    def asked_since(self) -> int | None:
        """The number of the last message that the client has, as its address says; None for none.

        Raises:
            InputError: it is no number.
        """
        since = self.get_query_argument("since", "")
        if since and not (since.isascii() and since.isdecimal() and len(since) <= _DIGITS):
            raise InputError(f"since is {since[:40]!r}; it must be the number of a message.")
        return int(since) if since else None

    def check_origin(self, origin: str) -> bool:
        """The gate has checked it."""
        del origin
        return True

    def enter(self) -> None:
        """The connection is open: it counts, and holds little of what its client does not read."""
        self.set_nodelay(True)
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            wire = self.ws_connection.stream.fileno()
            if isinstance(wire, socket.socket):
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.room.limits.send_bytes)
        self.room.enter(self)

    def on_close(self) -> None:
        """It counts no more."""
        self.is_over = True
        self.room.leave(self)

    def dismiss(self) -> None:
        """End the connection of who may not be here any more."""
        self.close(POLICY, "your access has changed; connect again")

    # ------------------------------------------------------------------ limits

    @property
    def ping_interval(self) -> float:
        """Seconds between pings; the timeout is the same."""
        return self.room.limits.heartbeat

    @property
    def ping_timeout(self) -> float:
        """Seconds that a client has for its answer."""
        return self.room.limits.heartbeat

    @property
    def max_message_size(self) -> int:
        """Bytes of a client's message."""
        return self.room.limits.message_bytes

    # ------------------------------------------------------------------ what is sent

    def wake(self) -> None:
        """Send what there is to send, unless the last message is still on its way."""
        if self._sending is None and not self.is_over:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while (text := self.next_message()) is not None:
                await self.write_message(text)
        except WebSocketClosedError:
            log.debug("a client of %s has gone", self.request.path)
        except Exception:
            log.exception("a client of %s could not be sent to", self.request.path)
            self.close(_FAULT, "something went wrong inside the server")
        finally:
            self._sending = None
