"""A part of a server that is made after the server answers; requests that need it wait for it.

The server takes requests from its first moment. Those of the paths of such a part begin its making,
unless that has begun, and are carried out when it is there. A part that cannot be made is said on
its own paths and in the log; everything else is served as ever.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from html import escape
from typing import Any, Protocol

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop
from tornado.routing import PathMatches, Router, Rule
from tornado.web import Application, RequestHandler

from datawatch_lab.api.login import PLAIN_STYLE

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 10.0

UserOf = Callable[[Any], str | None]
"""Says who sends a request, from its tornado handler; None for a stranger."""


class Part(Protocol):
    """What is made later.

    Attributes:
        name: in sentences, such as ``the pages``.
        paths: pattern of the paths that it answers.
    """

    name: str
    paths: str

    def make(self, ended: threading.Event) -> None:
        """Make it; in a thread of its own. May give up as soon as ``ended`` is set."""
        ...

    def begin(self, loop: IOLoop, http: HTTPServer) -> Application:
        """Begin to serve; in the server's loop, once it is made. What answers its paths."""
        ...

    def end(self) -> None:
        """Send clients away; in the server's loop, only after `begin`."""
        ...

    def close(self) -> None:
        """Let go of what was made; after the loop has ended, and when nothing was made, too."""
        ...


class Later(Router):
    """Routes of a part, from before it is there.

    Args:
        part: to be made.
        user_of: who may read why it could not be made; None for everybody.
        style: CSS variables of the pages' look.
    """

    def __init__(self, part: Part, *, user_of: UserOf | None = None, style: str = "") -> None:
        self.part = part
        self.user_of = user_of
        self.style = style
        self._begun = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def rule(self) -> Rule:
        """For the server's application, behind its other patterns."""
        return Rule(PathMatches(self.part.paths), self)

    def attach(self, http: HTTPServer) -> None:
        """Called in the server's loop before it takes requests."""
        self._loop, self._http = IOLoop.current(), http
        self._there: asyncio.Future[Application] = asyncio.get_running_loop().create_future()

    def load(self) -> None:
        """Begin to make the part, unless that has begun; any thread may say so, after `attach`."""
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(
                    target=self._make, name="datawatch-later", daemon=True
                )
                self._thread.start()

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """What answers a request: the part, or what waits for it."""
        del kwargs  # groups of our pattern, which has none
        if self._there.done():
            return self._there.result().find_handler(request)
        self.load()
        return _Waiting(self._there, request)

    def end(self) -> None:
        """Send its clients away, and those that wait for it; in the server's loop."""
        self._ended.set()
        if self._begun:
            self.part.end()
        else:
            self._open(self._refusing("The server is about to end.", ""))

    def close(self) -> None:
        """Let go of everything; after the server's loop has ended, or without it having begun."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)
        self.part.close()

    def _make(self) -> None:
        fault: BaseException | None = None
        try:
            self.part.make(self._ended)
        except BaseException as error:  # noqa: BLE001 — said in the log and on the paths
            fault = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.asyncio_loop.call_soon_threadsafe(self._made, fault)  # type: ignore[attr-defined]

    def _made(self, fault: BaseException | None) -> None:
        """In the server's loop: the part is there, or will never be."""
        if self._ended.is_set():
            return
        if fault is None:
            try:
                application = self.part.begin(self._loop, self._http)
                self._begun = True
            except Exception as error:  # noqa: BLE001 — said in the log and on the paths
                fault = error
        if fault is not None:
            log.error("%s could not be loaded", self.part.name, exc_info=fault)
            sentence = f"{self.part.name.capitalize()} could not be loaded."
            application = self._refusing(sentence, f"{type(fault).__name__}: {fault}")
        self._open(application)

    def _open(self, application: Application) -> None:
        if self._there.done():
            self._there = self._loop.asyncio_loop.create_future()  # type: ignore[attr-defined]
        self._there.set_result(application)

    def _refusing(self, sentence: str, reason: str) -> Application:
        how = {"user_of": self.user_of, "style": self.style, "said": (sentence, reason)}
        return Application([(self.part.paths, _RefusingHandler, how)])


class _Waiting(HTTPMessageDelegate):
    """A request that came before its part: its body is read once the part is there."""

    def __init__(self, there: asyncio.Future[Application], request: HTTPServerRequest) -> None:
        self._there = there
        self._request = request
        self._found = HTTPMessageDelegate()  # which does nothing

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Wait, then hand over; the connection waits with us."""
        application = await asyncio.shield(self._there)  # one who waits ends for itself alone
        self._found = application.find_handler(self._request)
        taken = self._found.headers_received(start_line, headers)
        if taken is not None:
            await taken

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body."""
        return self._found.data_received(chunk)

    def finish(self) -> None:
        """The request is whole."""
        self._found.finish()

    def on_connection_close(self) -> None:
        """Who asked has gone."""
        self._found.on_connection_close()


class _RefusingHandler(RequestHandler):
    """Says that a part is not there, and to whom we know why."""

    def initialize(self, user_of: UserOf | None, style: str, said: tuple[str, str]) -> None:
        """Take who may read the reason, the look, and what is said."""
        self._user_of = user_of
        self._style = style
        self._said = said

    def prepare(self) -> None:
        """Answer, whatever was asked for."""
        sentence, reason = self._said
        known = self._user_of is None or self._user_of(self) is not None
        self.set_status(503)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", _CSP)
        why = f"<p><code>{escape(reason)}</code></p>{_ADVICE}" if reason and known else ""
        page = _PAGE.replace("@@style@@", self._style or PLAIN_STYLE)
        self.finish(page.replace("@@title@@", escape(sentence)).replace("@@why@@", why))


_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"
_ADVICE = (
    "<p>The log of the server says more; mend that, then start the server again. Meanwhile "
    "dashboards at their own addresses, the REST interface and WebSockets are served as ever.</p>"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DataWatch: not here now</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>@@style@@
body{margin:0;background:var(--dw-ground);color:var(--dw-ink);font:15px/1.5 var(--dw-font)}
main{max-width:560px;margin:12vh auto;padding:32px;background:var(--dw-card);
border:1px solid var(--dw-line);border-radius:12px}
h1{font-size:22px;margin:0 0 8px} p{color:var(--dw-ink-2)} code{overflow-wrap:anywhere}
</style></head><body><main><h1>@@title@@</h1>@@why@@</main></body></html>
"""
