"""Deltas of live tables as they are in the file, kept in memory too while they are small.

A commit asks for the stored rows of the keys that it changes. With hundreds of tables each of these
questions costs more as a statement than its answer does, and most rows that change have changed
lately: they are in the delta. A mirror is part of what is known of a table as of a commit, so a
commit that fails leaves that of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.columns import kept, nulls, picked, side_by_side, texts_of
from datawatch_lab.store.live_state import LiveTable

MIRROR_ROWS = 5_000
"""Rows of a delta from which on a statement is the cheaper way."""

MIRROR_BYTES = 64 * 1024 * 1024
"""What the mirrors of all tables take at most; the largest go first."""

NOTHING = pl.DataFrame()
"""The mirror of a delta without rows."""

_KEYS = ("k_hi", "k_lo")
_NAIVE = pl.Datetime("us")  # as the file has it


def found_in(mirror: pl.DataFrame, keys: pl.DataFrame, *, narrow: bool) -> NDArray[np.bool_]:
    """Which rows of a mirror have one of some keys.

    Args:
        mirror: rows of a delta.
        keys: with the columns ``k_hi`` and ``k_lo``.
        narrow: ``k_hi`` is 0 in every row of the mirror.
    """
    if not mirror.height:
        return np.zeros(0, dtype=np.bool_)
    hi, lo = (keys[name].to_numpy() for name in _KEYS)
    if narrow:
        lo = lo[hi == 0]
    same = np.isin(mirror["k_lo"].to_numpy(), lo)
    if narrow or not same.any():
        return same
    place = np.flatnonzero(same)
    near = picked(mirror, _KEYS)[pl.Series(place.astype(np.uint32))].with_row_index("place")
    both = near.join(keys.select(_KEYS), on=_KEYS, how="semi")["place"].to_numpy()
    same[:] = False
    same[place[both]] = True
    return same


def with_put(stored: LiveTable, there: NDArray[np.bool_] | None, put: pl.DataFrame) -> LiveTable:
    """The table after rows were put into its delta.

    Args:
        stored: before; with or without a mirror.
        there: which rows of the mirror had one of their keys and are gone, see `found_in`.
        put: the rows, by head and slot column.
    """
    mirror = stored.mirror
    if mirror is None or there is None:
        return replace(stored, mirror=None)
    rest = kept(mirror, ~there)
    if rest.height + put.height > MIRROR_ROWS:
        return replace(stored, mirror=None)
    fresh = side_by_side([_own(each) for each in put])
    return replace(stored, mirror=_stacked(rest, fresh) if rest.height else fresh)


def _own(column: pl.Series) -> pl.Series:
    """A column as it is mirrored; texts are copied, or they would hold the whole batch."""
    if column.dtype == pl.String:
        return pl.Series(column.name, texts_of(column))
    return column.cast(_NAIVE) if column.name == "at" else column


def _stacked(upper: pl.DataFrame, lower: pl.DataFrame) -> pl.DataFrame:
    """Two frames as one; a column that one lacks is null there."""
    if upper.columns == lower.columns:
        return upper.vstack(lower).rechunk()
    both = dict(zip(upper.columns, upper.dtypes, strict=True))
    both |= zip(lower.columns, lower.dtypes, strict=True)
    upper, lower = (
        side_by_side(
            [
                frame[name] if name in frame.columns else nulls(name, dtype, frame.height)
                for name, dtype in both.items()
            ]
        )
        for frame in (upper, lower)
    )
    return upper.vstack(lower).rechunk()


def bounded(tables: Mapping[int, LiveTable]) -> dict[int, LiveTable]:
    """The tables with as many of their mirrors as `MIRROR_BYTES` has room for."""
    sizes = {
        id_: int(table.mirror.estimated_size())
        for id_, table in tables.items()
        if table.mirror is not None
    }
    made, over = dict(tables), sum(sizes.values()) - MIRROR_BYTES
    for id_ in sorted(sizes, key=lambda each: -sizes[each]):
        if over <= 0:
            break
        over -= sizes[id_]
        made[id_] = replace(made[id_], mirror=None)
    return made
