"""Small histories of a database and ways in which they may arrive, out of a random generator.

A history is made in order, as a database would have written it: few keys, many versions. Its
arrival is another thing: shuffled, with duplicates, events too late and lines that are no events.
All choices come from the generator that is passed in, so Hypothesis can steer and shrink them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Row = dict[str, Any]

STATES = ("new", "paid", "shipped", "done")
KEYS: dict[str, tuple[str, ...]] = {"orders": ("id",), "lines": ("order_id", "no"), "hits": ()}
"""Key columns of each table; ``hits`` has none."""

FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "orders": {"key": ("id",), "numeric": ("amount",), "status": ("status",)},
    "lines": {"key": ("order_id", "no"), "numeric": ("price",), "status": ("state",)},
    "hits": {"numeric": ("duration_ms",), "status": ("page",)},
}
"""What the fields that the oracle asks about are for."""


@dataclass(frozen=True)
class Shape:
    """How large and how wild a history is.

    Attributes:
        tables: how many of `KEYS`.
        events: changes beside the rows that each table begins with.
        keys: different rows per table that changes pick from.
        seeds: rows per table at the beginning.
        span: seconds from the first to the last change.
        late: share that comes much later than it happened, within what is allowed.
        too_late: share beyond the changes that is too late to count.
        again: share that is delivered twice.
        broken: share of lines that are no events.
    """

    tables: int = 2
    events: int = 30
    keys: int = 5
    seeds: int = 8
    span: int = 3_000
    late: float = 0.02
    too_late: float = 0.005
    again: float = 0.02
    broken: float = 0.02


@dataclass(frozen=True)
class Line:
    """One line of input: its text, and what it is meant to become."""

    text: bytes
    outcome: str = "applied"


@dataclass
class Maker:
    """Makes one history.

    Args:
        rng: where choices come from.
        shape: see `Shape`.
        start: event time of the first change.
        positions: whether the source writes positions; then changes may share an event time.
    """

    rng: Random
    shape: Shape
    start: datetime
    positions: bool = True
    _now: int = 0
    _number: int = 0
    _rows: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        """The history in its own order, as objects in the DataWatch envelope."""
        tables = list(KEYS)[: self.shape.tables]
        for table in tables:
            self._rows[table] = {}
            for number in range(self.shape.seeds):
                key = self._key(table, 1_000 + number)
                self._rows[table][key] = row = self._plain(table, key, number)
                self._write(table, "INSERT", after=row)
        for _ in range(self.shape.events):
            self._change(self.rng.choice(tables))
        return self._events

    def _change(self, table: str) -> None:
        rng, rows = self.rng, self._rows[table]
        key = self._key(table, rng.randrange(self.shape.keys))
        kind = rng.choices(
            ("insert", "update", "delete", "rekey", "snapshot", "truncate", "unknown"),
            (15, 57, 12, 8, 3, 1, 4),
        )[0]
        if not KEYS[table]:
            self._insert(table, key, "SNAPSHOT" if kind == "snapshot" else "INSERT")
        elif kind == "truncate":
            self._write(table, "TRUNCATE")
            rows.clear()
        elif kind == "snapshot":
            self._insert(table, key, "SNAPSHOT")
        elif key not in rows and kind != "unknown":
            self._insert(table, key)
        elif kind == "delete":
            self._write(table, "DELETE", before=self._before(table, rows.pop(key)))
        elif kind == "rekey":
            self._rekey(table, key)
        else:
            self._update(table, key)

    def _insert(self, table: str, key: tuple[Any, ...], op: str = "INSERT") -> None:
        row = self._full(table, key)
        if self.rng.random() < 0.2:
            del row[self.rng.choice([name for name in row if name not in KEYS[table]])]
        self._rows[table][key] = row
        self._write(table, op, after=row)

    def _update(self, table: str, key: tuple[Any, ...]) -> None:
        """Of a row, or of one that nobody heard of; all fields or only some."""
        old, new = self._rows[table].get(key), self._full(table, key)
        others = [name for name in new if name not in KEYS[table]]
        if self.rng.random() < 0.6:
            kept = {*KEYS[table], *self.rng.sample(others, self.rng.randrange(len(others) + 1))}
            new = {name: value for name, value in new.items() if name in kept}
        before = self._before(table, old) if old and self.rng.random() < 0.5 else None
        self._rows[table][key] = {**(old or {}), **new}
        self._write(table, "UPDATE", before=before, after=new)

    def _rekey(self, table: str, key: tuple[Any, ...]) -> None:
        """A row gets a key that was never used; all of it is told again, or the key alone."""
        rng, old = self.rng, self._rows[table].pop(key)
        fresh = self._key(table, 5_000 + 3 * self._number)
        new = {name: old.get(name) for name in self._full(table, fresh)}
        new |= dict(zip(KEYS[table], fresh, strict=True))
        self._rows[table][fresh] = new
        told = new if rng.random() < 0.5 else {name: new[name] for name in KEYS[table]}
        self._write(table, "UPDATE", before=self._before(table, old), after=told)

    def _before(self, table: str, row: Row) -> Row:
        """The whole old row, or the key alone."""
        if self.rng.random() < 0.5:
            return row
        return {name: row[name] for name in KEYS[table]}

    def _key(self, table: str, number: int) -> tuple[Any, ...]:
        if table == "lines":
            return f"o-{number // 3}", number % 3
        return (number,)

    def _full(self, table: str, key: tuple[Any, ...]) -> Row:
        rng, cents = self.rng, self.rng.randrange(100_000)
        amount = rng.choice((None, f"{cents // 100}.{cents % 100:02}", f"{cents}", f"-{cents}.125"))
        state, note = rng.choice((None, *STATES, *STATES)), rng.choice(("", "x", None))
        return _row(table, key, (cents, amount, state, note))

    def _plain(self, table: str, key: tuple[Any, ...], number: int) -> Row:
        """A row that shows what its fields are for."""
        values = (number * 100 + 7, f"{number}.{number + 10}", STATES[number % 4], "x")
        return _row(table, key, values)

    def _write(
        self, table: str, op: str, before: Row | None = None, after: Row | None = None
    ) -> None:
        self._number += 1
        longest = 2 * self.shape.span * 1_000_000 // (self.shape.events + 1)
        still = self.positions and self.rng.random() < 0.15
        seeding = self._number <= self.shape.seeds * self.shape.tables
        self._now += 0 if still else 1 + self.rng.randrange(1_000_000 if seeding else longest // 2)
        event: dict[str, Any] = {"id": f"e{self._number}", "table": table, "type": op}
        event["timestamp"] = _stamp(self.start, self._now)
        if self.positions:
            event["position"] = {"lsn": f"0/{16 * (self._number // 3) + 15:X}"}
            event["position"]["sequence"] = self._number
        event |= {
            name: row for name, row in (("before", before), ("after", after)) if row is not None
        }
        self._events.append(event)


def _row(table: str, key: tuple[Any, ...], values: tuple[int, str | None, str | None, Any]) -> Row:
    cents, amount, state, note = values
    row = dict(zip(KEYS[table], key, strict=False))
    if table == "orders":
        return row | {"amount": amount, "status": state, "note": note}
    if table == "lines":
        return row | {"price": amount, "state": state, "sku": f"s{cents % 7}"}
    return row | {"duration_ms": cents, "page": state or "home"}


def arrival(
    rng: Random, events: Sequence[dict[str, Any]], shape: Shape, allowed: int
) -> list[Line]:
    """Lines in the order in which they come.

    Args:
        rng: where choices come from.
        events: a history that spans less than ``allowed``.
        shape: shares of what is late, too late, doubled or broken.
        allowed: seconds that an event may be late.
    """
    reach = 4 if rng.random() < 0.5 else len(events)
    places: list[tuple[float, Line]] = []
    for place, event in enumerate(events):
        wait = rng.randrange(len(events)) if rng.random() < shape.late else rng.randrange(reach)
        line = Line(json.dumps(event, separators=(",", ":")).encode())
        places.append((place + wait, line))
        if rng.random() < shape.again:
            places.append((place + wait + 0.5 + rng.randrange(reach), Line(line.text, "duplicate")))
        if rng.random() < shape.broken:
            places.append((float(place), Line(b'{"table": "orders", "type": ', "quarantined")))
    lines = [line for _, line in sorted(places, key=lambda pair: pair[0])]
    for event in events:
        if rng.random() < shape.too_late:
            first = _first_of(lines, event["table"])
            lines.insert(rng.randrange(first + 1, len(lines) + 1), _too_late(rng, event, allowed))
    return lines


def _first_of(lines: Sequence[Line], table: str) -> int:
    """Where the first event of a table stands."""
    name = f'"table":"{table}"'.encode()
    return next(at for at, line in enumerate(lines) if name in line.text)


def _too_late(rng: Random, event: dict[str, Any], allowed: int) -> Line:
    """A change like this one from before all that is allowed."""
    earlier = datetime.fromisoformat(event["timestamp"]) - timedelta(seconds=2 * allowed)
    changed = {**event, "id": f"late-{event['id']}", "timestamp": earlier.isoformat()}
    if rng.random() < 0.5 and "after" in changed and event["type"] != "INSERT":
        changed["type"] = "INSERT"
    return Line(json.dumps(changed, separators=(",", ":")).encode(), "late")


def _stamp(start: datetime, micros: int) -> str:
    return (start.astimezone(UTC) + timedelta(microseconds=micros)).isoformat()
