"""Over which time a table has data, found once a data version: every question of a tick asks it."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Span = tuple[datetime, datetime]

_MOST = 2_000


class Presence:
    """The spans of series; any thread may ask. One per engine, ``engine.beside(Presence)``.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._known: dict[tuple[int, ...], tuple[object, Span | None]] = {}

    def span(self, series: tuple[int, ...], kept: object) -> Span | None:
        """Start of the first and end of the last bucket that any of the series has; None for none.

        Args:
            series: ids.
            kept: what retention has left of them; a span from before it changed counts no more.
        """
        # The version is read first: what is committed meanwhile is in the span, and asked again.
        basis = (self._engine.version, kept)
        with self._lock:
            found = self._known.get(series)
        if found is not None and found[0] == basis:
            return found[1]
        span = self._engine.store.measure_span(series)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[series] = (basis, span)
        return span
