"""Columns of raw JSON text out of the envelopes, without a Python object for what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from msgspec import Raw

_NULL = ord("n")
_OBJECT = ord("{")
_QUOTE = ord('"')


@dataclass(frozen=True)
class RawColumn:
    """Raw JSON values, one a row.

    Attributes:
        texts: the bytes exactly as they came; empty where there is none.
        array: the same as large_string; null for ``null`` and where there is none.
        first, second: the first bytes of each; 0 where there is none.
        garbled: indices of rows that are not UTF-8; they are null in ``array``.
    """

    texts: list[bytes]
    array: pa.LargeStringArray
    first: np.ndarray
    second: np.ndarray
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
    def filled_objects(self) -> np.ndarray:
        """Boolean: the value is a JSON object with fields."""
        filled = self.first == _OBJECT
        for at in np.flatnonzero(filled & (self.second != _QUOTE)).tolist():
            filled[at] = bool(self.texts[at][1:-1].strip())
        return np.asarray(filled)


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
    first, second = _byte(data, bounds, 0), _byte(data, bounds, 1)
    valid = np.packbits((first != 0) & (first != _NULL), bitorder="little")
    array = pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(bounds), pa.py_buffer(data), pa.py_buffer(valid)
    )
    return RawColumn(texts, array, first, second, garbled)


def _byte(data: bytes, bounds: np.ndarray, number: int) -> np.ndarray:
    found = np.zeros(len(bounds) - 1, dtype=np.uint8)
    long = np.flatnonzero(np.diff(bounds) > number)
    found[long] = np.frombuffer(data, np.uint8)[bounds[long] + number]
    return found


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
