"""Operations over HTTP: a request made of a declaration, its typed answer, its error.

One declaration serves both callers, the one that waits and the one that is awaited.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from datawatch_lab.core import errors
from datawatch_lab.core.errors import AccessError, DataWatchError, WorkspaceError
from datawatch_lab.service.operation import NO_CONTENT, Answer, Ask, Operation

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 60.0
ARROW = "application/vnd.apache.arrow.stream"
"""Media type of an Arrow IPC stream, as registered with IANA."""

_CONNECTIONS = 10
_HEADERS = {"content_type": "Content-Type", "content_encoding": "Content-Encoding"}


class RemoteCaller:
    """A server over HTTP, through a pool of kept connections; any thread may call.

    Args:
        address: of the server's root, such as ``http://127.0.0.1:3002``.
        token: that it asks for, or None.
        timeout: of a request, seconds.
    """

    def __init__(
        self, address: str, token: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        import httpx

        self.address = address.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(**_client_options(self.address, token, timeout))

    @property
    def place(self) -> str:
        """The server's address."""
        return self.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        """Send the request and read the typed answer.

        Raises:
            DataWatchError: what the server answered, as the error it is there; a `WorkspaceError`
                when it cannot be reached.
        """
        import httpx

        try:
            response = self._client.request(**request_of(operation, ask))
        except httpx.HTTPError as error:
            raise unreachable(self.address, error) from error
        return answer_of(operation, response, self.address)

    def close(self) -> None:
        """Close the connections; the server goes on."""
        self._client.close()


class AsyncRemoteCaller:
    """The same for asyncio."""

    def __init__(
        self, address: str, token: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        import httpx

        self.address = address.rstrip("/")
        self._client = httpx.AsyncClient(**_client_options(self.address, token, timeout))

    @property
    def place(self) -> str:
        """The server's address."""
        return self.address

    async def call(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        """Send the request and read the typed answer; errors are those of `RemoteCaller.call`."""
        import httpx

        try:
            response = await self._client.request(**request_of(operation, ask))
        except httpx.HTTPError as error:
            raise unreachable(self.address, error) from error
        return answer_of(operation, response, self.address)

    async def close(self) -> None:
        """Close the connections; the server goes on."""
        await self._client.aclose()


def _client_options(address: str, token: str | None, timeout: float) -> dict[str, Any]:
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if _is_this_machine(address):
        headers["Accept-Encoding"] = "identity"  # packing costs more than it saves
    return {
        "base_url": address,
        "headers": headers,
        "timeout": timeout,
        "limits": httpx.Limits(max_keepalive_connections=_CONNECTIONS),
        "trust_env": False,
    }


def _is_this_machine(address: str) -> bool:
    name = urlsplit(address).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def request_of(operation: Operation[Any, Any], ask: msgspec.Struct) -> dict[str, Any]:
    """The request for an operation, as httpx takes it."""
    values: dict[str, Any] = msgspec.to_builtins(ask, builtin_types=(bytes,))
    values = {key: value for key, value in values.items() if value is not None}
    parts = {key: quote(str(values.pop(key)), safe="") for key in operation.path_fields}
    headers = {}
    if operation.gives_table or (operation.table is not None and _has_arrow()):
        headers["Accept"] = f"{ARROW}, application/json;q=0.5"
    request: dict[str, Any] = {
        "method": operation.method,
        "url": operation.path.format(**parts),
        "headers": headers,
    }
    if operation.binary:
        request["content"] = values.pop("body")
        headers |= {
            header: values.pop(field) for field, header in _HEADERS.items() if values.get(field)
        }
        values = {key: value for key, value in values.items() if key not in _HEADERS}
    if operation.method in ("GET", "DELETE") or operation.binary:
        request["params"] = {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in values.items()
        }
    else:
        request["json"] = values
    return request


def _has_arrow() -> bool:
    """Whether tables can be read as Arrow here; a client alone may have come without it."""
    return importlib.util.find_spec("pyarrow") is not None


def answer_of(operation: Operation[Any, Answer], response: httpx.Response, address: str) -> Answer:
    """The typed answer in a response.

    Raises:
        DataWatchError: it is an error; as the one it is there.
    """
    if response.is_error:
        raise error_of(response, address)
    if response.status_code == NO_CONTENT:
        return None  # type: ignore[return-value]  # its answer is None
    if response.headers.get("Content-Type", "").startswith(ARROW):
        from datawatch_lab.service.tables import from_ipc

        table: Any = from_ipc(response.content)
        if operation.gives_table or operation.table is None:
            return table  # type: ignore[no-any-return]
        return operation.table.read(table)
    if operation.gives_table:
        raise WorkspaceError(
            f"the server at {address} gives {operation.name} as JSON only.",
            hint="It is of an older release.",
        )
    try:
        answer: Answer = msgspec.json.decode(response.content, type=operation.answer)
    except msgspec.DecodeError as error:
        raise WorkspaceError(
            f"the answer of {address} to {operation.name} cannot be read: {error}.",
            hint="Is it a DataWatch server of this release?",
        ) from error
    return answer


def unreachable(address: str, error: Exception) -> WorkspaceError:
    """The error for a server that does not answer."""
    return WorkspaceError(
        f"the server at {address} does not answer ({str(error) or type(error).__name__}).",
        hint="If it is just starting or stopping, try again in a few seconds. "
        "If it is not running, `datawatch serve` starts one.",
    )


def error_of(response: httpx.Response, address: str) -> DataWatchError:
    """The server's error envelope as the error that it was."""
    status = response.status_code
    try:
        body = response.json()["error"]
        code, message, hint = str(body["code"]), str(body["message"]), str(body.get("hint", ""))
        details = dict(body.get("details") or {})
    except (ValueError, KeyError, TypeError):
        code, message = "", f"{address} answered {status}."
        hint, details = "Is it a DataWatch server?", {}
    kind = _kind_of(code, status)
    if kind is AccessError:
        return AccessError(message, status=status, hint=hint)
    found = kind(message, hint=hint, details=details)
    if found.status != status:
        found.status = status
    if kind is DataWatchError and code:
        found.code = code
    return found


def _kind_of(code: str, status: int) -> Callable[..., DataWatchError]:
    """The class of an error, by its code, else by the status."""
    kinds = list(_below(DataWatchError))
    if status == 401:
        return AccessError
    for kind in kinds:
        if kind.__module__ == errors.__name__ and kind.code == code:
            return kind
    statuses = {400: errors.InputError, 403: AccessError, 404: errors.NotFoundError}
    statuses |= {429: errors.BusyError, 502: errors.SourceError, 503: WorkspaceError}
    return statuses.get(status, DataWatchError)


def _below(kind: type[DataWatchError]) -> Iterator[type[DataWatchError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
