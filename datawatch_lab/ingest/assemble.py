"""The table of events out of the fields of changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from datawatch_lab.core.batches import EVENT_SCHEMA, Declared
from datawatch_lab.ingest.envelopes import TableKey
from datawatch_lab.ingest.fields import OPS, Fields, faults_of, fields_of
from datawatch_lab.ingest.identity import IdFactory, content_id
from datawatch_lab.ingest.raws import RawColumn, all_texts
from datawatch_lab.ingest.reading import Reading
from datawatch_lab.ingest.texts import FEW, Texts

_TEXT = pa.large_string()
_SEQUENCE = re.compile(r'"sequence"\s*:\s*"?([0-9]{1,18})\b')


@cache
def op_names() -> pa.Array:
    """Names by place in `OPS`; made when first asked for, since the first array loads pandas."""
    return pa.array([str(op) for op in OPS], _TEXT)


@dataclass(frozen=True)
class Events:
    """Well-formed events and the images they carry.

    Attributes:
        table: `EVENT_SCHEMA`.
        places: index of each event's item in the `Reading`.
        keys: the tables that events are about, schema and name, in order of appearance.
        of_key: index in ``keys`` of each event.
        images: raw images; those before of all changes, then those after.
        after, before: index in ``images`` of each event's; the text is empty where it has none.
        has_after, has_before: Boolean; the event has that image, and it has fields.
        faults: reasons by index of the change, for changes that are no events after all.
        named: schema and table of those changes, as far as they could be read.
        declared: what events say of their tables.
    """

    table: pa.Table
    places: np.ndarray
    keys: Sequence[TableKey]
    of_key: np.ndarray
    images: Texts
    after: np.ndarray
    before: np.ndarray
    has_after: np.ndarray
    has_before: np.ndarray
    faults: Mapping[int, str]
    named: Mapping[int, TableKey]
    declared: Mapping[TableKey, Declared]


def event_table(reading: Reading, id_factory: IdFactory | None) -> Events:
    """The well-formed events of a reading, in input order, and why others are none."""
    fields = fields_of(len(reading.changes), reading.by_format())
    faults = faults_of(fields)
    places = np.asarray(reading.places, dtype=np.int64)
    keys, of_key = keys_of(fields.schema, fields.table)
    count = len(places)
    events = Events(
        table=_table(fields, reading, places, _event_ids(fields.ids, reading, id_factory)),
        places=places,
        keys=keys,
        of_key=of_key,
        images=all_texts((fields.before, fields.after)),
        after=np.arange(count, 2 * count),
        before=np.arange(count),
        has_after=fields.after.filled_objects,
        has_before=fields.before.filled_objects,
        faults=faults,
        named={at: fields.key(at) for at in faults},
        declared=fields.declared,
    )
    return _some(events, np.delete(np.arange(count), list(faults))) if faults else events


def _some(events: Events, good: np.ndarray) -> Events:
    return replace(
        events,
        table=events.table.take(pa.array(good)),
        places=events.places[good],
        of_key=events.of_key[good],
        after=events.after[good],
        before=events.before[good],
        has_after=events.has_after[good],
        has_before=events.has_before[good],
    )


def keys_of(schemas: pa.Array, tables: pa.Array) -> tuple[list[TableKey], np.ndarray]:
    """The different tables, in order of appearance, and which of them each event is about."""
    if len(schemas) <= FEW:
        known: dict[TableKey, int] = {}
        told = zip(schemas.to_pylist(), tables.to_pylist(), strict=True)
        codes = [known.setdefault(key, len(known)) for key in told]
        return list(known), np.array(codes, np.int64)
    schema, table = schemas.dictionary_encode(), tables.dictionary_encode()
    if len(schema.dictionary) == 1:
        (name,) = schema.dictionary.to_pylist()
        return [(name, each) for each in table.dictionary.to_pylist()], np.asarray(table.indices)
    pairs = np.asarray(schema.indices, np.int64) * len(table.dictionary) + np.asarray(table.indices)
    encoded = pa.array(pairs).dictionary_encode()
    names, schema_names = table.dictionary.to_pylist(), schema.dictionary.to_pylist()
    apart = (divmod(pair, len(names)) for pair in encoded.dictionary.to_pylist())
    return [(schema_names[s], names[t]) for s, t in apart], np.asarray(encoded.indices)


def _event_ids(
    ids: Sequence[str | int | None], reading: Reading, id_factory: IdFactory | None
) -> pa.Array:
    if (told := _all_told(ids)) is not None:
        return told
    found: list[str] = []
    nth, last = 0, -1
    for given, place in zip(ids, reading.places, strict=True):
        nth, last = nth + 1 if place == last else 0, place
        if given is not None and given != "":
            found.append(str(given))
        elif id_factory is not None:
            found.append(id_factory())
        else:
            content = content_id(reading.items[place].strip(), reading.offsets[place])
            found.append(f"{content}:{nth}" if nth else content)
    return pa.array(found, _TEXT)


def _all_told(ids: Sequence[str | int | None]) -> pa.Array | None:
    """The ids, if every event brings one that is a text."""
    try:
        told = pa.array(ids, _TEXT)
    except pa.ArrowTypeError:
        return None  # some are numbers
    return None if told.null_count or "" in ids else told


def _table(fields: Fields, reading: Reading, places: np.ndarray, ids: pa.Array) -> pa.Table:
    known = np.maximum(fields.op, 0)  # unknown words go with their faulty event
    columns = (
        pa.array(np.asarray(reading.lines, dtype=np.int64)[places]),
        pa.array(np.asarray(reading.offsets, dtype=np.int64)[places]),
        fields.schema,
        fields.table,
        op_names().take(pa.array(known)),
        _times(fields.ts),
        ids,
        fields.origin,
        fields.position.array,
        _texts(fields.txids),
        _order(fields),
        fields.after.array,
        fields.before.array,
        _extra(fields),
    )
    return pa.Table.from_arrays(columns, schema=EVENT_SCHEMA)


def _texts(values: Sequence[str | int | None]) -> pa.Array:
    try:
        return pa.array(values, _TEXT)
    except pa.ArrowTypeError:  # some are numbers
        return pa.array([None if value is None else str(value) for value in values], _TEXT)


def _times(moments: pl.Series) -> pa.Array:
    """The same memory with the type of the schema."""
    found = moments.to_arrow()
    wanted = EVENT_SCHEMA.field("ts").type
    return found if found.type == wanted else found.cast(wanted)


def _order(fields: Fields) -> pa.Array:
    """The order in the transaction, as the envelope says or else the position."""
    told = _sequence(fields.position)
    if fields.tx_order is None:
        return told
    return pc.coalesce(pa.array(fields.tx_order, pa.int64()), told)


def _sequence(position: RawColumn) -> pa.Array:
    """The ``sequence`` of positions: the order in the transaction."""
    if b'"sequence"' not in position.texts.data:
        return pa.nulls(len(position.texts), pa.int64())
    if len(position.texts) <= FEW:
        found = [_SEQUENCE.search(text or "") for text in position.array.to_pylist()]
        return pa.array([int(each[1]) if each else None for each in found], pa.int64())
    digits = pl.Series(position.array).str.extract(_SEQUENCE.pattern)
    return digits.cast(pl.Int64).to_arrow()


def _extra(fields: Fields) -> pa.Array:
    """JSON text of what has no column; null when there is nothing."""
    extra = pa.nulls(len(fields.op), _TEXT)
    if fields.metadata.present.any():
        parts = (pa.scalar('{"metadata":', _TEXT), fields.metadata.array, pa.scalar("}", _TEXT))
        extra = pc.binary_join_element_wise(*parts, pa.scalar("", _TEXT))
    told = zip(fields.ddl_types, fields.ddl_commands, strict=True)
    special = {at for at, pair in enumerate(told) if pair != (None, None)} | fields.rest.keys()
    if not special:
        return extra
    mask = np.zeros(len(fields.op), dtype=np.bool_)
    mask[list(special)] = True
    texts = [_members(fields, at, fields.rest.get(at, b"")) for at in sorted(special)]
    return pc.replace_with_mask(extra, pa.array(mask), pa.array(texts, _TEXT))


def _members(fields: Fields, at: int, rest: bytes) -> str:
    metadata = fields.metadata.array[at].as_py()
    members = [f'"metadata":{metadata}'] if metadata is not None else []
    for name, value in (
        ("ddl_type", fields.ddl_types[at]),
        ("ddl_command", fields.ddl_commands[at]),
    ):
        if value is not None:
            members.append(f'"{name}":{msgspec.json.encode(value).decode()}')
    if rest:
        members.append(rest.decode())
    return "{" + ",".join(members) + "}"
