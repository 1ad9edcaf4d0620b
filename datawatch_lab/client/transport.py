"""One request with events, and what its answer means for them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from datawatch_lab.client.backoff import read_retry_after
from datawatch_lab.service.answers import EventsAnswer
from datawatch_lab.service.operation import API

if TYPE_CHECKING:
    import httpx

PATH = f"{API}/events/batch"
_REFUSED = (400, 413, 415, 422)
_GZIP_LEVEL = 1


@dataclass(frozen=True)
class Delivered:
    """The server answered for each event."""

    answer: EventsAnswer


@dataclass(frozen=True)
class Later:
    """Not now, so once more.

    Attributes:
        reason: in words.
        busy: the server is there, at its limit.
        after: seconds that it asks to wait, or None.
    """

    reason: str
    busy: bool = False
    after: float | None = None


@dataclass(frozen=True)
class Refused:
    """The server does not take this body; alone, each of its events may be taken."""

    reason: str


Reply = Delivered | Later | Refused


class Transport(Protocol):
    """Carries events to a server."""

    def post(self, lines: Sequence[bytes]) -> Reply:
        """Send lines of JSON in one request; never raises for what the network does."""
        ...

    def renew(self) -> None:
        """Forget connections that another process shares; called in a forked child."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HttpTransport:
    """Posts to ``/events/batch`` over one kept connection.

    Args:
        address: of the server's root.
        token: that the server asks for, or None.
        timeout: of a request, seconds.
        compress: send bodies packed with gzip.
    """

    def __init__(
        self, address: str, token: str | None, *, timeout: float, compress: bool = False
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.compress = compress
        self._headers = {"Content-Type": "application/x-ndjson"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if compress:
            self._headers["Content-Encoding"] = "gzip"
        self._client: httpx.Client | None = None
        self._inherited: list[httpx.Client] = []

    def post(self, lines: Sequence[bytes]) -> Reply:
        """Send lines of JSON in one request."""
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=self.timeout, trust_env=False)
        body = b"\n".join(lines)
        if self.compress:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        try:
            response = self._client.post(self.address + PATH, content=body, headers=self._headers)
        except httpx.HTTPError as error:
            return Later(f"{self.address} does not answer ({str(error) or type(error).__name__})")
        return read_reply(response)

    def renew(self) -> None:
        """Leave the connections to the parent; closing them here would disturb it."""
        if self._client is not None:
            self._inherited.append(self._client)
            self._client = None

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


def read_reply(response: httpx.Response) -> Reply:
    """What an answer means for the events that were sent."""
    status = response.status_code
    if response.is_success:
        try:
            return Delivered(msgspec.json.decode(response.content, type=EventsAnswer))
        except msgspec.DecodeError:
            return Later(f"{response.url.host} answered {status}, but not as a DataWatch server")
    reason = f"answered {status}: {_message(response)}"
    if status in _REFUSED:
        return Refused(reason)
    after = read_retry_after(response.headers.get("Retry-After"))
    return Later(reason, busy=status == 429, after=after)


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase or "no reason given"
