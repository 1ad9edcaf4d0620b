"""A store for tests of sources: events and offset in one transaction, each event once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from datawatch_lab.core.batches import DecodedBatch

_FIELDS = ("origin", "schema", "table", "op", "event_id", "ts", "position", "txid", "after")
_MORE = ("before", "extra")


class Sink:
    """Keeps what a source gave in a SQLite file, so that it outlives a process.

    Attributes:
        received: events handed over to this object, known ones too.
    """

    def __init__(self, path: Path) -> None:
        self.received = 0
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, "
            + ", ".join(f'"{name}"' for name in (*_FIELDS, *_MORE))
            + ', UNIQUE (origin, schema, "table", event_id));'
            "CREATE TABLE IF NOT EXISTS offset (one INTEGER PRIMARY KEY, position)"
        )

    def store(self, batch: DecodedBatch, inside: Callable[[], None] = lambda: None) -> int:
        """Store a batch or nothing of it; gives the number of events that were new.

        Args:
            batch: what the source gave.
            inside: called before the transaction is committed.
        """
        names = (*_FIELDS, *_MORE)
        columns = [batch.events.column(name).to_pylist() for name in names]
        columns[5] = [moment.isoformat() for moment in columns[5]]
        marks = ", ".join("?" * len(names))
        quoted = ", ".join(f'"{name}"' for name in names)
        before = self._file.total_changes
        self._file.execute("BEGIN")
        self._file.executemany(
            f"INSERT OR IGNORE INTO events ({quoted}) VALUES ({marks})", zip(*columns, strict=True)
        )
        new = self._file.total_changes - before
        if batch.offset is not None:
            position = json.dumps(batch.offset.position)
            self._file.execute("INSERT OR REPLACE INTO offset VALUES (1, ?)", [position])
        inside()
        self._file.execute("COMMIT")
        self.received += batch.received
        return new

    @property
    def offset(self) -> Mapping[str, Any] | None:
        """The stored position."""
        row = self._file.execute("SELECT position FROM offset").fetchone()
        found: Mapping[str, Any] | None = json.loads(row[0]) if row else None
        return found

    def events(self, table: str | None = None, op: str | None = None) -> list[dict[str, Any]]:
        """Events in the order in which they were stored, images parsed."""
        names = (*_FIELDS, *_MORE)
        quoted = ", ".join(f'"{name}"' for name in names)
        rows = self._file.execute(
            f'SELECT {quoted} FROM events WHERE (? IS NULL OR "table" = ?) '
            "AND (? IS NULL OR op = ?) ORDER BY number",
            [table, table, op, op],
        )
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for event in found:
            for name in ("after", "before", "position", "extra"):
                if event[name] is not None:
                    event[name] = exact(event[name])
        return found

    def count(self, table: str | None = None) -> int:
        """Events that are stored, of one table or of all."""
        counted = self._file.execute(
            'SELECT count(*) FROM events WHERE ? IS NULL OR "table" = ?', [table, table]
        )
        return int(counted.fetchone()[0])

    def live(self, table: str, key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Current rows by key: the changes one after another, as they came."""
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for event in self.events(table):
            after, before, op = event["after"], event["before"], event["op"]
            if op == "t":
                rows.clear()
            elif op == "d":
                rows.pop(tuple(before[name] for name in key), None)
            elif op in ("c", "r", "u"):
                place = tuple(after[name] for name in key)
                was = tuple(before[name] for name in key) if before else place
                held = rows.pop(was, {}) if op == "u" else {}
                rows[place] = {**held, **after}
        return rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def exact(text: str) -> Any:
    """JSON with decimals that keep their digits."""
    return json.loads(text, parse_float=Decimal)
