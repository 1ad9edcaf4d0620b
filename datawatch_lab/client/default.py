"""The client of a program that names none: ``@track`` and ``with track("name")`` use it."""

from __future__ import annotations

import threading
from typing import overload

from datawatch_lab.client.clients import AsyncClient, Client
from datawatch_lab.client.tracking import Function, Tracked

_guard = threading.Lock()
_default: list[Client | AsyncClient] = []


def set_default(client: Client | AsyncClient) -> None:
    """Use a client for what names none, from now on, also in functions that are wrapped already."""
    with _guard:
        _default[:] = [client]


def default_client() -> Client | AsyncClient:
    """The client that was set, else one for DATAWATCH_URL with DATAWATCH_TOKEN, made now."""
    with _guard:
        if not _default:
            _default.append(Client())
        return _default[0]


@overload
def track(what: Function) -> Function: ...


@overload
def track(what: str | None = None, *, service: str | None = None) -> Tracked: ...


def track(what: Function | str | None = None, *, service: str | None = None) -> Function | Tracked:
    """Time a function or a block with the default client; see `Client.track`.

    >>> @track("checkout")
    ... def checkout(): ...
    """
    tracked = Tracked(_put, None if callable(what) else what, service or _service)
    return tracked(what) if callable(what) else tracked


def _put(line: bytes) -> None:
    default_client()._sender.put(line)  # noqa: SLF001 — of this package


def _service() -> str:
    return default_client().service
