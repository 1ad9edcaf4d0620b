"""Where a cursor stands in Python that is still being written: in which string of which call.

A scanner over the text up to the cursor, once, without parsing: the text is unfinished, and may be
wrong elsewhere. It never fails; what it does not understand it takes for no string.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FAR = 400
"""Characters that what is called may have: more is looked at by nobody."""
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_KEYWORD = re.compile(r"(\w+)\s*=\s*$")
_PREFIX = re.compile(r"(?:^|[^\w])([rRbBuUfF]{0,2})$")
_CALLEE = re.compile(r"[A-Za-z_]\w*$")
_KEY = re.compile(r"""(['"])((?:(?!\1).)*)\1\s*:\s*$""")


@dataclass
class Frame:
    """An open bracket.

    Attributes:
        opener: ``(``, ``[`` or ``{``.
        callee: what stands before it: ``lab.metric("x").value``; '' for a bare bracket.
        start: where its content begins.
        place: of the argument at the cursor, from 0.
        last: where that argument begins.
    """

    opener: str
    callee: str
    start: int
    place: int = 0
    last: int = 0
    keyword: str = ""


@dataclass(frozen=True)
class Spot:
    """A cursor within a string.

    Attributes:
        fragment: of the string, up to the cursor.
        frames: open brackets, outermost first.
        keyword: of the argument of the innermost call, '' for one by place.
        key: of the dictionary whose value the string is; None for a key, or where there is none.
        is_key: whether it may be a key of a dictionary.
        first: the first argument of the innermost call where it is a string, else ''.
    """

    fragment: str
    frames: tuple[Frame, ...]
    keyword: str
    place: int
    key: str | None
    is_key: bool
    first: str

    @property
    def call(self) -> Frame:
        """The innermost call; the subscript where the string is its key."""
        if self.subscript:
            return self.frames[-1]
        return next(each for each in reversed(self.frames) if each.opener == "(")

    @property
    def subscript(self) -> str:
        """What the string is a key of, such as ``lab.metrics``; '' where it is none."""
        inner = self.frames[-1]
        return inner.callee if inner.opener == "[" else ""

    @property
    def method(self) -> str:
        """The last name of what is called."""
        return self.call.callee.rpartition(".")[2]

    @property
    def root(self) -> str:
        """The first name of what is called."""
        found = re.match(r"[A-Za-z_]\w*", self.call.callee)
        return found[0] if found else ""


@dataclass
class _Scan:
    text: str
    at: int = 0
    frames: list[Frame] = field(default_factory=list)
    string: int | None = None


def spot_of(text: str) -> Spot | None:
    """Where the end of a text stands; None when that is in no string of a call.

    >>> spot_of('lab.metric("ord').fragment
    'ord'
    >>> spot_of('lab.range("a", where={"status": "pa').key
    'status'
    >>> spot_of('x = "a"') is None
    True
    """
    scan = _Scan(text)
    while scan.at < len(text):
        _step(scan)
    if scan.string is None or not scan.frames:
        return None
    calls = (each for each in reversed(scan.frames) if each.opener == "(")
    inner = scan.frames[-1]
    call = inner if inner.opener == "[" and inner.callee else next(calls, None)
    if call is None or not call.callee:
        return None
    opening = text[: scan.string].rstrip("rRbBuUfF'\"")
    key = _KEY.search(opening) if inner.opener == "{" else None
    return Spot(
        fragment=text[scan.string :],
        frames=tuple(scan.frames),
        keyword=call.keyword or _keyword(text[call.last : scan.string]),
        place=call.place,
        key=key[2] if key else None,
        is_key=inner.opener == "{" and key is None,
        first=_first(text[call.start :]),
    )


def _step(scan: _Scan) -> None:
    text, at = scan.text, scan.at
    letter = text[at]
    if letter in "'\"":
        _string(scan)
    elif letter == "#":
        end = text.find("\n", at)
        scan.at = len(text) if end < 0 else end
    else:
        if letter in _CLOSING:
            _opened(scan, letter)
        elif letter in ")]}":
            _closed(scan, letter)
        elif letter == "," and scan.frames:
            frame = scan.frames[-1]
            frame.place, frame.last, frame.keyword = frame.place + 1, at + 1, ""
        scan.at += 1


def _string(scan: _Scan) -> None:
    """Pass a string; one that does not end holds the cursor."""
    text, at = scan.text, scan.at
    quote = text[at] * 3 if text[at : at + 3] == text[at] * 3 else text[at]
    before = _PREFIX.search(text[max(0, at - 3) : at])
    raw = before is not None and "r" in before[1].lower()
    place = at + len(quote)
    while place < len(text):
        if text[place] == "\\" and not raw:
            place += 2
            continue
        if text.startswith(quote, place):
            scan.at = place + len(quote)
            return
        if text[place] == "\n" and len(quote) == 1:
            scan.at = place  # a string that was never closed ends with its line
            return
        place += 1
    scan.string = at + len(quote)
    scan.at = len(text)


def _opened(scan: _Scan, letter: str) -> None:
    if scan.frames:
        outer = scan.frames[-1]
        outer.keyword = outer.keyword or _keyword(scan.text[outer.last : scan.at])
    callee = _callee(scan.text[max(0, scan.at - _FAR) : scan.at]) if letter != "{" else ""
    scan.frames.append(Frame(letter, callee, scan.at + 1, last=scan.at + 1))


def _closed(scan: _Scan, letter: str) -> None:
    if scan.frames and _CLOSING[scan.frames[-1].opener] == letter:
        scan.frames.pop()


def _keyword(argument: str) -> str:
    """The name of an argument that has just begun; '' for one by place."""
    found = _KEYWORD.match(argument.lstrip().rstrip("rRbBuUfF'\"[({ ")) if argument else None
    return found[1] if found else ""


def _callee(before: str) -> str:
    """The expression that ends here: names with dots, calls and subscripts between them."""
    end = len(before)
    at = end
    while at > 0:
        found = _CALLEE.search(before[:at])
        if found is None:
            if before[at - 1] in ")]":
                start = _matching(before, at - 1)
                if start is None:
                    break
                at = start
                continue
            break
        at = found.start()
        if at == 0 or before[at - 1] != ".":
            break
        at -= 1
    return before[at:end].lstrip(".")


def _matching(text: str, close: int) -> int | None:
    """Where the bracket that closes here was opened; None when it never was."""
    depth = 0
    for at in range(close, -1, -1):
        if text[at] in ")]}":
            depth += 1
        elif text[at] in "([{":
            depth -= 1
            if depth == 0:
                return at
    return None


def _first(arguments: str) -> str:
    found = re.match(r"""\s*(['"])([^'"\n]*)\1\s*[,)]""", arguments)
    return found[2] if found else ""
