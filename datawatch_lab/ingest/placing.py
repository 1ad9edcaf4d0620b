"""Where the values of events stand, for the events of a block that are surely well-formed JSON.

Law: an event that is placed is, byte by byte, the text of its template with other values, and each
of these is one JSON scalar. So it is JSON, and says what the template says with these values.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.envelopes import ENVELOPES
from datawatch_lab.ingest.raws import is_utf8
from datawatch_lab.ingest.reading import UNREADABLE
from datawatch_lab.ingest.templates import Template, Templates, template_of

NONE, TEXT, NUMBER, WORD, NULL = range(5)
"""Kinds of values, by their first byte."""

LEAST = 4
"""Events of one way of writing below which learning it costs more than it saves."""

_AT_ONCE = 2048  # events whose values fit into a processor's cache
_KINDS = np.full(256, NONE, np.uint8)
_KINDS[ord('"')] = TEXT
_KINDS[list(b"-0123456789")] = NUMBER
_KINDS[list(b"tf")] = WORD
_KINDS[ord("n")] = NULL
_LITERALS = tuple(
    (len(word), np.uint64((1 << 8 * len(word)) - 1), np.uint64(int.from_bytes(word, "little")))
    for word in (b"true", b"false", b"null")
)
_QUOTE, _BACKSLASH, _COLON, _POINT, _MINUS, _ZERO = b'"\\:.-0'
_SPACE = 0x20
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ZEROS = np.uint64(0x3030303030303030)
_OVER_NINE = np.uint64(0x7676767676767676)
_HIGH_BITS = np.uint64(0x8080808080808080)
_END_OF_KEY = np.uint64(0xFFFFFFFF)  # its quote and what is before; of "id" that is all


@dataclass(frozen=True)
class Placed:
    """Events of one template.

    Attributes:
        template: how they are written.
        which: indices of the events in the block, ascending.
        marks: where their marks stand, by mark, event.
        starts, ends: bounds of their values, by value, event.
        kinds: of the values, uint8.
    """

    template: Template
    which: np.ndarray
    marks: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray

    def only(self, keep: np.ndarray) -> Placed:
        """Some of the events; ``keep`` is Boolean."""
        if keep.all():
            return self
        return Placed(
            self.template,
            self.which[keep],
            self.marks[:, keep],
            self.starts[:, keep],
            self.ends[:, keep],
            self.kinds[:, keep],
        )


def placed_in(block: Block, templates: Templates) -> list[Placed]:
    """The events of a block that are written alike, with the places of their values.

    Args:
        block: items; those that are not found here must be read in another way.
        templates: what is known of the stream; it learns.
    """
    if not (templates.known or _promising(block)) or not is_utf8(block.data):
        return []
    marks = _marks(block)
    firsts = np.searchsorted(marks, np.append(block.starts, block.ends[-1]))
    found: list[Placed] = []
    for sign, rows in _by_sign(block, marks, firsts):
        found.extend(_of_sign(block, templates, sign, rows, (marks, firsts)))
    return _sound(block, found)


def _promising(block: Block) -> bool:
    """Whether one of a few events is of a kind that can be read here."""
    some = {0, len(block) // 2, len(block) - 1}
    return any(template_of(block.item(at)) is not None for at in some)


def _marks(block: Block) -> np.ndarray:
    """Where quotes stand that a colon follows directly."""
    codes = block.codes
    marks = np.flatnonzero((codes[1:] == _COLON) & (codes[:-1] == _QUOTE))
    if block.escapes:
        marks = marks[codes[marks - 1] != _BACKSLASH]
    return marks


def _by_sign(
    block: Block, marks: np.ndarray, firsts: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Events with the same keys: a sign, and their indices, ascending."""
    if not len(marks):
        return
    words = block.words[marks - 3]
    words &= _END_OF_KEY
    words *= words
    signs = np.add.reduceat(words, np.minimum(firsts[:-1], len(marks) - 1))
    keep = np.diff(firsts) > 0
    rows = np.flatnonzero(keep)
    order = np.argsort(signs[rows], kind="stable")
    rows = rows[order]
    signs = signs[rows]
    bounds = np.flatnonzero(np.concatenate(([True], signs[1:] != signs[:-1], [True])))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield int(signs[start]), rows[start:stop]


def _of_sign(
    block: Block,
    templates: Templates,
    sign: int,
    rows: np.ndarray,
    marks: tuple[np.ndarray, np.ndarray],
) -> Iterator[Placed]:
    """Place events that seem to be of one template; there may be several with one sign."""
    for template in templates.of(sign):
        rows = yield from _those_of(block, template, rows, marks)
        if not len(rows):
            return
    while len(rows) >= LEAST and templates.learns(sign):
        example = next((at for at in rows[:LEAST].tolist() if b"\\" not in block.item(at)), None)
        if example is None:
            return
        learnt = templates.learn(sign, block.item(example))
        if learnt is None:
            return
        before = len(rows)
        rows = yield from _those_of(block, learnt, rows, marks)
        if len(rows) == before:
            return


def _those_of(
    block: Block, template: Template, rows: np.ndarray, marks: tuple[np.ndarray, np.ndarray]
) -> Generator[Placed, None, np.ndarray]:
    """Give the events that are of a template; returns the others."""
    others = [rows[:0]]
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        placed = _place(block, template, part, *marks)
        if len(placed.which) < len(part):
            others.append(np.setdiff1d(part, placed.which, assume_unique=True))
        if len(placed.which):
            yield placed
    return np.concatenate(others)


def _place(
    block: Block, template: Template, rows: np.ndarray, marks: np.ndarray, firsts: np.ndarray
) -> Placed:
    count = firsts[rows + 1] - firsts[rows] == template.count
    rows = rows[count]
    nth = np.arange(template.count, dtype=np.int64)[:, None]
    own = marks[firsts[rows] + nth]
    starts = own[template.marks] + template.shift[:, None]
    sizes = template.sizes[:, None]
    ends = np.empty_like(starts)
    ends[:-1] = starts[1:] - sizes[1:]
    ends[-1] = block.ends[rows] - len(template.tail)
    fits = starts[0] - template.sizes[0] == block.starts[rows]
    fits &= (ends > starts).all(axis=0)
    if not fits.all():
        rows, own, starts, ends = rows[fits], own[:, fits], starts[:, fits], ends[:, fits]
    which, steps, masks, wants = template.checks
    gaps = np.concatenate((starts - sizes, ends[-1:]))
    words = block.words[gaps[which] + steps]
    words &= masks
    same = (words == wants).all(axis=0)
    placed = Placed(template, rows, own, starts, ends, _KINDS[block.codes[starts]]).only(same)
    return placed.only(_are_scalars(block, placed))


def _are_scalars(block: Block, placed: Placed) -> np.ndarray:
    """Whether all values of an event are one scalar each, but for what stands within texts."""
    starts, ends, kinds = placed.starts.ravel(), placed.ends.ravel(), placed.kinds.ravel()
    good = kinds != NONE
    good &= (kinds != TEXT) | ((block.codes[ends - 1] == _QUOTE) & (ends - starts >= len('""')))
    for check, some in ((_are_numbers, kinds == NUMBER), (_are_words, kinds >= WORD)):
        there = np.flatnonzero(some)
        if len(there):
            good[there] = check(block, starts[there], ends[there])
    return np.asarray(good.reshape(placed.kinds.shape).all(axis=0))


def _are_words(block: Block, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    words, sizes = block.words[starts], ends - starts
    good = np.zeros(len(starts), np.bool_)
    for size, mask, want in _LITERALS:
        good |= (sizes == size) & (words & mask == want)
    return good


def _are_numbers(block: Block, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether texts are numbers as JSON writes them."""
    sizes = ends - starts
    short = np.minimum(sizes, 8)
    digits = block.words[ends - 8] ^ _ZEROS
    digits >>= (64 - 8 * short).astype(np.uint64)
    good = ((digits + _OVER_NINE) | digits) & _HIGH_BITS == 0
    good &= (sizes == short) & ((sizes == 1) | (block.codes[starts] != _ZERO))
    left = np.flatnonzero(~good)
    if len(left):
        good[left] = _are_decimals(block.codes, starts[left], ends[left])
        for at in np.flatnonzero(~good).tolist():
            token = block.data[int(starts[at]) : int(ends[at])]
            good[at] = _NUMBER.fullmatch(token) is not None
    return np.asarray(good)


def _are_decimals(codes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether texts are numbers without an exponent."""
    sizes = ends - starts
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    held = codes[np.arange(int(bounds[-1])) + np.repeat(starts - bounds[:-1], sizes)]
    first, last = bounds[:-1], bounds[1:] - 1
    digit = (held - _ZERO) < 10
    lead = np.minimum(first + (held[first] == _MINUS), last)
    good = digit[lead] & digit[last]
    good &= (held[lead] != _ZERO) | (lead == last) | ~digit[np.minimum(lead + 1, last)]
    others = np.flatnonzero(~digit)
    token = np.searchsorted(bounds, others, side="right") - 1
    points = held[others] == _POINT
    good[token[~points & ((held[others] != _MINUS) | (others != first[token]))]] = False
    good &= np.bincount(token[points], minlength=len(starts)) <= 1
    return np.asarray(good)


def _sound(block: Block, found: list[Placed]) -> list[Placed]:
    """Those in whose texts there is nothing that must not be, such as a quote."""
    if not found:
        return []
    quotes = np.full(len(block), -1, np.int64)
    controls = np.full(len(block), -1, np.int64)
    for placed in found:
        texts = np.count_nonzero(placed.kinds == TEXT, axis=0)
        quotes[placed.which] = 2 * texts + placed.template.quotes
        controls[placed.which] = placed.template.controls
    if (quotes >= 0).all() and not block.escapes:
        between = int((block.starts[1:] > block.ends[:-1]).sum())
        held = block.codes[block.starts[0] : block.ends[-1]]
        all_quotes = np.count_nonzero(held == _QUOTE) == int(quotes.sum())
        if all_quotes and np.count_nonzero(held < _SPACE) == int(controls.sum()) + between:
            return found
    good = _counts(block, block.codes < _SPACE) == controls
    good &= _counts(block, block.codes == _QUOTE) == quotes
    if block.escapes:
        for at in np.flatnonzero((quotes >= 0) & (_counts(block, block.codes == _BACKSLASH) > 0)):
            good[at] = _is_event(block.item(int(at)))
    some = (placed.only(good[placed.which]) for placed in found)
    return [placed for placed in some if len(placed.which)]


def _counts(block: Block, marked: np.ndarray) -> np.ndarray:
    """How many bytes of each item are marked."""
    places = np.flatnonzero(marked)
    return np.searchsorted(places, block.ends) - np.searchsorted(places, block.starts)


def _is_event(item: bytes) -> bool:
    """Whether an item with backslashes is JSON: one that the first decoder may not take is left."""
    for format_ in ENVELOPES:
        try:
            format_.decode(item)
        except UNREADABLE:
            continue
        return True
    return False
