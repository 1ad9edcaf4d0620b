"""Dashboards as Python that makes them again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from datawatch_lab.core.dashboards.document import (
    TILE_KINDS,
    Dashboard,
    Note,
    Tile,
    TileQuery,
    Variable,
)

_WIDTH = 88
_SERVERS = ("version", "created_by", "created_at", "updated_at")
_HEAD = "import datawatch_lab as dw\n\n"
_TIME = "from datetime import UTC, datetime\n\n"


def as_code(value: Dashboard | Tile, *, name: str = "") -> str:
    """Python that makes a dashboard or a tile.

    Args:
        value: to be made.
        name: of the variable that gets it; ``dashboard`` or ``tile`` by default.

    >>> print(as_code(Tile(kind="text", note="Hello", id="a")))
    import datawatch_lab as dw
    <BLANKLINE>
    tile = dw.Tile(kind="text", note="Hello", id="a")
    <BLANKLINE>
    """
    name = name or ("dashboard" if isinstance(value, Dashboard) else "tile")
    body = f"{name} = {_code(value, 0, len(name) + 3)}\n"
    return (_TIME if "datetime(" in body else "") + _HEAD + body


def _code(value: Any, depth: int, used: int = 0) -> str:
    """An expression, in one line where it fits."""
    if isinstance(value, Dashboard | Tile | TileQuery | Variable | Note):
        parts = [f"{key}={_code(each, depth + 1, len(key) + 1)}" for key, each in _said(value)]
        return _wrapped(f"dw.{type(value).__name__}(", parts, ")", depth, used)
    if isinstance(value, Mapping):
        parts = [f"{_text(key)}: {_code(each, depth + 1)}" for key, each in sorted(value.items())]
        return _wrapped("{", parts, "}", depth, used)
    if isinstance(value, list | tuple):
        parts = [_code(each, depth + 1) for each in value]
        start, end = "()" if isinstance(value, tuple) else "[]"
        return _wrapped(start, parts, end, depth, used, comma=isinstance(value, tuple))
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        numbers = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
        return f"datetime({', '.join(map(str, numbers))}, tzinfo=UTC)"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    """A literal in double quotes, as formatters write it."""
    found = repr(value)
    plain = found.startswith("'") and '"' not in value and "\\'" not in found
    return f'"{found[1:-1]}"' if plain else found


def _wrapped(
    start: str, parts: list[str], end: str, depth: int, used: int, *, comma: bool = False
) -> str:
    """Parts between brackets; ``comma`` stands behind one alone, which makes it a tuple."""
    line = start + ", ".join(parts) + ("," if comma and len(parts) == 1 else "") + end
    if "\n" not in line and len(line) + 4 * depth + used <= _WIDTH:
        return line
    inner = "    " * (depth + 1)
    return start + "\n" + "".join(f"{inner}{each},\n" for each in parts) + "    " * depth + end


def _said(value: msgspec.Struct) -> list[tuple[str, Any]]:
    """Fields that are not at their default; sizes that are the kind's own are left out."""
    found = []
    for each in msgspec.structs.fields(value):
        here = getattr(value, each.name)
        factory = each.default_factory
        default = factory() if factory is not msgspec.NODEFAULT else each.default
        own = isinstance(value, Tile) and each.name in ("w", "h")
        if own and here == getattr(TILE_KINDS.get(value.kind), each.name, None):  # type: ignore[attr-defined]
            continue
        if here != default and each.name not in _SERVERS:
            found.append((each.name, here))
    return found
