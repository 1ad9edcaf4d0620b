"""Columns of raw JSON text out of the envelopes, without a Python object for what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import Raw

_NULL = ord("n")
_OBJECT = ord("{")


@dataclass(frozen=True)
class RawColumn:
    """Raw JSON values, one a row.

    Attributes:
        texts: the bytes exactly as they came; empty where there is none.
        array: the same as large_string; null for ``null`` and where there is none.
        first: the first byte of each; 0 where there is none.
        garbled: indices of rows that are not UTF-8; they are null in ``array``.
    """

    texts: list[bytes]
    array: pa.LargeStringArray
    first: np.ndarray
    garbled: list[int]

    @property
    def present(self) -> np.ndarray:
        """Boolean: there is a value other than ``null``."""
        return np.asarray((self.first != 0) & (self.first != _NULL))

    @property
    def objects(self) -> np.ndarray:
        """Boolean: the value is a JSON object."""
        return np.asarray(self.first == _OBJECT)

    @property
    def empty_objects(self) -> np.ndarray:
        """Boolean: the value is an object without fields."""
        found = pl.Series(self.array).str.contains(r"^\{\s*\}$").fill_null(value=False)
        return found.to_numpy()


def raw_column(raws: Sequence[Raw]) -> RawColumn:
    """Gather raw values into one buffer and its offsets."""
    texts = list(map(bytes, raws))
    data = b"".join(texts)
    garbled = [] if _is_utf8(data) else [i for i, text in enumerate(texts) if not _is_utf8(text)]
    if garbled:
        for at in garbled:
            texts[at] = b""
        data = b"".join(texts)
    bounds = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=bounds[1:])
    first = np.zeros(len(texts), dtype=np.uint8)
    filled = np.flatnonzero(np.diff(bounds))
    first[filled] = np.frombuffer(data, np.uint8)[bounds[filled]]
    valid = np.packbits((first != 0) & (first != _NULL), bitorder="little")
    array = pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(bounds), pa.py_buffer(data), pa.py_buffer(valid)
    )
    return RawColumn(texts, array, first, garbled)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
