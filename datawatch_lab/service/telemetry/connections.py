"""How many WebSockets are open: told by the edge that holds them, shown by dashboards."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine


class Connections:
    """A count of open connections; one per engine, ``engine.beside(Connections)``."""

    def __init__(self, engine: Engine) -> None:
        del engine
        self._lock = threading.Lock()
        self.open = 0

    def opened(self) -> None:
        """One more is open."""
        with self._lock:
            self.open += 1

    def closed(self) -> None:
        """One is closed."""
        with self._lock:
            self.open -= 1
