"""The metric back ends of a workspace: which there are, how they stand, who is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.backends import Backend, Sent
from datawatch_lab.core.errors import not_found
from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.engine.backends.asking import read_backend
from datawatch_lab.engine.backends.sending import Sender
from datawatch_lab.metrics.query import Plan

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


class Backends:
    """One sender a back end; ended with the engine.

    Args:
        engine: of the workspace. Nothing is sent until `use` says where to.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._senders: dict[str, Sender] = {}
        self._end = engine.on_close(self._closed)

    def use(self, backends: Iterable[Backend]) -> None:
        """Send to these from now on, and to no others; closed minutes of the past come first."""
        self._stop()
        for each in backends:
            sender = Sender(self._engine, each)
            self._senders = {**self._senders, each.name: sender}
            sender.start()

    def states(self) -> list[BackendState]:
        """How each back end stands, in order of name; asks nobody."""
        return [self._senders[name].state() for name in sorted(self._senders)]

    def sent(self, name: str) -> Sent:
        """How far a back end is, as the workspace keeps it.

        Raises:
            NotFoundError: there is none of that name.
        """
        return self._sender(name).sent

    def resend(self, name: str, start: datetime) -> list[BackendState]:
        """Send all minutes from a moment on once more, to one back end or (for '') to all.

        Raises:
            NotFoundError: there is none of that name.
        """
        for each in [self._sender(name)] if name else list(self._senders.values()):
            each.resend(start)
        return self.states()

    def read(self, name: str, plan: Plan) -> MeasureStates:
        """The states that a plan wants, from a back end.

        Raises:
            NotFoundError: there is none of that name.
            InputError: it cannot answer this; says what it can.
            BackendError: it does not answer.
        """
        return read_backend(self._engine, self._sender(name).backend, plan)

    def close(self) -> None:
        """End the senders."""
        self._end()
        self._stop()

    def _sender(self, name: str) -> Sender:
        if name not in self._senders:
            raise not_found("back end", name, self._senders)
        return self._senders[name]

    def _closed(self, table_id: int, start: datetime, until: datetime) -> None:
        del start
        for each in self._senders.values():
            each.closed(table_id, until)

    def _stop(self) -> None:
        stopped, self._senders = self._senders, {}
        for each in stopped.values():
            each.close()
