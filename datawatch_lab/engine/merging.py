"""Batches of one table in one commit, put together where they look alike.

A stage costs a batch about as much for ten rows as for a thousand, so what several submissions
bring of a table is handed on as one. Only where every column keeps its type: what is understood of
a field, and how its values are written as text, rests on the types that it came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import nulls, side_by_side

Types = dict[str, pl.DataType | None]
"""Type by column; None for a column that has held nulls only."""


def merged(batches: Iterable[TableBatch]) -> list[TableBatch]:
    """The batches, those of one table that follow one another and look alike made one.

    Args:
        batches: each in order of sequence number, those of one table after one another too.

    Returns:
        Tables in order of their first batch; the batches of each in order of sequence number.
    """
    by_table: dict[int, list[TableBatch]] = {}
    for each in batches:
        by_table.setdefault(each.table.id, []).append(each)
    return [one for mine in by_table.values() for one in _of_table(mine)]


def _of_table(batches: Sequence[TableBatch]) -> list[TableBatch]:
    if len(batches) == 1:
        return list(batches)
    groups: list[list[TableBatch]] = []
    types: tuple[Types, Types] | None = None
    for each in batches:
        fitting = None if types is None else _fitting(types, groups[-1][-1], each)
        if fitting is None:
            groups.append([each])
            types = (_types(each.after), _types(each.before))
        else:
            groups[-1].append(each)
            types = fitting
    return [_joined(group) for group in groups]


def _fitting(
    types: tuple[Types, Types], last: TableBatch, following: TableBatch
) -> tuple[Types, Types] | None:
    """Types of a group with one batch more; None when that does not look like the others."""
    if last.backfill != following.backfill or not _follows(last, following):
        return None
    after = _common(types[0], last.after, following.after)
    before = _common(types[1], last.before, following.before)
    return None if after is None or before is None else (after, before)


def _follows(last: TableBatch, following: TableBatch) -> bool:
    """Whether all of a batch came before the next; one request may name a table in two ways."""
    if not last.events.height or not following.events.height:
        return True
    return bool(last.events["seq"][-1] < following.events["seq"][0])


def _types(frame: RowFrame) -> Types:
    return {
        column.name: None if column.null_count() == len(column) else column.dtype
        for column in frame.columns
    }


def _common(known: Types, last: RowFrame, frame: RowFrame) -> Types | None:
    found = _types(frame)
    if found.keys() != known.keys() or last.json != frame.json:
        return None
    common: Types = {}
    for name, dtype in known.items():
        other = found[name]
        if dtype is not None and other is not None and dtype != other:
            return None
        common[name] = other if dtype is None else dtype
    return common


def _joined(group: Sequence[TableBatch]) -> TableBatch:
    """Batches that look alike as one."""
    if len(group) == 1:
        return group[0]
    starts = np.cumsum([0, *(each.events.height for each in group[:-1])]).tolist()
    return replace(
        group[0],
        events=pl.concat([each.events for each in group], rechunk=True),
        after=_images([each.after for each in group], starts),
        before=_images([each.before for each in group], starts),
    )


def _images(frames: Sequence[RowFrame], starts: Sequence[int]) -> RowFrame:
    """Images of several batches, renumbered to index the events of all."""
    first = frames[0]
    rows = [frame.rows + start for frame, start in zip(frames, starts, strict=True)]
    if not first.columns.width:
        height = sum(len(each) for each in rows)
        return replace(first, rows=np.concatenate(rows), columns=pl.DataFrame(height=height))
    names = first.columns.columns
    return RowFrame(
        rows=np.concatenate(rows),
        columns=side_by_side([_column(name, frames) for name in names]),
        absent={
            name: pl.concat([_absent(name, frame) for frame in frames], rechunk=True)
            for name in names
            if any(name in frame.absent for frame in frames)
        },
        json=first.json,
    )


def _column(name: str, frames: Sequence[RowFrame]) -> pl.Series:
    columns = [frame.columns[name] for frame in frames]
    dtype = next((c.dtype for c in columns if c.null_count() < len(c)), columns[0].dtype)
    return pl.concat(
        [c if c.dtype == dtype else nulls(name, dtype, len(c)) for c in columns], rechunk=True
    )


def _absent(name: str, frame: RowFrame) -> pl.Series:
    found = frame.absent.get(name)
    if found is not None:
        return found
    return pl.Series([False]).new_from_index(0, len(frame.rows))
