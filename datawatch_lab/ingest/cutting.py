"""A stream of bytes to items: lines, the elements of an array, or values over several lines."""

from __future__ import annotations

from typing import Literal

import msgspec

from datawatch_lab.ingest.blocks import Block
from datawatch_lab.ingest.split import split_values

Mode = Literal["", "lines", "array", "values", "after"]
"""How the input is laid out at a place; ``''``: not known yet, ``after``: past an array."""

MAX_ITEM = 256 * 1024 * 1024
"""Bytes an item may have; a longer one is malformed."""

KEPT_OF_LONG = 64 * 1024
"""Bytes that are kept of an item that is too long."""

_OPEN_ARRAY = "the input ends inside an array that is not closed"
_BOM = b"\xef\xbb\xbf"
_SPACES = b" \t\r\n"
_LONG_VALUE = 1024 * 1024


class Cut:
    """Items cut from a stream; see `ingest.decode.decode` for the meaning of the columns.

    Lists are made of a block of lines only when somebody asks for one.

    Args:
        items, lines, offsets: the columns; see `ingest.decode.decode`.
        modes: how the input is laid out where each item begins.
        refused: reasons by index.
    """

    def __init__(
        self,
        items: list[bytes] | None = None,
        lines: list[int] | None = None,
        offsets: list[int] | None = None,
        modes: list[Mode] | None = None,
        refused: dict[int, str] | None = None,
    ) -> None:
        self._items = [] if items is None else items
        self._lines = [] if lines is None else lines
        self._offsets = [] if offsets is None else offsets
        self._modes = [] if modes is None else modes
        self.refused = {} if refused is None else refused
        self.block: Block | None = None

    def __len__(self) -> int:
        return len(self._items) if self.block is None else len(self.block)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cut):
            return NotImplemented
        return self._columns == other._columns

    __hash__ = None  # type: ignore[assignment]

    @property
    def _columns(self) -> tuple[object, ...]:
        return self.items, self.lines, self.offsets, self.modes, self.refused

    @property
    def items(self) -> list[bytes]:
        """The bytes of each."""
        self._make_lists()
        return self._items

    @property
    def lines(self) -> list[int]:
        """The number of the line or element that each is."""
        self._make_lists()
        return self._lines

    @property
    def offsets(self) -> list[int]:
        """Where each begins in the input."""
        self._make_lists()
        return self._offsets

    @property
    def modes(self) -> list[Mode]:
        """How the input is laid out where each begins."""
        self._make_lists()
        return self._modes

    def _make_lists(self) -> None:
        block, self.block = self.block, None
        if block is not None:
            self._items = block.items()
            self._lines = block.lines.tolist()
            self._offsets = block.offsets.tolist()
            self._modes = ["lines"] * len(block)

    def add(self, item: bytes, line: int, offset: int, mode: Mode, reason: str = "") -> None:
        """Append one item, with a reason if it is refused."""
        if reason:
            self.refused[len(self.items)] = reason
        self.items.append(item)
        self.lines.append(line)
        self.offsets.append(offset)
        self.modes.append(mode)

    def extend(self, block: Block) -> None:
        """Append the lines of a block."""
        if not len(self):
            self.block = block
            return
        self.items.extend(block.items())
        self.lines.extend(block.lines.tolist())
        self.offsets.extend(block.offsets.tolist())
        self.modes.extend(["lines"] * len(block))

    def __getitem__(self, part: slice) -> Cut:
        """Some of the items."""
        refused = {
            at - part.start: reason
            for at, reason in self.refused.items()
            if part.start <= at < part.stop
        }
        return Cut(
            self.items[part], self.lines[part], self.offsets[part], self.modes[part], refused
        )


class Cutter:
    """Cuts a stream that comes in pieces; the result does not depend on where the pieces end.

    Attributes:
        offset: byte offset of the first byte that belongs to no item yet: where to resume.
        line: number of the line (or element) that begins there, from 1.
        mode: how the input is laid out there.
    """

    def __init__(self, offset: int = 0, line: int = 1, mode: Mode = "") -> None:
        self.offset = offset
        self.line = line
        self.mode: Mode = mode
        self._rest = b""
        self._dropped = 0  # bytes left out behind the kept head of an item that is too long
        self._look_again = 0  # bytes that must be there before values are searched for again
        self._broken = ""  # why everything to the end is one malformed item

    def feed(self, data: bytes) -> Cut:
        """The items that are complete once ``data`` has come."""
        return self._cut(data, final=False)

    def finish(self, damage: str = "") -> Cut:
        """What is left at the end of the input; with ``damage``, refused as one item for that."""
        if not damage:
            return self._cut(b"", final=True)
        cut = Cut()
        self._refuse_rest(cut, damage)
        return cut

    def _cut(self, data: bytes, *, final: bool) -> Cut:
        cut = Cut()
        self._take(data)
        while not self._broken and self._step(cut, final=final):
            pass
        if self._broken and final:
            self._refuse_rest(cut, self._broken)
        elif len(self._rest) > (KEPT_OF_LONG if self._broken else MAX_ITEM):
            self._shorten()
        return cut

    def _take(self, data: bytes) -> None:
        if not self._dropped:
            self._rest = self._rest + data if self._rest else data
            return
        end = data.find(b"\n") if self.mode == "lines" else -1
        self._dropped += len(data) if end < 0 else end
        self._rest += b"" if end < 0 else data[end:]

    def _shorten(self) -> None:
        self._dropped += len(self._rest) - KEPT_OF_LONG
        self._rest = self._rest[:KEPT_OF_LONG]
        if self.mode != "lines":
            self._broken = self._broken or _too_long("value")

    def _refuse_rest(self, cut: Cut, reason: str) -> None:
        cut.add(self._rest[:KEPT_OF_LONG], self.line, self.offset, self.mode, reason)
        self.line += 1
        self.offset += len(self._rest) + self._dropped
        self._rest, self._dropped = b"", 0

    def _step(self, cut: Cut, *, final: bool) -> bool:
        """Go on in the present layout; whether the layout changed, so that there is more to do."""
        if not self.mode:
            return self._find_mode(final=final)
        if self.mode == "lines":
            self._cut_lines(cut, final=final)
            return False
        if self.mode == "after":
            return self._after_array()
        return self._cut_values(cut, final=final)

    def _drop(self, count: int) -> None:
        self._rest = self._rest[count:]
        self.offset += count

    def _find_mode(self, *, final: bool) -> bool:
        if self.offset == 0 and not final and len(self._rest) < len(_BOM):
            return False
        if self.offset == 0 and self._rest.startswith(_BOM):
            self._drop(len(_BOM))
        blank = len(self._rest) - len(self._rest.lstrip(_SPACES))
        self.line += self._rest.count(b"\n", 0, blank)
        self._drop(blank)
        seen = self._rest[:KEPT_OF_LONG]  # no more than this decides, however it is read
        first, ended, behind = seen.partition(b"\n")
        first = first.rstrip(_SPACES)
        whole_array = first[:1] == b"[" and first.endswith(b"]")
        decided = bool(ended) and not (whole_array and not behind.strip(_SPACES))
        if not seen or not (decided or final or len(seen) == KEPT_OF_LONG):
            return False
        if first[:1] == b"[" and not (whole_array and behind.strip(_SPACES)):
            self.mode, self.line = "array", 1
            self._drop(1)
        else:
            self.mode = "values" if first == b"{" else "lines"
        return True

    def _cut_lines(self, cut: Cut, *, final: bool) -> None:
        if self._dropped:
            self._end_long_line(cut, final=final)
        end = len(self._rest) if final else self._rest.rfind(b"\n") + 1
        if not end or self._dropped:
            return
        block = Block.of_lines(self._rest[:end], self.line, self.offset)
        cut.extend(block)
        self.line += len(block)
        self._drop(end)

    def _end_long_line(self, cut: Cut, *, final: bool) -> None:
        """Refuse a line that was too long, once its end has come."""
        end = self._rest.find(b"\n")
        if end < 0 and not final:
            return
        head = self._rest if end < 0 else self._rest[:end]
        cut.add(head, self.line, self.offset, self.mode, _too_long("line"))
        self.offset += self._dropped
        self._dropped = 0
        self.line += 1
        self._drop(len(head) + (end >= 0))

    def _cut_values(self, cut: Cut, *, final: bool) -> bool:
        if not final and len(self._rest) < self._look_again:
            return False
        found = split_values(self._rest, b"," if self.mode == "array" else b"\n")
        for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True):
            self._add_value(cut, start, end, last=end == found.closed)
        stray = found.closed >= 0 and (
            self.mode == "values" or self._rest[found.closed : found.closed + 1] != b"]"
        )
        self._drop(found.closed if stray else found.rest)
        if stray:
            self._broken = "a bracket closes here that was not opened"
            return False
        # A value of many pieces would be searched again with each of them.
        self._look_again = 2 * len(self._rest) if len(self._rest) > _LONG_VALUE else 0
        if found.closed >= 0:
            self.mode = "after"
            return True
        if final:
            self._cut_open_end(cut)
        return False

    def _add_value(self, cut: Cut, start: int, end: int, *, last: bool) -> None:
        value = self._rest[start:end]
        text = value.lstrip(_SPACES)
        offset = self.offset + start + len(value) - len(text)
        if text:
            cut.add(text.rstrip(_SPACES), self.line, offset, self.mode)
        elif self.mode == "array" and not (last and self.line == 1):
            cut.add(b"", self.line, offset, self.mode, "an element of the array is empty")
        else:
            return  # a blank line between values, or an array without elements
        self.line += 1

    def _cut_open_end(self, cut: Cut) -> None:
        """The input ends inside the array, or in the last of the values."""
        text = self._rest.strip(_SPACES)
        offset = self.offset + len(self._rest) - len(self._rest.lstrip(_SPACES))
        if self.mode == "values" or _is_json(text):
            if text:
                cut.add(text, self.line, offset, self.mode)
                self.line += 1
            text, offset = b"", self.offset + len(self._rest)
        if self.mode == "array":
            cut.add(text, self.line, offset, self.mode, _OPEN_ARRAY)
            self.line += 1
        self._drop(len(self._rest))

    def _after_array(self) -> bool:
        """What follows an array: more values, one a line, or something that is none."""
        text = self._rest.lstrip(_SPACES)
        self._drop(len(self._rest) - len(text))
        if text[:1] in (b"[", b"{"):
            self.mode = "lines"
        elif text:
            self._broken = "there is text after the end of the array"
        return bool(text)


def _too_long(what: str) -> str:
    return (
        f"the {what} has more than {MAX_ITEM:,} bytes; "
        f"only its first {KEPT_OF_LONG:,} are kept here"
    )


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
