"""One WebSocket: signs in as any route does, reads what the client asks, sends what there is."""

from __future__ import annotations

import logging

from tornado.websocket import WebSocketClosedError

from datawatch_lab.api.auth import SECRETS
from datawatch_lab.api.handlers import Shared
from datawatch_lab.api.sockets.base import RoomSocket
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.core.clock import SystemClock
from datawatch_lab.core.errors import AccessError, BusyError, DataWatchError, InputError
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.live import messages
from datawatch_lab.service.live.messages import (
    Ping,
    Pong,
    Resume,
    Resumed,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from datawatch_lab.service.live.outbox import Outbox
from datawatch_lab.service.live.questions import follow_key, topic_key
from datawatch_lab.service.live.stream import Stream, StreamKey

log = logging.getLogger(__name__)

_FIELDS = ("since", "interval", "quiet")
_IDS_PER_STREAM = 4  # that a client may give the streams that it follows


class SocketHandler(RoomSocket):
    """A client that follows streams.

    What comes while a message is on its way to it is a number in its `Outbox`. Its own messages are
    done one after another, and the next is read when the answer to the last has gone out: so
    neither side can fill the memory of the server.
    """

    def initialize(self, shared: Shared, room: Room, topic: str) -> None:  # type: ignore[override]
        """Take what all sockets share, and the topic of the address."""
        super().initialize(shared, room)
        self.topic = topic
        self.outbox = Outbox()
        self.names: dict[str, str] = {}

    # ------------------------------------------------------------------ opening

    def prepare(self) -> None:
        """Sign in; Host and Origin are checked as for any change.

        Raises:
            DataWatchError: 401 or 403 for who may not, 426 for a plain request, 429 when too many
                sockets are open, 400 for a parameter.
        """
        self.who = self.shared.gate.check(self)
        here = f"ws://{self.request.host}{self.request.path}"
        self.check_upgrade(f"Open {here} with a WebSocket client.")
        self.room.check_room()
        self._read_query()

    def _read_query(self) -> None:
        known = (*_FIELDS, *SECRETS)
        unknown = sorted(set(self.request.query_arguments) - set(known))
        if unknown:
            raise InputError(
                f"{self.request.path}: no parameter {unknown[0]!r}.",
                hint=f"Parameters: {', '.join(_FIELDS)}.",
            )
        self.since = self.asked_since()
        self.quiet = self.get_query_argument("quiet", "false").lower() in ("true", "1")
        self.first = topic_key(self.topic, self.get_query_argument("interval", "1s"), self.who.role)

    async def open(self, *args: str, **kwargs: str) -> None:  # noqa: ARG002 — as tornado calls it
        """Begin with the topic of the address."""
        self.enter()
        if self.quiet:
            return
        try:
            stream = await self._open_stream(self.first)
            await self._join(stream, self.since)
        except DataWatchError as error:
            await self._say(messages.failure(error, stream=self.first.name))
        except WebSocketClosedError:
            log.debug("a client of %s has gone", self.request.path)

    def on_close(self) -> None:
        """Follow nothing any more."""
        super().on_close()
        self.outbox.followed.clear()

    def on_pong(self, data: bytes) -> None:
        """The client is there; see whether it still may be."""
        del data
        try:
            who = self.shared.gate.who(self)
        except AccessError:
            who = None
        if who is None or who.role != self.who.role:
            self.dismiss()

    # ------------------------------------------------------------------ what the client says

    async def on_message(self, message: str | bytes) -> None:
        """Do what a client asks; what cannot be done is answered with an error."""
        asked = None
        try:
            self.shared.gate.limits.take(self.who)
            asked = messages.read(message)
            await self._do(asked)
        except DataWatchError as error:
            await self._say(messages.failure(error, id=getattr(asked, "id", "")))
        except WebSocketClosedError:
            log.debug("a client of %s has gone", self.request.path)
        except Exception:
            log.exception("a message to %s failed; request %s", self.request.path, self.request_id)
            fault = DataWatchError(
                "something went wrong inside the server; its log has the reason."
            )
            await self._say(messages.failure(fault, id=getattr(asked, "id", "")))

    async def _do(self, asked: messages.ClientMessage) -> None:
        match asked:
            case Ping(id=name):
                at = iso(SystemClock().now()) or ""
                await self._say(messages.write(Pong(id=name, at=at)))
            case Subscribe():
                await self._subscribe(asked)
            case Unsubscribe():
                await self._unsubscribe(asked)
            case Resume(stream=name, since=since):
                followed = self.outbox.followed
                found = followed.get(name or self.first.name)
                if found is None:
                    raise InputError(
                        f"stream {name or self.first.name!r} is not followed here.",
                        hint=f"Followed: {', '.join(followed) or 'none'}.",
                    )
                await self._join(found.stream, since)

    async def _subscribe(self, asked: Subscribe) -> None:
        key = follow_key(asked, self.who.role, self.room.limits.metrics)
        limit = self.room.limits.subscriptions
        if key.name not in self.outbox.followed and len(self.outbox.followed) >= limit:
            raise BusyError(
                f"this connection follows {limit} streams, which is the limit.",
                hint='Ask for several metrics at once, or {"type": "unsubscribe"} first.',
                details={"limit": limit},
            )
        stream = await self._open_stream(key)
        if asked.id:
            self.names.pop(asked.id, None)
            self.names[asked.id] = stream.name
            while len(self.names) > _IDS_PER_STREAM * limit:
                del self.names[next(iter(self.names))]
        answer = Subscribed(
            id=asked.id,
            stream=stream.name,
            topic=key.question.topic,
            metrics=list(key.question.metrics),
            interval=key.interval,
        )
        await self._say(messages.write(answer))
        await self._join(stream, asked.since)

    async def _unsubscribe(self, asked: Unsubscribe) -> None:
        wanted = [asked.stream, self.names.get(asked.id, "")]
        metrics = messages.listed(asked.metrics)
        every = not (asked.stream or asked.id or metrics)
        ended = []
        for name, each in tuple(self.outbox.followed.items()):
            of_metrics = bool(metrics) and each.stream.key.question.metrics == metrics
            if every or name in wanted or of_metrics:
                self.outbox.leave(name)
                self.room.part(self, each.stream)
                ended.append(name)
        self.names = {own: name for own, name in self.names.items() if name not in ended}
        await self._say(messages.write(Unsubscribed(streams=ended)))

    # ------------------------------------------------------------------ what is sent

    async def _open_stream(self, key: StreamKey) -> Stream:
        """Follow a stream, unless the client goes away while it waits."""
        stream = await self.room.open_stream(key)
        if self.is_over:
            self.room.hub.leave(stream)
            raise WebSocketClosedError
        self.room.join(self, stream)
        return stream

    async def _join(self, stream: Stream, since: int | None) -> None:
        """Begin to send a stream; who comes back is told how it goes on."""
        missed = self.outbox.follow(stream, since)
        if since is not None:
            answer = Resumed(stream=stream.name, since=since, missed=missed)
            await self._say(messages.write(answer))
        self.wake()

    def next_message(self) -> bytes | None:
        """The next message of the streams that are followed."""
        return self.outbox.next()

    async def _say(self, text: bytes) -> None:
        """Answer; returns when it has left for the client, so that no answers pile up."""
        try:
            await self.write_message(text)
        except WebSocketClosedError:
            log.debug("a client of %s has gone", self.request.path)
