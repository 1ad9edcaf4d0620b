"""Messages of pgoutput as a server would write them, for tests without one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

UNCHANGED = object()
"""Stands for a large value that was not sent."""

EPOCH = 946_684_800_000_000

Value = object
"""str, None for null, or `UNCHANGED`."""


def begin(lsn: int, micros: int, xid: int) -> bytes:
    """Begin; ``micros`` since 1970."""
    return b"B" + struct.pack(">QqI", lsn, micros - EPOCH, xid)


def commit(lsn: int, micros: int) -> bytes:
    """Commit, which ends 48 bytes behind its LSN."""
    return b"C\0" + struct.pack(">QQq", lsn, lsn + 48, micros - EPOCH)


def relation(
    oid: int, schema: str, table: str, columns: Sequence[tuple[str, int, bool]], identity: str = "d"
) -> bytes:
    """A relation with columns of (name, type, part of the key)."""
    head = b"R" + struct.pack(">I", oid) + _string(schema) + _string(table) + identity.encode()
    body = b"".join(
        bytes([key]) + _string(name) + struct.pack(">Ii", kind, -1) for name, kind, key in columns
    )
    return head + struct.pack(">H", len(columns)) + body


def row(values: Sequence[Value]) -> bytes:
    """A tuple."""
    cells = []
    for value in values:
        if value is None:
            cells.append(b"n")
        elif value is UNCHANGED:
            cells.append(b"u")
        else:
            text = str(value).encode()
            cells.append(b"t" + struct.pack(">I", len(text)) + text)
    return struct.pack(">H", len(values)) + b"".join(cells)


def insert(oid: int, values: Sequence[Value]) -> bytes:
    """Insert."""
    return b"I" + struct.pack(">I", oid) + b"N" + row(values)


def update(
    oid: int, values: Sequence[Value], old: Sequence[Value] | None = None, mark: str = "K"
) -> bytes:
    """Update; ``mark`` says whether ``old`` is a key or a whole row (O)."""
    before = mark.encode() + row(old) if old is not None else b""
    return b"U" + struct.pack(">I", oid) + before + b"N" + row(values)


def delete(oid: int, old: Sequence[Value], mark: str = "K") -> bytes:
    """Delete."""
    return b"D" + struct.pack(">I", oid) + mark.encode() + row(old)


def truncate(oids: Sequence[int]) -> bytes:
    """Truncate."""
    return b"T" + struct.pack(f">IB{len(oids)}I", len(oids), 0, *oids)


def message(prefix: str, content: bytes, *, transactional: bool = True) -> bytes:
    """A logical message."""
    head = b"M" + struct.pack(">BQ", transactional, 77) + _string(prefix)
    return head + struct.pack(">I", len(content)) + content


def _string(text: str) -> bytes:
    return text.encode() + b"\0"
