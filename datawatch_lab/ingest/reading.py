"""Items of input to `Change` structs: one JSON value at a time, in the format its shape shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from msgspec import Raw

from datawatch_lab.ingest.envelopes import ENVELOPES, TOLD, Columns, Envelope, Malformed, Members
from datawatch_lab.ingest.envelopes.base import members_of

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises when an item is not what it expects."""

_NOT_TAKEN = (*UNREADABLE, Malformed)
_MAX_NESTED_BATCHES = 4
_SPACES = b" \t\r\n"
_HALF_PAIR = re.compile(
    r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[c-fC-F][0-9a-fA-F]{2})"
)


class HasColumns(Protocol):
    """Makes columns of the structs that it decodes."""

    def columns(self, changes: Sequence[Any]) -> Columns:
        """The columns, one entry a struct."""
        ...


class Fault(NamedTuple):
    """An item that is no event: its index, why, and what it is about as far as that was read."""

    place: int
    reason: str
    schema: str = ""
    table: str = ""


@dataclass
class Reading:
    """What was read so far; a change or a fault refers to its item by index.

    Attributes:
        items, lines, offsets: the items as given, then the events found inside batches.
        changes: well-formed envelopes, in input order, each as its format decodes it.
        places: the item of each change.
        runs: from which index on changes are of which format.
        faults: what is no event.
    """

    items: list[bytes]
    lines: list[int]
    offsets: list[int]
    changes: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    runs: list[tuple[int, HasColumns]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def go_on_with(self, format_: HasColumns) -> None:
        """Changes from here on are of this format."""
        if self.runs and self.runs[-1][0] == len(self.changes):
            self.runs.pop()
        if not self.runs or self.runs[-1][1] is not format_:
            self.runs.append((len(self.changes), format_))

    def by_format(self) -> list[tuple[np.ndarray, Columns]]:
        """The changes of each format: their indices, ascending, and their columns."""
        bounds = [*(start for start, _ in self.runs), len(self.changes)]
        found: dict[HasColumns, list[np.ndarray]] = {}
        for at, (start, format_) in enumerate(self.runs):
            found.setdefault(format_, []).append(np.arange(start, bounds[at + 1]))
        if len(found) == 1:
            (format_,) = found
            return [(np.arange(len(self.changes)), format_.columns(self.changes))]
        groups = {format_: np.concatenate(parts) for format_, parts in found.items()}
        return [
            (at, format_.columns([self.changes[i] for i in at.tolist()]))
            for format_, at in groups.items()
            if len(at)
        ]


def read_items(
    items: Sequence[bytes],
    lines: Sequence[int],
    offsets: Sequence[int],
    refused: Mapping[int, str] | None = None,
) -> Reading:
    """Read items; a batch or an array among them is read as the events it holds, in its place.

    Blank items are passed over. ``refused`` items are not looked at: their reason is given. The
    fast way assumes the format of the event before.
    """
    reading = Reading(list(items), list(lines), list(offsets))
    reading.faults.extend(Fault(place, reason) for place, reason in (refused or {}).items())
    places = (
        range(len(items)) if not refused else [i for i in range(len(items)) if i not in refused]
    )
    _read(reading, places, ENVELOPES[0], 0)
    return reading


def _read(reading: Reading, places: Iterable[int], format_: Envelope, level: int) -> Envelope:
    items, decode = reading.items, format_.decode
    keep, put = reading.changes.append, reading.places.append
    reading.go_on_with(format_)
    for place in places:
        try:
            keep(decode(items[place]))
        except _NOT_TAKEN:
            format_ = _read_unlike(reading, place, format_, level)
            decode = format_.decode
            reading.go_on_with(format_)
        else:
            put(place)
    return format_


def _read_unlike(reading: Reading, place: int, format_: Envelope, level: int) -> Envelope:
    """Read an item that the assumed format does not take; returns the format to assume next."""
    item = reading.items[place].strip(_SPACES)
    if not item:
        return format_
    try:
        inner = _events_inside(item)
        if inner is not None:
            return _read_batch(reading, place, inner, format_, level)
        format_ = _read_event(reading, place, item, format_)
    except Malformed as fault:
        reading.faults.append(Fault(place, str(fault), fault.schema, fault.table))
    except UNREADABLE as error:
        reading.faults.append(Fault(place, json_fault(item, error)))
    return format_


def _read_event(reading: Reading, place: int, item: bytes, assumed: Envelope) -> Envelope:
    members = members_of(item)
    format_ = next((known for known in ENVELOPES if known.matches(members)), None)
    if format_ is None:
        raise Malformed(_no_shape(members))
    if format_ is not assumed:
        try:
            change = format_.decode(item)
        except _NOT_TAKEN:
            pass  # not exactly of the format; the way below takes it or says what is wrong
        else:
            reading.go_on_with(format_)
            reading.changes.append(change)
            reading.places.append(place)
            return format_
    changes = list(format_.read(item, members))
    reading.go_on_with(TOLD)
    reading.changes.extend(changes)
    reading.places.extend([place] * len(changes))
    return format_


def _no_shape(members: Members) -> str:
    *some, last = dict.fromkeys(known.marker for known in ENVELOPES)
    keys = ", ".join(list(members)[:20]) or "none"
    return f"the event has no {', '.join(some)} or {last}; keys found: {keys}"


def _events_inside(item: bytes) -> tuple[int, list[Raw]] | None:
    """Where the array of a batch begins in the item, and its elements; None for other items."""
    if item[:1] == b"[":
        return 0, msgspec.json.decode(item, type=list[Raw])
    if item[:1] != b"{":
        raise Malformed(_not_an_object(item))
    if b'"events"' not in item:
        return None
    members = members_of(item)
    if "events" not in members or any(known.matches(members) for known in ENVELOPES):
        return None
    listed = bytes(members["events"])
    if listed[:1] != b"[":
        raise Malformed("the batch has events that are not an array")
    return item.find(listed), msgspec.json.decode(listed, type=list[Raw])


def _not_an_object(item: bytes) -> str:
    value = msgspec.json.decode(item)
    kind = {str: "text", bool: "a boolean", int: "a number", float: "a number"}.get(type(value))
    return f"the item is {kind or 'null'}, not a JSON object, an array of events or a batch"


def _read_batch(
    reading: Reading, place: int, inner: tuple[int, list[Raw]], format_: Envelope, level: int
) -> Envelope:
    if level == _MAX_NESTED_BATCHES:
        raise Malformed(f"batches are nested more than {_MAX_NESTED_BATCHES} deep")
    start, elements = inner
    whole = reading.items[place]
    start += len(whole) - len(whole.lstrip(_SPACES))
    first = len(reading.items)
    for element in elements:
        event = bytes(element)
        start = whole.find(event, start)
        reading.items.append(event)
        reading.lines.append(reading.lines[place])
        reading.offsets.append(max(reading.offsets[place], 0) + start)
        start += len(event)
    return _read(reading, range(first, len(reading.items)), format_, level + 1)


def json_fault(item: bytes, error: Exception) -> str:
    """Why an item is not JSON, with the place, in words."""
    if isinstance(error, RecursionError):
        return "the item is nested too deep to be read"
    try:
        text = item.decode("utf-8")
    except UnicodeDecodeError as fault:
        return f"the item is not UTF-8: byte 0x{item[fault.start]:02x} at byte {fault.start}"
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        at = len(text[: fault.pos].encode())
        return f"the item is not valid JSON: {fault.msg.lower()} at byte {at}"
    except (ValueError, RecursionError):
        return "the item is nested too deep or has a number too long to be read"
    if half := _HALF_PAIR.search(text):
        at = len(text[: half.start()].encode())
        return f"the item has half of a surrogate pair, {half[0]}, at byte {at}; it is no character"
    return f"the item is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}"
