"""Columns of raw JSON text out of the envelopes, without a Python object for what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
from msgspec import Raw

from datawatch_lab.ingest.texts import FEW, PAD, Texts, bounds_of

_NULL = ord("n")
_OBJECT = ord("{")
_QUOTE = ord('"')
_NOTHING = (b"", b"null")


@dataclass(frozen=True)
class RawColumn:
    """Raw JSON values, one a row.

    Attributes:
        texts: the bytes exactly as they came; empty where there is none, or what is no UTF-8.
        garbled: indices of rows that are not UTF-8.
    """

    texts: Texts
    garbled: list[int] = field(default_factory=list)

    @cached_property
    def first(self) -> np.ndarray:
        """The first byte of each; 0 where there is none."""
        return self._byte(0)

    @cached_property
    def array(self) -> pa.LargeStringArray:
        """The same as large_string; null for ``null`` and where there is none."""
        if len(self.texts) <= FEW:
            texts = (self.texts.text(at) for at in range(len(self.texts)))
            shown = [None if text in _NOTHING else text.decode() for text in texts]
            return pa.array(shown, pa.large_string())
        present = self.present
        valid = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
        return pa.LargeStringArray.from_buffers(
            len(self.texts), pa.py_buffer(self.texts.bounds), pa.py_buffer(self.texts.data), valid
        )

    @cached_property
    def present(self) -> np.ndarray:
        """Boolean: there is a value other than ``null``."""
        return np.asarray((self.first != 0) & (self.first != _NULL))

    @property
    def objects(self) -> np.ndarray:
        """Boolean: the value is a JSON object."""
        return np.asarray(self.first == _OBJECT)

    @cached_property
    def filled_objects(self) -> np.ndarray:
        """Boolean: the value is a JSON object with fields."""
        filled = self.first == _OBJECT
        for at in np.flatnonzero(filled & (self._byte(1) != _QUOTE)).tolist():
            filled[at] = bool(self.texts.text(at)[1:-1].strip())
        return np.asarray(filled)

    def _byte(self, number: int) -> np.ndarray:
        starts, sizes = self.texts.starts, np.diff(self.texts.bounds)
        found = self.texts.bytes[np.minimum(starts + number, len(self.texts.bytes) - 1)]
        return np.asarray(np.where(sizes > number, found, 0))


def raw_column(raws: Sequence[Raw | bytes]) -> RawColumn:
    """Gather raw values into one buffer and its bounds."""
    return raw_columns(raws)[0]


def raw_columns(*columns: Sequence[Raw | bytes]) -> list[RawColumn]:
    """Several columns of raw values, one behind the other in one buffer."""
    raws = [*chain(*columns), PAD]
    data = b"".join(raws)
    garbled: list[list[int]] = [[] for _ in columns]
    if not is_utf8(data):
        garbled = [[at for at, raw in enumerate(c) if not is_utf8(bytes(raw))] for c in columns]
        first = 0
        for column, wrong in zip(columns, garbled, strict=True):
            for at in wrong:
                raws[first + at] = b""
            first += len(column)
        data = b"".join(raws)
    bounds = bounds_of(raws)
    made, first = [], 0
    for column, wrong in zip(columns, garbled, strict=True):
        made.append(RawColumn(Texts(data, bounds[first : first + len(column) + 1]), wrong))
        first += len(column)
    return made


def all_texts(columns: Sequence[RawColumn]) -> Texts:
    """The texts of all columns that `raw_columns` made, one column behind the other."""
    bounds = [columns[0].texts.bounds, *(column.texts.bounds[1:] for column in columns[1:])]
    return Texts(columns[0].texts.data, np.concatenate(bounds))


def is_utf8(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
