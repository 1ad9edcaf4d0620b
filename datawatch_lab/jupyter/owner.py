"""Who owns a workspace, read from the lock file beside it, without loading the engine.

The file and its meaning are those of `datawatch_lab.store.lock`: JSON, under a ``flock`` that its
owner holds. Jupyter's server looks every two seconds, and must not load DuckDB to do so.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The process that holds a workspace.

    Attributes:
        pid: of the process; 0 while it is just writing the file.
        address: that it answers on; None when it serves nobody, or not yet.
        what: what it calls itself, such as ``datawatch serve``.
    """

    pid: int = 0
    address: str | None = None
    what: str = "another process"


def owner_of(path: Path) -> Owner | None:
    """The owner of a workspace; None when it is free. Takes nothing."""
    try:
        handle = os.open(os.path.realpath(path) + ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(handle)
    finally:
        os.close(handle)
    return None


def _read(handle: int) -> Owner:
    try:
        return msgspec.json.decode(os.pread(handle, 65_536, 0), type=Owner)
    except msgspec.DecodeError:
        return Owner()
