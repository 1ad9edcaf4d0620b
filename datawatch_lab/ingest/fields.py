"""The envelope fields of changes as columns, and what makes a change no event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import polars as pl

from datawatch_lab.core.values import Op
from datawatch_lab.ingest.envelopes import WordedChange
from datawatch_lab.ingest.envelopes.base import OPERATIONS
from datawatch_lab.ingest.raws import RawColumn, raw_column
from datawatch_lab.ingest.times import Stamp, parse_times

OPS = tuple(Op)
"""Operations by the code that `Fields.op` has; -1 is an unknown word."""

_CODES = {word: OPS.index(op) for word, op in OPERATIONS.items()}
_MARKS = tuple(OPS.index(op) for op in (Op.BEGIN, Op.COMMIT))
_ROW_OPS = tuple(OPS.index(op) for op in (Op.INSERT, Op.UPDATE, Op.DELETE, Op.SNAPSHOT))
_FIELDS = (
    "id", "source", "schema", "table", "op", "timestamp", "transaction_id",
    "position", "before", "after", "metadata", "ddl_type", "ddl_command",
)  # fmt: skip


@dataclass(frozen=True)
class Fields:
    """The fields of changes, one entry a change.

    Attributes:
        words: the operation as it came; ``op``: its code, int64.
        origin, schema, table: '' where there is none; the table of begin and commit is ''.
        ts: Datetime[us, UTC]; null where ``stamps`` has None or what is no time.
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

    def name(self, at: int) -> str:
        """What a change is about, for messages."""
        return self.table[at] or "the event"


def fields_of(changes: Sequence[WordedChange]) -> Fields:
    """The fields of changes, column by column."""
    values = [list(column) for column in zip(*map(attrgetter(*_FIELDS), changes), strict=True)]
    field = dict(zip(_FIELDS, values or [[] for _ in _FIELDS], strict=True))
    words, tables = field["op"], [table or "" for table in field["table"]]
    op = np.fromiter(map(_code, words), np.int64, len(words))
    for at in np.flatnonzero(np.isin(op, _MARKS)).tolist():
        tables[at] = ""
    return Fields(
        ids=field["id"],
        origin=[source or "" for source in field["source"]],
        schema=[schema or "" for schema in field["schema"]],
        table=tables,
        words=words,
        op=op,
        stamps=field["timestamp"],
        ts=parse_times(field["timestamp"]),
        txids=field["transaction_id"],
        position=raw_column(field["position"]),
        before=raw_column(field["before"]),
        after=raw_column(field["after"]),
        metadata=raw_column(field["metadata"]),
        ddl_types=field["ddl_type"],
        ddl_commands=field["ddl_command"],
    )


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
