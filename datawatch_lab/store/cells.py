"""Sketches as commits append them: rows of eight cells each, in columns of their own.

A cell is one bin of a quantile sketch with its count, or one register of a distinct sketch with its
rank, as one 64-bit number that is never 0; a column that has none is 0. A row a cell would cost
several times as much to append. Lists would be the obvious thing, but DuckDB 2.0 writes a list
column's whole block of 2,048 rows into its write-ahead log with each commit that appends to it.
Compaction and the views ``measures.fresh_…`` take the rows apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]

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
        pack: (positive key, value) -> cell.
        to_cell: SQL for the cell of a row ``p``.
        from_cell: SQL for the two columns of ``cell``.
    """

    key: str
    value: str
    offset: int
    pack: Callable[[Ints, Ints], Ints]
    to_cell: str
    from_cell: str


BIN_CELLS = Packing(
    key="bin",
    value="n",
    offset=1 << 19,  # bins lie within ±171,000, see metrics.sketch
    pack=lambda key, count: (count << 20) + key,
    to_cell="p.n * 1048576 + p.bin + 524288",
    from_cell="(cell % 1048576 - 524288)::INTEGER AS bin, cell // 1048576 AS n",
)
REGISTER_CELLS = Packing(
    key="register",
    value="rank",
    offset=1 << 20,  # coarse registers are below 0, see metrics.registers
    pack=lambda key, rank: (key << _RANK_BITS) + rank,
    to_cell="(p.register::BIGINT + 1048576) * 64 + p.rank",
    from_cell="(cell // 64 - 1048576)::INTEGER AS register, (cell % 64)::TINYINT AS rank",
)


def listed(states: pa.Table, packing: Packing) -> pa.Table:
    """Sketches with their cells in rows.

    Args:
        states: a row a cell; those of one sketch best stand together.
        packing: of their kind.

    Returns:
        ``series``, ``bucket`` and `SLOTS`.
    """
    series, bucket = _ints(states, "series"), _ints(states, "bucket")
    first = np.append(True, (series[1:] != series[:-1]) | (bucket[1:] != bucket[:-1]))
    starts = np.flatnonzero(first)
    sizes = np.diff(starts, append=len(series))
    cells = packing.pack(_ints(states, packing.key) + packing.offset, _ints(states, packing.value))
    rows = -(-sizes // len(SLOTS))  # of each sketch
    of_row = np.repeat(starts, rows)
    found = {
        "series": pa.array(series[of_row].astype(np.int32)),
        "bucket": pa.array(bucket[of_row]).view(pa.timestamp("us")),
    }
    return pa.table(found | dict(zip(SLOTS, _in_slots(cells, sizes, rows), strict=True)))


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


def _ints(states: pa.Table, name: str) -> Ints:
    column = states.column(name).combine_chunks()
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    return np.asarray(column).astype(np.int64, copy=False)
