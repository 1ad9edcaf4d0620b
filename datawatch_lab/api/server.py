"""A tornado server of URL patterns in a thread of its own, and the choice of a port."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Sequence

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

from datawatch_lab.api.later import Later
from datawatch_lab.api.routes import Pattern, unknown_of
from datawatch_lab.api.running import drain
from datawatch_lab.api.sockets.room import rooms_of
from datawatch_lab.core.errors import DataWatchError

log = logging.getLogger(__name__)

_STOP_SECONDS = 10.0
_FAREWELL_SECONDS = 0.05
_IDLE_SECONDS = 60.0
_BODY_SECONDS = 600.0
_BODY_BYTES = 1 << 20
_TRIES = 50


class AddressError(DataWatchError):
    """A host and port cannot be bound."""

    code = "address_unavailable"
    status = 503


class Server:
    """Serves URL patterns at one address, and a part that is made later.

    Args:
        patterns: of `routes.patterns`.
        host: to bind to.
        port: to bind to; it must be free, see `free_port`.
        idle_seconds: a connection that sends no whole request head for this long is closed.
        later: the pages; None for the API alone.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        host: str,
        port: int,
        idle_seconds: float = _IDLE_SECONDS,
        later: Later | None = None,
    ) -> None:
        self.patterns = patterns
        self.later = later
        self.idle_seconds = idle_seconds
        self.host = host
        self.port = port
        self._ready = threading.Event()
        self._loop: IOLoop | None = None
        self._fault: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="datawatch-http", daemon=True)

    @property
    def address(self) -> str:
        """The server's root, such as ``http://127.0.0.1:3002``."""
        return address_of(self.host, self.port)

    def start(self) -> None:
        """Serve; returns once requests are taken.

        Raises:
            AddressError: the port is taken or the host is not of this machine.
        """
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            raise bind_error(self._fault, self.host, self.port)

    def stop(self) -> None:
        """Take no more requests, finish those that run, end the thread; twice is harmless."""
        loop = self._loop
        if loop is not None and self._thread.is_alive():
            self._end(loop)
        if self.later is not None:
            self.later.close()

    def load(self) -> None:
        """Begin to make what is made later, before somebody asks for it."""
        if self.later is not None:
            self.later.load()

    def _end(self, loop: IOLoop) -> None:
        left = drain(self.patterns, _STOP_SECONDS)
        if left:
            log.warning("%d requests did not end within %.0f s", left, _STOP_SECONDS)
        for each in rooms_of(self.patterns):
            each.close()
        loop.add_callback(self._stop)
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        behind = [] if self.later is None else [self.later.rule]
        application = Application(
            [*self.patterns, *behind], log_function=_log, **unknown_of(self.patterns)
        )
        try:
            listening = socket.create_server((self.host, self.port), family=_family(self.host))
        except OSError as error:
            self._fault = error
            self._ready.set()
            return
        self._loop = IOLoop.current()
        self._stopping = asyncio.Event()
        self._http = HTTPServer(application, **timeouts(self.idle_seconds))
        if self.later is not None:
            self.later.attach(self._http)
        listening.setblocking(False)
        self._http.add_socket(listening)
        self._ready.set()
        await self._stopping.wait()
        if self.later is not None:
            self.later.end()
            await asyncio.sleep(_FAREWELL_SECONDS)  # so that what is said reaches the browsers
        self._http.stop()
        await self._http.close_all_connections()

    def _stop(self) -> None:
        self._stopping.set()


def timeouts(idle_seconds: float = _IDLE_SECONDS) -> dict[str, float]:
    """Settings of tornado's server by which no sender holds a connection for ever, or much memory.

    Handlers that take larger bodies say so themselves, once they know who sends them.

    Args:
        idle_seconds: for the head of a request, and between requests.
    """
    return {
        "idle_connection_timeout": idle_seconds,
        "body_timeout": _BODY_SECONDS,
        "max_body_size": _BODY_BYTES,
    }


def _log(handler: RequestHandler) -> None:
    """Log a request that no handler of ours took; without its query, which may hold a token."""
    log.info("%s %s %d", handler.request.method, handler.request.path, handler.get_status())


def address_of(host: str, port: int) -> str:
    """The root of a server's address.

    >>> address_of("127.0.0.1", 3002), address_of("::1", 3002)
    ('http://127.0.0.1:3002', 'http://[::1]:3002')
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def free_port(host: str, port: int, *, search: bool = False) -> int:
    """A port that can be bound now.

    Args:
        host: to bind to.
        port: the wanted one; 0 for any.
        search: take the next free one above when the wanted one is taken.

    Raises:
        AddressError: it is taken, or the host is not of this machine; says how to choose another.
    """
    for candidate in range(port, port + _TRIES if search and port else port + 1):
        try:
            return _bindable(host, candidate)
        except OSError as error:
            fault = error
            if error.errno != errno.EADDRINUSE:
                break
    raise bind_error(fault, host, port) from fault


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _bindable(host: str, port: int) -> int:
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def bind_error(fault: OSError, host: str, port: int) -> AddressError:
    """The error for an address that cannot be bound."""
    if fault.errno == errno.EADDRINUSE:
        return AddressError(
            f"port {port} of {host} is taken by another program.",
            hint="Choose another with --port N (or PORT=N); --port 0 takes any free one.",
        )
    if fault.errno == errno.EACCES:
        return AddressError(
            f"port {port} of {host} is reserved for administrators.",
            hint="Choose one above 1023 with --port N.",
        )
    return AddressError(
        f"{host} cannot be bound: {fault.strerror or fault}.",
        hint="Use 127.0.0.1, or an address of this machine.",
    )
