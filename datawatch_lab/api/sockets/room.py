"""All open WebSockets of a server: how many there may be, who follows what, and their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from datawatch_lab.core.errors import BusyError, InputError
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.stream import Stream, StreamKey
from datawatch_lab.service.telemetry.connections import Connections

log = logging.getLogger(__name__)

_FOLLOWERS = 4  # threads that wait for first answers


@dataclass(frozen=True)
class SocketLimits:
    """What clients may take.

    Attributes:
        connections: open WebSockets of the server.
        subscriptions: streams of one connection.
        metrics: of one subscription.
        message_bytes: of a client's message; a larger one ends the connection.
        answer_seconds: that the first answer of a subscription may take. It is shorter than
            `heartbeat`, since a client is not heard while it waits.
        heartbeat: seconds between pings; a client that has not answered by the next one is gone.
        send_bytes: of the system's buffer for one client: what a slow client is behind by at most.
    """

    connections: int = 1_000
    subscriptions: int = 20
    metrics: int = 50
    message_bytes: int = 64 * 1024
    answer_seconds: float = 15.0
    heartbeat: float = 20.0
    send_bytes: int = 128 * 1024


class Member(Protocol):
    """An open WebSocket."""

    def wake(self) -> None:
        """Send what there is to send, unless the last message is still on its way."""
        ...

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """End the connection."""
        ...


class Room:
    """The open WebSockets of one server. All but `close` is called in the server's loop.

    Args:
        hub: makes what they are sent.
        limits: what they may take.
        counted: told of every connection that opens and closes, for dashboards.
    """

    def __init__(
        self, hub: Hub, limits: SocketLimits | None = None, counted: Connections | None = None
    ) -> None:
        self.hub = hub
        self._counted = counted
        self.limits = limits or SocketLimits()
        self._members: set[Member] = set()
        self._following: dict[Stream, set[Member]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = ThreadPoolExecutor(_FOLLOWERS, thread_name_prefix="datawatch-follow")
        hub.updated = self._updated

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._members)

    def check_room(self) -> None:
        """Refuse one connection too many.

        Raises:
            BusyError: 429.
        """
        if len(self._members) >= self.limits.connections:
            raise BusyError(
                f"{len(self._members):,} WebSockets are open; the limit is "
                f"{self.limits.connections:,}.",
                hint="Close some, or try again later.",
                details={"limit": self.limits.connections, "retry_after": 5.0},
            )

    def enter(self, member: Member) -> None:
        """A connection is open."""
        self._loop = asyncio.get_running_loop()
        self._members.add(member)
        if self._counted is not None:
            self._counted.opened()

    def leave(self, member: Member) -> None:
        """A connection is closed; it follows nothing any more."""
        if member in self._members and self._counted is not None:
            self._counted.closed()
        self._members.discard(member)
        for each in tuple(self._following):
            self.part(member, each)

    async def open_stream(self, key: StreamKey) -> Stream:
        """Wait for a stream to have an answer; `join` or `Hub.leave` must follow.

        Raises:
            DataWatchError: it cannot be followed; says why.
        """
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._threads, self.hub.follow, key)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), self.limits.answer_seconds)
        except TimeoutError:
            asked.add_done_callback(self._drop)
            raise InputError(
                f"the first answer took longer than {self.limits.answer_seconds:g} s.",
                hint="Ask for a shorter range, a wider step or fewer metrics.",
            ) from None

    def join(self, member: Member, stream: Stream) -> None:
        """A connection follows a stream from now on; said twice, it is counted once."""
        following = self._following.setdefault(stream, set())
        if member in following:
            self.hub.leave(stream)
        following.add(member)

    def part(self, member: Member, stream: Stream) -> None:
        """A connection follows a stream no more."""
        following = self._following.get(stream, set())
        if member not in following:
            return
        following.remove(member)
        if not following:
            del self._following[stream]
        self.hub.leave(stream)

    def close(self) -> None:
        """Ask nothing more and say good-bye to all; may be called in any thread, and twice."""
        self.hub.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._dismiss)

    def _dismiss(self) -> None:
        for each in tuple(self._members):
            each.close(1001, "the server is stopping")

    def _drop(self, asked: asyncio.Future[Stream]) -> None:
        """Nobody waited for this answer."""
        if not asked.cancelled() and asked.exception() is None:
            self.hub.leave(asked.result())

    def _updated(self, stream: Stream) -> None:
        """Called in the hub's threads: a stream has something new."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._wake, stream)
        except RuntimeError:  # the loop has ended since
            log.debug("stream %s has nobody left to tell", stream.name)

    def _wake(self, stream: Stream) -> None:
        for each in tuple(self._following.get(stream, ())):
            each.wake()


def rooms_of(patterns: Iterable[tuple[str, Any, dict[str, Any]]]) -> list[Room]:
    """The rooms that URL patterns lead to, for closing them when the server stops."""
    found = {id(each): each for *_, how in patterns if isinstance(each := how.get("room"), Room)}
    return list(found.values())
