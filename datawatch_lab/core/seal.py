"""Bytes sealed with a key that only the owner of a workspace can read.

What is unpickled must be what this owner's process wrote. The key is a file of mode 0600 beside the
workspace; whoever can change the workspace file alone cannot make a seal that fits. Without the
key, after the workspace was copied say, sealed bytes are as good as none.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

_BYTES = 32
_DIGEST = "sha256"


class Seal:
    """Seals and opens bytes with the key of a workspace.

    Args:
        key: at least 32 random bytes.

    >>> seal = Seal(bytes(32))
    >>> seal.opened(seal.sealed(b"state", b"orders"), b"orders")
    b'state'
    >>> seal.opened(seal.sealed(b"state", b"orders"), b"payments") is None
    True
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sealed(self, data: bytes, about: bytes = b"") -> bytes:
        """The seal, then the data.

        Args:
            data: what is kept.
            about: what it is of; it opens for the same only.
        """
        return self._digest(data, about) + data

    def opened(self, sealed: bytes, about: bytes = b"") -> bytes | None:
        """The data; None when the seal does not match."""
        seal, data = sealed[:_BYTES], sealed[_BYTES:]
        return data if hmac.compare_digest(seal, self._digest(data, about)) else None

    def _digest(self, data: bytes, about: bytes) -> bytes:
        framed = len(about).to_bytes(8, "big") + about + data
        return hmac.digest(self._key, framed, _DIGEST)


def key_path(workspace: Path) -> Path:
    """The file beside the workspace, not beside a link to it, that holds its key."""
    return Path(os.path.realpath(workspace) + ".key")


def seal_of(workspace: Path) -> Seal:
    """The seal of a workspace; its key is made when there is none that can be trusted.

    A key that others may read or write, or that belongs to another user, is made anew.
    """
    path = key_path(workspace)
    known = _trusted(path)
    if known is not None:
        return Seal(known)
    key = secrets.token_bytes(_BYTES)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    return Seal(key)


def _trusted(path: Path) -> bytes | None:
    """A key that only this user can read; None otherwise."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        mine = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        key = file.read(_BYTES + 1)
    return key if mine and len(key) == _BYTES else None
