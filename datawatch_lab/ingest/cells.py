"""Columns out of the places of values in a buffer of texts, without an object for any value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.ingest.texts import Texts
from datawatch_lab.ingest.tokens import number_column

_NONE, _TEXT, _NUMBER, _TRUE, _FALSE, _NULL, _MISSING = range(7)
_SIZES = np.array([0, 0, 0, 4, 5, 4, 0], np.int64)
_KINDS = np.zeros(256, np.uint8)  # of values, by their first byte
_KINDS[ord('"')] = _TEXT
_KINDS[list(b"-0123456789")] = _NUMBER
_KINDS[list(b"tfn")] = _TRUE, _FALSE, _NULL
_QUOTE, _BACKSLASH, _POINT, _EXPONENT = b'"\\.e'
_LEAST_OF_NUMBERS = ord("+")
_LOW = 0x20


@dataclass(frozen=True)
class Cells:
    """The values of one field, one entry an image.

    Attributes:
        starts, ends: their bounds in the buffer, ascending; equal where the field is missing.
        missing: Boolean; None when no image misses the field.
    """

    starts: np.ndarray
    ends: np.ndarray
    missing: np.ndarray | None


@dataclass(frozen=True)
class Sorting:
    """Images of several tables, to be put in order of their table.

    Attributes:
        order: indices of the images, table after table.
        bounds: where each table begins in that order, and where the last one ends; none is empty.
    """

    order: np.ndarray
    bounds: np.ndarray

    @property
    def tables(self) -> int:
        """How many tables there are."""
        return len(self.bounds) - 1

    def of_each(self, flags: np.ndarray) -> np.ndarray:
        """How many of a table's images (in order of their table) are flagged, by table."""
        return np.add.reduceat(flags, self.bounds[:-1], dtype=np.int64)


@dataclass(frozen=True)
class Column:
    """One field of all tables, in order of their table.

    Attributes:
        values: Int64, Float64, Boolean or String.
        own: by table, values of another type than those of the others.
    """

    values: pl.Series
    own: Mapping[int, pl.Series] = field(default_factory=dict)


def column_of(texts: Texts, cells: Cells, sorting: Sorting) -> Column | None:
    """The values of a field, typed for each table as if it were alone.

    None when values are of several kinds, objects or arrays, or have more in them than a value:
    then images are not written as they seemed to be.
    """
    kinds = _KINDS[texts.bytes[cells.starts]]
    if cells.missing is not None:
        kinds[cells.missing] = _MISSING
    seen = np.bincount(kinds, minlength=len(_SIZES))
    words = int(seen[_TRUE] + seen[_FALSE])
    if seen[_NONE] or (words + seen[_NULL] and not _sized(kinds, cells)):
        return None
    count = len(kinds) - int(seen[_NULL] + seen[_MISSING])
    if not count:
        return Column(pl.Series([None] * len(kinds), dtype=pl.String))
    void = None if count == len(kinds) else kinds >= _NULL
    made: Column | None = None
    if seen[_TEXT] == count:
        made = _strings(texts, cells, void, sorting)
    elif seen[_NUMBER] == count:
        made = _numbers(texts, cells, void, sorting)
    elif words == count:
        ordered = kinds[sorting.order]
        made = Column(pl.Series(pa.array(ordered == _TRUE, mask=ordered >= _NULL)))
    if made is None or void is None or sorting.tables == 1 or seen[_TEXT] == count:
        return made
    return _with_voids(made, void, sorting)


def _with_voids(column: Column, void: np.ndarray, sorting: Sorting) -> Column:
    """The column; of a table without any value it is text, as nothing is known of it."""
    sizes = np.diff(sorting.bounds)
    nothing = np.flatnonzero(sorting.of_each(void[sorting.order]) == sizes).tolist()
    own = {at: pl.Series([None] * int(sizes[at]), dtype=pl.String) for at in nothing}
    return Column(column.values, {**column.own, **own})


def _sized(kinds: np.ndarray, cells: Cells) -> bool:
    """Whether all of ``true``, ``false`` and ``null`` are these words and nothing more."""
    which = np.flatnonzero(_SIZES[kinds])
    return bool(np.array_equal((cells.ends - cells.starts)[which], _SIZES[kinds[which]]))


def _numbers(
    texts: Texts, cells: Cells, void: np.ndarray | None, sorting: Sorting
) -> Column | None:
    array = texts.pieces(cells.starts, cells.ends, void, sorting.order)
    held = _held(array)
    if (held < _LEAST_OF_NUMBERS).any():
        return None
    powers = (held | _LOW) == _EXPONENT
    points = np.flatnonzero(powers | (held == _POINT))
    sizes = cells.ends - cells.starts
    longest = None if powers.any() else int((sizes if void is None else sizes[~void]).max())
    text = pl.Series(array)
    column = number_column(text, whole=not len(points), longest=longest)
    if sorting.tables == 1 or column.dtype == pl.Int64:
        return Column(column)
    if column.dtype != pl.Float64:
        return None
    bounds = np.frombuffer(array.buffers()[1], np.int64)[sorting.bounds]
    wholes = np.flatnonzero(np.diff(np.searchsorted(points, bounds)) == 0).tolist()
    return Column(column, {at: _whole(text, sorting.bounds[at : at + 2]) for at in wholes})


def _whole(text: pl.Series, bounds: np.ndarray) -> pl.Series:
    """The column of a table whose numbers are all whole, while those of others are not."""
    return number_column(text[slice(*bounds.tolist())], whole=True)


def _strings(
    texts: Texts, cells: Cells, void: np.ndarray | None, sorting: Sorting
) -> Column | None:
    starts, ends = cells.starts, cells.ends
    closed = (texts.bytes[ends - 1] == _QUOTE) & (ends - starts > 1)
    if not (closed if void is None else closed | void).all():
        return None
    if void is not None:
        ends = np.where(void, starts + 2, ends)
    array = texts.pieces(starts + 1, ends - 1, void, sorting.order)
    held = _held(array)
    quotes = int(np.count_nonzero(held == _QUOTE))
    if quotes and quotes != np.count_nonzero((held[1:] == _QUOTE) & (held[:-1] == _BACKSLASH)):
        return None
    column = pl.Series(array)
    if not (texts.escapes and (held == _BACKSLASH).any()):
        return Column(column)
    plain = _unescaped(column)
    return None if plain is None else Column(plain)


def _unescaped(column: pl.Series) -> pl.Series | None:
    where = column.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    listed = '["' + '","'.join(column.gather(where).to_list()) + '"]'
    try:
        plain = msgspec.json.decode(listed, type=list[str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return column.scatter(where, pl.Series(plain, dtype=pl.String))


def _held(array: pa.Array) -> np.ndarray:
    """The bytes of all texts of an array that is no slice."""
    data = array.buffers()[2]
    return np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
