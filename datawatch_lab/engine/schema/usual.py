"""Commits that show nothing new of schemas: counted from their columns, without reading the log.

What the history of schemas finds rests on the fields of each row and the kinds of their values. The
log has them as JSON text, which takes some microseconds a row to take apart. But a commit mostly
brings rows with the very columns that a table has had all along; that is told by its columns, and
then only counters move, as they would by `presence.advance` and `presence.kinds_follow`. A column
of text does not tell whether ``12`` was a number in JSON; of such fields the log is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.columns import micros_of, not_null, texts_of
from datawatch_lab.engine.brought import Part
from datawatch_lab.engine.schema.events import kind_of
from datawatch_lab.ingest.telemetry.streams import stream_of
from datawatch_lab.schema.presence import TableState
from datawatch_lab.store.schema_log import is_sampled

Ints = NDArray[np.int64]
TypesOf = Callable[[Sequence[str]], Iterable[tuple[int, Sequence[str | None], int]]]
"""Gives table id, JSON type of each of some fields, and in how many sampled rows they are these."""

_MOST_ASKED = 32  # fields
_INSERT, _SNAPSHOT = b"cr"
_OTHERS = r"^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false)$"
"""Texts that may have been a number or a boolean, in a column of mixed kinds."""


@dataclass(frozen=True)
class _Rows:
    """New rows of a table that all have the same columns.

    Attributes:
        seq, at: of each row; event time in µs since 1970.
        columns: of the images that are in order of ``images``.
        images: place of each row's image.
        json: see `core.batches.RowFrame`.
    """

    table_id: int
    seq: Ints
    at: Ints
    columns: pl.DataFrame
    images: Ints
    json: frozenset[str]


@dataclass(frozen=True)
class Taken:
    """What was counted of a commit, by id of table.

    Attributes:
        tables: their rows were counted.
        untold: of these, those that may have values of another kind now; no value is counted.
        unlike: others, which may show something new; nothing of them is counted.
    """

    tables: frozenset[int]
    untold: frozenset[int]
    unlike: frozenset[int]


def take_usual(part: Part, states: Mapping[int, TableState], types_of: TypesOf) -> Taken | None:
    """Count the rows of those tables of a commit that show nothing new.

    Args:
        part: the commit.
        states: by table id, as they are before it; changed in place.
        types_of: asks the log.

    Returns:
        None for a commit with events that are no row changes: nothing of it is counted.
    """
    if part.events != part.upto - part.after:
        return None
    found, unlike = _alike(part, states)
    sampled: dict[int, _Sampled] = {each.table_id: _Sampled() for each in found}
    for rows in found:
        _advance(states[rows.table_id], rows)
        _sample(states[rows.table_id], rows, sampled[rows.table_id])
    _ask(states, sampled, types_of)
    for table_id, each in sampled.items():
        for name, count in ({} if each.untold else each.counts).items():
            column = states[table_id].columns[name]
            column.kind_rows += count
            column.other_rows = 0
    untold = frozenset(table_id for table_id, each in sampled.items() if each.untold)
    return Taken(frozenset(sampled), untold, unlike)


def _alike(part: Part, states: Mapping[int, TableState]) -> tuple[list[_Rows], frozenset[int]]:
    """New rows by batch, of tables where they look like those before; and the other tables."""
    found: list[_Rows] = []
    last: dict[int, int] = {}
    unlike: set[int] = set()
    for batch in part.batches:
        id_ = batch.table.id
        if id_ in unlike or stream_of(batch.table.schema, batch.table.table):
            continue
        state, rows = states.get(id_), _new_rows(batch)
        in_order = rows is None or not len(rows.seq) or rows.seq[0] > last.get(id_, part.after)
        if state is None or rows is None or not in_order or not _fits(state, rows):
            unlike.add(id_)
        elif len(rows.seq):
            last[id_] = int(rows.seq[-1])
            found.append(rows)
    return [each for each in found if each.table_id not in unlike], frozenset(unlike)


def _new_rows(batch: TableBatch) -> _Rows | None:
    """Inserted and copied rows; None where some lack a column that others have."""
    op = batch.codes[batch.after.rows]
    images = np.flatnonzero((op == _INSERT) | (op == _SNAPSHOT))
    for absent in batch.after.absent.values():
        if absent.to_numpy()[images].any():
            return None
    places = batch.after.rows[images]
    return _Rows(
        batch.table.id,
        batch.events["seq"].to_numpy()[places],
        micros_of(batch.events["ts"])[places],
        batch.after.columns,
        images,
        batch.after.json,
    )


def _fits(state: TableState, rows: _Rows) -> bool:
    """Whether rows have just the columns that the rows before had, all of them long known."""
    if not len(rows.seq):
        return True
    names = rows.columns.columns
    there = [name for name, column in state.columns.items() if not column.gone]
    return (
        state.described
        and len(names) == len(there)
        and set(names) == set(there)
        and all(state.columns[name].told for name in names)
        and all(state.columns[name].last == state.rows for name in names)
    )


def _advance(state: TableState, rows: _Rows) -> None:
    """What `presence.advance` does with such rows."""
    newest = np.maximum(np.maximum.accumulate(rows.at), state.newest)
    in_order = int(np.count_nonzero(rows.at >= newest))
    if not in_order:
        return
    state.rows += in_order
    state.newest = int(newest[-1])
    for name in rows.columns.columns:
        column = state.columns[name]
        column.present += in_order
        column.last = state.rows
        column.gap_seq = column.gap_at = 0


@dataclass
class _Sampled:
    """Kinds of the sampled values of a table.

    Attributes:
        counts: by column, values of the kind that its values had.
        unsure: columns of which the log is asked.
        untold: some values may be of another kind.
    """

    counts: Counter[str] = field(default_factory=Counter)
    unsure: set[str] = field(default_factory=set)
    untold: bool = False


def _sample(state: TableState, rows: _Rows, sampled: _Sampled) -> None:
    images = rows.images[is_sampled(rows.seq)]
    index = pl.Series(images.astype(np.uint32))
    for column in rows.columns.iter_columns():
        filled = len(images)
        if column.null_count():
            filled = int(np.count_nonzero(not_null(column)[images]))
        if not filled:
            continue
        kind = state.columns[column.name].kind
        if column.name in rows.json or (column.dtype == pl.String and _is_mixed(column, index)):
            sampled.unsure.add(column.name)
        elif _is_of(kind, column.dtype):
            sampled.counts[column.name] += filled
        else:
            sampled.untold = True


def _is_of(kind: str, dtype: pl.DataType) -> bool:
    """Whether all values of a column of a type are of a kind; text is not JSON or mixed."""
    if dtype == pl.Int64:
        return kind in ("integer", "number")  # an integer among numbers is none of another kind
    if dtype == pl.Float64:
        return kind == "number"
    return kind == {pl.Boolean: "boolean", pl.String: "text"}.get(dtype.base_type())


def _is_mixed(column: pl.Series, sampled: pl.Series) -> bool:
    """Whether some text may have been a number or a boolean."""
    return bool(pc.any(pc.match_substring_regex(texts_of(column[sampled]), _OTHERS)).as_py())


def _ask(
    states: Mapping[int, TableState], sampled: Mapping[int, _Sampled], types_of: TypesOf
) -> None:
    """Ask the log for the kinds of the columns that do not tell them."""
    names = sorted({name for each in sampled.values() for name in each.unsure})
    for each in sampled.values():
        for name in each.unsure:  # the log tells of all batches, also of those that were sure
            each.counts.pop(name, None)
    if len(names) > _MOST_ASKED:
        for each in sampled.values():
            each.untold |= bool(each.unsure)
        return
    for table_id, types, count in types_of(names) if names else ():
        mine = sampled.get(table_id, _Sampled())
        for name, type_ in zip(names, types, strict=True):
            if name not in mine.unsure or type_ is None or type_ == "NULL":
                continue
            kind, known = kind_of({type_}), states[table_id].columns[name].kind
            mine.counts[name] += count
            mine.untold |= kind != known and (known, kind) != ("number", "integer")
