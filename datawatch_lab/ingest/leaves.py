"""Values of placed events by their path, event after event, as text or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.placing import NONE, NULL, NUMBER, TEXT, Placed

_TEXT = pa.large_string()
_BACKSLASH, _ZERO = b"\\0"
_SURELY_INT = 18


@dataclass(frozen=True)
class Leaves:
    """One value of each event, in the order of the events.

    Attributes:
        starts, ends: bounds in the block; where there is no value, both stand where the event does.
        kinds: uint8, as `ingest.placing` names them, or `OBJECT`; `NONE` where there is no value.
    """

    starts: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray


OBJECT = 9


class PlacedEvents:
    """Placed events of a block, ascending.

    Args:
        block: in which they stand.
        placed: the events, by template.
    """

    def __init__(self, block: Block, placed: Sequence[Placed]) -> None:
        self.block = block
        self.placed = placed
        there = np.zeros(len(block), np.bool_)
        for part in placed:
            there[part.which] = True
        self.items = np.flatnonzero(there)
        self._of_item = np.cumsum(there) - 1
        self.rows = [self._of_item[part.which] for part in placed]
        self.whole = len(self.items) == len(block)

    def __len__(self) -> int:
        return len(self.items)

    def only(self, keep: np.ndarray) -> PlacedEvents:
        """Some of the events; ``keep`` is Boolean."""
        some = zip(self.placed, self.rows, strict=True)
        kept = (part.only(keep[rows]) for part, rows in some)
        return PlacedEvents(self.block, [part for part in kept if len(part.which)])

    def leaf(self, *path: str) -> Leaves:
        """The scalar, or at the top of an event the object, under a path."""
        starts = self.block.starts[self.items]
        ends, kinds = starts.copy(), np.full(len(starts), NONE, np.uint8)
        for part, rows in zip(self.placed, self.rows, strict=True):
            at = part.template.index.get(path)
            if at is not None:
                starts[rows], ends[rows] = part.starts[at], part.ends[at]
                kinds[rows] = part.kinds[at]
            elif not path[1:] and (span := part.template.spans.get(path[0])) is not None:
                begin = part.marks[span.mark] + span.shift
                starts[rows] = begin
                ends[rows] = (begin if span.last < 0 else part.ends[span.last]) + span.behind
                kinds[rows] = OBJECT
        return Leaves(starts, ends, kinds)

    def raw(self, leaves: Leaves) -> pa.LargeStringArray:
        """The texts of values as they stand; null for ``null`` and where there is none."""
        return pieces(self.block, leaves.starts, leaves.ends, _void(leaves))

    def texts(self, leaves: Leaves) -> pa.LargeStringArray:
        """What texts say, which have no escapes; null where there is no text."""
        none = leaves.kinds != TEXT
        if not none.any():
            return pieces(self.block, leaves.starts + 1, leaves.ends - 1, None)
        quotes = (~none).astype(np.int64)
        return pieces(self.block, leaves.starts + quotes, leaves.ends - quotes, none)

    def with_escapes(self, leaves: Leaves) -> np.ndarray:
        """Boolean: there is a backslash in the value."""
        if not self.block.escapes:
            return np.zeros(len(leaves.starts), np.bool_)
        slashes = np.flatnonzero(self.block.codes == _BACKSLASH)
        before, after = (np.searchsorted(slashes, at) for at in (leaves.starts, leaves.ends))
        return np.asarray(before != after)

    def short_wholes(self, leaves: Leaves) -> np.ndarray:
        """Boolean: the value is a number of at most 18 digits and nothing else."""
        numbers = leaves.kinds == NUMBER
        sizes = leaves.ends - leaves.starts
        numbers &= sizes <= _SURELY_INT
        for at in range(_SURELY_INT):
            inside = np.flatnonzero(numbers & (sizes > at))
            if not len(inside):
                break
            numbers[inside] = self.block.codes[leaves.starts[inside] + at] - _ZERO < 10
        return np.asarray(numbers)


def _void(leaves: Leaves) -> np.ndarray | None:
    void = (leaves.kinds == NONE) | (leaves.kinds == NULL)
    return void if void.any() else None


def pieces(
    block: Block, starts: np.ndarray, ends: np.ndarray, void: np.ndarray | None
) -> pa.LargeStringArray:
    """Parts of a block as large_string, null where ``void``.

    Args:
        block: with the parts.
        starts: where they begin, ascending.
        ends: where they end; no part reaches into the next.
        void: Boolean, or None if no part is null.
    """
    count = len(starts)
    bounds = np.empty(2 * count, np.int64)
    bounds[0::2], bounds[1::2] = starts, ends
    parts = pa.LargeStringArray.from_buffers(
        max(2 * count - 1, 0), pa.py_buffer(bounds), pa.py_buffer(block.data)
    )
    return parts.take(pa.array(np.arange(0, 2 * count, 2), mask=void))
