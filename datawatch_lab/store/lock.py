"""One owner per workspace: a lock file beside it, held by ``flock`` for the life of the owner.

The kernel drops the lock when its process ends, however it ends, so a file left behind by a crash
never blocks. What the file says (JSON) is only for messages and for finding the owner's address.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import WorkspaceError, WorkspaceLockedError

_TRIES = 4
_PAUSE = 0.02  # seconds; `owner` holds the lock for some µs while it looks


class OwnerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a workspace.

    Attributes:
        pid: process id; 0 when the file could not be read.
        address: URL that it answers on, or None.
        started: when it took the workspace, ISO 8601 UTC.
        what: what it is, e.g. ``datawatch serve``.
    """

    pid: int = 0
    address: str | None = None
    started: str = ""
    what: str = "another process"


class Lock:
    """The held lock of one workspace; made by `acquire`."""

    def __init__(self, path: Path, descriptor: int, info: OwnerInfo) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._info = info

    @property
    def info(self) -> OwnerInfo:
        """What the lock file says."""
        return self._info

    def publish(self, address: str | None) -> None:
        """Tell others at which address the owner answers."""
        self._info = msgspec.structs.replace(self._info, address=address)
        if self._descriptor is not None:
            _write(self._descriptor, self._info)

    def release(self) -> None:
        """Remove the lock file and let go; harmless when repeated."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        with contextlib.suppress(OSError):  # gone already, or the folder became read-only
            self.path.unlink()
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_path(path: str | os.PathLike[str]) -> Path:
    """The lock file of a workspace; links are followed, so that one file has one lock."""
    return Path(os.path.realpath(path) + ".lock")


def acquire(path: str | os.PathLike[str], what: str, clock: Clock | None = None) -> Lock:
    """Take a workspace for this process.

    Raises:
        WorkspaceLockedError: someone holds it; the message says who, where, and what to do.
        WorkspaceError: the lock file cannot be made.
    """
    target = lock_path(path)
    for attempt in range(_TRIES):
        descriptor = _open(target, Path(path).name)
        if not _try_flock(descriptor, fcntl.LOCK_EX):
            held = _read(descriptor)
            os.close(descriptor)
            if attempt == _TRIES - 1:
                raise _locked(Path(path), held)
            time.sleep(_PAUSE)
            continue
        if not _is_current(descriptor, target):  # its last owner removed it in between
            os.close(descriptor)
            continue
        started: datetime = (clock or SystemClock()).now()
        info = OwnerInfo(pid=os.getpid(), started=started.isoformat(), what=what)
        _write(descriptor, info)
        return Lock(target, descriptor, info)
    raise _locked(Path(path), OwnerInfo())


def owner(path: str | os.PathLike[str]) -> OwnerInfo | None:
    """Who holds the workspace, or None when it is free; takes nothing.

    Raises:
        WorkspaceError: another user of the machine does.
    """
    target = lock_path(path)
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise WorkspaceError(
            f"{path} belongs to another user: its lock file {target} cannot be read.",
            hint="Ask its owner for a link.",
        ) from None
    try:
        return None if _try_flock(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    finally:
        os.close(descriptor)


def _open(target: Path, name: str) -> int:
    try:
        return os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WorkspaceError(
            f"{name} cannot be opened: its lock file {target} cannot be made ({error.strerror}).",
            hint="A workspace needs a folder that you may write to.",
        ) from error


def _try_flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_current(descriptor: int, target: Path) -> bool:
    try:
        there = target.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)


def _write(descriptor: int, info: OwnerInfo) -> None:
    text = msgspec.json.encode(info)
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))


def _read(descriptor: int) -> OwnerInfo:
    """What the file says; an `OwnerInfo` of unknowns when it is just being written."""
    for _ in range(_TRIES):
        try:
            return msgspec.json.decode(os.pread(descriptor, 65_536, 0), type=OwnerInfo)
        except msgspec.DecodeError:
            time.sleep(_PAUSE)
    return OwnerInfo()


def _locked(path: Path, held: OwnerInfo) -> WorkspaceLockedError:
    process = f"process {held.pid}" if held.pid else "process unknown"
    where = f" at {held.address}" if held.address else ""
    if held.address:
        hint = f"Work through it: dw.connect({held.address!r}). Or stop it, then open again."
    elif held.pid == os.getpid():
        hint = "It is open in this very process: use that object, or close() it first."
    else:
        hint = f"Stop it (kill {held.pid}), then open again." if held.pid else "Try again."
    return WorkspaceLockedError(
        f"{path} is in use by {held.what} ({process}{where}).",
        hint=hint,
        details={"pid": held.pid, "address": held.address, "what": held.what},
    )
