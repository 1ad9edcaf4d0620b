"""Servers for clients: one whose answers a test scripts, and a real one over a real engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.client import Client
from datawatch_lab.client.backoff import Backoff
from datawatch_lab.client.batches import Limits
from datawatch_lab.client.sender import Sender
from datawatch_lab.client.spool import Spool
from datawatch_lab.client.transport import Delivered, Reply
from datawatch_lab.service.answers import EventOutcome, EventsAnswer
from datawatch_lab.service.handle import Workspace, open_workspace
from tests.services.ports import free_port
from tests.waiting import PATIENCE

TOKEN = "a-token-for-tests"  # noqa: S105 — of a server that ends with its test
HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spools of clients that name no folder are of the test, not of the user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("DATAWATCH_URL", raising=False)
    monkeypatch.delenv("DATAWATCH_TOKEN", raising=False)


def accepted(lines: Sequence[bytes], known: set[bytes] | None = None) -> Delivered:
    """The answer of a server that takes everything, and knows what it took before."""
    seen = set() if known is None else known
    outcomes = []
    for number, line in enumerate(lines):
        is_new = line not in seen
        seen.add(line)
        outcomes.append(EventOutcome(number, "", "t", "applied" if is_new else "duplicate"))
    fresh = sum(each.outcome == "applied" for each in outcomes)
    return Delivered(EventsAnswer(len(lines), fresh, len(lines) - fresh, 0, 0, outcomes))


@dataclass
class Scripted:
    """A transport that answers by a script, then takes everything.

    Attributes:
        script: answers in order; a function of the lines makes one.
        requests: what was sent, whatever the answer.
        taken: lines that were answered for, in order.
    """

    script: list[Reply | Callable[[Sequence[bytes]], Reply]] = field(default_factory=list)
    requests: list[list[bytes]] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    known: set[bytes] = field(default_factory=set)
    gate: threading.Event = field(default_factory=threading.Event)
    closed: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def post(self, lines: Sequence[bytes]) -> Reply:
        """Answer as the script says."""
        self.gate.wait(PATIENCE)
        self.requests.append(list(lines))
        step = self.script.pop(0) if self.script else None
        reply = step(lines) if callable(step) else step
        if reply is None:
            reply = accepted(lines, self.known)
        if isinstance(reply, Delivered):
            self.taken += lines
        return reply

    def renew(self) -> None:
        """Nothing to renew."""

    def close(self) -> None:
        """Count it."""
        self.closed += 1


MakeSender = Callable[..., Sender]


@pytest.fixture
def make_sender(tmp_path: Path) -> Iterator[MakeSender]:
    """Makes senders over a scripted transport, with a spool; they are closed with the test."""
    made: list[Sender] = []

    def make(
        transport: Scripted,
        *,
        spool: int | None = 1_000_000,
        folder: Path = tmp_path / "spool",
        **how: object,
    ) -> Sender:
        limits = Limits(**{"batch_size": 10, "flush_interval": 0.05, "buffer_size": 50, **how})  # type: ignore[arg-type]
        make_spool = None if spool is None else (lambda: Spool(folder, spool))
        sender = Sender(transport, limits, make_spool, backoff=Backoff(0.001, 0.01))
        made.append(sender)
        return sender

    yield make
    for each in made:
        each.close(0.1)


def lines(count: int, start: int = 0) -> list[bytes]:
    """Distinct events."""
    return [msgspec.json.encode({"id": number}) for number in range(start, start + count)]


@dataclass
class Live:
    """A real server and the workspace behind it."""

    workspace: Workspace
    server: Server

    @property
    def address(self) -> str:
        """Its root."""
        return self.server.address


def serve(path: Path, port: int = 0) -> Live:
    """Open a workspace and serve it."""
    workspace = open_workspace(path)
    found = port or free_port()
    server = Server(
        patterns(workspace, gate_for(TOKEN, host=HOST, port=found)), host=HOST, port=found
    )
    server.start()
    return Live(workspace, server)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A real server over a real engine."""
    found = serve(tmp_path / "w.duckdb")
    with found.workspace:
        yield found
        found.server.stop()


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    """A client of it."""
    with Client(live.address, TOKEN, service="tests", flush_interval=0.1) as found:
        yield found
