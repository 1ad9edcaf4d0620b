"""The Debezium envelope: change events of PostgreSQL and MySQL, with and without their schema.

Source: https://debezium.io/documentation/reference/stable/connectors/, "Data change events". What a
connector says of its own work (when it processed an event) is not kept. Rarer records (schema
changes, transactions, messages, tombstones, other connectors) are read in `debezium_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import Raw

from datawatch_lab.ingest.envelopes.base import NOTHING, Columns, Members, TableKey, ToldChange
from datawatch_lab.ingest.envelopes.debezium_records import (
    WORDS,
    is_record,
    payload_of,
    read_record,
)
from datawatch_lab.ingest.envelopes.debezium_source import (
    identities,
    metadata_of,
    moment,
    place,
    whole_number,
)
from datawatch_lab.ingest.envelopes.logical import Shape, shape_of
from datawatch_lab.ingest.envelopes.toast import Image, without_unavailable

_Number = int | str | None


class _Source(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The ``source`` block of the PostgreSQL, MySQL and MariaDB connectors."""

    table: str
    version: str | None = None
    connector: str | None = None
    name: str | None = None
    ts_ms: _Number = None
    ts_us: _Number = None
    ts_ns: _Number = None
    snapshot: bool | str | None = None
    db: str | None = None
    sequence: str | None = None
    schema: str | None = None
    txId: _Number = None  # noqa: N815 - as in the event
    lsn: int | None = None
    xmin: int | None = None
    server_id: int | None = None
    gtid: str | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None
    thread: int | None = None
    query: str | None = None


class _Transaction(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str
    total_order: _Number = None
    data_collection_order: _Number = None  # follows from the order of events of the table


class _Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    op: Literal["c", "u", "d", "r", "t"]
    source: _Source
    before: Raw = NOTHING
    after: Raw = NOTHING
    ts_ms: _Number = None
    ts_us: _Number = None
    ts_ns: _Number = None
    transaction: _Transaction | None = None


class _Wrapped(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    schema: Raw
    payload: _Event


_PLACE = ("lsn", "sequence", "file", "pos", "row", "gtid", "xmin")
_DESCRIBED = ("name", "db", "connector", "version", "server_id", "thread", "snapshot", "query")
_FROM_SOURCE = (
    "schema", "table", "ts_us", "ts_ms", "txId", "lsn", "sequence", "file", "pos", "row", "gtid",
    "xmin", *_DESCRIBED,
)  # fmt: skip
_OF_SOURCE = {name: attrgetter(name) for name in _FROM_SOURCE}


class Debezium:
    """Events of the shape ``{op, source, before, after, …}``, and records of other shapes."""

    name = "Debezium"
    marker = "op"
    decode: Callable[[bytes], _Event] = msgspec.json.Decoder(_Event).decode

    def columns(self, changes: Sequence[_Event]) -> Columns:
        """The columns; values that were not available are missing from the images."""
        after = without_unavailable([change.after for change in changes])
        before = without_unavailable([change.before for change in changes])
        return _columns(changes, before, after)

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The changes of any record."""
        del item
        return read_record(members, Shape())

    def matches(self, members: Members) -> bool:
        """Whether it is a change event, a schema change, a transaction mark or a heartbeat."""
        return is_record(members)


class DebeziumWithSchema:
    """The same under ``payload``, beside a ``schema`` that says how values are encoded."""

    name = "Debezium"
    marker = "payload"

    def __init__(self) -> None:
        self.decode: Callable[[bytes], _Wrapped] = msgspec.json.Decoder(_Wrapped).decode

    def columns(self, changes: Sequence[_Wrapped]) -> Columns:
        """The columns; values are decoded as the schema says, and types declared."""
        events = [change.payload for change in changes]
        shapes: dict[bytes, Shape] = {}
        of_each: list[Shape] = []
        declared: dict[TableKey, Shape] = {}
        for change in changes:
            text = bytes(change.schema)
            shape = shapes.get(text)
            if shape is None:
                shape = shapes[text] = shape_of(text)
            of_each.append(shape)
            source = change.payload.source
            declared[source.schema or source.db or "", source.table] = shape
        after = without_unavailable([event.after for event in events])
        before = without_unavailable([event.before for event in events])
        if any(shape.converters for shape in shapes.values()):
            after = [s.converted(bytes(image)) for s, image in zip(of_each, after, strict=True)]
            before = [s.converted(bytes(image)) for s, image in zip(of_each, before, strict=True)]
        columns = _columns(events, before, after)
        columns.declared = {
            key: shape.declared for key, shape in declared.items() if shape.declared.types
        }
        return columns

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The changes of any record under ``payload``."""
        del item
        payload = payload_of(members)
        return read_record(payload, shape_of(bytes(members.get("schema", b""))))

    def matches(self, members: Members) -> bool:
        """Whether there is a payload, and beside it at most a schema."""
        return "payload" in members and not members.keys() - {"payload", "schema"}


def _columns(events: Sequence[_Event], before: Sequence[Image], after: Sequence[Image]) -> Columns:
    sources = [event.source for event in events]
    of = {name: list(map(member, sources)) for name, member in _OF_SOURCE.items()}
    ops, tx = [event.op for event in events], [event.transaction for event in events]
    images = [(event.before, event.after) for event in events]
    txids = [t.id if t else own for t, own in zip(tx, of["txId"], strict=True)]
    orders = [whole_number(t.total_order) if t else None for t in tx]
    places = list(map(place, *(of[name] for name in _PLACE)))
    ids = identities([where[1] for where in places], ops, txids, orders, of["row"], images)
    stamps = [
        us if type(us) is int and us else moment(us, ms, event.ts_us, event.ts_ms)
        for us, ms, event in zip(of["ts_us"], of["ts_ms"], events, strict=True)
    ]
    return Columns(
        {
            "id": ids,
            "source": of["name"],
            "schema": [own or above for own, above in zip(of["schema"], of["db"], strict=True)],
            "table": of["table"],
            "op": list(map(WORDS.__getitem__, ops)),
            "timestamp": stamps,
            "transaction_id": txids,
            "position": [where[0] for where in places],
            "before": before,
            "after": after,
            "metadata": _metadata(list(zip(*(of[name] for name in _DESCRIBED), strict=True))),
            "ddl_type": [None] * len(ops),
            "ddl_command": [None] * len(ops),
        },
        tx_order=orders,
    )


def _metadata(described: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Where each event comes from; made once for all that come from the same."""
    made = {each: metadata_of(dict(zip(_DESCRIBED, each, strict=True))) for each in set(described)}
    return [made[each] for each in described]
