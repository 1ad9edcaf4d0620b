"""Handlers of what is no operation: texts that do not change, paths that do not exist, ``/``."""

from __future__ import annotations

import asyncio
import difflib
from asyncio import Future
from collections.abc import Callable
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from datawatch_lab.api.auth import without_token
from datawatch_lab.api.envelope import HttpError
from datawatch_lab.api.handlers import STRANGER, ApiHandler, Shared
from datawatch_lab.api.requests import MAX_BYTES

_DROPPED = 4 * MAX_BYTES


class DocumentHandler(ApiHandler):
    """Serves one JSON text that does not change, such as the OpenAPI document."""

    def initialize(self, shared: Shared, body: Callable[[], bytes]) -> None:  # type: ignore[override]
        """Take what makes the text; the first time that may take a while."""
        super().initialize(shared)
        self.body = body

    async def get(self) -> None:
        """Answer with the text."""
        loop = asyncio.get_running_loop()
        self.finish(await loop.run_in_executor(self.shared.readers, self.body))

    head = get


@stream_request_body
class UnknownHandler(ApiHandler):
    """Answers for paths that do not exist, naming the nearest that does.

    A body of who is signed in is dropped piece by piece, however large: who sends events to a path
    that is misspelt is told so, in the shape of every other error. Strangers are refused at once.
    """

    let_in = False

    def prepare(self) -> None:
        """Sign in, then let the body come; a client that still sends could not read the answer."""
        super().prepare()
        self.let_in = True
        if isinstance(self.request.connection, HTTP1Connection):
            self.request.connection.set_max_body_size(_DROPPED)

    def data_received(self, chunk: bytes) -> None:
        """Nothing is asked for."""

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """End the answer; one to a stranger says that the connection ends, too, body unread."""
        if not self.let_in:
            self.set_header("Connection", "close")
        return super().finish(chunk)

    def _refuse(self) -> None:
        """Say that there is no such path."""
        path = self.request.path
        near = difflib.get_close_matches(path, self.shared.paths, n=1, cutoff=0.6)
        guess = f"; did you mean {near[0]}?" if near else "."
        raise HttpError(404, f"no path {path}{guess}", hint="All paths are in /api/openapi.json.")

    get = head = post = put = patch = delete = options = _refuse


class HomeHandler(ApiHandler):
    """Sends ``/`` to the portal, which asks for the token itself; a link's token is taken here."""

    def initialize(self, shared: Shared, home: str) -> None:  # type: ignore[override]
        """Take the path of the portal."""
        super().initialize(shared)
        self.home = home

    def prepare(self) -> None:
        """Turn a link's token into its cookie; strangers are refused by the portal."""
        self.who = self.shared.gate.who(self) or STRANGER

    def get(self) -> None:
        """Go to the portal."""
        self.redirect(without_token(self.home, self.request.query))

    head = get
