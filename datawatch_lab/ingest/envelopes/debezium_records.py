"""Debezium records one by one: what is no plain row change, or comes from another connector.

Tombstones, heartbeats, logical messages and transaction boundaries are marks: they are kept in the
log and counted, and change no row. A schema change becomes one DDL event for each table change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared
from datawatch_lab.ingest.envelopes.base import (
    Malformed,
    Members,
    ToldChange,
    inner,
    members_of,
    rest_of,
)
from datawatch_lab.ingest.envelopes.debezium_source import (
    described_by,
    identity,
    metadata_of,
    moment,
    place_of,
    whole_number,
)
from datawatch_lab.ingest.envelopes.declared import declared_types
from datawatch_lab.ingest.envelopes.logical import Shape
from datawatch_lab.ingest.envelopes.toast import without_unavailable

WORDS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "SNAPSHOT", "t": "TRUNCATE"}
"""Operations of row changes, and their words."""

_OTHERS = ("operation", "type")  # of formats that may have a member of the same name
_STAMPS = frozenset({"ts_ms", "ts_us", "ts_ns"})
_CHANGE = frozenset({"op", "source", "before", "after", "transaction"}) | _STAMPS
_BOUNDARIES = {"BEGIN": "BEGIN", "END": "COMMIT"}


def is_record(members: Members) -> bool:
    """Whether an object with these members is a record of Debezium."""
    if any(name in members for name in _OTHERS):
        return False
    if "op" in members:
        return any(name in members for name in ("source", "before", "after"))
    return (
        _is_schema_change(members)
        or _is_boundary(members)
        or (bool(members) and members.keys() <= _STAMPS)
    )


def payload_of(members: Members) -> dict[str, Raw]:
    """What stands under ``payload``; nothing for a tombstone."""
    payload = bytes(members["payload"])
    if payload[:1] == b'"':
        payload = msgspec.json.decode(payload, type=str).encode()
    if payload == b"null":
        return {}
    if payload[:1] != b"{":
        raise Malformed("Debezium event: the payload is not a JSON object")
    return members_of(payload)


def read_record(members: Members, shape: Shape) -> list[ToldChange]:
    """The changes that a record tells of.

    Args:
        members: of the record, without its schema; none at all for a tombstone.
        shape: what its schema says of row images.

    Raises:
        Malformed: it is no record of Debezium.
    """
    if not members:
        return [mark("tombstone")]
    if _is_schema_change(members):
        return list(_schema_changes(members))
    if _is_boundary(members):
        return [_boundary(members)]
    if members.keys() <= _STAMPS:
        stamps = {name: _plain(member) for name, member in members.items()}
        return [mark("heartbeat", moment(stamps.get("ts_us"), stamps.get("ts_ms")))]
    if "op" not in members:
        keys = ", ".join(list(members)[:20])
        raise Malformed(f"Debezium event: the payload has no op; keys found: {keys}")
    return [_change(members, shape)]


def mark(kind: str, timestamp: str | float | None = None, **more: Any) -> ToldChange:
    """An event that is kept and changes no row."""
    return ToldChange(
        op="COMMIT",
        timestamp=timestamp,
        follows=timestamp is None,
        rest=inner({"mark": kind, **more}),
    )


def _is_schema_change(members: Members) -> bool:
    return "tableChanges" in members or ("ddl" in members and "databaseName" in members)


def _is_boundary(members: Members) -> bool:
    return (
        "status" in members
        and "id" in members
        and ("event_count" in members or "data_collections" in members)
    )


def _plain(member: Raw | None) -> Any:
    """A member as a value; None where it is missing."""
    return None if member is None or not bytes(member) else msgspec.json.decode(member)


def _source(members: Members) -> dict[str, Any]:
    source = _plain(members.get("source"))
    if source is not None and not isinstance(source, dict):
        raise Malformed("Debezium event: source is not a JSON object")
    return source or {}


def _named(value: object) -> str:
    return value if isinstance(value, str) else ""


def _change(members: Members, shape: Shape) -> ToldChange:
    source = _source(members)
    table = _named(source.get("table")) or _named(source.get("collection"))
    schema = _named(source.get("schema")) or _named(source.get("db"))
    op = _plain(members["op"])
    stamps = [_plain(members.get(name)) for name in ("ts_us", "ts_ms")]
    at = moment(source.get("ts_us"), source.get("ts_ms"), *stamps)
    if op == "m":
        return _message(members, source, at)
    if not isinstance(op, str) or op not in WORDS:
        options = ", ".join([*WORDS, "m"])
        raise Malformed(f"{table}: op {op!r} is not one of {options}", schema=schema, table=table)
    transaction = _plain(members.get("transaction"))
    tx = transaction if isinstance(transaction, dict) else {}
    order, txid = whole_number(tx.get("total_order")), tx.get("id", source.get("txId"))
    position, anchor = place_of(source)
    images = _image(members.get("before")), _image(members.get("after"))
    before, after = (shape.converted(bytes(image)) for image in without_unavailable(images))
    in_row = source.get("row") is not None
    return ToldChange(
        id=identity(anchor, op, txid, order, images, in_row=in_row),
        source=_named(source.get("name")),
        schema=schema,
        table=table,
        op=WORDS[op],
        timestamp=at,
        transaction_id=None if txid is None else str(txid),
        tx_order=order,
        position=Raw(position),
        before=Raw(before),
        after=Raw(after),
        metadata=Raw(metadata_of(described_by(source))),
        rest=rest_of(members, _CHANGE),
        declared=shape.declared if shape.declared.types else None,
    )


def _image(member: Raw | None) -> bytes:
    """A row image; MongoDB's connector writes it as text."""
    text = bytes(member) if member is not None else b""
    if text[:2] == b'"{':
        return msgspec.json.decode(text, type=str).encode()
    return text


def _message(members: Members, source: Mapping[str, Any], at: str | float | None) -> ToldChange:
    position, anchor = place_of(source)
    content = members.get("message", Raw(b"null"))
    made = mark("message", at, message=content)
    made.id = identity(anchor, "m", source.get("txId"), None, (b"", bytes(content)))
    made.source = _named(source.get("name"))
    made.position = Raw(position)
    made.metadata = Raw(metadata_of(described_by(source)))
    txid = source.get("txId")
    made.transaction_id = None if txid is None else str(txid)
    return made


def _boundary(members: Members) -> ToldChange:
    status, txid = _plain(members["status"]), _plain(members["id"])
    if not isinstance(status, str) or status not in _BOUNDARIES or not isinstance(txid, str):
        raise Malformed(f"the transaction record has status {status!r}, not BEGIN or END")
    at = moment(_plain(members.get("ts_us")), _plain(members.get("ts_ms")))
    told = {"status", "id", "ts_ms", "ts_us", "ts_ns"}
    counts = {
        name: value
        for name, value in members.items()
        if name not in told and bytes(value) != b"null"
    }
    return ToldChange(
        id=f"{status}:{txid}:{at or ''}",
        op=_BOUNDARIES[status],
        timestamp=at,
        follows=at is None,
        transaction_id=txid,
        rest=inner(counts) if counts else b"",
    )


def _schema_changes(members: Members) -> Iterable[ToldChange]:
    source = _source(members)
    stamps = [_plain(members.get(name)) for name in ("ts_us", "ts_ms")]
    at = moment(source.get("ts_us"), source.get("ts_ms"), *stamps)
    position, anchor = place_of(source)
    ddl = _named(_plain(members.get("ddl")))
    changes = _plain(members.get("tableChanges")) or []
    database = _named(_plain(members.get("databaseName"))) or _named(source.get("db"))
    schema = _named(_plain(members.get("schemaName")))
    common: dict[str, Any] = {
        "source": _named(source.get("name")),
        "timestamp": at,
        "follows": at is None,
        "position": Raw(position),
        "metadata": Raw(metadata_of(described_by({**source, "db": database or None}))),
    }
    if not isinstance(changes, list) or not all(isinstance(each, dict) for each in changes):
        raise Malformed("Debezium event: tableChanges is not an array of objects")
    for number, change in enumerate(changes):
        yield _table_change(change, number, ddl, anchor, schema or database, common)
    if not changes:
        made = mark("ddl", at, database=database, ddl=ddl)
        made.id = f"{anchor}:ddl:{ddl}" if anchor else None
        made.source, made.position = common["source"], common["position"]
        yield made


def _table_change(
    change: Mapping[str, Any],
    number: int,
    ddl: str,
    anchor: str,
    above: str,
    common: Mapping[str, Any],
) -> ToldChange:
    identifier = _named(change.get("id"))
    parts = _identifier_parts(identifier)
    table = parts[-1] if parts else ""
    if not table:
        raise Malformed("Debezium event: a table change has no id")
    schema = parts[-2] if len(parts) > 1 else above
    kind = _named(change.get("type")) or "ALTER"
    shown = change.get("table") if isinstance(change.get("table"), dict) else {}
    return ToldChange(
        id=f"{anchor}:ddl:{number}:{kind}:{identifier}" if anchor else None,
        schema=schema,
        table=table,
        op="DDL",
        ddl_type=kind,
        ddl_command=ddl or f"{kind} TABLE {identifier}",
        rest=inner({"table_change": change}),
        declared=_declared(shown or {}),
        **common,
    )


def _identifier_parts(identifier: str) -> list[str]:
    """The parts of a qualified name, quoted or not.

    >>> _identifier_parts('"inventory"."cust""omers"'), _identifier_parts("a.b")
    (['inventory', 'cust"omers'], ['a', 'b'])
    """
    parts, left = [], identifier
    while left:
        if left[0] == '"':
            end = left.find('"', 1)
            while end > 0 and left[end + 1 : end + 2] == '"':
                end = left.find('"', end + 2)
            if end < 0:
                return []
            parts.append(left[1:end].replace('""', '"'))
            left = left[end + 1 :]
        else:
            part, _, _ = left.partition(".")
            parts.append(part)
            left = left[len(part) :]
        if left and left[0] != ".":
            return []
        left = left[1:]
    return parts


def _declared(table: Mapping[str, Any]) -> Declared | None:
    """Key and types of a table as a schema change shows it; None for one that is gone."""
    columns = table.get("columns")
    if not isinstance(columns, list):
        return None
    types = [
        (column["name"], str(column.get("typeName") or column.get("typeExpression") or ""))
        for column in columns
        if isinstance(column, dict) and isinstance(column.get("name"), str)
    ]
    key = table.get("primaryKeyColumnNames")
    names = [name for name in key if isinstance(name, str)] if isinstance(key, list) else None
    return Declared(None if names is None else tuple(names), declared_types(types))
