"""The messages of PostgreSQL's ``pgoutput`` plug-in, bytes in and columns out; no input or output.

Protocol version 1, text format: the page "Logical Replication Message Formats" of the PostgreSQL
manual. Messages are joined into one buffer, and what all rows of a batch have in common (the tag,
the relation, the n-th field) is read for all of them in one array operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BEGIN, COMMIT, ORIGIN, RELATION, TYPE = b"BCORY"
INSERT, UPDATE, DELETE, TRUNCATE, MESSAGE = b"IUDTM"
_KEY, _OLD, _NEW = b"KON"
_NULL, _UNCHANGED, _TEXT = b"nut"
_KNOWN = frozenset(b"BCORYIUDTM")
_PAD = 16  # so that reading a length behind the last null field stays inside


class ProtocolError(ValueError):
    """A message is not as protocol version 1 has it."""


@dataclass(frozen=True)
class Attribute:
    """A published column: its name, type and modifier, and whether it is part of the identity."""

    name: str
    type: int
    modifier: int
    key: bool


@dataclass(frozen=True)
class Relation:
    """A published table as a relation message describes it.

    Attributes:
        identity: replica identity: ``d`` primary key, ``n`` nothing, ``f`` full, ``i`` index.
    """

    oid: int
    schema: str
    table: str
    identity: str
    columns: tuple[Attribute, ...]


@dataclass(frozen=True)
class LogicalMessage:
    """What ``pg_logical_emit_message`` wrote."""

    transactional: bool
    lsn: int
    prefix: str
    content: bytes


@dataclass(frozen=True)
class Transaction:
    """The transaction that a stream is in.

    Attributes:
        lsn: of its commit record.
        micros: commit time, microseconds since 1970.
        xid: transaction id.
        changes: changes of it that were read so far.
    """

    lsn: int
    micros: int
    xid: int
    changes: int = 0


EPOCH_MICROS = 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, in microseconds since 1970."""


class Messages:
    """A sequence of messages as one buffer.

    Attributes:
        data: uint8, the messages one after another, and some zeros.
        starts: where each begins, ascending.
        tags: uint8, first byte of each.

    Raises:
        ProtocolError: a message is empty or of an unknown kind.
    """

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads
        lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
        joined = b"".join((*payloads, bytes(_PAD)))
        self.joined = joined
        self.buffer = pa.py_buffer(joined)
        self.data = np.frombuffer(joined, np.uint8)
        self.ends: Ints = np.cumsum(lengths)
        self.starts: Ints = self.ends - lengths
        if not lengths.all():
            raise ProtocolError("an empty message")
        self.tags = self.data[self.starts]
        unknown = set(np.unique(self.tags).tolist()) - _KNOWN
        if unknown:
            raise ProtocolError(f"messages of unknown kind {bytes(sorted(unknown))!r}")

    def int16(self, at: Ints) -> Ints:
        """Unsigned 16-bit numbers at places of the buffer."""
        return self._numbers(at, ">u2", 2)

    def int32(self, at: Ints) -> Ints:
        """Unsigned 32-bit numbers at places of the buffer."""
        return self._numbers(at, ">u4", 4)

    def int64(self, at: Ints) -> Ints:
        """Signed 64-bit numbers at places of the buffer."""
        return self._numbers(at, ">i8", 8)

    def _numbers(self, at: Ints, form: str, width: int) -> Ints:
        # One number of ``width`` bytes begins at every byte.
        shape = (len(self.data) - width + 1,)
        view = np.ndarray(shape, form, self.data, strides=(1,))
        return view[at].astype(np.int64)


@dataclass(frozen=True)
class Places:
    """Where each message stands in its transaction; all are int64 and one entry a message.

    Attributes:
        lsn, micros, xid: of the transaction, as in `Transaction`; 0 outside of one.
        sequence: number of its first change among the changes of the transaction, from 1; for
            other messages the number that the next change has.
        open: the transaction that goes on after the last message, or None.
        end: end LSN of the last commit among the messages, or None.
    """

    lsn: Ints
    micros: Ints
    xid: Ints
    sequence: Ints
    open: Transaction | None
    end: int | None


def places(messages: Messages, before: Transaction | None) -> Places:
    """Place every message, given the transaction that the messages before left open."""
    tags, starts = messages.tags, messages.starts
    begins = np.flatnonzero(tags == BEGIN)
    number = np.cumsum(tags == BEGIN)  # 0: of the transaction left open
    at = starts[begins]
    held = before or Transaction(0, 0, 0)
    lsn = np.concatenate(([held.lsn], messages.int64(at + 1)))
    micros = np.concatenate(([held.micros], messages.int64(at + 9) + EPOCH_MICROS))
    xid = np.concatenate(([held.xid], messages.int32(at + 17)))
    weight = _weights(messages)
    total = np.cumsum(weight)
    ahead = np.concatenate(([-held.changes], total[begins]))  # changes ahead of each transaction
    sequence = total - weight - ahead[number] + 1
    ends = np.flatnonzero(tags == COMMIT)
    end = int(messages.int64(starts[ends[-1:]] + 10)[0]) if len(ends) else None
    return Places(
        lsn[number],
        micros[number],
        xid[number],
        sequence,
        _open(before, begins, ends, (lsn, micros, xid), int(total[-1] - ahead[-1])),
        end,
    )


def _weights(messages: Messages) -> Ints:
    """How many changes each message is."""
    tags = messages.tags
    weight = np.isin(tags, (INSERT, UPDATE, DELETE)).astype(np.int64)
    truncates = np.flatnonzero(tags == TRUNCATE)
    weight[truncates] = messages.int32(messages.starts[truncates] + 1)
    told = np.flatnonzero(tags == MESSAGE)
    weight[told] = messages.data[messages.starts[told] + 1] & 1  # bit 0: transactional
    return weight


def _open(
    before: Transaction | None,
    begins: Ints,
    ends: Ints,
    fields: tuple[Ints, Ints, Ints],
    changes: int,
) -> Transaction | None:
    last_begin = int(begins[-1]) if len(begins) else -1
    last_end = int(ends[-1]) if len(ends) else -1
    if last_end > last_begin or (before is None and last_begin < 0):
        return None
    lsn, micros, xid = (int(field[-1]) for field in fields)
    return Transaction(lsn, micros, xid, changes)


@dataclass(frozen=True)
class Cells:
    """One field of several rows: where its text stands.

    Attributes:
        starts, ends: int64, ascending.
        null, unchanged: the value is null; it is a large one that did not change and was not sent.
    """

    starts: Ints
    ends: Ints
    null: Bools
    unchanged: Bools

    def texts(self, messages: Messages) -> pl.Series:
        r"""String, null where there is no text. Bytes that are not UTF-8 become ``\\xHH``."""
        count = len(self.starts)
        bounds = np.empty(2 * count, np.int64)
        bounds[0::2], bounds[1::2] = self.starts, self.ends
        # Texts and what is between them, alternating; then only the texts are taken.
        whole = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), 2 * count - 1, [None, pa.py_buffer(bounds), messages.buffer]
        )
        missing = self.null | self.unchanged
        picked = pa.array(np.arange(0, 2 * count, 2), mask=missing if missing.any() else None)
        return as_text(whole.take(picked))

    def few(self, messages: Messages) -> list[str | None]:
        """The same as a list, for a few rows."""
        missing = (self.null | self.unchanged).tolist()
        bounds = zip(self.starts.tolist(), self.ends.tolist(), missing, strict=True)
        return [
            None if gone else messages.joined[start:end].decode("utf-8", "backslashreplace")
            for start, end, gone in bounds
        ]


def as_text(array: pa.Array) -> pl.Series:
    r"""Bytes as String; what is not UTF-8 becomes ``\\xHH``, so that it stays visible."""
    try:
        return pl.Series(array.cast(pa.large_string()))
    except pa.ArrowInvalid:
        held = (
            None if raw is None else raw.decode("utf-8", "backslashreplace")
            for raw in array.to_pylist()
        )
        return pl.Series(list(held), dtype=pl.String)


def tuples(messages: Messages, at: Ints, width: int) -> tuple[list[Cells], Ints]:
    """The fields of the row tuples that begin at these places, and where the tuples end.

    Raises:
        ProtocolError: a tuple has another number of fields, or a field of another format.
    """
    if len(at) and not (messages.int16(at) == width).all():
        raise ProtocolError(f"a row does not have the {width} columns of its table")
    place = at + 2
    cells = []
    for _ in range(width):
        kind = messages.data[place]
        text = kind == _TEXT
        null, unchanged = kind == _NULL, kind == _UNCHANGED
        if not (text | null | unchanged).all():
            raise ProtocolError("a field is in another format than text")
        starts = place + 1 + 4 * text
        ends = starts + np.where(text, messages.int32(place + 1), 0)
        cells.append(Cells(starts, ends, null, unchanged))
        place = ends
    return cells, place


@dataclass(frozen=True)
class RowImages:
    """Where the images of row changes of one relation stand.

    Attributes:
        after, before: place of the tuple of each change that has one.
        with_after, with_before: which changes those are.
        key_only: for each before image, whether it has the columns of the identity only.
    """

    after: Ints
    with_after: Bools
    before: Ints
    with_before: Bools
    key_only: Bools


def row_images(messages: Messages, numbers: Ints, width: int) -> RowImages:
    """Find the tuples in insert, update and delete messages of one relation."""
    tags, starts = messages.tags[numbers], messages.starts[numbers]
    marks = messages.data[starts + 5]
    old = (marks == _KEY) | (marks == _OLD)
    if not (old | (marks == _NEW)).all() or (old & (tags == INSERT)).any():
        raise ProtocolError("a row change without a tuple")
    after = starts + 6
    if old.any():
        _, ends = tuples(messages, starts[old] + 6, width)
        after[old] = ends + 1
    with_after = tags != DELETE
    return RowImages(
        after=after[with_after],
        with_after=with_after,
        before=starts[old] + 6,
        with_before=old,
        key_only=marks[old] == _KEY,
    )


class _Reader:
    """Reads one message from its start."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 1

    def number(self, width: int) -> int:
        self.at += width
        if self.at > len(self.data):
            raise ProtocolError("a message ends too early")
        return int.from_bytes(self.data[self.at - width : self.at], "big")

    def string(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise ProtocolError("a name without an end")
        text = self.data[self.at : end]
        self.at = end + 1
        return text.decode("utf-8", "backslashreplace")


def read_relation(payload: bytes) -> Relation:
    """A relation message; an empty schema means ``pg_catalog``."""
    reader = _Reader(payload)
    oid = reader.number(4)
    schema, table = reader.string() or "pg_catalog", reader.string()
    identity = chr(reader.number(1))
    columns = []
    for _ in range(reader.number(2)):
        key = bool(reader.number(1) & 1)
        name = reader.string()
        kind, modifier = reader.number(4), reader.number(4)
        columns.append(Attribute(name, kind, modifier - (modifier >> 31 << 32), key))
    return Relation(oid, schema, table, identity, tuple(columns))


def read_truncate(payload: bytes) -> tuple[int, ...]:
    """Oids of the relations that were emptied."""
    reader = _Reader(payload)
    count, _options = reader.number(4), reader.number(1)
    return tuple(reader.number(4) for _ in range(count))


def read_message(payload: bytes) -> LogicalMessage:
    """A message that was written with ``pg_logical_emit_message``."""
    reader = _Reader(payload)
    transactional, lsn = bool(reader.number(1) & 1), reader.number(8)
    prefix, length = reader.string(), reader.number(4)
    return LogicalMessage(transactional, lsn, prefix, payload[reader.at : reader.at + length])


def lsn_text(lsn: int) -> str:
    """An LSN as PostgreSQL writes it.

    >>> lsn_text(0x1_016B3748)
    '1/16B3748'
    """
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """The number that an LSN's text stands for; ValueError when it is none."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)
