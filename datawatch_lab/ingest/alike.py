"""Images of tables whose rows are written alike, decoded together and told apart again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import polars as pl

from datawatch_lab.ingest.cells import Cells, Column, Sorting, column_of
from datawatch_lab.ingest.layouts import layout_of
from datawatch_lab.ingest.texts import Texts
from datawatch_lab.ingest.tokens import frame_of

MOST_LAYOUTS = 12
"""Ways of writing images of one table in one batch, beyond which another way is cheaper."""

MOST_TOGETHER = 16_384
"""Images about as many as are decoded together: more do not fit into a processor's cache."""

Decoded = tuple[pl.DataFrame, dict[str, pl.Series]]
"""Columns, and by name where a field is missing, if it is missing anywhere."""


@dataclass(frozen=True)
class PlacedImages:
    """Images that are written in one way: which, and the bounds of their values by column, row."""

    names: tuple[str, ...]
    which: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def columns_of_tables(texts: Texts, tables: Sequence[np.ndarray]) -> list[Decoded | None]:
    """The columns of each table's images, as if it were alone.

    Args:
        texts: valid JSON objects.
        tables: the images of each, ascending; none is empty.

    Returns:
        One entry a table; None where its images are not of a few layouts, or a column has values of
        several kinds, or some object or array.
    """
    made: list[Decoded | None] = [None] * len(tables)
    for together in _by_first_layout(texts, tables):
        found = _decoded(texts, [tables[at] for at in together])
        if found is None and len(together) > 1:
            for at in together:
                alone = _decoded(texts, [tables[at]])
                made[at] = alone[0] if alone else None
        for at, one in zip(together, found or (), strict=False):
            made[at] = one
    return made


def _by_first_layout(texts: Texts, tables: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Indices of tables whose first images are written alike; those of no layout are left out."""
    known: dict[object, list[int]] = {}
    for at, rows in enumerate(tables):
        layout = layout_of(texts, int(rows[0]))
        if layout is not None:
            known.setdefault(layout.key, []).append(at)
    for together in known.values():
        sizes = np.cumsum([len(tables[at]) for at in together])
        parts = (sizes // MOST_TOGETHER).tolist()
        for _, group in groupby(zip(parts, together, strict=True), key=itemgetter(0)):
            yield [at for _, at in group]


def _decoded(texts: Texts, tables: Sequence[np.ndarray]) -> list[Decoded] | None:
    """The columns of tables that are written alike; None if one of them is not."""
    rows = np.concatenate(tables) if len(tables) > 1 else tables[0]
    order = np.arange(len(rows))
    if len(tables) > 1:
        by_place = np.argsort(rows, kind="stable")
        rows = rows[by_place]
        order[by_place] = np.arange(len(rows))
    sizes = np.fromiter(map(len, tables), np.int64, len(tables))
    sorting = Sorting(order, np.concatenate(([0], np.cumsum(sizes))))
    placed = _layouts(texts, rows)
    return None if placed is None else decoded(texts, texts.starts[rows], placed, sorting)


def decoded(
    texts: Texts, begins: np.ndarray, placed: Sequence[PlacedImages], sorting: Sorting
) -> list[Decoded] | None:
    """The columns of tables out of the places of their values; None if they are not alike.

    Args:
        texts: the buffer.
        begins: where each image begins, ascending.
        placed: the images, by how they are written.
        sorting: of which table they are.
    """
    if not _same_columns(placed, sorting):
        return None
    columns: dict[str, Column] = {}
    missing: dict[str, np.ndarray] = {}
    for name, cells in _cells(begins, placed):
        column = column_of(texts, cells, sorting)
        if column is None:
            return None
        columns[name] = column
        if cells.missing is not None:
            missing[name] = cells.missing[sorting.order]
    return _told_apart(columns, missing, sorting)


def _layouts(texts: Texts, rows: np.ndarray) -> list[PlacedImages] | None:
    """The few ways in which images are written; None if they are more."""
    found: list[PlacedImages] = []
    left = np.arange(len(rows))
    while len(left):
        layout = layout_of(texts, int(rows[left[0]])) if len(found) < MOST_LAYOUTS else None
        if layout is None:
            return None
        fits, starts, ends = layout.places(texts, rows[left])
        if not fits[0]:
            return None
        found.append(PlacedImages(layout.names, left[fits], starts, ends))
        left = left[~fits]
    return found


def _same_columns(placed: Sequence[PlacedImages], sorting: Sorting) -> bool:
    """Whether every table has every column that some has."""
    if len(placed) == 1 or sorting.tables == 1:
        return True
    names = set().union(*(part.names for part in placed))
    table = np.empty(len(sorting.order), np.int64)
    table[sorting.order] = np.repeat(np.arange(sorting.tables), np.diff(sorting.bounds))
    whole = [part for part in placed if len(part.names) == len(names)]
    seen = np.zeros(sorting.tables, np.bool_)
    for part in whole:
        seen[table[part.which]] = True
    return bool(seen.all())


def _cells(begins: np.ndarray, placed: Sequence[PlacedImages]) -> Iterator[tuple[str, Cells]]:
    """By field, in order of appearance: its values."""
    if len(placed) == 1:
        only = placed[0]
        for at, name in enumerate(only.names):
            yield name, Cells(only.starts[at], only.ends[at], None)
        return
    for name in dict.fromkeys(name for part in placed for name in part.names):
        starts = begins.copy()
        ends, missing = starts.copy(), np.ones(len(begins), np.bool_)
        for part in placed:
            if name in part.names:
                at = part.names.index(name)
                starts[part.which], ends[part.which] = part.starts[at], part.ends[at]
                missing[part.which] = False
        yield name, Cells(starts, ends, missing if missing.any() else None)


def _told_apart(
    columns: dict[str, Column], missing: dict[str, np.ndarray], sorting: Sorting
) -> list[Decoded]:
    frame = frame_of({name: column.values for name, column in columns.items()})
    masks = {name: pl.Series(name, mask) for name, mask in missing.items()}
    if sorting.tables == 1:
        return [(frame, masks)]
    own: dict[int, list[pl.Series]] = {}
    for name, column in columns.items():
        for at, values in column.own.items():
            own.setdefault(at, []).append(values.alias(name))
    some = {name: sorting.of_each(mask) for name, mask in missing.items()}
    bounds = sorting.bounds.tolist()
    apart: list[Decoded] = []
    for at, (start, end) in enumerate(pairwise(bounds)):
        part = frame.slice(start, end - start)
        if at in own:
            part = part.with_columns(own[at])
        absent = {
            name: mask.slice(start, end - start) for name, mask in masks.items() if some[name][at]
        }
        apart.append((part, absent))
    return apart
