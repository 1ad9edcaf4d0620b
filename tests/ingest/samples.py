"""Events that the tests of ingest share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.decode import decode


def event(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A Savegress insert into orders; ``None`` leaves a field out."""
    fields = {
        "id": f"evt-{number}",
        "source": "shop",
        "schema": "public",
        "table": "orders",
        "operation": "INSERT",
        "timestamp": f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.000001Z",
        "after": {"id": number, "amount": "12.50", "note": None},
        **changed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def text(fields: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def texts(count: int, **changed: Any) -> list[bytes]:
    """Different events as compact JSON."""
    return [text(event(number, **changed)) for number in range(1, count + 1)]


def decoded(items: Sequence[bytes | dict[str, Any]], **options: Any) -> DecodedBatch:
    """Items decoded as the lines of a file."""
    lines = [item if isinstance(item, bytes) else text(item) for item in items]
    offsets = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
    return decode(lines, range(1, len(lines) + 1), offsets, **{"source": "test", **options})


def one(item: bytes | dict[str, Any]) -> dict[str, Any]:
    """The one event of an item, as a row."""
    batch = decoded([item])
    assert batch.bad.to_pylist() == []
    (row,) = batch.events.to_pylist()
    return dict(row)


def reason(item: bytes | dict[str, Any]) -> str:
    """Why an item is malformed."""
    batch = decoded([item])
    assert batch.events.num_rows == 0
    (row,) = batch.bad.to_pylist()
    return str(row["reason"])


def ids(batches: Iterable[DecodedBatch]) -> list[str]:
    """Event ids in order."""
    return [found for batch in batches for found in batch.events["event_id"].to_pylist()]
