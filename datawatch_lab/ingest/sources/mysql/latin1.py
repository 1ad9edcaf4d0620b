"""The servers' latin1: Windows-1252, with a character for each of the five bytes it leaves out."""

from __future__ import annotations

import codecs
from typing import Any

NAME = "mysql_latin1"

_CHARACTERS = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))


def _decode(data: Any, errors: str = "strict", /) -> tuple[str, int]:
    return codecs.charmap_decode(bytes(data), errors, _CHARACTERS)


def _encode(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
    return codecs.charmap_encode(text, errors, codecs.charmap_build(_CHARACTERS))


def _find(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name=NAME) if name == NAME else None


def register() -> None:
    r"""Let `bytes.decode` know it by `NAME`; harmless when said twice.

    >>> register()
    >>> b"\xe2\x80\x9d".decode(NAME) == "\u00e2\u20ac\x9d"
    True
    """
    try:
        codecs.lookup(NAME)
    except LookupError:
        codecs.register(_find)
