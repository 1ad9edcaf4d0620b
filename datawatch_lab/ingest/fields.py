"""The envelope fields of changes as columns, and what makes a change no event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from datawatch_lab.core.batches import Declared
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.envelopes import Columns, TableKey
from datawatch_lab.ingest.envelopes.base import COLUMNS, NOTHING, OPERATIONS, merged
from datawatch_lab.ingest.raws import RawColumn, raw_column, raw_columns
from datawatch_lab.ingest.times import YEARS, Stamp, are_beyond, parse_times

OPS = tuple(Op)
"""Operations by the code that `Fields.op` has; -1 is an unknown word."""

_CODES = {word: OPS.index(op) for word, op in OPERATIONS.items()}
_IS_MARK = np.array([*(op in (Op.BEGIN, Op.COMMIT) for op in OPS), False])
WITH_ROW = (Op.INSERT, Op.UPDATE, Op.DELETE, Op.SNAPSHOT)
_IS_ROW = np.array([*(op in WITH_ROW for op in OPS), False])  # the last is for an unknown word
_NEEDS_LOOK = np.array([*(op == Op.DDL for op in OPS), True])
_NO_OBJECT = np.ones(256, np.bool_)  # by the first byte of an image; 0 where there is none
_NO_OBJECT[[0, *b"n{"]] = False
_EMPTY = {"position": NOTHING, "before": NOTHING, "after": NOTHING, "metadata": NOTHING}
_Parts = Sequence[tuple[np.ndarray, Columns]]


@dataclass(frozen=True)
class Fields:
    """The fields of changes, one entry a change.

    Attributes:
        words: the operation as it came; ``op``: its code, int64.
        origin, schema, table: large_string, '' where there is none; the table of begin and commit
            is ''.
        ts: Datetime[us, UTC]; null where ``stamps`` has None or what is no time.
        tx_order: order in the transaction, where formats tell it; None when none does.
        rest: further members for ``extra``, as JSON without the braces, by index.
        declared: what events say of their tables.
    """

    ids: Sequence[str | int | None]
    origin: pa.Array
    schema: pa.Array
    table: pa.Array
    words: Sequence[str]
    op: np.ndarray
    stamps: Sequence[Stamp]
    ts: pl.Series
    txids: Sequence[str | int | None]
    position: RawColumn
    before: RawColumn
    after: RawColumn
    metadata: RawColumn
    ddl_types: Sequence[str | None]
    ddl_commands: Sequence[str | None]
    tx_order: Sequence[int | None] | None
    rest: Mapping[int, bytes]
    declared: Mapping[TableKey, Declared]

    def name(self, at: int) -> str:
        """What a change is about, for messages."""
        return self.table[at].as_py() or "the event"

    def key(self, at: int) -> TableKey:
        """Schema and table of a change."""
        return self.schema[at].as_py(), self.table[at].as_py()


def fields_of(count: int, parts: _Parts) -> Fields:
    """The fields of ``count`` changes, column by column, from those of each format."""
    field = {name: _column(name, count, parts) for name in COLUMNS}
    op = _codes(field["op"])
    table = _names(field["table"])
    marks = _IS_MARK[op]
    if marks.any():
        table = pc.if_else(pa.array(marks), pa.scalar("", table.type), table)
    before, after = raw_columns(field["before"], field["after"])
    declared: dict[TableKey, Declared] = {}
    for _, part in parts:
        for key, told in part.declared.items():
            declared[key] = merged(declared.get(key), told)
    return Fields(
        ids=field["id"],
        origin=_names(field["source"]),
        schema=_names(field["schema"]),
        table=table,
        words=field["op"],
        op=op,
        stamps=field["timestamp"],
        ts=_followed(parse_times(field["timestamp"]), parts),
        txids=field["transaction_id"],
        position=raw_column(field["position"]),
        before=before,
        after=after,
        metadata=raw_column(field["metadata"]),
        ddl_types=field["ddl_type"],
        ddl_commands=field["ddl_command"],
        tx_order=_orders(count, parts),
        rest={int(at[i]): rest for at, part in parts for i, rest in part.rest.items()},
        declared=declared,
    )


def _column(name: str, count: int, parts: _Parts) -> list[Any]:
    """One field of all changes, in input order."""
    if len(parts) == 1 and name in parts[0][1].values:
        values = parts[0][1].values[name]
        return values if isinstance(values, list) else list(values)
    whole: list[Any] = [_EMPTY.get(name)] * count
    for at, part in parts:
        for index, value in zip(at.tolist(), part.values.get(name, ()), strict=False):
            whole[index] = value
    return whole


def _orders(count: int, parts: _Parts) -> list[int | None] | None:
    if all(part.tx_order is None for _, part in parts):
        return None
    whole: list[int | None] = [None] * count
    for at, part in parts:
        for index, value in zip(at.tolist(), part.tx_order or (), strict=False):
            whole[index] = value
    return whole


def _followed(times: pl.Series, parts: _Parts) -> pl.Series:
    """Give events that follow another the time of that one; at the start, of the next that has."""
    which = [int(at[index]) for at, part in parts for index in part.follows]
    if not which or times.null_count() == times.len():
        return times
    near = times.forward_fill().backward_fill()
    return times.scatter(which, near.gather(which))


def faults_of(fields: Fields) -> dict[int, str]:
    """Why changes are no events, by index; the first reason counts."""
    faults: dict[int, str] = {}
    if _sound(fields):
        return faults
    for at, reason in _all_faults(fields):
        faults.setdefault(at, reason)
    return faults


def _sound(fields: Fields) -> bool:
    """Whether nothing is wrong with any change, as far as a few array operations can tell."""
    op, before, after = fields.op, fields.before, fields.after
    raws = (before, after, fields.position, fields.metadata)
    if any(raw.garbled for raw in raws) or _NEEDS_LOOK[op].any() or fields.ts.null_count():
        return False
    if _NO_OBJECT[before.first].any() or _NO_OBJECT[after.first].any():
        return False
    bounds = np.frombuffer(fields.table.buffers()[1], np.int64)[fields.table.offset :]
    named = np.diff(bounds[: len(op) + 1]) > 0
    filled = before.filled_objects | after.filled_objects
    return bool((named | _IS_MARK[op]).all() and (filled | ~_IS_ROW[op]).all())


def _names(values: Sequence[str | None]) -> pa.Array:
    names = pa.array(values, pa.large_string())
    return names.fill_null("") if names.null_count else names


def _codes(words: Sequence[str]) -> np.ndarray:
    """Operations of words; there are few different words among many."""
    known: dict[str, int] = {word: code_of(word) for word in set(words)}
    return np.fromiter(map(known.__getitem__, words), np.int64, len(words))


def code_of(word: str) -> int:
    """The code of an operation's word."""
    code = _CODES.get(word)
    return _CODES.get(word.strip().upper(), -1) if code is None else code


def _all_faults(fields: Fields) -> Iterator[tuple[int, str]]:
    for name in ("position", "before", "after", "metadata"):
        for at in getattr(fields, name).garbled:
            yield at, f"{fields.name(at)}: {name} is not UTF-8"
    for at in np.flatnonzero(fields.op < 0).tolist():
        reason = f"operation {fields.words[at]!r} is not one of {', '.join(OPERATIONS)}"
        yield at, f"{fields.name(at)}: {reason}"
    nameless = np.asarray(pc.equal(fields.table, ""))
    for at in np.flatnonzero(nameless & ~_IS_MARK[fields.op]).tolist():
        yield at, f"the {fields.words[at]} event has no table"
    yield from _image_faults(fields)
    for at in np.flatnonzero(fields.op == OPS.index(Op.DDL)).tolist():
        if not fields.ddl_commands[at]:
            yield at, f"{fields.name(at)}: the DDL event has no ddl_command"
    if fields.ts.null_count() > list(fields.stamps).count(None):
        yield from _time_faults(fields)


def _image_faults(fields: Fields) -> Iterator[tuple[int, str]]:
    for name, column in (("after", fields.after), ("before", fields.before)):
        for at in np.flatnonzero(column.present & ~column.objects).tolist():
            shown = column.texts.text(at)[:40].decode("utf-8", "replace")
            yield at, f"{fields.name(at)}: {name} is not a JSON object but {shown}"
    filled = fields.after.filled_objects | fields.before.filled_objects
    for at in np.flatnonzero(_IS_ROW[fields.op] & ~filled).tolist():
        what = f"the {fields.words[at]} event has no row image (after or before) with fields"
        yield at, f"{fields.name(at)}: {what}"


def _time_faults(fields: Fields) -> Iterator[tuple[int, str]]:
    unread = [at for at in fields.ts.is_null().arg_true() if fields.stamps[at] is not None]
    stamps = [fields.stamps[at] for at in unread]
    for at, stamp, is_beyond in zip(unread, stamps, are_beyond(stamps), strict=True):
        fault = f"outside of {YEARS}" if is_beyond else "not ISO 8601 text or an epoch number"
        yield at, f"{fields.name(at)}: timestamp {str(stamp)[:60]!r} is {fault}"
