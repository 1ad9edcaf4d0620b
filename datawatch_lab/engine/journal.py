"""The journal: what was answered for is on disk before it is in the store.

A file of records beside the workspace. A record is appended and flushed to the disk, which takes a
fraction of what a transaction of the store takes; only then is its sender told that the event is
taken in. The store's commit that has it says so by its number, in the same transaction, so what a
crash left behind is exactly the records with larger numbers.

A record: length of the payload (4 bytes), CRC-32 of number and payload (4), number (8), payload;
all numbers are little-endian. A record that a crash cut short is the last, and was not answered
for.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from datawatch_lab.core.errors import WorkspaceError

_HEAD = struct.Struct("<IIQ")
_NUMBER = struct.Struct("<Q")

LIMIT_BYTES = 64 * 1024 * 1024
"""The file is emptied as soon as the store has all of it; beyond this size appending waits."""


class Record(NamedTuple):
    """One entry of the journal."""

    number: int
    payload: bytes


class _Waiting(NamedTuple):
    payload: bytes
    written: Callable[[int], None]
    done: Future[int]


class Journal:
    """Appends records in the order of their numbers; any thread may append.

    Records that arrive together are flushed together.

    Attributes:
        problem: why the last records could not be written; '' when they were.
    """

    def __init__(self, path: Path, first: int) -> None:
        """Open the journal for appending.

        Args:
            path: of the file; made when missing.
            first: number of the first record appended from now on.
        """
        self.path = path
        self.problem = ""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._next = first
        self._size = _whole(path.read_bytes())
        os.ftruncate(self._file, self._size)  # what follows a torn record would not be found
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="datawatch-journal", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def append(self, payload: bytes, written: Callable[[int], None]) -> Future[int]:
        """Queue a record; its future gives the number once it is on disk.

        Args:
            payload: what to keep.
            written: called with the number, in order of numbers, after the record is on disk and
                before the future ends.

        Raises:
            WorkspaceError: the journal is closed.
        """
        item = _Waiting(payload, written, Future())
        with self._changed:
            if self._closing:
                raise WorkspaceError("The workspace is closed.", hint="Open it again.")
            self._waiting.append(item)
            self._changed.notify()
        return item.done

    def forget(self, stored: int, least: int = 0) -> bool:
        """Empty the file if the store has every record in it, up to number ``stored``.

        Args:
            stored: number of the last record that the store has.
            least: bytes; a smaller file is left as it is.
        """
        if self._size < least:
            return False
        with self._changed:
            if self._closing or self._waiting or stored < self._next - 1 or not self._size:
                return False
            os.ftruncate(self._file, 0)
            self._size = 0
            return True

    def relieve(self) -> None:
        """Forget the problem: the disk has taken something else since."""
        self.problem = ""

    def close(self) -> None:
        """Write what waits, then close the file."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                taken = list(self._waiting)
                if not taken:
                    return
                first = self._next
                try:
                    self._write([each.payload for each in taken], first)
                except Exception as error:  # noqa: BLE001 — told to who waits, or they wait for ever
                    failed: Exception | None = error
                else:
                    failed = None
                    self._next += len(taken)
                self.problem = "" if failed is None else _refusal(self.path, failed)
                self._waiting.clear()
            _tell(taken, first, failed, self.path)

    def _write(self, payloads: list[bytes], first: int) -> None:
        """Append records and flush them; a failure leaves the file as it was."""
        data = b"".join(_packed(first + place, each) for place, each in enumerate(payloads))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fdatasync(self._file)
        except BaseException:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)


def _tell(taken: list[_Waiting], first: int, failed: Exception | None, path: Path) -> None:
    for number, each in enumerate(taken, first):
        if failed is not None:
            each.done.set_exception(
                WorkspaceError(
                    _refusal(path, failed),
                    hint="Nothing of it was taken in. Check the disk, then send it again.",
                )
            )
            continue
        try:
            each.written(number)
        except BaseException as error:  # noqa: BLE001 — handed to whoever waits
            each.done.set_exception(error)
        else:
            each.done.set_result(number)


def _refusal(path: Path, fault: Exception) -> str:
    why = fault.strerror if isinstance(fault, OSError) else str(fault) or type(fault).__name__
    return f"{path} could not take an event: {why}."


def _packed(number: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), _checksum(number, payload), number) + payload


def _checksum(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_NUMBER.pack(number)))


def read_journal(path: Path, after: int = 0) -> Iterator[Record]:
    """Records with numbers larger than ``after``, in order; none when there is no file.

    It ends at the first record that is not whole: what a crash left of one that was being written.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for record, _ in _records(data):
        if record.number > after:
            yield record


def _records(data: bytes) -> Iterator[tuple[Record, int]]:
    """Whole records from the start, and where each ends."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum, number = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        payload = data[at : at + length]
        if len(payload) < length or _checksum(number, payload) != checksum:
            return
        at += length
        yield Record(number, payload), at


def _whole(data: bytes) -> int:
    """Bytes up to the end of the last whole record."""
    return max((end for _, end in _records(data)), default=0)
