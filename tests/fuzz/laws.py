"""What must hold of decoding whatever bytes come; each law raises AssertionError where it does not.

Hypothesis, the list of nasty items and atheris all check the same laws.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA, DecodedBatch, RowFrame
from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.cutting import Cut, Cutter
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.records import RecordCutter
from datawatch_lab.ingest.sources.csv import CsvForm
from datawatch_lab.ingest.sources.http import decode_body
from datawatch_lab.ingest.telemetry.bodies import decode_posted
from datawatch_lab.ingest.telemetry.streams import Stream

SPACES = b" \t\r\n"
_UNTOLD = "ts"  # marks without a time take that of their neighbours
_WITH_OWN_TIME = frozenset("cudrt")


def places(items: Sequence[bytes]) -> list[int]:
    """Where each item begins when all stand in one file, one a line."""
    lengths = [len(item) + 1 for item in items]
    return [0, *itertools.accumulate(lengths)][: len(items)]


def decoded(items: Sequence[bytes]) -> DecodedBatch:
    """Items decoded as the lines of a file, all laws of one batch checked."""
    batch = decode(items, range(1, len(items) + 1), places(items), source="fuzz")
    check_batch(batch)
    lines = Counter(batch.events["line"].to_pylist()) + Counter(batch.bad["line"].to_pylist())
    for number, item in enumerate(items, 1):
        empty = is_empty_batch(item)
        if item.strip(SPACES) and not empty:
            assert lines[number], f"line {number} is neither an event nor bad: {item[:200]!r}"
        elif not (empty and b'"table"' in item):  # an event may have a field `events` as well
            assert not lines[number], f"line {number} is blank and yet something: {item[:200]!r}"
    for row in batch.bad.select(["line", "raw"]).to_pylist():
        whole = items[row["line"] - 1]
        assert row["raw"] in whole, f"line {row['line']}: the bytes kept are not those that came"
    return batch


def is_empty_batch(item: bytes) -> bool:
    """Whether an item is an array or a batch without a single event, however nested."""
    try:
        value = msgspec.json.decode(item)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if isinstance(value, dict) and isinstance(value.get("events"), list):
        value = value["events"]
    return isinstance(value, list) and all(each in ([], {"events": []}) for each in value)


def check_batch(batch: DecodedBatch) -> None:
    """The shape of a batch: schemas, no nulls where none may be, reasons, images of good events."""
    assert batch.events.schema == EVENT_SCHEMA
    assert batch.bad.schema == BAD_SCHEMA
    batch.events.validate(full=True)
    batch.bad.validate(full=True)
    for name in ("line", "offset", "schema", "table", "op", "event_id", "origin"):
        assert batch.events[name].null_count == 0, f"an event has no {name}"
    assert batch.bad["reason"].null_count == batch.bad["raw"].null_count == 0
    assert all(reason.strip() for reason in batch.bad["reason"].to_pylist())
    assert len(set(batch.bad["event_id"].to_pylist())) == batch.bad.num_rows
    of_table: dict[tuple[str, str], list[int]] = {}
    keys = zip(*(batch.events[name].to_pylist() for name in ("schema", "table")), strict=True)
    for at, key in enumerate(keys):
        of_table.setdefault(key, []).append(at)
    assert set(batch.declared) <= set(of_table), "a table without an event is declared"
    held = Counter[str]()
    for key, rows in batch.rows.items():
        for side, frame in (("after", rows.after), ("before", rows.before)):
            _check_frame(frame, batch.events[side], set(of_table[key]))
            held[side] += len(frame.rows)
    for side, count in held.items():
        images = batch.events[side].to_pylist()
        filled = sum(1 for image in images if image and msgspec.json.decode(image, type=_OBJECT))
        assert count == filled, f"{filled} events have an image {side}, {count} are typed"


_OBJECT = dict[str, msgspec.Raw]


def _check_frame(frame: RowFrame, images: pa.ChunkedArray, mine: set[int]) -> None:
    at = frame.rows.tolist()
    assert at == sorted(set(at))
    assert set(at) <= mine
    assert frame.columns.height == len(at) or not frame.columns.width
    names: set[str] = set()
    for place, row in enumerate(at):
        fields = set(msgspec.json.decode(images[row].as_py(), type=_OBJECT))
        names |= fields
        missing = {name for name, mask in frame.absent.items() if mask[place]}
        assert fields == set(frame.columns.columns) - missing, "a field was lost or made up"
    assert names == set(frame.columns.columns)


def rows_of(batch: DecodedBatch) -> list[dict[str, Any]]:
    """Events and bad rows in order, without the times that depend on neighbours."""
    rows = [
        {**row, "ts": row["ts"] if row["op"] in _WITH_OWN_TIME else None}
        for row in batch.events.to_pylist()
    ]
    rows += batch.bad.to_pylist()
    return sorted(rows, key=lambda row: (row["line"], row["offset"], row["event_id"]))


def check_alone(items: Sequence[bytes], batch: DecodedBatch, every: int = 1) -> None:
    """An item is read as it is read alone, whatever stands around it."""
    together: dict[int, list[dict[str, Any]]] = {}
    for row in rows_of(batch):
        together.setdefault(row["line"], []).append(row)
    starts = places(items)
    for at in range(0, len(items), every):
        alone = decode([items[at]], [at + 1], [starts[at]], source="fuzz")
        assert rows_of(alone) == together.get(at + 1, []), f"line {at + 1} differs when alone"


class _Cutter(Protocol):
    def feed(self, data: bytes) -> Cut: ...
    def finish(self) -> Cut: ...


def check_pieces(data: bytes, bounds: Iterable[int], *, csv: bool = False) -> Cut:
    """Items do not depend on where the pieces end in which the bytes come."""

    def cutter() -> _Cutter:
        return RecordCutter() if csv else Cutter()

    whole = _cut(cutter(), [data])
    edges = [0, *sorted({at % (len(data) + 1) for at in bounds}), len(data)]
    parts = [data[start:stop] for start, stop in itertools.pairwise(edges)]
    assert _cut(cutter(), parts) == whole
    return whole


def _cut(cutter: _Cutter, parts: Sequence[bytes]) -> Cut:
    made = Cut()
    for cut in [*(cutter.feed(part) for part in parts), cutter.finish()]:
        for at, item in enumerate(cut.items):
            reason = cut.refused.get(at, "")
            made.add(item, cut.lines[at], cut.offsets[at], cut.modes[at], reason)
    return made


def check_file(data: bytes, bounds: Iterable[int] = ()) -> DecodedBatch:
    """Bytes of a file: cut anywhere alike, and every item an event or bad."""
    cut = check_pieces(data, bounds)
    batch = decode(cut.items, cut.lines, cut.offsets, source="fuzz", refused=cut.refused)
    check_batch(batch)
    seen = {*batch.events["offset"].to_pylist(), *batch.bad["offset"].to_pylist()}
    for at, item in enumerate(cut.items):
        blank = not item.strip(SPACES) and at not in cut.refused
        inside = range(cut.offsets[at], cut.offsets[at] + max(len(item), 1))
        assert blank or is_empty_batch(item) or any(offset in inside for offset in seen)
    return batch


def check_csv(data: bytes, bounds: Iterable[int] = ()) -> DecodedBatch:
    """Bytes of a CSV file: cut anywhere alike, and every record an event or bad."""
    check_pieces(data, bounds, csv=True)
    form = CsvForm("t")
    cutter = form.cutter()
    cuts = [cutter.feed(data), cutter.finish()]
    batches = [form.decode(cut, "fuzz") for cut in cuts]
    for cut, batch in zip(cuts, batches, strict=True):
        check_batch(batch)
        assert batch.received == len(cut.items), "a record was lost"
    return batches[0]


def check_body(body: bytes, content_type: str = "", encoding: str = "") -> DecodedBatch | None:
    """A request's body: decoded, or refused as a whole with a sentence and a status."""
    return _check_posted(decode_body, body, content_type, encoding)


def check_telemetry(stream: Stream, body: bytes, content_type: str = "") -> DecodedBatch | None:
    """The same for rows of a stream of telemetry; all are of its table, malformed ones too."""
    batch = _check_posted(partial(decode_posted, stream), body, content_type, "")
    if batch is not None:
        tables = {*batch.events["table"].to_pylist(), *batch.bad["table"].to_pylist()}
        assert tables <= {stream.name}, tables
    return batch


def _check_posted(
    decoder: Callable[..., DecodedBatch], body: bytes, content_type: str, encoding: str
) -> DecodedBatch | None:
    numbers = itertools.count()
    try:
        batch = decoder(
            body,
            content_type=content_type,
            content_encoding=encoding,
            id_factory=lambda: f"n{next(numbers)}",
            max_bytes=4 * 1024 * 1024,
        )
    except InputError as error:
        refusal = error
    else:
        check_batch(batch)
        return batch
    assert refusal.message.strip()
    assert 400 <= refusal.status < 500
    return None
