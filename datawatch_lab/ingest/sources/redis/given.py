"""Batches that were given to the store, and are acknowledged once they are stored."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.redis import driver
from datawatch_lab.ingest.sources.redis.entries import Entry

_PAGE = 1_000
_SETTLE = 5.0  # seconds that are waited for the store at an end


class Given:
    """What is on its way to the store; the reader's thread alone speaks with the server.

    Args:
        address: of the server.
        group: that is told.
    """

    def __init__(self, address: Endpoint, group: str) -> None:
        self._address = address
        self._group = group
        self._changed = threading.Condition()
        self._given: deque[tuple[int, Sequence[Entry]]] = deque()
        self._due: deque[Sequence[Entry]] = deque()  # stored, and not acknowledged yet

    def add(self, number: int, entries: Sequence[Entry]) -> None:
        """Add a batch; numbers grow."""
        with self._changed:
            self._given.append((number, entries))

    def stored(self, number: int) -> None:
        """Hear that all batches up to a number are durable; asks nobody, safe from any thread."""
        with self._changed:
            while self._given and self._given[0][0] <= number:
                self._due.append(self._given.popleft()[1])
            self._changed.notify_all()

    def forget(self) -> None:
        """Forget what was not stored: it comes again."""
        with self._changed:
            self._given.clear()

    def acknowledge(self, client: Any) -> None:
        """Tell the group what is stored.

        Raises:
            SourceError: the server cannot be reached or refuses; it is told the next time.
        """
        while self._due:
            by_stream: dict[str, list[str]] = {}
            for entry in self._due[0]:
                by_stream.setdefault(entry.stream, []).append(entry.id)
            with driver.telling(self._address):
                for stream, ids in by_stream.items():
                    for at in range(0, len(ids), _PAGE):
                        client.xack(stream, self._group, *ids[at : at + _PAGE])
            self._due.popleft()

    def settle(self, client: Any) -> None:
        """Give what is on its way some time, and tell the group of it.

        Raises:
            SourceError: see `acknowledge`.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._given, _SETTLE)
        self.acknowledge(client)
