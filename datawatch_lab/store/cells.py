"""Sketches as commits append them: rows of eight cells each, in columns of their own.

A cell is one bin of a quantile sketch with its count, or one register of a distinct sketch with its
rank, as one 64-bit number that is never 0; a column that has none is 0. A row a cell would cost
several times as much to append. Lists would be the obvious thing, but DuckDB 2.0 writes a list
column's whole block of 2,048 rows into its write-ahead log with each commit that appends to it.
Compaction and the views ``measures.fresh_…`` take the rows apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.values import LEVEL_SECONDS

Ints = NDArray[np.int64]

_KEY_BITS = 27  # of a bin or a register, made positive
_RANK_BITS = 6

SLOTS = tuple(f"c{number}" for number in range(1, 9))
"""Columns of cells."""

UNPACKED = f"unnest([{', '.join(SLOTS)}])"
"""SQL for the cells of a row, a row each; those that are 0 are none."""


@dataclass(frozen=True)
class Packing:
    """How a key and its value make a cell.

    Attributes:
        key, value: their columns.
        offset: added to the key, so that it is positive.
        merge: (place, value) -> (place, value), the values of equal places made one, sorted.
        pack: (positive key, value) -> cell.
        to_cell: SQL for the cell of a row ``p``.
        from_cell: SQL for the two columns of ``cell``.
    """

    key: str
    value: str
    offset: int
    merge: Callable[[Ints, Ints], tuple[Ints, Ints]]
    pack: Callable[[Ints, Ints], Ints]
    to_cell: str
    from_cell: str


def _summed(place: Ints, count: Ints) -> tuple[Ints, Ints]:
    order = np.argsort(place, kind="stable")
    place = place[order]
    first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    return place[first], np.add.reduceat(count[order], first)


def _highest(place: Ints, rank: Ints) -> tuple[Ints, Ints]:
    both = np.sort((place << _RANK_BITS) + rank)
    place = both >> _RANK_BITS
    top = np.append(place[1:] != place[:-1], True)
    return place[top], both[top] & ((1 << _RANK_BITS) - 1)


BIN_CELLS = Packing(
    key="bin",
    value="n",
    offset=1 << 19,  # bins lie within ±171,000, see metrics.sketch
    merge=_summed,
    pack=lambda key, count: (count << 20) + key,
    to_cell="p.n * 1048576 + p.bin + 524288",
    from_cell="(cell % 1048576 - 524288)::INTEGER AS bin, cell // 1048576 AS n",
)
REGISTER_CELLS = Packing(
    key="register",
    value="rank",
    offset=1 << 20,  # coarse registers are below 0, see metrics.registers
    merge=_highest,
    pack=lambda key, rank: (key << _RANK_BITS) + rank,
    to_cell="(p.register::BIGINT + 1048576) * 64 + p.rank",
    from_cell="(cell // 64 - 1048576)::INTEGER AS register, (cell % 64)::TINYINT AS rank",
)


@dataclass(frozen=True)
class _Sketches:
    """Sketches of one level; ``bounds`` says where the cells of each begin, and where all end."""

    series: Ints
    bucket: Ints  # epoch µs
    bounds: Ints
    key: Ints
    value: Ints


def listed(states: pa.Table, packing: Packing) -> pa.Table:
    """What a commit appends of sketches, at every level.

    Args:
        states: rows of level 1s, a cell each; those of one sketch best stand together.
        packing: of their kind.

    Returns:
        ``level``, ``series``, ``bucket``, `SLOTS`, ``fresh``; the coarser levels merged.
    """
    finest = _finest(states, packing)
    levels = [finest]
    for seconds in list(LEVEL_SECONDS.values())[1:]:
        levels.append(_coarser(levels[-1], seconds * 1_000_000, packing))
    sizes = np.concatenate([np.diff(each.bounds) for each in levels])
    cells = np.concatenate([packing.pack(each.key, each.value) for each in levels])
    rows = -(-sizes // len(SLOTS))  # of each sketch
    numbers = [np.full(len(each.series), place, np.uint8) for place, each in enumerate(levels)]
    columns: dict[str, NDArray[Any]] = {
        "level": np.concatenate(numbers),
        "series": np.concatenate([each.series for each in levels]).astype(np.int32),
        "bucket": np.concatenate([each.bucket for each in levels]),
    }
    found = {name: pa.array(np.repeat(values, rows)) for name, values in columns.items()}
    found["bucket"] = found["bucket"].view(pa.timestamp("us"))
    found |= dict(zip(SLOTS, _in_slots(cells, sizes, rows), strict=True))
    found["fresh"] = pa.repeat(pa.scalar(value=True), int(rows.sum()))
    return pa.table(found)


def _in_slots(cells: Ints, sizes: Ints, rows: Ints) -> Iterator[pa.Array]:
    """Cells of sketches in rows; a sketch begins with a row, and fills its last with zeros.

    Args:
        cells: of all sketches, one after the other.
        sizes: cells of each.
        rows: of each.
    """
    slots = np.zeros(int(rows.sum()) * len(SLOTS), dtype=np.int64)
    begins = (np.cumsum(rows) - rows) * len(SLOTS) - (np.cumsum(sizes) - sizes)
    slots[np.arange(len(cells)) + np.repeat(begins, sizes)] = cells
    for column in np.ascontiguousarray(slots.reshape(-1, len(SLOTS)).T):
        yield pa.array(column)


def _finest(states: pa.Table, packing: Packing) -> _Sketches:
    series = _ints(states, "series")
    bucket = _ints(states, "bucket")
    first = np.append(True, (series[1:] != series[:-1]) | (bucket[1:] != bucket[:-1]))
    starts = np.flatnonzero(first)
    return _Sketches(
        series[starts],
        bucket[starts],
        np.append(starts, len(series)),
        _ints(states, packing.key) + packing.offset,
        _ints(states, packing.value),
    )


def _ints(states: pa.Table, name: str) -> Ints:
    column = states.column(name).combine_chunks()
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    return np.asarray(column).astype(np.int64, copy=False)


def _coarser(finer: _Sketches, width: int, packing: Packing) -> _Sketches:
    """The same sketches in wider buckets, those that meet merged."""
    bucket = finer.bucket // width * width
    order = np.lexsort((bucket, finer.series))
    series, starts = finer.series[order], bucket[order]
    new = np.append(True, (series[1:] != series[:-1]) | (starts[1:] != starts[:-1]))
    if new.all():  # none meet
        return replace(finer, bucket=bucket)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    of_cell = np.repeat(group, np.diff(finer.bounds))
    place, value = packing.merge((of_cell << _KEY_BITS) + finer.key, finer.value)
    of_cell = place >> _KEY_BITS
    begins = np.flatnonzero(np.append(True, of_cell[1:] != of_cell[:-1]))
    return _Sketches(
        series[new],
        starts[new],
        np.append(begins, len(place)),
        place & ((1 << _KEY_BITS) - 1),
        value,
    )
