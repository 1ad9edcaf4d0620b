"""Row images that are written alike: where each value stands follows from where the keys stand.

Programs write the rows of a table with the same keys in the same order and with the same spaces. So
one image of a kind is parsed, and of the others it is only checked, byte by byte, that everything
but the values is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import Raw

from datawatch_lab.ingest.texts import Texts

_DECODE = msgspec.json.Decoder(dict[str, Raw]).decode
_WORD = 8


@dataclass(frozen=True)
class Layout:
    """How images are written.

    Attributes:
        names: the keys, in order; none twice.
        shift: from the end of each key (its quote) to its value.
        gaps: the text before each value: comma, key, colon and the spaces between.
        tail: the text behind the last value.
    """

    names: tuple[str, ...]
    shift: np.ndarray
    gaps: tuple[bytes, ...]
    tail: bytes

    @property
    def key(self) -> object:
        """Equal for equal layouts."""
        return self.names, self.gaps, self.tail

    def places(self, texts: Texts, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which of some images are written so, and the bounds of their values.

        Returns:
            Boolean, one entry a row; starts and ends of the values of those rows, by column, row.
        """
        width = len(self.names)
        firsts = texts.first_marks[rows]
        fits = texts.first_marks[rows + 1] - firsts == width
        rows, firsts = rows[fits], firsts[fits]
        nth = np.arange(width, dtype=np.int64)[:, None]
        starts = texts.marks[firsts[None, :] + nth] + self.shift[:, None]
        sizes = np.array([len(gap) for gap in self.gaps], np.int64)[:, None]
        ends = np.empty_like(starts)
        ends[:-1] = starts[1:] - sizes[1:]
        ends[-1] = texts.ends[rows] - len(self.tail)
        same = starts[0] - sizes[0] == texts.starts[rows]
        same &= (ends > starts).all(axis=0)
        same &= self._gaps_are_there(texts, starts - sizes, ends[-1])
        if not same.all():
            fits[fits] = same
            starts, ends = starts[:, same], ends[:, same]
        return fits, starts, ends

    def _gaps_are_there(self, texts: Texts, gaps: np.ndarray, tails: np.ndarray) -> np.ndarray:
        same = np.ones(gaps.shape[1], np.bool_)
        for begins, gap in [*zip(gaps, self.gaps, strict=True), (tails, self.tail)]:
            sound = np.where(same, begins, 0)  # what is no gap may lie outside of the buffer
            for step, mask, want in _words(gap):
                same &= (texts.words[sound + step] & mask) == want
        return same


def _words(gap: bytes) -> list[tuple[int, np.uint64, np.uint64]]:
    """The words that make up a text: where each begins, which bytes count, and what they are."""
    whole = np.uint64(2**64 - 1)
    if len(gap) < _WORD:
        mask = np.uint64((1 << (8 * len(gap))) - 1)
        return [(0, mask, np.uint64(int.from_bytes(gap, "little")))]
    steps = [*range(0, len(gap) - _WORD, _WORD), len(gap) - _WORD]
    return [
        (step, whole, np.uint64(int.from_bytes(gap[step : step + _WORD], "little")))
        for step in steps
    ]


def layout_of(texts: Texts, row: int) -> Layout | None:
    """How one image is written; None when its values hold keys, or it names a key twice."""
    text = texts.text(row)
    first, last = texts.first_marks[row : row + 2].tolist()
    marks = (texts.marks[first:last] - texts.bounds[row]).tolist()
    try:
        members = _DECODE(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if len(members) != len(marks) or not marks or any("\0" in name for name in members):
        return None
    shift, gaps, end = [], [], 0
    for mark, value in zip(marks, members.values(), strict=True):
        token = bytes(value)
        start = text.find(token[:1], mark + 2)
        if start < 0 or text[mark + 2 : start].strip() or not text.startswith(token, start):
            return None
        shift.append(start - mark)
        gaps.append(text[end:start])
        end = start + len(token)
    return Layout(tuple(members), np.array(shift, np.int64), tuple(gaps), text[end:])
