"""Where reading a stream stands: what was cut from it, and the position from which to resume."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path

from datawatch_lab.ingest.cutting import Cut, Mode
from datawatch_lab.ingest.sources.forms import Form
from datawatch_lab.ingest.sources.streams import ByteStream

HEAD = 4_096
"""Bytes at the start of an input that make its fingerprint; fewer if fewer were read."""

_MODES: dict[object, Mode] = {mode: mode for mode in ("", "lines", "array", "values", "after")}


GRACE = 30.0
"""Seconds for which a file that was deleted is read on while the new one is empty."""

LINGER = 1.0
"""Seconds after which a file that another one follows is looked at once more."""


class Place:
    """A place in a stream of bytes, which is written in some form.

    Args:
        stream: of bytes.
        form: how it is written.
        clock: monotonic seconds.
    """

    def __init__(
        self, stream: ByteStream, form: Form, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream = stream
        self.form = form
        self._clock = clock
        self._missed_at: float | None = None  # when the path was first seen to be another file's
        self._followed_at: float | None = None  # when that one was first seen to be written
        self._head = b""
        self._cutter = form.cutter()
        self.began_anew = True

    def go_to(self, resume: Mapping[str, object] | None, *, finished_counts: bool) -> bool:
        """Go where ``resume`` says if it is about this input, else stay at the start.

        An input that was read to its end starts over, unless the run that read it was interrupted
        before it could say so (``closed``). With ``finished_counts`` it is always gone on with.

        Returns:
            Whether the stream can be read from here. If not, the input turned out to be a new one
            only when it ended too early, and it must be opened again.
        """
        is_over = resume and resume.get("done") and resume.get("closed")
        if not resume or (is_over and not finished_counts):
            return True
        offset, size = _whole(resume.get("offset")), _whole(resume.get("head"))
        head = self._read_head(size)
        if len(head) < size or fingerprint(head) != resume.get("fingerprint"):
            self.stream.unread(head)
            return True
        there = self._skip(head, offset)
        if there:
            self.began_anew = False
            self._head = head
            mode = _MODES.get(resume.get("mode"), "")
            self.form.restore(resume.get("form"))
            self._cutter = self.form.cutter(offset, _whole(resume.get("line"), 1), mode)
        return there or self.stream.taken == 0

    def cut(self, data: bytes) -> Cut:
        """The items that are complete with these next bytes."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        return self._cutter.feed(data)

    def finish(self) -> Cut:
        """The items that are left at the end."""
        return self._cutter.finish(self.stream.damage)

    def position(self, *, done: bool = False) -> dict[str, object]:
        """Where to resume after everything that was cut."""
        return self._position(self._cutter.offset, self._cutter.line, self._cutter.mode, done=done)

    def position_before(self, cut: Cut, at: int) -> dict[str, object]:
        """Where to resume so that the item at this index comes next."""
        return self._position(cut.offsets[at], cut.lines[at], cut.modes[at], done=False)

    def rewritten(self) -> bool:
        """Whether the file was cut short, or written anew from its start."""
        if self.stream.pipe:
            return False
        head = self._head
        return self.stream.stat().st_size < self.stream.taken or self.stream.head(len(head)) != head

    def moved(self) -> bool:
        """Whether another file has the path now, and this one will have no more bytes to give.

        Rotation makes the new file before writers hear of it, and they write into the old one
        until then: it is left when the new one is written, and was looked at once more after that.
        """
        now = self._clock()
        try:
            there = Path(self.stream.path).stat()
        except FileNotFoundError:
            return False  # between the renaming of the old file and the making of the new one
        here = self.stream.stat()
        if os.path.samestat(there, here):
            self._missed_at = self._followed_at = None
            return False
        if self._missed_at is None:
            self._missed_at = now
        deleted = not here.st_nlink and now - self._missed_at >= GRACE
        if not there.st_size and not deleted:
            return False
        if self._followed_at is None:
            self._followed_at = now
        if now - self._followed_at < LINGER:
            return False
        left = self.stream.read(1)
        self.stream.unread(left)
        return not left

    def _position(self, offset: int, line: int, mode: Mode, *, done: bool) -> dict[str, object]:
        head = self._head[:offset]
        kept = self.form.kept()
        return {
            **({"form": kept} if kept else {}),
            "fingerprint": fingerprint(head),
            "head": len(head),
            "offset": offset,
            "line": line,
            "mode": mode,
            "done": done,
        }

    def _read_head(self, size: int) -> bytes:
        head = b""
        while len(head) < size and (data := self.stream.read(size - len(head))):
            head += data
        self.stream.unread(head[size:])
        return head[:size]

    def _skip(self, head: bytes, offset: int) -> bool:
        """Go from behind the head to the offset; goes back to the start if it is not there."""
        if not self.stream.compressed and not self.stream.pipe:
            there = self.stream.stat().st_size >= offset
            self.stream.seek(offset if there else 0)
            return there
        self.stream.unread(head)
        while offset > 0:
            data = self.stream.read(min(offset, 1024 * 1024))
            if not data:
                return False
            self.stream.unread(data[offset:])
            offset -= min(len(data), offset)
        return True


def fingerprint(head: bytes) -> str:
    """What tells an input from others: a hash of its first bytes, whatever it is called."""
    return blake2b(head, digest_size=16).hexdigest()


def _whole(value: object, default: int = 0) -> int:
    return value if isinstance(value, int) else default
