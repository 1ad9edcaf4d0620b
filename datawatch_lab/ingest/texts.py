"""JSON texts one after another in one buffer, with array operations to look into them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa

PAD = bytes(8)
"""What stands behind the texts, so that a word of eight bytes can be read at any place."""

FEW = 16
"""Texts up to which plain Python is faster than array operations with their fixed cost."""

_QUOTE, _COLON, _BACKSLASH = b'":\\'


class Buffer:
    """Bytes in which many texts stand.

    Attributes:
        data: with `PAD` behind the last one.
    """

    data: bytes

    @cached_property
    def words(self) -> np.ndarray:
        """The eight bytes from each place on, as one little-endian number."""
        return np.ndarray((len(self.data) - 7,), np.dtype("<u8"), self.data, strides=(1,))

    @cached_property
    def escapes(self) -> bool:
        """Whether there is a backslash anywhere."""
        return b"\\" in self.data


class Texts(Buffer):
    """UTF-8 texts in one buffer.

    Args:
        data: the texts one after another, then `PAD`.
        bounds: int64; where each begins, and where the last one ends.
    """

    def __init__(self, data: bytes, bounds: np.ndarray) -> None:
        self.data = data
        self.bounds = bounds
        self.bytes = np.frombuffer(data, np.uint8)

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        """Texts that are not in one buffer yet."""
        return cls(b"".join(chain(texts, (PAD,))), bounds_of(texts))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def starts(self) -> np.ndarray:
        """Where each text begins."""
        return self.bounds[:-1]

    @property
    def ends(self) -> np.ndarray:
        """Where each text ends."""
        return self.bounds[1:]

    @cached_property
    def marks(self) -> np.ndarray:
        """Where quotes stand that a colon follows directly: ends of keys, if no space is between.

        A key that ends in a backslash is not among them.
        """
        after = np.flatnonzero(self.bytes[1:] == _COLON)
        marks = after[self.bytes[after] == _QUOTE]
        if self.escapes and len(marks):
            marks = marks[self.bytes[np.maximum(marks - 1, 0)] != _BACKSLASH]
        return np.asarray(marks)

    @cached_property
    def first_marks(self) -> np.ndarray:
        """For each bound, how many marks stand before it."""
        return np.searchsorted(self.marks, self.bounds)

    def text(self, at: int) -> bytes:
        """One of the texts."""
        return self.data[int(self.bounds[at]) : int(self.bounds[at + 1])]

    def some(self, rows: np.ndarray) -> list[bytes]:
        """Some of the texts."""
        bounds = zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)
        return [self.data[start:end] for start, end in bounds]

    def pieces(
        self, starts: np.ndarray, ends: np.ndarray, void: np.ndarray | None, order: np.ndarray
    ) -> pa.Array:
        """Parts of the buffer as large_string, null where ``void``.

        Args:
            starts: where they begin, ascending.
            ends: where they end; no part reaches into the next.
            void: Boolean, or None if no part is null.
            order: indices of the parts, in the order in which they are wanted.
        """
        count = len(starts)
        bounds = np.empty(2 * count, np.int64)
        bounds[0::2], bounds[1::2] = starts, ends
        parts = pa.LargeStringArray.from_buffers(
            max(2 * count - 1, 0), pa.py_buffer(bounds), pa.py_buffer(self.data)
        )
        return parts.take(pa.array(2 * order, mask=None if void is None else void[order]))


def bounds_of(texts: Sequence[object]) -> np.ndarray:
    """Where each of some texts begins in their concatenation, and where the last one ends."""
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=bounds[1:])  # type: ignore[arg-type]
    return bounds
