"""Who carries an operation out: the engine in this process, or a server over HTTP."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote

import msgspec

from datawatch_lab.core.errors import (
    AccessError,
    BusyError,
    DataWatchError,
    InputError,
    NotFoundError,
    SourceError,
    WorkspaceError,
)
from datawatch_lab.service.operation import Answer, Ask, Operation

if TYPE_CHECKING:
    import httpx

    from datawatch_lab.engine import Engine

_ERRORS: dict[int, type[DataWatchError]] = {
    400: InputError,
    404: NotFoundError,
    429: BusyError,
    502: SourceError,
    503: WorkspaceError,
}
_TIMEOUT_SECONDS = 60.0
_HEADERS = {"content_type": "Content-Type", "content_encoding": "Content-Encoding"}


class Caller(Protocol):
    """Carries operations out."""

    @property
    def place(self) -> str:
        """Where: a path or an address."""
        ...

    def call(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        """Carry one operation out; errors are those of `core.errors` wherever it runs."""
        ...

    def close(self) -> None:
        """Let go of the engine or the connection."""
        ...


class LocalCaller:
    """The engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def place(self) -> str:
        """Path of the workspace."""
        return str(self.engine.path)

    def call(self, operation: Operation[Ask, Answer], ask: Ask) -> Answer:
        """Call the function."""
        return operation.function(self.engine, ask)

    def close(self) -> None:
        """Close the engine, which stores what waits and releases the file."""
        self.engine.close()


class RemoteCaller:
    """A server over HTTP; the address is that of its root, such as ``http://127.0.0.1:3002``."""

    def __init__(self, address: str, token: str | None = None) -> None:
        import httpx

        self.address = address.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client: httpx.Client = httpx.Client(
            base_url=self.address, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

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
            response = self._client.request(operation.method, **self._request(operation, ask))
        except httpx.HTTPError as error:
            raise WorkspaceError(
                f"the server at {self.address} does not answer ({error}).",
                hint="If it is just starting or stopping, try again in a few seconds. "
                "If it is not running, `datawatch serve` starts one.",
            ) from error
        if response.is_error:
            raise _error(response, self.address)
        answer: Answer = msgspec.json.decode(response.content, type=operation.answer)
        return answer

    def close(self) -> None:
        """Close the connection; the server goes on."""
        self._client.close()

    def _request(self, operation: Operation[Any, Any], ask: msgspec.Struct) -> dict[str, Any]:
        values: dict[str, Any] = msgspec.to_builtins(ask, builtin_types=(bytes,))
        values = {key: value for key, value in values.items() if value is not None}
        parts = {key: quote(str(values.pop(key)), safe="") for key in operation.path_fields}
        request: dict[str, Any] = {"url": operation.path.format(**parts)}
        if operation.binary:
            request["content"] = values.pop("body")
            request["headers"] = {
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


def _error(response: httpx.Response, address: str) -> DataWatchError:
    """The server's error envelope as the error that it was."""
    try:
        body = response.json()["error"]
        message, hint = str(body["message"]), str(body.get("hint", ""))
        details = dict(body.get("details") or {})
    except (ValueError, KeyError, TypeError):
        message = f"{address} answered {response.status_code}."
        hint, details = "Is it a DataWatch server?", {}
    if response.status_code in (401, 403):
        return AccessError(message, status=response.status_code, hint=hint)
    return _ERRORS.get(response.status_code, DataWatchError)(message, hint=hint, details=details)
