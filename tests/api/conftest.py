"""A server of the API over a caller that answers what a test wants, and over a real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.limits import Limits
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.operation import Operation
from tests.services.ports import free_port

TOKEN = "a-token-for-tests"  # noqa: S105 — of a server that ends with its test
HOST = "127.0.0.1"
API = "/api/v1/datawatch"


class StubCaller:
    """Answers each operation with what was set for its name, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []

    @property
    def place(self) -> str:
        """A name for messages."""
        return "a stub"

    def call(self, operation: Operation[Any, Any], ask: Any) -> Any:
        """Answer, or raise what is set."""
        self.asked.append((operation.name, ask))
        answer = self.answers.get(operation.name, [])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Nothing to close."""


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers on free ports; they stop with the test."""
    running: list[Server] = []

    def start(
        workspace: Workspace,
        *,
        token: str | None = TOKEN,
        limits: Limits | None = None,
        origins: Sequence[str] = (),
        idle_seconds: float = 60.0,
        **how: Any,
    ) -> Server:
        port = free_port()
        gate = gate_for(token, host=HOST, port=port, limits=limits, origins=origins)
        urls = patterns(workspace, gate, **how)
        server = Server(urls, host=HOST, port=port, idle_seconds=idle_seconds)
        server.start()
        running.append(server)
        return server

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def stub() -> StubCaller:
    """The caller behind `client` and `stranger`."""
    return StubCaller()


@pytest.fixture
def server(serve: Serve, stub: StubCaller) -> Server:
    """A server over the stub, with a limit of 1,000 bytes a body."""
    return serve(Workspace(stub), max_bytes=1_000)


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Knows the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.address, headers=headers, trust_env=False) as found:
        yield found


@pytest.fixture
def stranger(server: Server) -> Iterator[httpx.Client]:
    """Knows no token."""
    with httpx.Client(base_url=server.address, trust_env=False) as found:
        yield found


@pytest.fixture
def live(tmp_path: Path, serve: Serve) -> Iterator[httpx.Client]:
    """A client of a server over a real engine."""
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        server = serve(workspace)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=server.address, headers=headers, trust_env=False) as found:
            yield found
        server.stop()
