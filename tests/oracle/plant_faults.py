"""The kinds of malformed lines that are planted, each made from a good event."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .plant_rows import to_json

Event = dict[str, Any]
Fault = Callable[[Event, random.Random], bytes]


def _text(event: Event) -> bytes:
    return to_json(event).encode()


def _operation(event: Event) -> str:
    return "operation" if "operation" in event else "type"


def _truncated(event: Event, rng: random.Random) -> bytes:
    text = to_json(event, ascii_only=True).encode()
    return text[: rng.randrange(len(text) // 4, len(text) - 1)]


def _not_json(event: Event, rng: random.Random) -> bytes:
    return f"{event['timestamp']} ERROR worker {rng.randrange(100)}: connection reset".encode()


def _scalar(event: Event, rng: random.Random) -> bytes:
    return rng.choice((b'"just a text"', b"42", b"true", b"-1.5e3"))


def _missing_operation(event: Event, rng: random.Random) -> bytes:
    return _text({k: v for k, v in event.items() if k != _operation(event)})


def _missing_table(event: Event, rng: random.Random) -> bytes:
    return _text({k: v for k, v in event.items() if k != "table"})


def _missing_image(event: Event, rng: random.Random) -> bytes:
    return _text({k: v for k, v in event.items() if k not in ("before", "after")})


def _set(**changes: object) -> Fault:
    return lambda event, _rng: _text({**event, **changes})


def _set_operation(value: object) -> Fault:
    return lambda event, _rng: _text({**event, _operation(event): value})


def _invalid_utf8(event: Event, rng: random.Random) -> bytes:
    return _text({**event, "after": {"id": 1, "name": "@@"}}).replace(b"@@", b"\xff\xfe\xc3")


def _binary(event: Event, rng: random.Random) -> bytes:
    raw = bytes(rng.randrange(128, 256) for _ in range(rng.randrange(20, 80)))
    return b"\x00\x01" + raw


def _trailing(event: Event, rng: random.Random) -> bytes:
    return _text(event) + b" and then some"


def _python_repr(event: Event, rng: random.Random) -> bytes:
    return repr({"operation": "INSERT", "table": event["table"], "n": rng.randrange(9)}).encode()


def _nan(event: Event, rng: random.Random) -> bytes:
    return _text({**event, "after": {"id": 1, "amount": "@@"}}).replace(b'"@@"', b"NaN")


FAULTS: dict[str, Fault] = {
    "truncated": _truncated,
    "not_json": _not_json,
    "not_an_object": _scalar,
    "null": lambda _event, _rng: b"null",
    "empty_object": lambda _event, _rng: b"{}",
    "missing_operation": _missing_operation,
    "unknown_operation": _set_operation("UPSERT"),
    "operation_not_text": _set_operation(7),
    "missing_table": _missing_table,
    "table_not_text": _set(table=["orders"]),
    "missing_image": _missing_image,
    "image_is_text": _set(after='{"id": 1}'),
    "image_is_list": _set(after=[1, 2]),
    "bad_timestamp": _set(timestamp="yesterday at noon"),
    "invalid_utf8": _invalid_utf8,
    "binary": _binary,
    "trailing_text": _trailing,
    "python_repr": _python_repr,
    "nan_literal": _nan,
}
"""Kind -> how a good event is broken so that its line holds exactly one malformed event."""
