"""Changes to a table of events: envelope fields as typed columns, and what makes a change none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import EVENT_SCHEMA
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.envelopes.base import OPERATIONS
from datawatch_lab.ingest.identity import IdFactory, content_id
from datawatch_lab.ingest.raws import RawColumn, raw_column
from datawatch_lab.ingest.reading import Reading
from datawatch_lab.ingest.times import parse_times

TableKey = tuple[str, str]
"""Schema and table, as the envelope has them."""

_MARKS = (Op.BEGIN, Op.COMMIT)
_ROW_OPS = (Op.INSERT, Op.UPDATE, Op.DELETE, Op.SNAPSHOT)
_FIELDS = (
    "id", "source", "schema", "table", "op", "timestamp", "transaction_id",
    "position", "before", "after", "metadata", "ddl_type", "ddl_command",
)  # fmt: skip
_WORDS = {word: str(op) for word, op in OPERATIONS.items()}


@dataclass(frozen=True)
class Events:
    """Well-formed events and the images they carry.

    Attributes:
        table: `EVENT_SCHEMA`.
        places: index of each event's item in the `Reading`.
        after, before: raw image of each event; empty where there is none.
        has_after, has_before: Boolean; the event has that image, and it has fields.
        faults: reasons by index of the change, for changes that are no events after all.
        named: schema and table of those changes, as far as they could be read.
    """

    table: pa.Table
    places: np.ndarray
    after: Sequence[bytes]
    before: Sequence[bytes]
    has_after: np.ndarray
    has_before: np.ndarray
    faults: Mapping[int, str]
    named: Mapping[int, TableKey]


@dataclass(frozen=True)
class _Columns:
    """The fields of all changes, one entry a change."""

    ids: Sequence[str | int | None]
    stamps: Sequence[str | int | float | None]
    commands: Sequence[str | None]
    kinds: Sequence[str | None]
    words: Sequence[str]
    origin: pl.Series
    schema: pl.Series
    table: pl.Series
    op: pl.Series
    ts: pl.Series
    txid: pl.Series
    position: RawColumn
    before: RawColumn
    after: RawColumn
    metadata: RawColumn


def event_table(reading: Reading, id_factory: IdFactory | None) -> Events:
    """The well-formed events of a reading, in input order, and why others are none."""
    columns = _columns(reading)
    faults = _faults(columns)
    places = np.asarray(reading.places, dtype=np.int64)
    table = _table(columns, reading, places, _event_ids(columns.ids, reading, id_factory))
    named = {at: (columns.schema[at], columns.table[at]) for at in faults}
    after, before = columns.after, columns.before
    good = np.delete(np.arange(len(places)), list(faults))
    whole = not faults
    return Events(
        table if whole else table.take(pa.array(good)),
        places[good],
        after.texts if whole else [after.texts[at] for at in good],
        before.texts if whole else [before.texts[at] for at in good],
        (after.objects & ~after.empty_objects)[good],
        (before.objects & ~before.empty_objects)[good],
        faults,
        named,
    )


def _columns(reading: Reading) -> _Columns:
    values = zip(*map(attrgetter(*_FIELDS), reading.changes), strict=True)
    fields = dict(zip(_FIELDS, map(list, values), strict=False))
    field = {name: fields.get(name, []) for name in _FIELDS}
    words = field["op"]
    op = pl.Series(words, dtype=pl.String).str.strip_chars().str.to_uppercase()
    op = op.replace_strict(_WORDS, default=None, return_dtype=pl.String)
    table = pl.Series(field["table"], dtype=pl.String).fill_null("")
    return _Columns(
        ids=field["id"],
        stamps=field["timestamp"],
        commands=field["ddl_command"],
        kinds=field["ddl_type"],
        words=words,
        origin=pl.Series(field["source"], dtype=pl.String).fill_null(""),
        schema=pl.Series(field["schema"], dtype=pl.String).fill_null(""),
        table=table.set(op.is_in(_MARKS).fill_null(value=False), ""),
        op=op,
        ts=parse_times(field["timestamp"]),
        txid=_texts(field["transaction_id"]),
        position=raw_column(field["position"]),
        before=raw_column(field["before"]),
        after=raw_column(field["after"]),
        metadata=raw_column(field["metadata"]),
    )


def _texts(values: Sequence[str | int | None]) -> pl.Series:
    if int in set(map(type, values)):
        values = [None if value is None else str(value) for value in values]
    return pl.Series(values, dtype=pl.String)


def _faults(columns: _Columns) -> dict[int, str]:
    """Why changes are no events; the first reason counts."""
    faults: dict[int, str] = {}
    for name in ("position", "before", "after", "metadata"):
        for at in getattr(columns, name).garbled:
            faults.setdefault(at, f"{_name(columns, at)}: {name} is not UTF-8")
    words = ", ".join(OPERATIONS)
    for at in columns.op.is_null().arg_true():
        reason = f"operation {columns.words[at]!r} is not one of {words}"
        faults.setdefault(at, f"{_name(columns, at)}: {reason}")
    marks = columns.op.is_in(_MARKS).fill_null(value=False)
    for at in ((columns.table == "") & ~marks).arg_true():
        faults.setdefault(at, f"the {columns.words[at]} event has no table")
    _image_faults(columns, faults)
    for at in (columns.op == Op.DDL).arg_true():
        if not columns.commands[at]:
            faults.setdefault(at, f"{_name(columns, at)}: the DDL event has no ddl_command")
    for at in columns.ts.is_null().arg_true():
        if columns.stamps[at] is not None:
            faults.setdefault(at, _bad_stamp(_name(columns, at), columns.stamps[at]))
    return faults


def _image_faults(columns: _Columns, faults: dict[int, str]) -> None:
    filled = np.zeros(len(columns.op), dtype=np.bool_)
    for name, column in (("after", columns.after), ("before", columns.before)):
        for at in np.flatnonzero(column.present & ~column.objects).tolist():
            shown = column.texts[at][:40].decode("utf-8", "replace")
            reason = f"{name} is not a JSON object but {shown}"
            faults.setdefault(at, f"{_name(columns, at)}: {reason}")
        filled |= column.objects & ~column.empty_objects
    rows = columns.op.is_in(_ROW_OPS).fill_null(value=False).to_numpy()
    for at in np.flatnonzero(rows & ~filled).tolist():
        reason = f"the {columns.words[at]} event has no row image (after or before) with fields"
        faults.setdefault(at, f"{_name(columns, at)}: {reason}")


def _name(columns: _Columns, at: int) -> str:
    return columns.table[at] or "the event"


def _bad_stamp(name: str, stamp: object) -> str:
    return f"{name}: timestamp {str(stamp)[:60]!r} is not ISO 8601 text or an epoch number"


def _event_ids(
    ids: Sequence[str | int | None], reading: Reading, id_factory: IdFactory | None
) -> list[str]:
    if all(type(given) is str and given for given in ids):
        return list(map(str, ids))
    found = []
    for given, place in zip(ids, reading.places, strict=True):
        if given is not None and given != "":
            found.append(str(given))
        elif id_factory is not None:
            found.append(id_factory())
        else:
            found.append(content_id(reading.items[place].strip(), reading.offsets[place]))
    return found


def _table(columns: _Columns, reading: Reading, places: np.ndarray, ids: Sequence[str]) -> pa.Table:
    order = pl.Series(columns.position.array).str.extract(r'"sequence"\s*:\s*"?([0-9]+)')
    parts = {
        "line": pl.Series(np.asarray(reading.lines, dtype=np.int64)[places]),
        "offset": pl.Series(np.asarray(reading.offsets, dtype=np.int64)[places]),
        "schema": columns.schema,
        "table": columns.table,
        "op": columns.op,
        "ts": columns.ts,
        "event_id": pl.Series(ids, dtype=pl.String),
        "origin": columns.origin,
        "position": columns.position.array,
        "txid": columns.txid,
        "tx_order": order.cast(pl.Int64, strict=False),
        "after": columns.after.array,
        "before": columns.before.array,
        "extra": _extra(columns, reading.unknown),
    }
    arrays = [
        column.to_arrow().cast(kind.type) if isinstance(column, pl.Series) else column
        for column, kind in zip(parts.values(), EVENT_SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=EVENT_SCHEMA)


def _extra(columns: _Columns, unknown: Mapping[int, bytes]) -> pl.Series:
    """JSON text of what has no column; null when there is nothing."""
    metadata = pl.Series(columns.metadata.array)
    extra = '{"metadata":' + metadata + "}"
    kinds = pl.Series(columns.kinds, dtype=pl.String)
    commands = pl.Series(columns.commands, dtype=pl.String)
    special = {*(kinds.is_not_null() | commands.is_not_null()).arg_true(), *unknown}
    if not special:
        return extra
    where = sorted(special)
    texts = [_members(metadata[at], kinds[at], commands[at], unknown.get(at, b"")) for at in where]
    return extra.scatter(where, pl.Series(texts, dtype=pl.String))


def _members(metadata: str | None, kind: str | None, command: str | None, rest: bytes) -> str:
    members = [f'"metadata":{metadata}'] if metadata is not None else []
    for name, value in (("ddl_type", kind), ("ddl_command", command)):
        if value is not None:
            members.append(f'"{name}":{msgspec.json.encode(value).decode()}')
    if rest:
        members.append(rest.decode())
    return "{" + ",".join(members) + "}"
