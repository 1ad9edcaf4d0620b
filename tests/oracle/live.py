"""Live tables by replaying every change: rows by key, and each step that a row took.

Slow and plain on purpose. A table is replayed in order of (event time, position, order within the
position, arrival); for a source that hands changes over in order, by arrival alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from .reading import Applied, micros, parse_time

Row = Mapping[str, Any]
Key = tuple[str, ...]

NULL = "(null)"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


@dataclass(frozen=True)
class Step:
    """A change of one row: ``old`` is None where there was none, ``new`` where there is none now.

    ``at`` is the event time of what made the new state, in µs.
    """

    at: int
    old: Row | None
    new: Row | None


@dataclass
class Live:
    """One keyed table after a replay.

    Attributes:
        rows: current rows by key, in text.
        steps: every change of a row in the order of the replay.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def put(self, at: int, key: Key, row: Row | None) -> None:
        """Let a row be this, or be gone."""
        old = self.rows.pop(key, None)
        if row is not None:
            self.rows[key] = row
        if old is not None or row is not None:
            self.steps.append(Step(at, old, row))


def replay(events: Iterable[Applied], key: Sequence[str], *, ordered: bool = False) -> Live:
    """Replay the changes of one table.

    Args:
        events: applied events of the table.
        key: its key columns, at least one.
        ordered: whether arrival alone is the order.
    """
    if not key:
        raise ValueError("a table without a key has no current rows; see `appended`")
    live = Live()
    for event in sorted(events, key=lambda e: e.order if ordered else e.rank):
        _apply(live, event, key)
    return live


def appended(events: Iterable[Applied]) -> list[Row]:
    """Rows of an append-only table in order of arrival."""
    new = [e for e in events if e.op in ("INSERT", "SNAPSHOT") and e.after is not None]
    return [e.after or {} for e in sorted(new, key=lambda e: e.order)]


def _apply(live: Live, event: Applied, key: Sequence[str]) -> None:
    if event.op == "TRUNCATE":
        for each in list(live.rows):
            live.put(event.at, each, None)
        return
    old, new = (_key_of(image, key) for image in (event.before, event.after))
    if event.op in ("INSERT", "SNAPSHOT") and new is not None:
        live.put(event.at, new, dict(event.after or {}))
    elif event.op == "DELETE" and (old or new) is not None:
        live.put(event.at, old or new or (), None)
    elif event.op == "UPDATE" and (new or old) is not None:
        _update(live, event, old, new or old or ())


def _update(live: Live, event: Applied, old: Key | None, new: Key) -> None:
    """Fields over the row; a row that changed its key takes along what the event does not say."""
    if old is None or old == new:
        live.put(event.at, new, {**live.rows.get(new, {}), **(event.after or {})})
        return
    moved = live.rows.get(old, {})
    live.put(event.at, old, None)
    live.put(event.at, new, {**moved, **(event.before or {}), **(event.after or {})})


def _key_of(image: Row | None, key: Sequence[str]) -> Key | None:
    """The key of an image in text; None when it lacks a part or a part is null."""
    parts = [(image or {}).get(name) for name in key]
    return None if None in parts else tuple(label(part) for part in parts)


def label(value: object) -> str:
    """A value as label text; null is ``(null)``."""
    if value is None:
        return NULL
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object) -> Decimal | None:
    """A number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


# ---------------------------------------------------------------- what current-state metrics count


def row_steps(steps: Iterable[Step]) -> Iterator[tuple[int, str, Decimal]]:
    """(at, '', +1 or -1) for rows that come and go."""
    for step in steps:
        if (step.old is None) != (step.new is None):
            yield step.at, "", Decimal(1 if step.old is None else -1)


def state_steps(steps: Iterable[Step], name: str) -> Iterator[tuple[int, str, Decimal]]:
    """(at, state, +1 or -1) for rows that enter and leave states; missing is null."""
    for step in steps:
        old, new = (None if row is None else label(row.get(name)) for row in (step.old, step.new))
        if old != new:
            if old is not None:
                yield step.at, old, Decimal(-1)
            if new is not None:
                yield step.at, new, Decimal(1)


def transition_steps(
    steps: Iterable[Step], name: str
) -> Iterator[tuple[int, tuple[str, str], Decimal]]:
    """(at, (from, to), 1) for rows that were there before and after, in another state."""
    for step in steps:
        if step.old is not None and step.new is not None:
            old, new = label(step.old.get(name)), label(step.new.get(name))
            if old != new:
                yield step.at, (old, new), Decimal(1)


def net_steps(steps: Iterable[Step], name: str) -> Iterator[tuple[int, str, Decimal]]:
    """(at, '', difference) of a field between a row's states; no row, null or no number is 0."""
    with localcontext(prec=80):
        for step in steps:
            old, new = (number((row or {}).get(name)) for row in (step.old, step.new))
            if old is not None or new is not None:
                yield step.at, "", (new or Decimal(0)) - (old or Decimal(0))


# ------------------------------------------------------------------------- comparing with a table


def same(found: object, wanted: object) -> bool:
    """Whether two values are one: numbers to the last digit however typed, times as moments."""
    if found is None or wanted is None or isinstance(found, bool) or isinstance(wanted, bool):
        return label(found) == label(wanted)
    if isinstance(found, float):
        found = Decimal(repr(found))
    left, right = number(found), number(wanted)
    if left is not None and right is not None:
        return left == right
    if isinstance(wanted, dict | list) and isinstance(found, str):
        return bool(json.loads(found, parse_float=Decimal) == wanted)
    if isinstance(found, datetime):
        return micros(found) == parse_time(wanted)
    left_text, right_text = _plain(found), _plain(wanted)
    if left_text != right_text and _MOMENT.match(left_text) and _MOMENT.match(right_text):
        return parse_time(left_text) == parse_time(right_text)
    return left_text == right_text


def _plain(value: object) -> str:
    return value if isinstance(value, str) else label(value)


def row_differences(
    live: Live, found: Iterable[Row], key: Sequence[str], *, skip: Sequence[str] = ()
) -> list[str]:
    """Where a table read from the product differs from the replay, as sentences.

    Args:
        live: the replay.
        found: rows of the product, every column; a column the replay lacks must be null.
        key: key columns.
        skip: columns that are not compared.
    """
    wrong: list[str] = []
    seen: set[Key] = set()
    for row in found:
        place = _key_of(row, key)
        if place is None or place not in live.rows or place in seen:
            wrong.append(f"row {place}: not expected, or twice")
            continue
        seen.add(place)
        wanted = live.rows[place]
        wrong += [
            f"row {place}: {name} is {row.get(name)!r}, expected {wanted.get(name)!r}"
            for name in sorted({*row, *wanted} - set(skip))
            if not same(row.get(name), wanted.get(name))
        ]
    return wrong + [f"row {place}: lacking" for place in live.rows if place not in seen]
