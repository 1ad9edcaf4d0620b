"""Being told in Python of what happens: alerts, anomalies, violations, schema changes.

With the engine in this process the topic is read every second, as a WebSocket's is; with a server,
its WebSocket is followed, and what was missed during a cut comes after it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from datawatch_lab.core.clock import SystemClock
from datawatch_lab.core.errors import DataWatchError, WorkspaceError, not_found

if TYPE_CHECKING:
    from datawatch_lab.service.callers import Caller

log = logging.getLogger(__name__)

EVENT_TOPICS = ("alert", "anomaly", "quality", "schema")
"""Topics that happen now and then, and so can call back."""

_SECOND = 1.0
_LONGEST_PAUSE = 30.0
_STOP_SECONDS = 5.0
_BEGIN_SECONDS = 10.0
_PLAIN: Mapping[str, Any] = {"http_no_proxy": ["*"]}  # as over HTTP: the environment says nothing

Event = Mapping[str, Any]
Callback = Callable[[Event], object]


class _Feed(Protocol):
    """Where events come from."""

    def events(self, tell: Callback) -> None:
        """Tell each event as it happens; returns when closed."""
        ...

    def close(self) -> None:
        """End `events` soon; any thread may call it."""
        ...


class Subscription:
    """A callback that is called until `stop`; a context manager as well.

    Attributes:
        topic: what it is about.
        calls: how often the callback returned.
        failures: how often it raised; each is in the log, and the next event is told all the same.
        problem: why nothing can be told just now; '' when it can.
    """

    def __init__(self, topic: str, callback: Callback, feed: _Feed) -> None:
        self.topic = topic
        self.calls = self.failures = 0
        self.problem = ""
        self._callback = callback
        self._feed = feed
        self._stopped = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"datawatch-subscribe-{topic}", daemon=True
        )

    def start(self) -> Subscription:
        """Begin; returns once what happens from now on is told, or cannot be for now."""
        self._thread.start()
        self._begun.wait(_BEGIN_SECONDS)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else self.problem or "on"
        return f"<Subscription to {self.topic}: {state}, {self.calls:,} events>"

    def stop(self) -> None:
        """Call back no more; harmless when repeated, and within the callback."""
        self._stopped.set()
        self._feed.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        pause = _SECOND
        while not self._stopped.is_set():
            try:
                self._feed.events(self._tell)
            except (DataWatchError, OSError) as error:
                if not self._stopped.is_set() and not self.problem:
                    log.warning("%s events are not told for now: %s", self.topic, error)
                self.problem = str(error)
                self._begun.set()
            self._stopped.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE) if self.problem else _SECOND

    def _tell(self, event: Event) -> None:
        self.problem = ""
        self._begun.set()
        if not event or self._stopped.is_set():
            return
        try:
            self._callback(event)
        except Exception:
            self.failures += 1
            log.exception("a callback for %s failed; it is called again with the next", self.topic)
        else:
            self.calls += 1


class _Asked:
    """Events of a topic that is read every second."""

    def __init__(self, caller: Caller, topic: str) -> None:
        self._caller, self._topic = caller, topic
        self._known: Any = None
        self._ended = threading.Event()

    def events(self, tell: Callback) -> None:
        """See `_Feed`.

        Raises:
            DataWatchError: the question cannot be answered for now.
        """
        from datawatch_lab.service.live.asking import Asking
        from datawatch_lab.service.live.topics import TOPICS, Question, topic_named

        topic = topic_named(self._topic, TOPICS)
        while not self._ended.is_set():
            found = topic.read(Asking(self._caller, SystemClock()), Question(self._topic))
            changes = [] if self._known is None else topic.changes(self._known, found)
            self._known = found
            tell({})
            for each in changes:
                if each.type == "event":
                    tell(msgspec.to_builtins(each.data))
            self._ended.wait(_SECOND)

    def close(self) -> None:
        """See `_Feed`."""
        self._ended.set()


class _Followed:
    """Events of a server's WebSocket; after a cut it goes on after the last message."""

    def __init__(self, address: str, headers: Mapping[str, str], topic: str) -> None:
        self._url = "ws" + address.removeprefix("http").rstrip("/") + "/ws/dashboard?quiet=true"
        self._headers = [f"{name}: {value}" for name, value in headers.items()]
        self._topic = topic
        self._last: int | None = None
        self._socket: Any = None
        self._is_closed = False

    def events(self, tell: Callback) -> None:
        """See `_Feed`.

        Raises:
            WorkspaceError: the server does not answer, or ended the connection.
            DataWatchError: the topic cannot be followed; says why.
        """
        from websocket import WebSocketException, create_connection

        if self._is_closed:
            return
        try:
            self._socket = create_connection(self._url, header=self._headers, timeout=60, **_PLAIN)
            self._say({"type": "subscribe", "topic": self._topic, "since": self._last})
            while text := self._socket.recv():
                self._take(msgspec.json.decode(text), tell)
        except WebSocketException as error:
            if not self._is_closed:
                raise WorkspaceError(f"{self._url}: {error}.") from error
        finally:
            if self._socket is not None:
                self._socket.close()

    def _say(self, message: Mapping[str, Any]) -> None:
        given = {name: value for name, value in message.items() if value is not None}
        self._socket.send(msgspec.json.encode(given).decode())

    def _take(self, message: Mapping[str, Any], tell: Callback) -> None:
        if message["type"] == "error":
            raise DataWatchError(str(message["error"]["message"]))
        if "seq" in message:
            self._last = int(message["seq"])
            tell(message["data"] if message["type"] == "event" else {})

    def close(self) -> None:
        """See `_Feed`."""
        self._is_closed = True
        if self._socket is not None:
            self._socket.close()


def subscribe(caller: Caller, topic: str, callback: Callback) -> Subscription:
    """Call a function with each event of a topic from now on, in a thread of its own.

    Args:
        caller: to the engine or server.
        topic: of `EVENT_TOPICS`.
        callback: given the event as plain values, as the topic's WebSocket has it.

    Raises:
        NotFoundError: there is no such topic; names those that there are.
        DataWatchError: it cannot be followed; says why.
    """
    from datawatch_lab.service.live.topics import TOPICS, topic_named
    from datawatch_lab.service.remote import RemoteCaller

    if topic not in EVENT_TOPICS:
        raise not_found("topic", topic, EVENT_TOPICS)
    topic_named(topic, TOPICS)
    feed: _Feed
    if isinstance(caller, RemoteCaller):
        feed = _Followed(caller.address, caller.headers, topic)
    else:
        feed = _Asked(caller, topic)
    return Subscription(topic, callback, feed).start()
