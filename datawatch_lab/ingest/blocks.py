"""Items of input in one buffer, as a file has them; Python objects are made of few of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datawatch_lab.ingest.texts import PAD, Buffer, bounds_of

Ints = np.ndarray
"""int64."""

_NEWLINE = ord("\n")


@dataclass(frozen=True)
class Block(Buffer):
    """Items one behind the other, each with where it stands in the input.

    Attributes:
        data: `PAD`, then the items with the same one byte, or nothing, behind each, then `PAD`.
        starts, ends: bounds of each item in ``data``, ascending.
        lines, offsets: see `ingest.decode.decode`.
    """

    data: bytes
    starts: Ints
    ends: Ints
    lines: Ints
    offsets: Ints

    @classmethod
    def of_lines(cls, text: bytes, line: int, offset: int) -> Block:
        """The lines of a text.

        Args:
            text: not empty; its last line may lack its end.
            line: number of the first line.
            offset: where the text begins in the input.
        """
        data = b"".join((PAD, text, PAD))
        codes = np.frombuffer(data, np.uint8)[: len(data) - len(PAD)]
        ends = np.flatnonzero(codes == _NEWLINE)
        if codes[-1] != _NEWLINE:
            ends = np.append(ends, len(codes))
        starts = np.empty_like(ends)
        starts[0], starts[1:] = len(PAD), ends[:-1] + 1
        lines = np.arange(line, line + len(ends))
        return cls(data, starts, ends, lines, starts + (offset - len(PAD)))

    @classmethod
    def of_items(cls, items: Sequence[bytes], lines: Ints, offsets: Ints) -> Block:
        """Items that are not in one buffer yet."""
        bounds = bounds_of(items) + len(PAD)
        data = b"".join((PAD, *items, PAD))
        return cls(data, bounds[:-1], bounds[1:], lines, offsets)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        """Bytes of all items."""
        return int((self.ends - self.starts).sum())

    @cached_property
    def codes(self) -> np.ndarray:
        """The buffer as uint8."""
        return np.frombuffer(self.data, np.uint8)

    def item(self, at: int) -> bytes:
        """One of the items."""
        return self.data[int(self.starts[at]) : int(self.ends[at])]

    def items(self, which: Ints | None = None) -> list[bytes]:
        """The items, or some of them."""
        starts, ends = self.starts, self.ends
        if which is not None:
            starts, ends = starts[which], ends[which]
        return list(_pieces(self.data, starts, ends))


def _pieces(data: bytes, starts: Ints, ends: Ints) -> Iterator[bytes]:
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield data[start:end]
