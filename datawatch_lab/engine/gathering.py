"""The events of several batches as one frame, column by column.

What senders of single events bring in a moment is many batches of one row, so nothing here is done
once a batch that can be done once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.columns import side_by_side, taken
from datawatch_lab.core.values import Op
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.submission import Submission
from datawatch_lab.engine.understanding import with_declared

TRANSACTIONS = "(transactions)"
"""Ledger name of begin and commit marks, which belong to no table."""

UNREADABLE = "(unreadable)"
"""Ledger name of malformed input whose table could not be read."""

_MARKS = (Op.BEGIN.value, Op.COMMIT.value)
_NO_TABLE = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_MOMENT = pl.Datetime("us", "UTC")
_NO_BAD = {
    "line": pl.Int64(),
    "offset": pl.Int64(),
    "schema": pl.String(),
    "table": pl.String(),
    "event_id": pl.String(),
    "reason": pl.String(),
    "raw": pl.Binary(),
    "name": pl.String(),
    "batch": pl.Int32(),
    "source": pl.String(),
    "origin": pl.String(),
    "key": pl.String(),
    "received": _MOMENT,
}


def events_of(submissions: Sequence[Submission], registry: TableRegistry) -> pl.DataFrame:
    """All events of all batches in input order.

    Returns:
        The columns of `EVENT_SCHEMA`, events without a time having that of their receipt, and:
        position_in_batch, batch (index of the submission), table_id, name, key (the qualified name
        that identities are made of), source, replay (never late), backfill, received.
    """
    tables = [each.batch.events for each in submissions]
    events = _joined(tables)
    sizes = np.array([each.num_rows for each in tables], dtype=np.int64)
    batch = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    starts = np.cumsum(sizes) - sizes
    known, of_event = _resolved(events, registry)
    place = np.arange(len(batch)) - starts[batch]
    received = _received(submissions, batch, starts)
    moments = events["ts"]
    if moments.null_count():
        events = events.with_columns(moments.fill_null(received).alias("ts"))
    return events.hstack(
        [
            pl.Series("position_in_batch", place.astype(np.uint32)),
            *taken(known, of_event),
            *taken(_origins(submissions), batch.astype(np.int64)),
            pl.Series("batch", batch),
            received,
        ]
    )


def bad_of(submissions: Sequence[Submission], registry: TableRegistry) -> pl.DataFrame:
    """All malformed items of all batches in input order.

    Returns:
        The columns of `BAD_SCHEMA`, and: name (of the table, as far as it is known), batch, source,
        received; origin and key, by which their identities are told from those of events.
    """
    tables = [each.batch.bad for each in submissions]
    sizes = [each.num_rows for each in tables]
    if not any(sizes):
        return pl.DataFrame(schema=_NO_BAD)
    bad = _joined(tables)
    batch = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    named = zip(bad["schema"].to_list(), bad["table"].to_list(), strict=True)
    return bad.hstack(
        [
            pl.Series("name", [_name(*each, registry) for each in named], dtype=pl.String),
            pl.Series("batch", batch),
            _origins(submissions)["source"][batch],
            pl.Series("origin", [""], dtype=pl.String).new_from_index(0, bad.height),
            pl.Series("key", ["\x1dmalformed"], dtype=pl.String).new_from_index(0, bad.height),
            _received(submissions, batch),
        ]
    )


def note_declared(submissions: Sequence[Submission], registry: TableRegistry) -> None:
    """Keep what sources declare of their tables; one that has no rows yet is a table too."""
    for each in submissions:
        for (schema, name), declared in each.batch.declared.items():
            table, _ = registry.resolve(schema, name)
            registry.replace(with_declared(table, declared))


def _joined(tables: Sequence[pa.Table]) -> pl.DataFrame:
    if len(tables) == 1:
        return pl.DataFrame(tables[0])
    return pl.DataFrame(pa.concat_tables(tables).combine_chunks())


def _origins(submissions: Sequence[Submission]) -> pl.DataFrame:
    """source, replay and backfill, one row a submission."""
    return side_by_side(
        [
            pl.Series("source", [each.batch.source for each in submissions], dtype=pl.String),
            pl.Series(
                "replay",
                [bool(each.replay) or each.batch.backfill for each in submissions],
                dtype=pl.Boolean,
            ),
            pl.Series("backfill", [each.batch.backfill for each in submissions], dtype=pl.Boolean),
        ]
    )


def _received(
    submissions: Sequence[Submission],
    batch: NDArray[np.int32],
    starts: Sequence[int] | NDArray[np.int64] = (),
) -> pl.Series:
    """When each row was taken in: with its batch, or at a moment of its own.

    Args:
        submissions: what was taken in.
        batch: index of the submission of each row.
        starts: index of the first event of each submission; empty for what is malformed.
    """
    micros = np.array([_micros(each.received) for each in submissions], dtype=np.int64)[batch]
    for start, each in zip(starts, submissions, strict=False):
        if each.moments:
            micros[start : start + len(each.moments)] = [_micros(at) for at in each.moments]
    return pl.Series("received", micros).cast(_MOMENT)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICRO


def _name(schema: str, table: str, registry: TableRegistry) -> str:
    found = registry.find(schema, table)
    return (found.name if found else table) or UNREADABLE


def _resolved(
    events: pl.DataFrame, registry: TableRegistry
) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """table_id, name and key of the tables that events are about, and which of them each is.

    Tables that nobody knew are known to the registry afterwards, in order of appearance.
    """
    pairs, of_event, first = _different(events["schema"], events["table"])
    rows = []
    for (schema, table), at in zip(pairs, first, strict=True):
        if not table and events["op"][at] in _MARKS:
            rows.append((_NO_TABLE, TRANSACTIONS, ""))
            continue
        info, _ = registry.resolve(schema, table)
        rows.append((info.id, info.name, f"{info.schema}.{info.table}"))
    ids, names, keys = zip(*rows, strict=True) if rows else ((), (), ())
    known = side_by_side(
        [
            pl.Series("table_id", ids, dtype=pl.Int32),
            pl.Series("name", names, dtype=pl.String),
            pl.Series("key", keys, dtype=pl.String),
        ]
    )
    return known, of_event


def _different(
    schemas: pl.Series, tables: pl.Series
) -> tuple[list[tuple[str, str]], NDArray[np.int64], list[int]]:
    """The different pairs in order of appearance, which each is, and where each is first."""
    schema, table = (each.rechunk().to_arrow().dictionary_encode() for each in (schemas, tables))
    width = max(len(table.dictionary), 1)
    codes = np.asarray(schema.indices, np.int64) * width + np.asarray(table.indices, np.int64)
    pairs = pa.array(codes).dictionary_encode()
    of_event = np.asarray(pairs.indices, np.int64)
    schema_names, names = schema.dictionary.to_pylist(), table.dictionary.to_pylist()
    apart = (divmod(code, width) for code in pairs.dictionary.to_pylist())
    first = np.unique(of_event, return_index=True)[1].tolist()
    return [(schema_names[s], names[t]) for s, t in apart], of_event, first
