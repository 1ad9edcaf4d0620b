"""`Client` and `AsyncClient`: a server's operations as methods, and events in the background."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from datawatch_lab.client.batches import Limits
from datawatch_lab.client.lifetimes import follow
from datawatch_lab.client.sender import Sender
from datawatch_lab.client.sending import Sending
from datawatch_lab.client.spool import Spool, spool_folder
from datawatch_lab.client.stats import Rejection
from datawatch_lab.client.transport import HttpTransport
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.methods import AsyncOperations, Operations
from datawatch_lab.service.remote import AsyncRemoteCaller, RemoteCaller

DEFAULT_URL = "http://127.0.0.1:3002"
SPOOL_BYTES = 100 * 1024 * 1024


class Client(Operations, Sending):
    """A DataWatch server.

    Events are handed over at once and sent from a thread, in batches, until the server answered
    for them; while it is away they wait on disk. Every operation of the server is a method. Close
    it, or use it as a context manager; what is open when the program ends is closed then.

    Args:
        url: of the server's root, with or without ``?token=…``; by default DATAWATCH_URL, else
            ``http://127.0.0.1:3002``.
        token: that it asks for; by default DATAWATCH_TOKEN.
        service: what the events are of, where a call does not say; DATAWATCH_SERVICE, else ''.
        batch_size, flush_interval: a batch is sent with so many events, or after so many seconds.
        buffer_size: events in memory; more go to the spool, or are dropped and counted.
        spool: folder for what cannot be sent; a folder of this user by default, False for none.
            Each process has its own files in it, and the next one sends what an ended one left.
        spool_bytes: bound of these files for one process.
        timeout: of a request, seconds.
        compress: pack events with gzip; for servers far away.
        on_rejected: called from the sending thread with a `Rejection` for each event that does not
            get into the workspace.
    """

    def __init__(  # noqa: PLR0913 — settings, by name
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        service: str | None = None,
        batch_size: int = 1_000,
        flush_interval: float = 5.0,
        buffer_size: int = 10_000,
        spool: str | Path | bool = True,
        spool_bytes: int = SPOOL_BYTES,
        timeout: float = 30.0,
        compress: bool = False,
        on_rejected: Callable[[Rejection], None] | None = None,
    ) -> None:
        self.url, self.token = _address(url, token)
        self.timeout = timeout
        transport = HttpTransport(self.url, self.token, timeout=timeout, compress=compress)
        limits = Limits(batch_size, flush_interval, max(buffer_size, batch_size))
        folder = _spool_folder(spool, self.url)
        make = None if folder is None else (lambda: Spool(folder, spool_bytes))
        sender = Sender(transport, limits, make, on_rejected)
        Sending.__init__(self, sender, service or os.environ.get("DATAWATCH_SERVICE", ""))
        self._caller: Any = None
        self._caller_pid = 0
        follow(sender)
        if folder is not None and folder.is_dir():
            sender.recover()

    def flush(self, timeout: float | None = None) -> bool:
        """Send what was handed over so far; True once the server answered for all of it.

        Args:
            timeout: seconds to wait; None for as long as it takes.
        """
        return self._sender.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most so many seconds; what is left goes to the spool."""
        self._sender.close(timeout)
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _carry_out(self, operation: Any, ask: Any) -> Any:
        return self._connected(RemoteCaller).call(operation, ask)

    def _connected(self, kind: Callable[..., Any]) -> Any:
        """The caller of this process, made with the first operation."""
        if self._caller is None or self._caller_pid != os.getpid():
            self._caller = kind(self.url, self.token, self.timeout)
            self._caller_pid = os.getpid()
        return self._caller


class AsyncClient(AsyncOperations, Sending):
    """The same for asyncio: operations, `flush` and `close` are awaited; for ``async with``.

    Events are handed over without waiting, and sent from a thread of their own, so that a busy loop
    holds them back no more than they hold back the loop. Its arguments are those of `Client`.
    """

    def __init__(self, url: str | None = None, token: str | None = None, **how: Any) -> None:
        self._client = Client(url, token, **how)
        self.url, self.token = self._client.url, self._client.token
        Sending.__init__(self, self._client._sender, self._client.service)  # noqa: SLF001

    async def flush(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 — as `Client`
        """Send what was handed over so far; True once the server answered for all of it."""
        return await asyncio.to_thread(self._client.flush, timeout)

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 — as `Client`
        """Send what waits, for at most so many seconds; what is left goes to the spool."""
        await asyncio.to_thread(self._sender.close, timeout)
        caller, self._client._caller = self._client._caller, None  # noqa: SLF001
        if caller is not None:
            await caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    async def _carry_out(self, operation: Any, ask: Any) -> Any:
        caller = self._client._connected(AsyncRemoteCaller)  # noqa: SLF001
        return await caller.call(operation, ask)


def _address(url: str | None, token: str | None) -> tuple[str, str | None]:
    """The server's root and the token, from arguments and environment.

    Raises:
        InputError: the address is none.
    """
    given = url or os.environ.get("DATAWATCH_URL") or DEFAULT_URL
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(
            f"{parts.scheme or given!r} is not the address of a server.",
            hint=f"It looks like {DEFAULT_URL}.",
        )
    in_link = parse_qs(parts.query).get("token", [None])[0]
    root = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return root, token or in_link or os.environ.get("DATAWATCH_TOKEN") or None


def _spool_folder(spool: str | Path | bool, url: str) -> Path | None:
    if spool is True:
        return spool_folder(url)
    return None if spool is False else Path(spool) / spool_folder(url).name
