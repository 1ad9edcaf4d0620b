"""A table that lives in messages: each change of a row is an event that is sent somewhere."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Row = dict[str, Any]
Send = Callable[[Sequence[tuple[str, bytes]]], None]


class Items:
    """Rows by id, and the events that made them.

    Args:
        send: sends keys and events, and returns when they are kept.

    Attributes:
        sent: events so far.
    """

    def __init__(self, send: Send) -> None:
        self.rows: dict[int, Row] = {}
        self.sent = 0
        self._send = send
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def insert(self, first: int, count: int) -> None:
        """Insert rows with these ids."""
        with self._lock:
            made = [
                self._put({"id": n, "name": f'item "{n}"\n', "price": n * 1.25})
                for n in range(first, first + count)
            ]
            self._give(made)

    def churn(self, seed: int, changes: int) -> None:
        """Inserts, updates and deletes, in small batches."""
        draw = random.Random(seed)
        for start in range(0, changes, 20):
            with self._lock:
                numbers = range(start, min(start + 20, changes))
                self._give([self._change(draw, 1_000_000 * (seed + 1) + n) for n in numbers])

    def _change(self, draw: random.Random, new: int) -> tuple[str, bytes]:
        kind = draw.random()
        if kind < 0.4 or not self.rows:
            return self._put({"id": new, "name": "ü", "price": None})
        row = self.rows[draw.choice(list(self.rows))]
        if kind < 0.8:
            return self._put({**row, "price": (row["price"] or 0) + 1})
        del self.rows[row["id"]]
        return self._event("DELETE", row["id"], before=row)

    def _put(self, row: Row) -> tuple[str, bytes]:
        word = "UPDATE" if row["id"] in self.rows else "INSERT"
        self.rows[row["id"]] = row
        return self._event(word, row["id"], after=row)

    def _event(self, word: str, key: object, **more: Any) -> tuple[str, bytes]:
        number = next(self._numbers)
        event = {
            "id": f"e{number}", "operation": word, "schema": "shop", "table": "items",
            "position": {"pos": number}, "timestamp": 1_790_000_000_000 + number, **more,
        }  # fmt: skip
        return json.dumps({"id": key}), json.dumps(event).encode()

    def add_column(self) -> None:
        """Add a column ``added``, and a row with id -1 that has it."""
        with self._lock:
            command = "ALTER TABLE items ADD COLUMN added integer"
            self._give([self._event("DDL", None, ddl_type="ALTER", ddl_command=command)])
            self._give([self._put({"id": -1, "name": "new", "price": 1, "added": 7})])

    def poison(self, texts: Iterable[bytes]) -> None:
        """Send what is no event."""
        with self._lock:
            self._give([("x", text) for text in texts])

    def _give(self, events: Sequence[tuple[str, bytes]]) -> None:
        self._send(events)
        self.sent += len(events)
