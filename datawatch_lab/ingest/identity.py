"""Identity of events that bring none: a hash of what they say and where they stand in the input.

The name of the file is no part of it, so the same file read again under another name gives the same
identities, and identical lines at different places are different events.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

IdFactory = Callable[[], str]
"""Gives a new unique id each time; for inputs that are not re-read, such as HTTP."""


def content_id(content: bytes, offset: int) -> str:
    """Identity of bytes at an offset of their input: 32 hexadecimal digits after ``h:``.

    >>> content_id(b"{}", 0) == content_id(b"{}", 0) != content_id(b"{}", 3)
    True
    """
    digest = blake2b(content, digest_size=16, salt=offset.to_bytes(16, "little", signed=True))
    return f"h:{digest.hexdigest()}"


def bad_id(content: bytes, offset: int) -> str:
    """Identity of a malformed event; never that of the event which it becomes when it is fixed."""
    digest = blake2b(content, digest_size=16, salt=offset.to_bytes(16, "little", signed=True))
    return f"bad:{digest.hexdigest()}"
