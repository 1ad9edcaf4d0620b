"""Events that are written alike: one of a kind is parsed, and shows where the others have values.

A program writes its events with the same keys in the same order. So of all but the first only this
is checked: that everything but the values is the same, byte by byte, and that each value is one
(`ingest.placing`). This reads events of the formats whose fields stand there as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from datawatch_lab.ingest.envelopes import ENVELOPES
from datawatch_lab.ingest.envelopes.base import members_of
from datawatch_lab.ingest.envelopes.worded import Worded
from datawatch_lab.ingest.raws import is_utf8
from datawatch_lab.ingest.reading import UNREADABLE

Path = tuple[str, ...]
"""Keys from the top of an event down to a value."""

IMAGES = ("before", "after")
MARK = b'":'
"""What ends a key. Everything is found by these, so a space between them is not usual."""

_TOKEN = re.compile(rb'"[^"]*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_OBJECTS = (*IMAGES, "position", "metadata")
_WORD = 8
_MOST = 512
_SAME_SIGN = 8
_MOST_PASSED_OVER = 31


@dataclass(frozen=True)
class Span:
    """Where an object stands: from a mark on, and behind the end of its last value.

    Attributes:
        mark, shift: the mark of its key, by number, and the bytes from there to the object.
        last: index of the last value in it; -1 where it has none.
        behind: bytes from the end of that value, or from its own start, to its end.
    """

    mark: int
    shift: int
    last: int
    behind: int


@dataclass(frozen=True)
class Template:
    """How events of one kind are written.

    Attributes:
        marker: the key of the operation.
        paths: of the values that are no objects, in order; none twice.
        marks, shift: of each, the number of the mark of its key, and the bytes from there to it.
        gaps: the text before each value.
        tail: the text behind the last one.
        spans: of top-level members that are objects, where they stand.
        count: how many marks an event has.
    """

    marker: str
    paths: tuple[Path, ...]
    marks: np.ndarray
    shift: np.ndarray
    gaps: tuple[bytes, ...]
    tail: bytes
    spans: dict[str, Span]
    count: int
    index: dict[Path, int] = field(init=False)
    sizes: np.ndarray = field(init=False)
    checks: tuple[np.ndarray, ...] = field(init=False)
    quotes: int = field(init=False)
    controls: int = field(init=False)

    def __post_init__(self) -> None:
        fixed = b"".join((*self.gaps, self.tail))
        put = object.__setattr__
        put(self, "index", {path: at for at, path in enumerate(self.paths)})
        put(self, "sizes", np.array([len(gap) for gap in self.gaps], np.int64))
        put(self, "checks", _checks((*(gap.removesuffix(MARK) for gap in self.gaps), self.tail)))
        put(self, "quotes", fixed.count(b'"'))
        put(self, "controls", sum(code < 0x20 for code in fixed))

    def image(self, side: str) -> list[tuple[str, int]]:
        """The fields of an image, in order: name, and index of the value."""
        return [(path[1], at) for at, path in enumerate(self.paths) if path[0] == side and path[1:]]


def _checks(gaps: tuple[bytes, ...]) -> tuple[np.ndarray, ...]:
    """The words that make up gaps: of which gap, where in it, which bytes count, what they are.

    That a gap ends in a mark is known: by this it was found.
    """
    rows = [(at, *word) for at, gap in enumerate(gaps) for word in _words(gap)]
    which, steps, masks, wants = zip(*rows, strict=True)
    return (
        np.array(which, np.int64),
        np.array(steps, np.int64)[:, None],
        np.array(masks, np.uint64)[:, None],
        np.array(wants, np.uint64)[:, None],
    )


def _words(gap: bytes) -> Iterator[tuple[int, int, int]]:
    if len(gap) < _WORD:
        yield 0, (1 << (8 * len(gap))) - 1, int.from_bytes(gap, "little")
        return
    for step in [*range(0, len(gap) - _WORD, _WORD), len(gap) - _WORD]:
        yield step, 2**64 - 1, int.from_bytes(gap[step : step + _WORD], "little")


class Templates:
    """The templates of a stream, by a sign that its events show (`ingest.placing`)."""

    def __init__(self) -> None:
        self._known: dict[int, list[Template]] = {}
        self._given_up: set[int] = set()
        self._vain = 0
        self._passed_over = 0

    @property
    def known(self) -> bool:
        """Whether anything was learnt yet."""
        return bool(self._known)

    def take_turn(self) -> bool:
        """Count a batch; whether to look at it: after some in vain, at fewer and fewer."""
        self._passed_over += 1
        return self._passed_over > min((1 << self._vain) - 1, _MOST_PASSED_OVER)

    def tell(self, *, vain: bool) -> None:
        """Learn whether looking at a batch was in vain."""
        self._vain = self._vain + 1 if vain else 0
        self._passed_over = 0

    def of(self, sign: int) -> list[Template]:
        """Those of events with this sign."""
        return self._known.get(sign, [])

    def learns(self, sign: int) -> bool:
        """Whether it makes sense to learn from another event of this sign."""
        return sign not in self._given_up and len(self.of(sign)) < _SAME_SIGN

    def learn(self, sign: int, event: bytes) -> Template | None:
        """Learn how an event is written; None if it cannot be of any use."""
        found = template_of(event)
        if len(self._known) + len(self._given_up) >= _MOST:
            self._known.clear()
            self._given_up.clear()
        if found is None:
            self._given_up.add(sign)
        else:
            self._known.setdefault(sign, []).append(found)
        return found


def template_of(event: bytes) -> Template | None:
    """How an event is written; None where it is not plain, or not of a format that stands as it is.

    Plain is what has objects and scalars only, no key twice in an object, no backslash and no space
    behind a key; row images have no object in them.
    """
    if b"\\" in event or not is_utf8(event):
        return None
    try:
        members = members_of(event)
        format_ = next((known for known in ENVELOPES if known.matches(members)), None)
        if not isinstance(format_, Worded) or not format_.known.issuperset(members):
            return None
        format_.decode(event)
    except UNREADABLE:
        return None
    return _Walk(event, format_.marker).template()


class _NotPlainError(Exception):
    pass


class _Walk:
    """Goes through one valid event once."""

    def __init__(self, event: bytes, marker: str) -> None:
        self.event = event
        self.marker = marker
        self.tokens = list(_TOKEN.finditer(event))
        self.at = 0
        self.mark = -1
        self.values: list[tuple[Path, int, int, int]] = []
        self.spans: dict[str, Span] = {}

    def template(self) -> Template | None:
        try:
            self._object(())
        except (_NotPlainError, msgspec.MsgspecError):
            return None
        paths = tuple(path for path, *_ in self.values)
        if not paths or self.event.count(MARK) != self.mark + 1:
            return None
        gaps, end = [], 0
        for _, _, start, stop in self.values:
            gaps.append(self.event[end:start])
            end = stop
        marks = np.array([mark for _, mark, _, _ in self.values], np.int64)
        places = [at.start() for at in re.finditer(MARK, self.event)]
        starts = np.array([start for _, _, start, _ in self.values], np.int64)
        shift = starts - np.array(places, np.int64)[marks]
        tail, count = self.event[end:], self.mark + 1
        return Template(self.marker, paths, marks, shift, tuple(gaps), tail, self.spans, count)

    def _next(self) -> re.Match[bytes]:
        self.at += 1
        return self.tokens[self.at - 1]

    def _object(self, path: Path) -> int:
        """Read an object; returns where it ends."""
        self._next()
        seen: set[str] = set()
        while True:
            token = self._next()
            if token[0] == b",":
                continue
            if token[0] == b"}":
                return token.end()
            colon = self._next()
            if colon.start() != token.end():
                raise _NotPlainError
            self.mark += 1
            name = msgspec.json.decode(token[0], type=str)
            if name in seen:
                raise _NotPlainError
            seen.add(name)
            self._value((*path, name), token.end() - 1)

    def _value(self, path: Path, mark_at: int) -> None:
        token, mark = self.tokens[self.at], self.mark
        if token[0] == b"{":
            if path[0] not in _OBJECTS or (path[0] in IMAGES and path[1:]):
                raise _NotPlainError
            count = len(self.values)
            end = self._object(path)
            if not path[1:]:
                some = len(self.values) > count
                last = len(self.values) - 1 if some else -1
                behind = end - (self.values[-1][3] if some else token.start())
                self.spans[path[0]] = Span(mark, token.start() - mark_at, last, behind)
            return
        if token[0] == b"[":
            raise _NotPlainError
        self.at += 1
        self.values.append((path, mark, token.start(), token.end()))
