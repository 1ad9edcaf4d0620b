"""The envelope fields of changes as columns, and what makes a change no event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from datawatch_lab.core.batches import Declared
from datawatch_lab.core.values import Op
from datawatch_lab.ingest.envelopes import Columns, TableKey
from datawatch_lab.ingest.envelopes.base import COLUMNS, NOTHING, OPERATIONS, merged
from datawatch_lab.ingest.raws import RawColumn, raw_column
from datawatch_lab.ingest.times import Stamp, parse_times

OPS = tuple(Op)
"""Operations by the code that `Fields.op` has; -1 is an unknown word."""

_CODES = {word: OPS.index(op) for word, op in OPERATIONS.items()}
_MARKS = tuple(OPS.index(op) for op in (Op.BEGIN, Op.COMMIT))
_ROW_OPS = tuple(OPS.index(op) for op in (Op.INSERT, Op.UPDATE, Op.DELETE, Op.SNAPSHOT))
_EMPTY = {"position": NOTHING, "before": NOTHING, "after": NOTHING, "metadata": NOTHING}
_Parts = Sequence[tuple[np.ndarray, Columns]]


@dataclass(frozen=True)
class Fields:
    """The fields of changes, one entry a change.

    Attributes:
        words: the operation as it came; ``op``: its code, int64.
        origin, schema, table: '' where there is none; the table of begin and commit is ''.
        ts: Datetime[us, UTC]; null where ``stamps`` has None or what is no time.
        tx_order: order in the transaction, where formats tell it; None when none does.
        rest: further members for ``extra``, as JSON without the braces, by index.
        declared: what events say of their tables.
    """

    ids: Sequence[str | int | None]
    origin: Sequence[str]
    schema: Sequence[str]
    table: Sequence[str]
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
        return self.table[at] or "the event"


def fields_of(count: int, parts: _Parts) -> Fields:
    """The fields of ``count`` changes, column by column, from those of each format."""
    field = {name: _column(name, count, parts) for name in COLUMNS}
    words, tables = field["op"], [table or "" for table in field["table"]]
    op = np.fromiter(map(_code, words), np.int64, len(words))
    for at in np.flatnonzero(np.isin(op, _MARKS)).tolist():
        tables[at] = ""
    declared: dict[TableKey, Declared] = {}
    for _, part in parts:
        for key, told in part.declared.items():
            declared[key] = merged(declared.get(key), told)
    return Fields(
        ids=field["id"],
        origin=[source or "" for source in field["source"]],
        schema=[schema or "" for schema in field["schema"]],
        table=tables,
        words=words,
        op=op,
        stamps=field["timestamp"],
        ts=_followed(parse_times(field["timestamp"]), parts),
        txids=field["transaction_id"],
        position=raw_column(field["position"]),
        before=raw_column(field["before"]),
        after=raw_column(field["after"]),
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
    for at, reason in _all_faults(fields):
        faults.setdefault(at, reason)
    return faults


def _code(word: str) -> int:
    code = _CODES.get(word)
    return _CODES.get(word.strip().upper(), -1) if code is None else code


def _all_faults(fields: Fields) -> Iterator[tuple[int, str]]:
    for name in ("position", "before", "after", "metadata"):
        for at in getattr(fields, name).garbled:
            yield at, f"{fields.name(at)}: {name} is not UTF-8"
    for at in np.flatnonzero(fields.op < 0).tolist():
        reason = f"operation {fields.words[at]!r} is not one of {', '.join(OPERATIONS)}"
        yield at, f"{fields.name(at)}: {reason}"
    nameless = ~np.fromiter(map(bool, fields.table), np.bool_, len(fields.table))
    for at in np.flatnonzero(nameless & ~np.isin(fields.op, _MARKS)).tolist():
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
            shown = column.texts[at][:40].decode("utf-8", "replace")
            yield at, f"{fields.name(at)}: {name} is not a JSON object but {shown}"
    filled = fields.after.filled_objects | fields.before.filled_objects
    for at in np.flatnonzero(np.isin(fields.op, _ROW_OPS) & ~filled).tolist():
        what = f"the {fields.words[at]} event has no row image (after or before) with fields"
        yield at, f"{fields.name(at)}: {what}"


def _time_faults(fields: Fields) -> Iterator[tuple[int, str]]:
    for at in fields.ts.is_null().arg_true():
        if fields.stamps[at] is not None:
            stamp = str(fields.stamps[at])[:60]
            reason = f"timestamp {stamp!r} is not ISO 8601 text or an epoch number"
            yield at, f"{fields.name(at)}: {reason}"
