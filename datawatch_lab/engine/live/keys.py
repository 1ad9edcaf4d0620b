"""Keys of rows as 128 bits: the same row has the same key, however its number is written.

A key of one whole number is that number, so that neighbours stay neighbours; every other key is the
MD5 of its canonical text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.core.columns import not_null
from datawatch_lab.metrics.images import label_texts

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
HashTexts = Callable[[pl.Series], tuple[Ints, Ints]]
"""128-bit hashes of texts as two halves."""

NO_KEY = np.int64(np.iinfo(np.int64).min)
"""High half of rows whose key is missing; the low half is then a sequence number."""

_WHOLE_BELOW = 2.0**53
_INTEGER = r"^(?:0|-?[1-9][0-9]{0,17})$"


@dataclass(frozen=True)
class Keys:
    """Keys of images; arrays are parallel to the images.

    Attributes:
        hi, lo: the halves; 0 where there is no key.
        known: where an image has every key field, none of them null.
    """

    hi: Ints
    lo: Ints
    known: Bools


def keys_of(frame: RowFrame, key: Sequence[str], hash_texts: HashTexts) -> Keys:
    """The keys of images by the key columns ``key`` (at least one)."""
    known = np.ones(len(frame.rows), dtype=np.bool_)
    for name in key:
        known &= _filled(frame, name)
    hi, lo = np.zeros(len(known), dtype=np.int64), np.zeros(len(known), dtype=np.int64)
    if not known.any():
        return Keys(hi, lo, known)
    rest = known
    if len(key) == 1:
        numbers, whole = _whole_numbers(frame.columns[key[0]])
        if whole.all():
            return Keys(hi, numbers.copy(), known)
        lo[whole] = numbers[whole]
        rest = known & ~whole
    if rest.any():
        texts = [label_texts(frame.columns[name]) for name in key]
        text = texts[0] if len(key) == 1 else _joined(texts)
        hi[rest], lo[rest] = hash_texts(text.filter(pl.Series(rest)))
    return Keys(hi, lo, known)


def _filled(frame: RowFrame, name: str) -> Bools:
    if name not in frame.columns.columns:
        return np.zeros(len(frame.rows), dtype=np.bool_)
    filled = not_null(frame.columns[name])
    absent = frame.absent.get(name)
    return filled if absent is None else filled & ~absent.to_numpy()


def _whole_numbers(column: pl.Series) -> tuple[Ints, Bools]:
    """Values as 64-bit integers, and where they are such."""
    if column.dtype == pl.Int64:
        return _zero_for_null(column), not_null(column)
    if column.dtype == pl.Float64:
        fits = (column == column.floor()) & (column.abs() < _WHOLE_BELOW)
        column = column.set(~fits.fill_null(value=False), None)
    elif column.dtype == pl.String:
        column = column.set(~column.str.contains(_INTEGER).fill_null(value=False), None)
    elif column.dtype == pl.Boolean:
        column = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(column))
    numbers = column.cast(pl.Int64, strict=False)
    return _zero_for_null(numbers), not_null(numbers)


def _zero_for_null(numbers: pl.Series) -> Ints:
    filled = numbers.fill_null(0) if numbers.null_count() else numbers
    return np.asarray(filled.to_numpy())


def _joined(texts: Sequence[pl.Series]) -> pl.Series:
    """One text a row; lengths keep ("a", "bc") and ("ab", "c") apart."""
    parts: list[pl.Series] = []
    for text in texts:
        parts += [text.str.len_bytes().cast(pl.String), text]
    frame = pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)])
    return frame.select(pl.concat_str(pl.all(), separator=":").alias("key"))["key"]
