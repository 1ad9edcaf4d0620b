"""What the handlers share: the supervisor, its looks in a thread, and one HTTP client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.ioloop import IOLoop, PeriodicCallback

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.jupyter.supervisor import Engine, State, Supervisor

log = logging.getLogger(__name__)

Found = TypeVar("Found")

MAX_BYTES = 256 * 1024 * 1024
"""Of an answer of the engine."""

_TICK_MS = 2_000
_CLIENTS = 64


class Engines:
    """The engine of Jupyter's workspace, for handlers of one event loop.

    The supervisor reads files and starts processes, so it has a thread of its own.

    Args:
        supervisor: of the workspace.
        elsewhere: an engine at a fixed address; then the supervisor is not asked.
    """

    def __init__(self, supervisor: Supervisor, elsewhere: Engine | None = None) -> None:
        self.supervisor = supervisor
        self.elsewhere = elsewhere
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="datawatch-engine")
        self._client: AsyncHTTPClient | None = None
        self._ticking = PeriodicCallback(self._tick, _TICK_MS)

    def begin(self, *, start: bool) -> None:
        """Look after the engine from now on.

        Args:
            start: one, where there is none.
        """
        if self.elsewhere is None:
            self._ticking.start()
            if start:
                self._thread.submit(self._start_quietly)

    def end(self) -> None:
        """Look after it no more; it goes on."""
        self._ticking.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()
            self._client = None

    def _start_quietly(self) -> None:
        try:
            self.supervisor.start()
        except DataWatchError as error:
            log.warning("%s", error)

    async def _tick(self) -> None:
        try:
            await self._call(self.supervisor.tick)
        except DataWatchError as error:
            log.warning("%s", error)

    async def find(self) -> Engine | None:
        """Where the engine answers now."""
        return self.elsewhere or await self._call(self.supervisor.find)

    async def state(self) -> State:
        """How it is."""
        if self.elsewhere is not None:
            return State("running", self.elsewhere.address, exists=True, by="another machine")
        return await self._call(self.supervisor.state)

    async def start(self) -> State:
        """Start it where there is none."""
        if self.elsewhere is None:
            await self._call(self.supervisor.start)
        return await self.state()

    async def stop(self) -> bool:
        """End it, if it may be ended from here."""
        return self.elsewhere is None and await self._call(self.supervisor.stop)

    async def _call(self, what: Callable[[], Found]) -> Found:
        return await IOLoop.current().run_in_executor(self._thread, what)

    async def fetch(self, request: HTTPRequest) -> HTTPResponse:
        """Ask the engine; an answer of any status is an answer.

        Raises:
            OSError: it does not answer.
            tornado.httpclient.HTTPClientError: 599, likewise.
        """
        if self._client is None:
            options: dict[str, Any] = {"max_clients": _CLIENTS, "max_body_size": MAX_BYTES}
            self._client = AsyncHTTPClient(
                force_instance=True, max_buffer_size=MAX_BYTES + 65_536, **options
            )
        return await self._client.fetch(request, raise_error=False)
