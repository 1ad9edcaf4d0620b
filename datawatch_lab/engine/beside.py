"""What others keep beside an engine, for as long as it is open: snapshots, counters, windows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

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
        self._lock = threading.RLock()

    def __call__(self, kind: Callable[[Engine], Kept]) -> Kept:
        """The one of a kind, made by ``kind(engine)`` the first time."""
        with self._lock:
            if kind not in self._kept:
                self._kept[kind] = kind(self._engine)
            return cast("Kept", self._kept[kind])

    def close(self) -> None:
        """End those that can be ended; harmless when repeated."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for each in kept:
            end = getattr(each, "close", None)
            if end is not None:
                end()


def listening(listeners: list[Listener], listener: Listener) -> Callable[[], None]:
    """Add a listener; gives what takes it out again, harmless when repeated."""
    listeners.append(listener)

    def end() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return end
