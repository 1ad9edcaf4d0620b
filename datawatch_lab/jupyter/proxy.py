"""``<base>/datawatch/…``: the engine's pages, routes and WebSockets below Jupyter's address."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketHandler,
    websocket_connect,
)

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.jupyter.engines import Engines
from datawatch_lab.jupyter.forward import CLOSED, below, rebased, target, to_browser, to_engine
from datawatch_lab.jupyter.guarded import Guarded
from datawatch_lab.jupyter.supervisor import Engine
from datawatch_lab.jupyter.waiting import waiting_page

ROOT = "datawatch"
"""Where the engine stands, below the base address of Jupyter."""

_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 90.0
_MESSAGE_BYTES = 64 * 1024 * 1024
_BAD_GATEWAY, _UNAVAILABLE, _NOT_FOUND = 502, 503, 404
_GONE = 1012  # RFC 6455 registry: service restart
_REFUSING = (400, 401, 403, 404, 429)


class EngineProxy(Guarded, WebSocketHandler):
    """Hands a request on to the engine with its owner's token, and the answer back."""

    def initialize(self, engines: Engines) -> None:
        """Take what finds the engine."""
        super().initialize(engines)
        self._other: WebSocketClientConnection | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def prefix(self) -> str:
        """The path that the engine stands under."""
        return str(url_path_join(self.base_url, ROOT))

    async def get(self, path: str) -> None:
        """A page, a file, an answer; or the opening of a WebSocket."""
        if self.is_socket:
            await self._open_other(path)
            await WebSocketHandler.get(self, path)
        else:
            await self._forward(path)

    async def head(self, path: str) -> None:
        """As `get`, without the body."""
        await self._forward(path)

    async def post(self, path: str) -> None:
        """A change."""
        await self._forward(path)

    async def put(self, path: str) -> None:
        """A change."""
        await self._forward(path)

    async def patch(self, path: str) -> None:
        """A change."""
        await self._forward(path)

    async def delete(self, path: str) -> None:
        """A change."""
        await self._forward(path)

    async def _engine(self, path: str) -> Engine | None:
        if path.strip("/").partition("/")[0] in CLOSED:
            raise HTTPError(_NOT_FOUND, "Jupyter's login counts here.")
        try:
            return await self.engines.find()
        except DataWatchError as error:
            raise HTTPError(403, str(error)) from error

    def _target(self, engine: Engine, path: str) -> str:
        request = self.request
        return target(engine.address, below(request.path, self.prefix, path), request.query)

    async def _forward(self, path: str) -> None:
        engine = await self._engine(path)
        if engine is None:
            await self._wait()
            return
        request = self.request
        try:
            answer = await self.engines.fetch(
                HTTPRequest(
                    self._target(engine, path),
                    method=str(request.method),
                    headers=_headers(to_engine(request.headers.get_all(), engine.token)),
                    body=request.body or None,
                    allow_nonstandard_methods=True,
                    follow_redirects=False,
                    decompress_response=False,
                    connect_timeout=_CONNECT_SECONDS,
                    request_timeout=_REQUEST_SECONDS,
                )
            )
        except (OSError, StreamClosedError, HTTPClientError):
            await self._wait()
            return
        self.set_status(answer.code, answer.reason)
        self.set_header("Content-Security-Policy", "frame-ancestors 'self'")
        self.clear_header("Content-Type")
        passed = to_browser(answer.headers.get_all(), engine.address, self.prefix, request.host)
        for name in {name for name, _ in passed}:
            self.clear_header(name)
        for name, value in passed:
            self.add_header(name, value)
        if answer.code in (204, 304) or request.method == "HEAD":
            await self.finish()
            return
        await self.finish(rebased(answer.body, answer.headers.get("Content-Type", ""), self.prefix))

    async def _wait(self) -> None:
        """Say that there is no engine: a page that starts it, or JSON."""
        self.set_status(_UNAVAILABLE)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Retry-After", "2")
        state = await self.engines.state()
        if "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            await self.finish(waiting_page(state, self.prefix))
            return
        message = state.message or "The engine does not answer."
        await self.finish({"error": {"code": "workspace_unavailable", "message": message}})

    # ------------------------------------------------------------------ WebSockets

    async def _open_other(self, path: str) -> None:
        """Connect to the engine first, so that what it refuses is refused here."""
        engine = await self._engine(path)
        if engine is None:
            raise HTTPError(_UNAVAILABLE)
        address = self._target(engine, path)
        headers = {"Authorization": f"Bearer {engine.token}"} if engine.token else {}
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        try:
            self._other = await websocket_connect(
                HTTPRequest(
                    "ws" + address.removeprefix("http"),
                    headers=headers,
                    connect_timeout=_CONNECT_SECONDS,
                ),
                subprotocols=[each.strip() for each in offered.split(",") if each.strip()] or None,
                max_message_size=_MESSAGE_BYTES,
            )
        except HTTPClientError as error:
            code = error.code if error.code in _REFUSING else _BAD_GATEWAY
            raise HTTPError(code) from error
        except (OSError, StreamClosedError) as error:
            raise HTTPError(_BAD_GATEWAY) from error

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """What the engine chose."""
        chosen = None if self._other is None else self._other.selected_subprotocol
        return chosen if chosen in subprotocols else None

    @property
    def max_message_size(self) -> int:
        """Of what a page sends, bytes."""
        return _MESSAGE_BYTES

    def open(self, *args: str, **kwargs: str) -> None:
        """Hand on what the engine sends from now on."""
        del args, kwargs
        self._pump = asyncio.get_running_loop().create_task(self._pass_on())

    async def _pass_on(self) -> None:
        other = self._other
        if other is None:
            return
        try:
            while (message := await other.read_message()) is not None:
                await self.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            other.close()
            return
        code = other.close_code
        self.close(code if code and code not in (1005, 1006) else _GONE, other.close_reason)

    async def on_message(self, message: str | bytes) -> None:
        """Hand on what the page sends; the next is read when this is written."""
        if self._other is None:
            return
        try:
            await self._other.write_message(message, binary=isinstance(message, bytes))
        except WebSocketClosedError:
            self.close(_GONE)

    def on_close(self) -> None:
        """The page is gone, so the engine's side ends too."""
        if self._other is not None:
            self._other.close()

    def get_compression_options(self) -> dict[str, Any]:
        """Pack what goes to the browser, which may be far away."""
        return {"compression_level": 3}


def _headers(pairs: list[tuple[str, str]]) -> Any:
    from tornado.httputil import HTTPHeaders

    made = HTTPHeaders()
    for name, value in pairs:
        made.add(name, value)
    return made
