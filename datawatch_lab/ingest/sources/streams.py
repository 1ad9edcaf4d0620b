"""Files as streams of decompressed bytes: plain, gzip and zstd, told apart by their first bytes."""

from __future__ import annotations

import io
import os
import select
import sys
import zlib
from typing import BinaryIO, Protocol

import zstandard

from datawatch_lab.core.errors import SourceError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 64 * 1024
_ZSTD_PIECE = 1024  # a block of 4 bytes may hold 128 KiB: small pieces keep memory bounded


class _Unpacker(Protocol):
    """A decompressor that is fed pieces."""

    def unpack(self, piece: bytes, most: int) -> bytes:
        """Decompressed bytes; ``most`` is a wish. Raises ValueError for damaged input."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether there is more to give without a new piece."""
        ...

    @property
    def inside(self) -> bool:
        """Whether the end of the compressed data has not come yet."""
        ...


class _Gunzip:
    """gzip, also of several members."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)
        self._left = b""
        self.inside = True

    @property
    def waiting(self) -> bool:
        return bool(self._left)

    def unpack(self, piece: bytes, most: int) -> bytes:
        data = self._left + piece
        if not self.inside:
            data = data.lstrip(b"\0")  # padding behind the last member
            if not data:
                self._left = b""
                return b""
            self._zlib, self.inside = zlib.decompressobj(31), True
        try:
            out = self._zlib.decompress(data, most)
        except zlib.error as error:
            self._left = b""
            raise ValueError(str(error)) from None
        self._left = self._zlib.unconsumed_tail or self._zlib.unused_data
        self.inside = not self._zlib.eof
        return out


class _Unzstd:
    """zstd, also of several frames."""

    def __init__(self) -> None:
        self._make = zstandard.ZstdDecompressor(max_window_size=2**27)
        self._frame = self._make.decompressobj()
        self._left = b""
        self.inside = True

    @property
    def waiting(self) -> bool:
        return bool(self._left)

    def unpack(self, piece: bytes, most: int) -> bytes:  # noqa: ARG002 - zstd takes no such wish
        data = self._left + piece
        now, self._left = data[:_ZSTD_PIECE], data[_ZSTD_PIECE:]
        if not self.inside and now:
            self._frame, self.inside = self._make.decompressobj(), True
        try:
            out = self._frame.decompress(now)
        except zstandard.ZstdError as error:
            self._left = b""
            raise ValueError(str(error)) from None
        if self._frame.eof:
            self.inside = False
            self._left = self._frame.unused_data + self._left
        return out


def unpacker_for(head: bytes) -> _Unpacker | None:
    """The decompressor for data that begins with these bytes; None when it is not compressed."""
    if head.startswith(_GZIP):
        return _Gunzip()
    return _Unzstd() if head.startswith(_ZSTD) else None


class ByteStream:
    """A file, read forward.

    Attributes:
        damage: why the input ended before its end; empty while all is well.
        total: bytes of the file as stored; None for a pipe.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.damage = ""
        self._file = _open(path)
        self._ahead = b""
        self._taken = 0
        self._start = self._fill(len(_ZSTD))
        self._unpack = unpacker_for(self._start)
        self.total = None if self.pipe else os.fstat(self._file.fileno()).st_size

    @property
    def pipe(self) -> bool:
        """Whether it is a pipe, a terminal or the like: it cannot be read twice."""
        return not self._file.seekable()

    @property
    def compressed(self) -> bool:
        """Whether it is gzip or zstd."""
        return self._unpack is not None

    @property
    def taken(self) -> int:
        """Bytes of the file as stored that were read so far."""
        return self._taken

    def close(self) -> None:
        """Close the file, unless it is the standard input."""
        if self.path != "-":
            self._file.close()

    def stat(self) -> os.stat_result:
        """State of the open file, which may not be that of the path any more."""
        return os.fstat(self._file.fileno())

    def read(self, most: int) -> bytes:
        """About ``most`` decompressed bytes, fewer if a pipe has no more now; empty at the end."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        if self._unpack is None:
            return self._raw(most)
        out = io.BytesIO()
        while out.tell() < most and not self.damage:
            piece = b"" if self._unpack.waiting else self._raw(_PIECE)
            if not piece and not self._unpack.waiting:
                self.damage = self._cut_short() if self._unpack.inside else ""
                break
            try:
                out.write(self._unpack.unpack(piece, most - out.tell()))
            except ValueError as error:
                self.damage = f"the compressed data is damaged here: {error}"
        return out.getvalue()

    def unread(self, data: bytes) -> None:
        """Put bytes back to be read next."""
        self._ahead = data + self._ahead

    def seek(self, offset: int) -> None:
        """Go to an offset of a file that is not compressed."""
        self._file.seek(offset)
        self._ahead = self._start = b""
        self._taken = offset

    def head(self, size: int) -> bytes:
        """The first bytes as they are now, without moving; for files that are not compressed."""
        return os.pread(self._file.fileno(), size, 0)

    def readable(self, seconds: float) -> bool:
        """Whether a read would not block; waits for that at most ``seconds`` (pipes only)."""
        if self._ahead or self._start or not self.pipe or os.name == "nt":
            return True
        return bool(select.select([self._file], [], [], seconds)[0])

    def _fill(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := self._raw(size - len(data))):
            data += piece
        self._taken = 0
        return data

    def _raw(self, most: int) -> bytes:
        if getattr(self, "_start", b""):
            data, self._start = self._start, b""
        else:
            data = _read(self._file, most, self.path)
        self._taken += len(data)
        return data

    def _cut_short(self) -> str:
        return "the compressed file ends before its end: it was cut short"


def _read(file: BinaryIO, most: int, path: str) -> bytes:
    try:
        return file.read(most) or b""
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read any further: {error.strerror or error}.",
            hint="What was read so far is kept; the same command goes on from there.",
        ) from error


def _open(path: str) -> BinaryIO:
    if path == "-":
        return io.FileIO(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return io.FileIO(path, "rb")
    except FileNotFoundError:
        raise SourceError(
            f"{path}: there is no such file.",
            hint="Check the name, or write - to read the standard input.",
        ) from None
    except IsADirectoryError:
        raise SourceError(
            f"{path}: is a directory, not a file.", hint="Name the files in it, e.g. with a *."
        ) from None
    except PermissionError:
        raise SourceError(
            f"{path}: may not be read by this user.", hint="Give yourself the right to read it."
        ) from None
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be opened: {error.strerror}.", hint="Check the name and the disk."
        ) from error
