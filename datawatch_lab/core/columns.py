"""Small things about columns that hot paths ask for thousands of times a second.

Methods of a Series that polars carries out as expressions cost 60 to 150 µs each, however short the
Series is; with 200 tables of ten fields a commit asks some 10,000 times. These take 5 µs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

_MOMENT = pa.timestamp("us", "UTC")


def not_null(column: pl.Series) -> Bools:
    """Where there is a value.

    >>> not_null(pl.Series([1, None])).tolist()
    [True, False]
    >>> not_null(pl.Series([10**30, None], dtype=pl.Int128)).tolist()
    [True, False]
    """
    if not column.null_count():
        return np.ones(len(column), dtype=np.bool_)
    if column.dtype == pl.Int128:  # Arrow has no integer of 128 bits
        return np.array(column.is_not_null().to_numpy())
    return np.array(column.rechunk().to_arrow().is_valid())


def true_where(column: pl.Series) -> Bools:
    """Where a Boolean column is true; null is not.

    >>> true_where(pl.Series([True, None, False])).tolist()
    [True, False, False]
    """
    if not column.null_count():
        return np.array(column.to_numpy())
    array = column.rechunk().to_arrow()
    return np.array(array.fill_null(False))


def texts_of(column: pl.Series) -> pa.LargeStringArray:
    """A String column as Arrow text with 64-bit offsets, in one piece."""
    array = column.rechunk().to_arrow()
    if isinstance(array, pa.LargeStringArray):
        return array
    return array.cast(pa.large_string())


def first_bytes(column: pl.Series) -> NDArray[np.uint8]:
    """The first byte of each text; no text is empty or null.

    >>> bytes(first_bytes(pl.Series(["c", "u", "d"])))
    b'cud'
    """
    if not len(column):
        return np.empty(0, dtype=np.uint8)
    array = texts_of(column)
    _, offsets, data = array.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array)]
    return np.frombuffer(data, dtype=np.uint8)[starts]


def among(column: pl.Series, words: Collection[str]) -> Bools:
    """Where a String column, of few different values and without nulls, has one of some words.

    >>> among(pl.Series(["c", "ddl", "d"]), ("c", "d")).tolist()
    [True, False, True]
    """
    coded = column.rechunk().to_arrow().dictionary_encode()
    hits = np.array([each in words for each in coded.dictionary.to_pylist()], dtype=np.bool_)
    if hits.all():
        return np.ones(len(column), dtype=np.bool_)
    return np.asarray(hits[np.asarray(coded.indices)], dtype=np.bool_)


def constant(name: str, word: str, length: int) -> pl.Series:
    """A String column of one value.

    >>> constant("a", "x", 2).to_list()
    ['x', 'x']
    """
    return pl.Series(name, [word], dtype=pl.String).new_from_index(0, length)


def micros_of(column: pl.Series) -> NDArray[np.int64]:
    """Epoch µs of a Datetime[us] column without nulls."""
    return np.asarray(column.cast(pl.Int64).to_numpy())


def micros_or(column: pl.Series, default: int) -> NDArray[np.int64]:
    """Epoch µs of a Datetime[us] column, with something else where it is null.

    >>> micros_or(pl.Series([None], dtype=pl.Datetime("us", "UTC")), -1).tolist()
    [-1]
    """
    if not column.null_count():
        return micros_of(column)
    return np.asarray(column.rechunk().to_arrow().cast(pa.int64()).fill_null(default))


def moments_in(column: pl.Series) -> NDArray[np.int64] | None:
    """Epoch µs of texts that are all ISO 8601 with a zone; None where one is not. 0 for null.

    >>> moments_in(pl.Series(["1970-01-01T00:00:01Z", None])).tolist()
    [1000000, 0]
    >>> moments_in(pl.Series(["1970-01-01"])) is None
    True
    """
    texts = texts_of(column)
    if not len(texts) - texts.null_count:
        return None
    try:
        moments = texts.cast(_MOMENT)
    except pa.ArrowInvalid:
        return None
    return np.asarray(moments.cast(pa.int64()).fill_null(0))


def picked(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Some columns of a frame, in this order.

    >>> picked(pl.DataFrame({"a": [1], "b": [2]}), ["b"]).columns
    ['b']
    >>> picked(pl.DataFrame({"a": [1]}), []).columns
    []
    """
    return side_by_side([frame.get_column(name) for name in names]) if names else pl.DataFrame()


def side_by_side(columns: Sequence[pl.Series]) -> pl.DataFrame:
    """A frame of columns, of which there is at least one, each under its own name.

    A column may be called "", as a field of JSON may; polars gives it another name in a list.

    >>> side_by_side([pl.Series("a", [1]), pl.Series("", [2])]).columns
    ['a', '']
    """
    if any(not column.name for column in columns):
        return pl.DataFrame({column.name: column for column in columns})
    return pl.DataFrame(columns)


def taken(frame: pl.DataFrame, places: NDArray[np.int64]) -> pl.DataFrame:
    """The rows at some places, which are all there.

    >>> taken(pl.DataFrame({"a": [1, 2]}), np.array([1, 0])).rows()
    [(2,), (1,)]
    """
    if not frame.width:
        return pl.DataFrame(height=len(places))
    index = pl.Series(places.astype(np.uint32))
    return side_by_side([column[index] for column in frame])


def under_one_another(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames with the same columns, of which there is at least one, as one.

    `polars.concat` hands frames to its threads, which takes longer than the copying of short ones.

    >>> under_one_another([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})]).rows()
    [(1,), (2,)]
    """
    if len(frames) == 1:
        return frames[0]
    columns = zip(*(frame.get_columns() for frame in frames), strict=True)
    return side_by_side([pl.concat(parts, rechunk=True) for parts in columns])


def arrow_of(frame: pl.DataFrame) -> pa.Table:
    """A frame as Arrow, column by column: `polars.DataFrame.to_arrow` asks its threads for it.

    >>> arrow_of(pl.DataFrame({"a": [1]})).to_pylist()
    [{'a': 1}]
    """
    return pa.table({column.name: column.to_arrow() for column in frame})


def kept(frame: pl.DataFrame, keep: Bools) -> pl.DataFrame:
    """The rows where ``keep`` is true.

    >>> kept(pl.DataFrame({"a": [1, 2]}), np.array([False, True])).rows()
    [(2,)]
    """
    if keep.all():
        return frame
    if not frame.width:
        return pl.DataFrame(height=int(keep.sum()))
    mask = pl.Series(keep)
    return side_by_side([column.filter(mask) for column in frame])


def no_rows(schema: pa.Schema) -> pa.Table:
    """A table without rows, and without loading pandas, which `Schema.empty_table` does.

    >>> no_rows(pa.schema([("a", pa.int8())])).shape
    (0, 1)
    """
    return pa.Table.from_batches([], schema)


def nulls(name: str, dtype: pl.DataType, height: int) -> pl.Series:
    """A column of nulls.

    >>> nulls("a", pl.Int64(), 2).to_list()
    [None, None]
    """
    return pl.Series(name, [None], dtype=dtype).new_from_index(0, height)
