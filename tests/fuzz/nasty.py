"""Nasty input: values that break readers, in every member of every format, and whole items.

Everything is made here from a few lists, so that it can be read; what a fuzzer finds beyond that is
kept as files in ``corpus/<target>/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MEGABYTE = 1024 * 1024

VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "minus zero": b"-0.0",
    "above 53 bits": b"9007199254740993",
    "2^63": b"9223372036854775808",
    "-2^63-1": b"-9223372036854775809",
    "2^128": b"340282366920938463463374607431768211456",
    "400 digits": b"1" * 400,
    "5000 digits": b"7" * 5_000,
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "1e-400": b"1e-400",
    "1e308": b"1e308",
    "many decimals": b"0.1000000000000000055511151231257827021181583404541015625",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "empty text": b'""',
    "blank": b'" "',
    "word": b'"x"',
    "NaN as text": b'"NaN"',
    "NUL": b'"a\\u0000b"',
    "raw NUL": b'"a\x00b"',
    "newline": b'"a\\nb"',
    "high surrogate": b'"\\ud800"',
    "low surrogate": b'"\\udc00x"',
    "surrogates turned round": b'"\\udc00\\ud800"',
    "surrogate as bytes": b'"\xed\xa0\x80"',
    "not UTF-8": b'"\xff\xfe"',
    "BOM": b'"\xef\xbb\xbf"',
    "beyond the BMP": '"\U0001f600\U0010ffff"'.encode(),
    "quotes": b'"a\\"b\'c`d;--"',
    "long text": b'"' + b"x" * 20_000 + b'"',
    "1969": b'"1969-12-31T23:59:59.999999Z"',
    "year 1": b'"0001-01-01T00:00:00Z"',
    "after 2262": b'"2262-04-12T00:00:00Z"',
    "year 9999": b'"9999-12-31T23:59:59.999999+00:00"',
    "year 99999": b'"99999-01-01T00:00:00Z"',
    "no such day": b'"2026-02-30T00:00:00Z"',
    "leap second": b'"2026-06-30T23:59:60Z"',
    "microseconds of 2262": b"9223372036854775",
    "nanoseconds of 2262": b"9223372036854775807",
    "before 1970": b"-62135596800000",
    "empty object": b"{}",
    "object": b'{"a":1,"":null}',
    "same key twice": b'{"a":1,"a":"x"}',
    "empty array": b"[]",
    "array of kinds": b'[1,"a",null,{},[],1e400]',
    "deep object": b'{"a":' * 100 + b"1" + b"}" * 100,
    "very deep array": b"[" * 5_000 + b"]" * 5_000,
    "row of an object": b'{"id":1,"x":NaN}',
    "text of an object": b'"{\\"id\\":1}"',
    "nothing": b"",
}
"""JSON values, and texts in their place that are none."""

_AT = "2026-03-01T11:00:00Z"
_MS = 1_772_362_800_000

FORMATS: dict[str, dict[str, Any]] = {
    "savegress": {
        "id": "s-1", "source": "shop", "schema": "public", "table": "orders",
        "operation": "UPDATE", "timestamp": _AT, "transaction_id": "7",
        "position": {"lsn": "0/16B3748", "sequence": 3}, "before": {"id": 1, "x": 1.5},
        "after": {"id": 1, "x": 2.5}, "metadata": {"a": 1}, "more": 1,
    },
    "datawatch": {
        "id": "d-1", "source": "shop", "schema": "public", "table": "orders", "type": "INSERT",
        "timestamp": _MS, "after": {"id": 2, "x": 2.5}, "before": None,
    },
    "datawatch ddl": {
        "type": "DDL", "table": "orders", "ddl_type": "ALTER", "timestamp": _AT,
        "ddl_command": "ALTER TABLE orders ADD COLUMN note text",
    },
    "debezium": {
        "op": "u", "ts_ms": _MS, "before": {"id": 3, "x": 1}, "after": {"id": 3, "x": 2},
        "source": {
            "connector": "postgresql", "name": "shop", "db": "shop", "schema": "public",
            "table": "orders", "ts_ms": _MS, "txId": 9, "lsn": 25, "sequence": '["1","2"]',
        },
        "transaction": {"id": "9:25", "total_order": 1, "data_collection_order": 1},
    },
    "debezium with schema": {
        "schema": {
            "type": "struct",
            "fields": [
                {"field": "after", "type": "struct", "fields": [
                    {"field": "id", "type": "int32"},
                    {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp"},
                    {"field": "x", "type": "bytes",
                     "name": "org.apache.kafka.connect.data.Decimal",
                     "parameters": {"scale": "2"}},
                ]},
            ],
        },
        "payload": {
            "op": "c", "ts_ms": _MS, "source": {"table": "orders", "db": "shop", "pos": 4,
                                                "file": "b.1", "row": 0},
            "after": {"id": 4, "at": 1_772_362_800_000_000, "x": "AfQ="},
        },
    },
    "debezium schema change": {
        "source": {"table": "orders", "db": "shop"}, "databaseName": "shop", "ddl": "ALTER …",
        "ts_ms": _MS,
        "tableChanges": [{"type": "ALTER", "id": '"shop"."orders"', "table": {
            "primaryKeyColumnNames": ["id"], "columns": [{"name": "id", "typeName": "int"}]}}],
    },
    "debezium transaction": {
        "status": "END", "id": "9:25", "event_count": 1, "ts_ms": _MS,
        "data_collections": [{"data_collection": "public.orders", "event_count": 1}],
    },
    "wal2json 1": {
        "xid": 3, "nextlsn": "0/16B37A0", "timestamp": "2026-03-01 11:00:00.1+00",
        "change": [
            {"kind": "update", "schema": "public", "table": "orders", "columnnames": ["id", "x"],
             "columntypes": ["integer", "numeric"], "columnvalues": [5, 2.5],
             "oldkeys": {"keynames": ["id"], "keytypes": ["integer"], "keyvalues": [5]}},
            {"kind": "insert", "table": "users", "columnnames": ["id"], "columntypes": ["integer"],
             "columnvalues": [1]},
        ],
    },
    "wal2json 2": {
        "action": "U", "schema": "public", "table": "orders", "lsn": "0/16B37A8", "xid": 4,
        "timestamp": "2026-03-01 11:00:00.1+00",
        "columns": [{"name": "id", "type": "integer", "value": 6},
                    {"name": "x", "type": "numeric", "value": 2.5}],
        "identity": [{"name": "id", "type": "integer", "value": 6}],
        "pk": [{"name": "id", "type": "integer"}],
    },
    "maxwell": {
        "database": "shop", "table": "orders", "type": "update", "ts": _MS // 1000, "xid": 5,
        "xoffset": 1, "position": "b.1:77", "commit": True, "primary_key": [7],
        "primary_key_columns": ["id"], "data": {"id": 7, "x": 2}, "old": {"x": 1},
    },
    "maxwell ddl": {
        "database": "shop", "table": "orders", "type": "table-alter", "ts": _MS,
        "sql": "ALTER TABLE orders ADD COLUMN n int", "position": "b.1:80",
        "def": {"columns": [{"name": "id", "type": "int"}], "primary-key": ["id"]},
    },
    "keyed": {
        "key": {"id": 8}, "topic": "shop.public.orders", "partition": 0, "offset": 3, "ts": _MS,
        "payload": {"op": "d", "source": {"table": "orders", "schema": "public"},
                    "before": None, "after": None},
    },
    "keyed value": {
        "key": {"schema": {}, "payload": {"id": 9}},
        "value": {"operation": "DELETE", "table": "orders", "timestamp": _AT,
                  "before": {"id": 9}},
    },
    "batch": {"events": [
        {"operation": "INSERT", "table": "orders", "timestamp": _AT, "after": {"id": 10, "x": 1}},
        {"op": "c", "source": {"table": "orders"}, "ts_ms": _MS, "after": {"id": 11, "x": 1}},
    ]},
}  # fmt: skip
"""A well-formed item of every format."""

_HOLE = "\x01hole\x01"


def compact(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def whole_items() -> Iterator[tuple[str, bytes]]:
    """Items that are nasty as a whole, by name."""
    event = compact(FORMATS["savegress"])
    yield "truncated", event[:-7]
    yield "two on a line", event + event
    yield "comma behind", event + b","
    yield "text behind", event + b" x"
    yield "single quotes", event.replace(b'"', b"'")
    yield "comment", b"// " + event
    yield "BOM in front", b"\xef\xbb\xbf" + event
    yield "UTF-16", event.decode().encode("utf-16")
    yield "UTF-16 big", event.decode().encode("utf-16-be").replace(b"\n", b"")
    yield "NUL bytes", b"\x00" * 40
    yield "NUL between", event[:20] + b"\x00" + event[20:]
    yield "carriage returns", b"\r" + event + b"\r\r"
    yield "vertical tab", b"\x0b" + event
    yield "deep envelope", b'{"operation":' * 3_000 + b"1" + b"}" * 3_000
    yield "arrays in arrays", b"[" * 200_000
    yield "nested batches", b'{"events":[' * 6 + event + b"]}" * 6
    yield "batch of nothing", b'{"events":[]}'
    yield "batch of no array", b'{"events":{}}'
    yield "batch of all kinds", b"[null,1,[],{}," + event + b',"x",[' + event + b"]]"
    for name in ("null", "true", "zero", "empty text", "empty object", "empty array", "400 digits"):
        yield f"only {name}", VALUES[name]
    yield "member twice", event[:-1] + b',"table":"users"}'
    yield "10 MB text", event.replace(b"2.5", b'"' + b"y" * 10 * MEGABYTE + b'"')
    yield "10 MB number", event.replace(b"2.5", b"3" * 10 * MEGABYTE)
    yield "10 MB of escapes", event.replace(b"2.5", b'"' + b"\\u0041" * (2 * MEGABYTE) + b'"')
    yield (
        "3000 fields",
        event.replace(b'"x":2.5', b",".join(b'"f%d":%d' % (n, n) for n in range(3_000))),
    )
    for number, table in enumerate(TABLES):
        named = {**FORMATS["datawatch"], "id": f"table-{number}", "table": table}
        yield f"table {table[:20]!r}", compact(named)
    for number, column in enumerate(COLUMNS):
        row = {"id": number, column: number, "n": 1}
        named = {**FORMATS["datawatch"], "id": f"column-{number}", "table": "odd", "after": row}
        yield f"column {column[:20]!r}", compact(named)
    for number, value in enumerate(VALUES.values()):
        one = {**FORMATS["datawatch"], "id": f"kind-{number}", "table": "kinds", "after": _HOLE}
        image = b'{"id":%d,"v":%b}' % (number, value)
        yield f"row with {number}", compact(one).replace(compact(_HOLE), image)


TABLES = (
    "", " ", "\n", "a b", 'a"b', "a'b", "a.b", "Orders", "ORDERS", "öäü", "live", "meta", "changes",
    "(journal)", "(unreadable)", "select", "'; DROP TABLE meta.ledger; --", "t" * 2_000, "a\x00b",
    "\U0001f600", "..", "%s", "{}", "__other__", "1",
)  # fmt: skip
COLUMNS = (
    "", " ", "ID", "Id", 'a"b', "a'b", "a.b", "_seq", "_op", "_ts", "_before", "rowid", "k_hi",
    "seq", "op", "table", "select", "c" * 2_000, "a\x00b", "\U0001f600", "%s", "{}", "öäü",
    "\u0130", "i\u0307", "ſ", "s", "K", "k",
)  # fmt: skip


def mutated() -> Iterator[tuple[str, bytes]]:
    """Every format with every nasty value in the place of each of its members, by name."""
    for name, item in FORMATS.items():
        yield name, compact(item)
        for path in _paths(item):
            holed = compact(_with(item, path, _HOLE))
            mark = compact(_HOLE)
            for what, value in VALUES.items():
                yield f"{name}: {'.'.join(map(str, path))} is {what}", holed.replace(mark, value)


def _paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if above:
        yield above
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*above, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _paths(inner, (*above, at))


def _with(value: Any, path: tuple[str | int, ...], put: Any) -> Any:
    if not path:
        return put
    head, *rest = path
    made: Any = dict(value) if isinstance(value, dict) else list(value)
    made[head] = _with(value[head], tuple(rest), put)
    return made


def everything() -> dict[str, bytes]:
    """All of it by name, each an item of one line."""
    found = dict([*mutated(), *whole_items()])
    return {name: item for name, item in found.items() if b"\n" not in item}
