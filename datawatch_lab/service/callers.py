"""Who carries an operation out: the engine in this process, or a server over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from datawatch_lab.service.access.door import carry_out
from datawatch_lab.service.operation import Answer, Ask, Operation
from datawatch_lab.service.remote import RemoteCaller

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

__all__ = ["Caller", "LocalCaller", "RemoteCaller"]


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
        """Call the function, as whoever asks; see `service.access.door`."""
        return carry_out(self.engine, operation, ask)

    def close(self) -> None:
        """Close the engine, which stores what waits and releases the file."""
        self.engine.close()
