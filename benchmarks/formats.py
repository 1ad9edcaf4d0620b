"""Events of `benchmarks.events` as other formats write the same changes; one line to one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

_OPS = {
    "INSERT": ("c", "I", "insert"),
    "UPDATE": ("u", "U", "update"),
    "DELETE": ("d", "D", "delete"),
}
_TYPES = {
    "id": "bigint", "customer_id": "bigint", "amount": "numeric(12,2)", "quantity": "integer",
    "gift": "boolean", "weight": "double precision", "placed_at": "timestamp with time zone",
}  # fmt: skip
Event = Mapping[str, Any]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _micros(event: Event) -> int:
    moment = datetime.fromisoformat(event["timestamp"])
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def datawatch(event: Event, number: int) -> str:
    """The DataWatch envelope."""
    del number
    return _text({("type" if name == "operation" else name): v for name, v in event.items()})


def debezium(event: Event, number: int) -> str:
    """Debezium's of PostgreSQL, without a schema."""
    at = _micros(event)
    stamps = {"ts_ms": at // 1_000, "ts_us": at, "ts_ns": at * 1_000}
    source = {
        "version": "2.7.0.Final", "connector": "postgresql", "name": "shop", **stamps,
        "snapshot": "false", "db": "shop", "sequence": f'["{number}","{number}"]',
        "schema": "public", "table": event["table"], "txId": number // 3, "lsn": number,
        "xmin": None,
    }  # fmt: skip
    return _text(
        {
            "before": event["before"], "after": event["after"], "source": source,
            "transaction": None, "op": _OPS[event["operation"]][0], **stamps,
        }
    )  # fmt: skip


def wal2json(event: Event, number: int) -> str:
    """wal2json's format 2."""
    told = {
        "action": _OPS[event["operation"]][1], "xid": number // 3,
        "timestamp": event["timestamp"][:26].replace("T", " ") + "+00",
        "lsn": f"0/{number:X}", "schema": "public", "table": event["table"],
    }  # fmt: skip
    for name, image in (("columns", event["after"]), ("identity", event["before"])):
        if image:
            told[name] = [
                {"name": key, "type": _TYPES.get(key, "text"), "value": value}
                for key, value in image.items()
            ]
    return _text(told)


def maxwell(event: Event, number: int) -> str:
    """Maxwell's, with keys."""
    told = {
        "database": "shop", "table": event["table"], "type": _OPS[event["operation"]][2],
        "ts": _micros(event) // 1_000_000, "xid": number // 3, "xoffset": number % 3,
        "position": f"mysql-bin.000003:{number * 300}", "server_id": 1, "thread_id": 7,
        "primary_key": [(event["after"] or event["before"])["id"]], "primary_key_columns": ["id"],
        "data": event["after"] or event["before"],
    }  # fmt: skip
    if event["operation"] == "UPDATE":
        told["old"] = event["before"]
    return _text(told)


FORMATS: Mapping[str, Callable[[Event, int], str]] = {
    "datawatch": datawatch,
    "debezium": debezium,
    "wal2json": wal2json,
    "maxwell": maxwell,
}
"""By name, an event of a file (`json.loads` of its line) and its number to a line."""
