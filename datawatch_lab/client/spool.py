"""Events on disk while the server is away: lines of JSON in files, replayed in order.

Each client process has a folder of its own below the spool's, and holds the lock in it for its
life. The kernel drops the lock when the process ends, however it ends; the next client that starts
adopts what is left. A folder holds numbered segments, which `datawatch ingest` could read as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment is not appended to beyond this; it is deleted once all of it is sent."""

_LOCK = "lock"
_SUFFIX = ".ndjson"


class Head(NamedTuple):
    """The oldest lines.

    Attributes:
        adopted: an earlier run left them.
        lost: lines whose file was deleted by somebody; they were forgotten just now.
    """

    lines: list[bytes]
    adopted: bool
    lost: int = 0


class _Segment:
    """One file of lines.

    Attributes:
        whole: bytes of whole, flushed lines.
        lines: in these bytes.
        done: bytes from the start that are sent.
    """

    def __init__(self, path: Path, *, adopted: bool) -> None:
        self.path = path
        self.adopted = adopted
        self.whole = 0
        self.lines = 0
        self.done = 0


class Spool:
    """The spool of one client. Not thread-safe: its sender serialises.

    Args:
        folder: of all clients that send to this server as this user.
        max_bytes: of what this client keeps, adopted lines included.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.size = 0
        self._segments: deque[_Segment] = deque()
        self._next = 1
        self._home: Path | None = None
        self._locks: list[tuple[int, Path]] = []

    @property
    def lines(self) -> int:
        """Lines that wait."""
        return sum(each.lines for each in self._segments)

    def adopt(self) -> int:
        """Take over what ended processes left here; gives the number of lines."""
        found = 0
        for home in sorted(_folders(self.folder), key=_age):
            descriptor = _lock(home)
            if descriptor is None:
                continue
            segments = [_read(path) for path in sorted(home.glob(f"*{_SUFFIX}"))]
            segments = [each for each in segments if each.lines]
            if not segments:
                _remove(descriptor, home)
                continue
            self._locks.append((descriptor, home))
            place = sum(each.adopted for each in self._segments)
            for number, segment in enumerate(segments, place):
                self._segments.insert(number, segment)
            self.size += sum(each.whole for each in segments)
            found += sum(each.lines for each in segments)
        return found

    def reserve(self) -> int:
        """A place in the order, for lines that may have to be put there later."""
        self._next += 1
        return self._next - 1

    def append(self, lines: Sequence[bytes], place: int | None = None) -> bool:
        """Write lines and flush them to the disk.

        Args:
            lines: without line ends.
            place: what `reserve` gave, to put them there; else they go to the end.

        Returns:
            Whether they are on disk; False when they would be more than ``max_bytes``.

        Raises:
            OSError: the disk does not take them; nothing of them was written.
        """
        data = b"".join(each + b"\n" for each in lines)
        if self.size + len(data) > self.max_bytes:
            return False
        segment = self._segment_for(place)
        _append(segment.path, segment.whole, data)
        if not segment.whole:
            self._insert(segment)
        segment.whole += len(data)
        segment.lines += len(lines)
        self.size += len(data)
        return True

    def head(self, most: int) -> Head:
        """The oldest lines, at most so many; those of an earlier run are not mixed with ours."""
        lines: list[bytes] = []
        gone = [each for each in self._segments if not each.path.exists()]
        for segment in gone:
            self._segments.remove(segment)
            self.size -= segment.whole
        adopted = bool(self._segments) and self._segments[0].adopted
        for segment in self._segments:
            if len(lines) >= most or segment.adopted != adopted:
                break
            with segment.path.open("rb") as file:
                file.seek(segment.done)
                left = segment.whole - segment.done
                while left and len(lines) < most:
                    lines.append(file.readline(left))
                    left -= len(lines[-1])
        lost = sum(each.lines for each in gone)
        return Head([each[:-1] for each in lines], adopted, lost)

    def advance(self, lines: Sequence[bytes]) -> None:
        """Forget the oldest lines, which are those of `head`: they are sent."""
        for line in lines:
            segment = self._segments[0]
            segment.done += len(line) + 1
            segment.lines -= 1
            if segment.done >= segment.whole:
                self._segments.popleft()
                self.size -= segment.whole
                segment.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folders; what is empty is removed, the rest waits for the next client."""
        for descriptor, home in self._locks:
            if any(home.glob(f"*{_SUFFIX}")):
                os.close(descriptor)
            else:
                _remove(descriptor, home)
        self._locks.clear()
        self._segments.clear()
        self._home = None

    def disown(self) -> None:
        """Leave everything to the parent of this process, which holds the locks."""
        for descriptor, _ in self._locks:
            os.close(descriptor)
        self._locks.clear()
        self._segments.clear()

    def _segment_for(self, place: int | None) -> _Segment:
        """Where lines go: the last segment, or a new one, which is in no order yet."""
        if place is None and self._segments:
            last = self._segments[-1]
            if not last.adopted and last.whole < SEGMENT_BYTES and last.done < last.whole:
                return last
        number = self.reserve() if place is None else place
        return _Segment(self._own() / f"{number:012}{_SUFFIX}", adopted=False)

    def _insert(self, segment: _Segment) -> None:
        """Put a segment that has lines now to its place in the order."""
        own = [each for each in self._segments if not each.adopted and each.path < segment.path]
        others = sum(each.adopted for each in self._segments)
        self._segments.insert(others + len(own), segment)

    def _own(self) -> Path:
        """The folder of this client, made when it is first needed."""
        if self._home is None:
            home = self.folder / uuid.uuid4().hex
            home.mkdir(mode=0o700, parents=True)
            descriptor = _lock(home)
            if descriptor is None:
                raise BlockingIOError(f"{home} is locked by another process")
            self._locks.append((descriptor, home))
            self._home = home
        return self._home


def state_folder() -> Path:
    """Where this user's programs keep what must outlive them."""
    state = os.environ.get("XDG_STATE_HOME")
    if state:
        return Path(state) / "datawatch"
    try:
        home = Path.home()
    except RuntimeError:  # a user id without an entry, as in containers
        return Path(tempfile.gettempdir()) / f"datawatch-{os.getuid()}"
    below = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return home / below / "datawatch"


def spool_folder(address: str) -> Path:
    """The folder for what could not be sent to a server, named after its address.

    >>> spool_folder("https://dw.example:8443").name
    'https_dw.example_8443'
    """
    return state_folder() / "spool" / re.sub(r"[^\w.-]+", "_", address).strip("_")


def _folders(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if (each / _LOCK).exists()]
    except (FileNotFoundError, PermissionError):
        return []


def _age(home: Path) -> tuple[float, str]:
    """When its first segment was begun, for the order between folders."""
    times = [each.stat().st_ctime for each in [home / _LOCK] if each.exists()]
    return (min(times, default=0.0), home.name)


def _lock(home: Path) -> int | None:
    """Hold the lock of a folder; None while another process holds it, or when it is gone."""
    try:
        descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    if not (home / _LOCK).exists():  # another client emptied it a moment ago
        os.close(descriptor)
        return None
    return descriptor


def _remove(descriptor: int, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    os.close(descriptor)
    with contextlib.suppress(OSError):
        home.parent.rmdir()  # unless others are in it


def _read(path: Path) -> _Segment:
    """A segment that an ended process left; a line that it was writing at its end is no line."""
    segment = _Segment(path, adopted=True)
    data = path.read_bytes()
    segment.whole = data.rfind(b"\n") + 1
    segment.lines = data.count(b"\n")
    return segment


def _append(path: Path, size: int, data: bytes) -> None:
    fresh = size == 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)  # what a failed write left
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], size + written)
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        if fresh:
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    if fresh:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
