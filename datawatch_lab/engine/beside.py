"""What others keep beside an engine, for as long as it is open: snapshots, counters, windows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from datawatch_lab.core.errors import WorkspaceError

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

Kept = TypeVar("Kept")
Listener = TypeVar("Listener")


class Beside:
    """One thing of each kind, made when it is first asked for; ended with the engine.

    Args:
        engine: handed to what makes them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[object, object] = {}
        self._ended = False
        self._lock = threading.RLock()

    def __call__(self, kind: Callable[[Engine], Kept]) -> Kept:
        """The one of a kind, made by ``kind(engine)`` the first time.

        While others end, those that were there are still given out.

        Raises:
            WorkspaceError: there is none yet, and the workspace is being closed.
        """
        with self._lock:
            if kind not in self._kept:
                if self._ended:
                    raise WorkspaceError("the workspace is being closed.")
                self._kept[kind] = kind(self._engine)
            return cast("Kept", self._kept[kind])

    def close(self) -> None:
        """End those that can be ended; harmless when repeated.

        One that fails to end is told in the log, and the others are ended all the same.
        """
        with self._lock:
            kept = [] if self._ended else list(self._kept.values())
            self._ended = True
        for each in kept:
            end = getattr(each, "close", None)
            if end is None:
                continue
            try:
                end()
            except Exception:
                log.exception("%s could not be ended", type(each).__name__)


def listening(listeners: list[Listener], listener: Listener) -> Callable[[], None]:
    """Add a listener; gives what takes it out again, harmless when repeated."""
    listeners.append(listener)

    def end() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return end
