"""Where the values of a JSON text begin and end, found with array operations, without parsing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPEN, _CLOSE = ord("{"), ord("}")  # with bit 0x20 set, [ and ] are the same


@dataclass(frozen=True)
class Split:
    """Values at the top level of a piece of JSON text.

    Attributes:
        starts, ends: bounds of each value that is followed by a separator or the closing bracket.
        rest: where the value begins that is not finished yet.
        closed: where the bracket stands that closes the array around the values, or -1.
    """

    starts: np.ndarray
    ends: np.ndarray
    rest: int
    closed: int


def split_values(text: bytes, separator: bytes) -> Split:
    """Split text that begins between values, at ``separator`` bytes outside strings and brackets.

    Brackets are counted without regard to their shape; a decoder will refuse what does not match.

    >>> found = split_values(b'{"a": ","}, [1, 2], 3]', b",")
    >>> found.starts.tolist(), found.ends.tolist(), found.closed
    ([0, 11, 19], [10, 18, 21], 21)
    """
    codes = np.frombuffer(text, np.uint8)
    folded = codes | 0x20
    marks = np.flatnonzero((folded == _OPEN) | (folded == _CLOSE) | (codes == separator[0]))
    marks = marks[np.searchsorted(_quotes(codes), marks) % 2 == 0]
    steps = (folded[marks] == _OPEN).astype(np.int64) - (folded[marks] == _CLOSE)
    depth = np.cumsum(steps)
    below = np.flatnonzero(depth < 0)
    if len(below):
        marks, depth, steps = (part[: below[0] + 1] for part in (marks, depth, steps))
    closed = int(marks[-1]) if len(below) else -1
    ends = marks[(depth == 0) & (steps == 0) | (depth < 0)]
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    return Split(starts, ends, int(ends[-1]) + 1 if len(ends) else 0, closed)


def _quotes(codes: np.ndarray) -> np.ndarray:
    """Positions of the quotes that begin or end a string."""
    quotes = np.flatnonzero(codes == _QUOTE)
    slashes = np.flatnonzero(codes == _BACKSLASH)
    if not len(slashes):
        return quotes
    fresh = np.concatenate(([True], np.diff(slashes) != 1))
    run_start = slashes[np.maximum.accumulate(np.where(fresh, np.arange(len(slashes)), 0))]
    escaping = slashes[(slashes - run_start) % 2 == 0]
    return np.setdiff1d(quotes, escaping + 1, assume_unique=True)
