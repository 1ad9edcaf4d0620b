"""The SDK: a server's operations as methods, and events sent in the background.

    >>> from datawatch_lab.client import Client
    >>> with Client("http://127.0.0.1:3002", spool=False) as client:  # doctest: +SKIP
    ...     client.track_event("purchase", user_id=7, data={"amount": 19.9})
    ...     client.insert("orders", {"id": 1, "amount": 19.9})
    ...     client.query("orders_amount_sum", start="-1h")

`clients` holds `Client` and `AsyncClient`, `sending` what they send, `tracking` the timing of
functions; `sender` batches and tries again, `spool` keeps on disk, `transport` speaks HTTP. Names
load on first use; a program that only sends loads httpx and msgspec, and nothing of the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datawatch_lab.client.clients import AsyncClient, Client
    from datawatch_lab.client.default import default_client, set_default, track
    from datawatch_lab.client.stats import Rejection, Stats

__all__ = [
    "AsyncClient",
    "Client",
    "Rejection",
    "Stats",
    "default_client",
    "set_default",
    "track",
]

_HOMES = {
    "AsyncClient": "clients",
    "Client": "clients",
    "Rejection": "stats",
    "Stats": "stats",
    "default_client": "default",
    "set_default": "default",
    "track": "default",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home.

    Raises:
        AttributeError: there is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"datawatch_lab.client has no name {name!r}. Names: {__all__}.")
    return getattr(import_module(f"datawatch_lab.client.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
