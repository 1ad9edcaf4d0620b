"""What the ``source`` block of a Debezium event says: where in the log, which event, from where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

_DESCRIBING = frozenset(
    {"version", "connector", "name", "db", "snapshot", "query", "thread", "server_id"}
)
_DESCRIPTIVE = _DESCRIBING | {"schema", "table", "collection", "txId", "ts_ms", "ts_us", "ts_ns"}
_MEANT_AS = {"name": "server", "db": "database"}
_UNSTABLE = frozenset({"sequence", "xmin"})


def place(
    lsn: int | None,
    sequence: str | None,
    file: str | None,
    pos: int | None,
    row: int | None,
    gtid: str | None,
    xmin: int | None,
) -> tuple[bytes, str]:
    """The position as JSON text and the part of it that a second delivery has too; empty for none.

    The ``sequence`` of PostgreSQL begins with the last commit that the connector knew of, which may
    be another one after a restart.
    """
    if lsn is not None:
        more = f',"sequence":{msgspec.json.encode(sequence).decode()}' if sequence else ""
        if xmin is not None:
            more += f',"xmin":{xmin}'
        return f'{{"lsn":{lsn}{more}}}'.encode(), str(lsn)
    if pos is None:
        return b"", ""
    gave = {"file": file, "pos": pos, "row": row, "gtid": gtid}
    text = msgspec.json.encode({name: value for name, value in gave.items() if value is not None})
    return text, f"{file or ''}:{pos}:{row or 0}"


def place_of(source: Mapping[str, Any]) -> tuple[bytes, str]:
    """The same for the ``source`` of any connector: what does not describe it is its position."""
    found = {
        name: value
        for name, value in source.items()
        if name not in _DESCRIPTIVE and value is not None
    }
    if not found:
        return b"", ""
    stable = {name: value for name, value in found.items() if name not in _UNSTABLE}
    if type(found.get("lsn")) is int:
        anchor = str(found["lsn"])
    elif found.get("pos") is not None:
        anchor = f"{found.get('file') or ''}:{found['pos']}:{found.get('row') or 0}"
    else:
        anchor = msgspec.json.encode(stable, order="sorted").decode() if stable else ""
    return msgspec.json.encode(found), anchor


Images = tuple[bytes, bytes]
"""Row images before and after, as they came."""


def identity(
    anchor: str, op: str, txid: object, order: int | None, images: Images, *, in_row: bool = False
) -> str | None:
    """Identity of an event at a position; None when there is none.

    Where neither the order in the transaction nor the row within the position tells events of one
    position apart (rows of a snapshot, of one COPY), their images do.
    """
    return identities([anchor], [op], [txid], [order], [0 if in_row else None], [images])[0]


def identities(
    anchors: Sequence[str],
    ops: Sequence[str],
    txids: Sequence[object],
    orders: Sequence[int | None],
    rows: Sequence[int | None],
    images: Sequence[Images],
) -> list[str | None]:
    """The same for many events."""
    told = zip(anchors, ops, txids, orders, rows, images, strict=True)
    separate, hash_of = b"|".join, partial(blake2b, digest_size=10)
    return [
        None
        if not anchor
        else f"{anchor}:{'' if txid is None else txid}:{'' if order is None else order}:{op}"
        if op != "r" and (row is not None or order is not None)
        else f"{anchor}:{'' if txid is None else txid}:{'' if order is None else order}:{op}:"
        f"{hash_of(separate(pair)).hexdigest()}"
        for anchor, op, txid, order, row, pair in told
    ]


def metadata_of(described: Mapping[str, Any]) -> bytes:
    """Where an event comes from, as JSON: connector, server, database and the like."""
    told = {
        _MEANT_AS.get(name, name): value
        for name, value in described.items()
        if value is not None and not (name == "snapshot" and value in (False, "false"))
    }
    return msgspec.json.encode(told) if told else b""


def described_by(source: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a ``source`` that say where an event comes from."""
    return {name: value for name, value in source.items() if name in _DESCRIBING}


def whole_number(value: object) -> int | None:
    """A whole number that may be written as text; None for anything else."""
    if type(value) is int:
        return value if abs(value) < 2**63 else None
    if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit():
        return whole_number(int(value)) if len(value) < 20 else None
    return None


def moment(*stamps: object) -> str | int | None:
    """The first stamp that there is; connectors write 0 where they do not know the time."""
    for stamp in stamps:
        number = whole_number(stamp)
        if number:
            return number
    return None
