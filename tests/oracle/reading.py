"""Reads change events one by one, with the standard library only, and says what becomes of each.

Slow and plain on purpose: it is what the real reader is held against.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

OPERATIONS = ("INSERT", "UPDATE", "DELETE", "SNAPSHOT", "TRUNCATE", "DDL", "BEGIN", "COMMIT")
DAY = 86_400 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Malformed(Exception):  # noqa: N818 - a finding, not a failure
    """The text is no event."""


@dataclass(frozen=True)
class Applied:
    """An event that counts.

    Attributes:
        order: its place in the input.
        at: event time, µs since the epoch.
        position: what the source's position counts, larger for later: (place, order within it).
        schema: of the table, '' when not told.
    """

    order: int
    at: int
    table: str
    op: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    position: tuple[int, int] = (0, 0)
    schema: str = ""

    @property
    def rank(self) -> tuple[int, tuple[int, int], int]:
        """What tells the order of two changes of a row."""
        return self.at, self.position, self.order


@dataclass
class Reading:
    """What a file holds.

    Attributes:
        applied: in order of the file.
        counts: received, applied, duplicate, late, quarantined.
        bad: line numbers of malformed events.
        future: line numbers of events dated ahead of ``now``.
        late: line numbers of events too far behind.
    """

    applied: list[Applied] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[int] = field(default_factory=list)
    future: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)


def read(
    path: Path,
    *,
    now: datetime | None = None,
    fixed: Mapping[int, str] | None = None,
    lateness: int = DAY,
) -> Reading:
    """Read a file of one event (or batch, or array) a line.

    Args:
        path: the file.
        now: the present, for events from the future; None for the clock's.
        fixed: line number -> text that stands in for it, as after a replay of the quarantine.
        lateness: µs that an event may be behind the newest of its table before it.
    """
    judge = Judge(now or datetime.now(UTC), lateness)
    for line, text in _lines(path, fixed or {}):
        judge.take(text, line)
    return judge.reading


class Judge:
    """Says of each event in order of arrival what becomes of it.

    Args:
        now: the present, for events from the future.
        lateness: µs that an event may be behind the newest applied one of its source and table.
    """

    def __init__(self, now: datetime, lateness: int = DAY) -> None:
        self.reading = Reading()
        self._ahead = micros(now) + 300 * 1_000_000
        self._lateness = lateness
        self._admitted = 0
        self._seen: set[tuple[object, ...]] = set()
        self._marks: dict[tuple[str, str], int] = {}

    def take(self, text: bytes, line: int, source: str = "") -> None:
        """Judge the event or events of a line; ``source`` is who brought it."""
        for place, item in enumerate(_items(text)):
            outcome = self._outcome(item, line, place, source)
            self.reading.counts["received"] += 1
            self.reading.counts[outcome] += 1

    def admit(self, text: bytes) -> None:
        """Apply an event whatever was said of it before, as a replay of the quarantine does."""
        for item in _items(text):
            self._admitted += 1
            _, event = _event(item, self.reading.counts["received"] + self._admitted)
            self.reading.applied.append(event)

    def _outcome(self, item: object, line: int, place: int, source: str) -> str:
        reading = self.reading
        try:
            identity, event = _event(item, reading.counts["received"] + 1)
        except Malformed:
            reading.bad.append(line)
            return "quarantined"
        identity = identity or (source, line, place)
        known = identity in self._seen
        self._seen.add(identity)
        table = (source, f"{event.schema}.{event.table}")
        mark = self._marks.get(table, event.at)
        if known:
            return "duplicate"
        if event.at > self._ahead:
            reading.future.append(line)
            return "quarantined"
        if mark - event.at > self._lateness:
            reading.late.append(line)
            return "late"
        reading.applied.append(event)
        self._marks[table] = max(mark, event.at)
        return "applied"


def micros(moment: datetime) -> int:
    """µs since the epoch; a moment without offset is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def parse_time(text: object) -> int:
    """ISO 8601 text to µs since the epoch.

    Raises:
        Malformed: it is none.
    """
    try:
        return micros(datetime.fromisoformat(str(text)))
    except ValueError as error:
        raise Malformed(f"no time: {text!r}") from error


def _lines(path: Path, fixed: Mapping[int, str]) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            text = fixed[number].encode() if number in fixed else raw
            if text.strip():
                yield number, text


def _items(text: bytes) -> list[object]:
    """The events of a line; a line that is no JSON is one malformed event."""
    try:
        value = json.loads(text.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, Malformed):
        return [None]
    if isinstance(value, dict) and isinstance(value.get("events"), list):
        return list(value["events"])
    return list(value) if isinstance(value, list) else [value]


def _refuse(name: str) -> object:
    raise Malformed(name)


def _event(item: object, order: int) -> tuple[tuple[object, ...] | None, Applied]:
    """Identity (None for an event without id) and event of a JSON value."""
    if not isinstance(item, dict):
        raise Malformed("no object")
    op = item.get("operation", item.get("type"))
    if op not in OPERATIONS:
        raise Malformed(f"operation {op!r}")
    table = item.get("table", "")
    mark = op in ("BEGIN", "COMMIT")
    if not isinstance(table, str) or not (table or mark):
        raise Malformed("no table")
    images = {name: item.get(name) for name in ("before", "after")}
    if any(image is not None and not isinstance(image, dict) for image in images.values()):
        raise Malformed("an image is no object")
    if op in ("INSERT", "UPDATE", "DELETE") and not any(images.values()):
        raise Malformed("no image")
    at = parse_time(item.get("timestamp"))
    name = f"{item.get('schema', '')}.{table}"
    identity = (item.get("source", ""), name, str(item["id"])) if "id" in item else None
    place, schema = _position(item.get("position")), str(item.get("schema") or "")
    return identity, Applied(order, at, table, op, images["before"], images["after"], place, schema)


def _position(given: object) -> tuple[int, int]:
    """What a position counts: the LSN, or file and offset of a binary log, and the order in it."""
    if not isinstance(given, dict):
        return 0, 0
    sub = int(given.get("sequence") or 0)
    if "lsn" in given:
        high, _, low = str(given["lsn"]).rpartition("/")
        return (int(high or "0", 16) << 32) + int(low, 16 if high else 10), sub
    if "position" in given:
        number = str(given.get("file", "")).rpartition(".")[2]
        return (int(number if number.isdecimal() else 0) << 40) + int(given["position"]), sub
    return 0, sub
