"""Events as the lines of JSON that are sent: one builder per telemetry stream and row change.

A line gets its id when it is made, so however often it is sent, it counts once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from datawatch_lab.core.errors import InputError

SCHEMA = "datawatch"
"""Schema of the telemetry streams."""

STREAMS = {
    name: f"{SCHEMA}.{name}"
    for name in (
        "events",
        "measurements",
        "heartbeats",
        "service_metrics",
        "user_actions",
        "performance",
        "business",
        "task_runs",
    )
}
"""Telemetry streams by name, as tables."""

Operation = Literal["INSERT", "UPDATE", "DELETE"]
Row = Mapping[str, Any]

OPERATION_FIELDS = ("type", "operation", "op", "action", "change", "value", "payload")
"""An event as a dictionary has one of these, whatever its format."""


def _plain(value: Any) -> Any:
    """What JSON has no form for: numbers of numpy as numbers, the rest as text."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def fresh_id() -> str:
    """A random 128-bit id in 32 hexadecimal digits."""
    return os.urandom(16).hex()


def line(
    operation: Operation,
    table: str,
    after: Row | None,
    before: Row | None = None,
    *,
    id: str | None = None,  # noqa: A002 — its name in the event
    timestamp: datetime | None = None,
) -> bytes:
    """One change of a table as a line of JSON.

    Args:
        operation: what happened to the row.
        table: its name, with the schema before a dot where there is one.
        after: the row as it is now; None for none.
        before: the row as it was; None for none.
        id: what makes a second delivery a duplicate; made when None.
        timestamp: when it happened; now when None; without a zone it is local time.

    Raises:
        InputError: there is no table name, or a value cannot be written as JSON.
    """
    schema, _, name = table.rpartition(".")
    if not name:
        raise InputError(f"{operation}: {table!r} is no name of a table.")
    event: dict[str, Any] = {
        "id": id or fresh_id(),
        "type": operation,
        "table": name,
        "timestamp": _micros(timestamp),
    }
    if schema:
        event["schema"] = schema
    if after is not None:
        event["after"] = after
    if before is not None:
        event["before"] = before
    return encoded(event, f"{operation} {table}")


def encoded(event: Row, what: str) -> bytes:
    """An event as JSON on one line.

    Raises:
        InputError: a value cannot be written as JSON; says which event.
    """
    try:
        return _encoder.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{what} cannot be written as JSON: {error}.") from error


def given(event: Row) -> bytes:
    """An event of any of the known formats as a line; it gets an id where it has none.

    Raises:
        InputError: it is no event.
    """
    if not any(field in event for field in OPERATION_FIELDS):
        raise InputError(
            f"an event needs one of {', '.join(OPERATION_FIELDS)}; this has "
            f"{', '.join(map(str, event)) or 'nothing'}.",
            hint="To send a row, use insert(table, row) or send(row, table=…).",
        )
    worded = "type" in event or "operation" in event
    return encoded({"id": fresh_id(), **event} if worded else event, "the event")


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return time.time_ns() // 1_000
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
