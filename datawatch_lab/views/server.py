"""The server of the pages: Bokeh's, with the REST interface mounted beside them."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.server import Server as BokehServer
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from panel.io.server import get_server

from datawatch_lab.core.config import Config
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import objects
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.portal import GateOf, apps, pages_by_key
from datawatch_lab.views.refused import REFUSED_HTML

log = logging.getLogger(__name__)

_REFUSED = "/datawatch/refused"
_STOP_SECONDS = 10.0
_FAREWELL_SECONDS = 0.05

UserOf = Callable[[Any], str | None]
"""Says who sends a request, from its tornado handler; None for a stranger."""


@dataclass(frozen=True)
class Beneath:
    """What tornado is told beneath Bokeh.

    Attributes:
        settings: of its application, such as the handler of unknown paths.
        timeouts: of its server, in seconds by name.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)


class _Refused(AuthRequestHandler):
    """The page that strangers get: how to come in."""

    async def prepare(self) -> None:
        """Everybody may see this page."""

    def get(self) -> None:
        """Explain the link with the token."""
        self.set_status(403)
        self.set_header("Cache-Control", "no-store")
        self.finish(REFUSED_HTML)


class _Auth(AuthProvider):
    """Lets in whom ``user_of`` knows: to pages, sessions and WebSockets."""

    def __init__(self, user_of: UserOf, login: str | None) -> None:
        self._user_of = user_of
        self._login = login
        super().__init__()

    @property
    def get_user(self) -> Any:
        """Called by Bokeh for each request."""
        return self._user_of

    @property
    def get_user_async(self) -> None:
        """There is no asynchronous way."""
        return

    @property
    def login_url(self) -> str:
        """Where strangers are sent."""
        return self._login or _REFUSED

    @property
    def get_login_url(self) -> None:
        """The address is always the same."""
        return

    @property
    def login_handler(self) -> type[_Refused] | None:
        """Serves that address, unless another does."""
        return None if self._login else _Refused

    @property
    def logout_url(self) -> None:
        """Nobody signs out of a link."""
        return

    @property
    def logout_handler(self) -> None:
        """Nobody signs out of a link."""
        return


def _note_departures(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Browsers that leave while Bokeh writes to them are no fault; all else is logged as usual."""
    if type(context.get("exception")).__name__ in ("WebSocketClosedError", "StreamClosedError"):
        log.debug("a browser has gone while it was written to")
        return
    loop.default_exception_handler(context)


class Server:
    """Pages and REST at one address, in a thread of its own.

    Args:
        live: makes the parts of the pages.
        host, port: to bind to.
        extra_patterns: tornado URL patterns to serve beside the pages.
        user_of: who may see pages; None lets everybody.
        origins: ``host:port`` of pages that may open a WebSocket.
        login: path of a page where strangers sign in; one of ``extra_patterns``.
        beneath: what tornado is told.
        who_of: who looks, with their role; None for whoever runs this process.
    """

    def __init__(  # noqa: PLR0913 — parts of a server, by name
        self,
        live: Live,
        *,
        host: str,
        port: int,
        extra_patterns: Sequence[Any],
        user_of: UserOf | None,
        origins: Sequence[str],
        login: str | None = None,
        beneath: Beneath | None = None,
        who_of: GateOf | None = None,
    ) -> None:
        self.live = live
        self.objects: Mapping[str, Any] = {}
        self.who_of = who_of
        self.host = host
        self.port = port
        self.extra_patterns = extra_patterns
        self.user_of = user_of
        self.origins = origins
        self.login = login
        self.beneath = beneath or Beneath()
        self._server: BokehServer | None = None
        self._fault: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datawatch-pages", daemon=True)

    def start(self) -> None:
        """Serve; returns once requests are taken.

        Raises:
            DataWatchError: the address cannot be bound.
        """
        self._check_free()
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            raise self._fault

    def _check_free(self) -> None:
        """Try the address first: a failure inside the server would leave a socket behind."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as fault:
                raise DataWatchError(
                    f"{self.host}:{self.port} cannot be served: {fault.strerror or fault}.",
                    hint="Choose another port with --port N.",
                ) from fault

    def stop(self) -> None:
        """Take no more requests, close the sessions, end the thread; harmless when said twice."""
        server = self._server
        if server is None or not self._thread.is_alive():
            self.live.close()
            return
        server.io_loop.add_callback(self._stop)
        self._thread.join(_STOP_SECONDS)
        self.live.close()

    def _stop(self) -> None:
        if self._server is not None:
            # Bokeh forgets its clients without closing their sockets; pages would not notice.
            for client in tuple(self._server._tornado._clients):  # noqa: SLF001
                client._socket.close()  # noqa: SLF001
            self._server.stop()
            # One more turn of the loop, so that the closing reaches the browsers.
            self._server.io_loop.call_later(_FAREWELL_SECONDS, self._server.io_loop.stop)

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(_note_departures)
        try:
            self._server = self._build()
            self._server.start()
        except BaseException as error:  # noqa: BLE001 — handed to the thread that starts us
            self._fault = error
            self._ready.set()
            return
        self._ready.set()
        self._server.io_loop.start()
        loop.close()

    def apps(self) -> dict[str, Any]:
        """What is served, by path."""
        return {**apps(self.live, self.who_of), **self.objects}

    def _build(self) -> BokehServer:
        options: dict[str, Any] = {
            "port": self.port,
            "address": self.host,
            "websocket_origin": list(self.origins),
            "title": "DataWatch",
            "extra_patterns": list(self.extra_patterns),
            "use_index": False,
            "check_unused_sessions_milliseconds": 5_000,
            "unused_session_lifetime_milliseconds": 15_000,
            "http_server_kwargs": dict(self.beneath.timeouts),
        }
        if self.user_of is not None:
            options["auth_provider"] = _Auth(self.user_of, self.login)
        built = get_server(self.apps(), **options)
        built._tornado.settings.update(self.beneath.settings)  # noqa: SLF001 — Bokeh passes none on
        return built


def build_server(  # noqa: PLR0913 — parts of a server, by name
    workspace: Workspace,
    *,
    host: str,
    port: int,
    extra_patterns: Sequence[Any] = (),
    user_of: UserOf | None = None,
    origins: Sequence[str] = (),
    login: str | None = None,
    beneath: Beneath | None = None,
    who_of: GateOf | None = None,
    config: Config | None = None,
) -> Server:
    """A server of the workspace's pages at ``/datawatch`` and of further URL patterns.

    Args:
        workspace: stays open as long as the server runs; the caller closes it.
        host: to bind to.
        port: to bind to.
        extra_patterns: tornado URL patterns, such as those of the REST interface.
        user_of: who sends a request, from its tornado handler; None lets everybody in.
        origins: ``host:port`` of pages that may open a WebSocket; never ``*``.
        login: path of the page where strangers sign in; without one they are told of the link.
        beneath: what tornado is told.
        who_of: who looks, with their role; None for whoever runs this process.
        config: that the server was started with, for the page of settings.

    Raises:
        ValueError: a wildcard among the origins.
    """
    if any("*" in each for each in origins):
        raise ValueError(f"origins are {list(origins)}; a wildcard would let any page in.")
    known = origins or (f"{host}:{port}",)
    made = Server(
        Live(lambda: workspace, pages_by_key(), config=config),
        host=host,
        port=port,
        extra_patterns=extra_patterns,
        user_of=user_of,
        origins=known,
        login=login,
        beneath=beneath,
        who_of=who_of,
    )
    made.objects = objects.apps(objects.of(config), workspace)
    return made
