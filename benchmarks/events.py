"""Files of change events in the Savegress envelope: the same seed gives the same bytes.

A row is told by its table, id, amount in cents and state; its other fields follow from the id. So
the truth about a file is known while it is written, and an ingest can be checked against it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

START = datetime(2025, 1, 6, tzinfo=UTC)
STATES = ("new", "paid", "shipped", "delivered", "cancelled")
CITIES = ("Berlin", "Lyon", "Porto", "Graz", "Turku", "Gdansk", "Cork")

Kind = Literal["shop", "eight", "wide"]
Row = tuple[int, int, int]
"""Id, cents, number of the state."""


@dataclass(frozen=True)
class Mix:
    """What a file holds.

    Attributes:
        kind: of its rows: those of a shop, eight fields, or a hundred.
        tables: how many.
        bytes: of a shop's insert; other events are as long as they come.
        updates, deletes: shares of the events.
        before: whether old images are whole rows, or key and changed fields only.
        per_second: events in a second of event time.
        seed: of the draws.
    """

    kind: Kind = "shop"
    tables: int = 4
    bytes: int = 495
    updates: float = 0.12
    deletes: float = 0.03
    before: bool = False
    per_second: int = 1_000
    seed: int = 5


@dataclass
class Truth:
    """What an ingest of a file must come to.

    Attributes:
        events, inserts: by table.
        cents: sum of inserted amounts by table.
        rows: current rows by table.
    """

    events: dict[str, int] = field(default_factory=dict)
    inserts: dict[str, int] = field(default_factory=dict)
    cents: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All events."""
        return sum(self.events.values())


def shop_row(row: Row) -> str:
    """Ten fields, of every role, without the closing brace."""
    number, cents, state = row
    return (
        f'{{"id":{number},"customer_id":{number * 7919 % 20_011},"amount":"{cents // 100}.'
        f'{cents % 100:02d}","quantity":{number % 9 + 1},"status":"{STATES[state]}",'
        f'"city":"{CITIES[number % 7]}","gift":{"true" if number % 5 == 0 else "false"},'
        f'"weight":{number % 1_000 / 8},"placed_at":"2025-01-06T08:{number % 60:02d}:00Z"'
    )


def eight_row(row: Row) -> str:
    """Eight fields, without the closing brace."""
    number, cents, state = row
    return (
        f'{{"id":{number},"amount":"{cents // 100}.{cents % 100:02d}","status":"{STATES[state]}",'
        f'"units":{number % 40},"price":{number % 900 / 4},'
        f'"ok":{"true" if number % 3 else "false"},"owner_id":{number * 31 % 4_001},'
        f'"at":"2025-01-06T08:{number % 60:02d}:00Z"'
    )


def wide_row(row: Row) -> str:
    """A hundred fields: 60 numbers, 20 states, 10 texts, and ten as in `shop_row`."""
    number = row[0]
    numbers = ",".join(f'"n{place}":{(number * (place + 3)) % 9_973 / 4}' for place in range(60))
    states = ",".join(f'"s{place}":"{STATES[(number + place) % 5]}"' for place in range(20))
    texts = ",".join(f'"t{place}":"text {number * (place + 1)} of the row"' for place in range(10))
    return f'{shop_row(row)},"weight_2":1.5,{numbers},{states},{texts}'


ROWS: Mapping[Kind, Callable[[Row], str]] = {
    "shop": shop_row,
    "eight": eight_row,
    "wide": wide_row,
}
SHOP_TABLES = ("orders", "payments", "shipments", "refunds")


def _first_state(number: int) -> Row:
    """A row as it is inserted."""
    return number, number * 7_907 % 1_000_000, 0


class Maker:
    """Makes the lines of one file and keeps the truth about them."""

    def __init__(self, mix: Mix, start: datetime = START) -> None:
        self.mix = mix
        self._start = start
        self.truth = Truth()
        self._random = random.Random(mix.seed)
        self._row = ROWS[mix.kind]
        self._changes = mix.updates + mix.deletes > 0  # else nobody asks for earlier rows
        self.tables = [
            SHOP_TABLES[place] if mix.tables <= 4 else f"table_{place:03d}"
            for place in range(mix.tables)
        ]
        self._rows: dict[str, list[Row]] = {table: [] for table in self.tables}

    def know(self, table: str, numbers: Sequence[int]) -> None:
        """Take rows as inserted before, so that they can be changed."""
        self._rows[table] += [_first_state(number) for number in numbers]

    def lines(self, count: int, first: int = 1) -> Iterator[bytes]:
        """Events, one a line, in order of time; ``first`` is the number of the first."""
        mix, draw = self.mix, self._random.random
        step = timedelta(seconds=1) / mix.per_second
        for number in range(first, first + count):
            table = self.tables[int(draw() * len(self.tables))]
            stamp = (self._start + step * number).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            yield self._event(number, table, stamp, draw()).encode() + b"\n"
        counted = {table: len(rows) for table, rows in self._rows.items()}
        self.truth.rows = counted if self._changes else dict(self.truth.inserts)

    def _event(self, number: int, table: str, stamp: str, chance: float) -> str:
        mix, rows, truth = self.mix, self._rows[table], self.truth
        truth.events[table] = truth.events.get(table, 0) + 1
        head = f'{{"id":"evt-{number:010d}","source":"shop-db","schema":"public","table":"{table}",'
        tail = (
            f'"timestamp":"{stamp}","transaction_id":"{number // 3}","position":{{"lsn":'
            f'"0/{number:08X}","sequence":{number % 3}}},'
        )
        # The first rows of a table are inserts only, as a snapshot brings them.
        if chance >= mix.updates + mix.deletes or len(rows) < 20:
            return self._insert(number, table, head, tail)
        place = int(self._random.random() * len(rows))
        old = rows[place]
        if chance < mix.deletes:
            rows[place] = rows[-1]
            rows.pop()
            return f'{head}"operation":"DELETE",{tail}"before":{self._old(old)},"after":null}}'
        new = (old[0], (old[1] + number) % 1_000_000, (old[2] + 1) % len(STATES))
        rows[place] = new
        return (
            f'{head}"operation":"UPDATE",{tail}"before":{self._old(old)},'
            f'"after":{self._row(new)}}}}}'
        )

    def _insert(self, number: int, table: str, head: str, tail: str) -> str:
        row = _first_state(number)
        if self._changes:
            self._rows[table].append(row)
        self.truth.inserts[table] = self.truth.inserts.get(table, 0) + 1
        self.truth.cents[table] = self.truth.cents.get(table, 0) + row[1]
        text = f'{head}"operation":"INSERT",{tail}"before":null,"after":{self._row(row)}'
        if self.mix.kind != "shop":
            return text + "}}"
        return f'{text},"note":"{"x" * (self.mix.bytes - len(text) - 12)}"}}}}'

    def _old(self, row: Row) -> str:
        if self.mix.before:
            return self._row(row) + "}"
        number, cents, state = row
        return (
            f'{{"id":{number},"amount":"{cents // 100}.{cents % 100:02d}",'
            f'"status":"{STATES[state]}"}}'
        )


def write_events(path: Path, count: int, mix: Mix) -> Truth:
    """Write a file and, beside it, the truth about it; keeps a file that is there already."""
    beside = path.with_suffix(".truth.json")
    if beside.exists():
        return read_truth(path)
    maker = Maker(mix)
    with path.open("wb", buffering=1 << 20) as out:
        out.writelines(maker.lines(count))
    beside.write_text(json.dumps(asdict(maker.truth)))
    return maker.truth


def read_truth(path: Path) -> Truth:
    """The truth about a file of `write_events`."""
    return Truth(**json.loads(path.with_suffix(".truth.json").read_text()))
