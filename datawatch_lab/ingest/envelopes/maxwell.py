"""Maxwell's JSON of MySQL row changes and DDL.

Source: https://maxwells-daemon.io/dataformat/. ``data`` is the whole row; ``old`` has the fields of
an update that changed, as they were before, so the image before is ``data`` with ``old`` laid over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared
from datawatch_lab.ingest.envelopes.base import (
    NOTHING,
    Columns,
    Malformed,
    Members,
    ToldChange,
    rest_of,
    text_of,
    told_columns,
)
from datawatch_lab.ingest.envelopes.debezium_records import mark
from datawatch_lab.ingest.envelopes.debezium_source import whole_number
from datawatch_lab.ingest.envelopes.declared import declared_types

_ROWS = {
    "insert": "INSERT",
    "update": "UPDATE",
    "delete": "DELETE",
    "bootstrap-insert": "SNAPSHOT",
}
_MARKS = ("bootstrap-start", "bootstrap-complete", "bootstrap-end", "heartbeat")
_SCHEMA = ("table", "database")
_WHERE = ("server_id", "thread_id", "schema_id", "gtid", "query")
_PLACE = attrgetter(*_WHERE)


class _Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    type: str
    database: str
    table: str = ""
    ts: int | str | None = None
    data: Raw = NOTHING
    old: Raw = NOTHING
    xid: int | None = None
    xoffset: int | None = None
    commit: bool | None = None
    position: str | None = None
    gtid: str | None = None
    server_id: int | None = None
    thread_id: int | None = None
    schema_id: int | None = None
    primary_key: list[Any] | None = None
    primary_key_columns: list[str] | None = None
    query: str | None = None


_DECODER = msgspec.json.Decoder(_Row)


class Maxwell:
    """Objects of the shape ``{database, table, type, data, …}``."""

    name = "Maxwell"
    marker = "database"

    @property
    def decode(self) -> Callable[[bytes], ToldChange]:
        """Decode a row change."""
        return _decoded

    def columns(self, changes: Sequence[ToldChange]) -> Columns:
        """The columns."""
        return told_columns(changes)

    def read(self, item: bytes, members: Members) -> Iterable[ToldChange]:
        """The change, mark or DDL event that an object is."""
        del item
        kind = text_of(members.get("type"))
        schema, table = text_of(members.get("database")), text_of(members.get("table"))
        what, _, verb = kind.partition("-")
        try:
            if what in _SCHEMA and verb:
                return [_definition(members, what, verb, schema, table)]
            if kind in _MARKS:
                return [_mark(members, kind, schema, table)]
            loose = {
                name: value
                for name, value in members.items()
                if name in _Row.__struct_encode_fields__
            }
            row = _DECODER.decode(msgspec.json.encode(loose))
            return [_told(row, rest_of(members, loose))]
        except msgspec.ValidationError as error:
            reason = f"Maxwell event: cannot be read: {error}"
            raise Malformed(reason, schema=schema, table=table) from None

    def matches(self, members: Members) -> bool:
        """Whether it names a database and a type, and has no row images of other formats."""
        if not {"database", "type"} <= members.keys() or {"after", "before"} & members.keys():
            return False
        kind = text_of(members["type"])
        return "data" in members or "-" in kind or kind in _MARKS


def _decoded(item: bytes) -> ToldChange:
    row = _DECODER.decode(item)
    if row.type not in _ROWS:
        raise msgspec.ValidationError("not a row change")
    return _told(row, b"")


def _told(row: _Row, rest: bytes) -> ToldChange:
    word = _ROWS.get(row.type)
    if word is None:
        options = ", ".join([*_ROWS, *_MARKS, "table-create", "table-alter", "table-drop"])
        reason = f"{row.table}: type {row.type!r} is not one of {options}"
        raise Malformed(reason, schema=row.database, table=row.table)
    before, after = NOTHING, row.data
    if word == "DELETE":
        before, after = row.data, NOTHING
    elif word == "UPDATE" and bytes(row.old) not in (b"", b"null"):
        before = _laid_over(row)
    key = row.primary_key_columns
    declared = None if key is None else _keyed(tuple(key))
    return ToldChange(
        id=_identity(row),
        schema=row.database,
        table=row.table,
        op=word,
        timestamp=row.ts,
        transaction_id=None if row.xid is None else str(row.xid),
        tx_order=whole_number(row.xoffset),
        position=_position(row.position),
        before=before,
        after=after,
        metadata=_metadata(row),
        rest=rest,
        declared=declared,
    )


@lru_cache(maxsize=1_024)
def _keyed(key: tuple[str, ...]) -> Declared:
    """The same object for the same key, which is soon compared."""
    return Declared(key=key)


def _laid_over(row: _Row) -> Raw:
    """The row before an update."""
    try:
        data = msgspec.json.decode(row.data, type=dict[str, Raw])
        old = msgspec.json.decode(row.old, type=dict[str, Raw])
    except msgspec.MsgspecError:
        reason = f"{row.table}: data or old of the update is not a JSON object"
        raise Malformed(reason, schema=row.database, table=row.table) from None
    return Raw(msgspec.json.encode(data | old))


def _identity(row: _Row) -> str | None:
    """Position, transaction and place in it; what a whole row says tells the rest apart."""
    if row.position is None or row.type == "bootstrap-insert":
        return None
    images = blake2b(bytes(row.data) + b"|" + bytes(row.old), digest_size=10).hexdigest()
    order = "" if row.xoffset is None else row.xoffset
    return f"{row.position}:{row.xid or ''}:{order}:{row.type}:{images}"


def _position(position: str | None) -> Raw:
    return NOTHING if position is None else Raw(msgspec.json.encode(position))


def _metadata(row: _Row) -> Raw:
    where = _PLACE(row)
    if row.query is None and row.gtid is None:
        return _described(where)
    return _described.__wrapped__(where)


@lru_cache(maxsize=1_024)
def _described(where: tuple[object, ...]) -> Raw:
    """Where rows come from, as JSON; few differ in that."""
    kept = {name: value for name, value in zip(_WHERE, where, strict=True) if value is not None}
    return Raw(msgspec.json.encode(kept)) if kept else NOTHING


def _stamp(members: Members) -> int | None:
    stamp = bytes(members.get("ts", b""))
    return int(stamp) if stamp.isdigit() and len(stamp) < 19 else None


def _mark(members: Members, kind: str, schema: str, table: str) -> ToldChange:
    return mark(kind, _stamp(members), database=schema, table=table)


def _definition(members: Members, what: str, verb: str, schema: str, table: str) -> ToldChange:
    """A DDL event; one of a whole database belongs to no table and is a mark."""
    sql, position = text_of(members.get("sql")), text_of(members.get("position"))
    at = _stamp(members)
    told = f"{position}:{what}-{verb}:{schema}.{table}" if position else None
    if what == "database" or not table:
        made = mark("ddl", at, database=schema, ddl=sql)
        made.id, made.position = told, _position(position or None)
        return made
    known = {"type", "database", "table", "ts", "sql", "position"}
    return ToldChange(
        id=told,
        schema=schema,
        table=table,
        op="DDL",
        timestamp=at,
        position=_position(position or None),
        ddl_type=verb.upper(),
        ddl_command=sql or f"{verb.upper()} TABLE {schema}.{table}",
        rest=rest_of(members, known),
        declared=_shown(members.get("def")),
    )


def _shown(definition: Raw | None) -> Declared | None:
    """Key and column types of a table's definition."""
    table = None if definition is None else msgspec.json.decode(definition)
    if not isinstance(table, dict) or not isinstance(table.get("columns"), list):
        return None
    types = [
        (column["name"], str(column.get("type") or ""))
        for column in table["columns"]
        if isinstance(column, dict) and isinstance(column.get("name"), str)
    ]
    key = table.get("primary-key")
    names = [name for name in key if isinstance(name, str)] if isinstance(key, list) else None
    return Declared(None if names is None else tuple(names), declared_types(types))
