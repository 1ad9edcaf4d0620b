"""Values that Debezium could not see: unchanged TOAST columns of PostgreSQL become missing fields.

The connector writes a placeholder (``unavailable.value.placeholder``) in the shape of the column:
text, base64 or hexadecimal of bytes, the only element of an array, the only entry of an hstore.
Source: https://debezium.io/documentation/reference/stable/connectors/postgresql.html, "Toasted
values".
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Sequence

import msgspec
from msgspec import Raw

_TEXT = "__debezium_unavailable_value"
_BYTES = _TEXT.encode()
_BASE64 = base64.b64encode(_BYTES).decode()
_HEX = _BYTES.hex()
_UUID = str(uuid.UUID(bytes=hashlib.md5(_BYTES, usedforsecurity=False).digest(), version=3))
_SCALARS = (_TEXT, _BASE64, base64.urlsafe_b64encode(_BYTES).decode().rstrip("="), _HEX, _UUID)
_ENTRY = {_TEXT: _TEXT}
_PLACEHOLDERS = (
    *_SCALARS,
    *([scalar] for scalar in _SCALARS),
    list(_BYTES),
    _ENTRY,
    msgspec.json.encode(_ENTRY).decode(),
    f'"{_TEXT}"=>"{_TEXT}"',
)
_TOKENS = frozenset(msgspec.json.encode(value) for value in _PLACEHOLDERS)
_SIGNS = (_BYTES, _BASE64[:36].encode(), _HEX.encode(), _UUID.encode(), b"[95,95,100,101")
_SPACED = b"[95, 95, 100, 101"


Image = Raw | bytes
"""A row image; nothing when there is none."""


def without_unavailable(images: Sequence[Image]) -> Sequence[Image]:
    """Row images without the fields whose values were not available; the others as they are."""
    joined = b"\n".join(images)
    if not any(sign in joined for sign in (*_SIGNS, _SPACED)):
        return images
    return [
        _cleaned(image) if any(sign in image for sign in (*_SIGNS, _SPACED)) else image
        for image in map(bytes, images)
    ]


def _cleaned(image: bytes) -> bytes:
    try:
        row = msgspec.json.decode(image, type=dict[str, Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return image  # the parser of row images says what is wrong with it
    kept = {name: value for name, value in row.items() if not _unavailable(value)}
    return image if len(kept) == len(row) else msgspec.json.encode(kept)


def _unavailable(value: Raw) -> bool:
    token = bytes(value)
    if len(token) > 400 or token[:1] not in b'"[{':
        return False
    if token in _TOKENS:
        return True
    return msgspec.json.encode(msgspec.json.decode(token)) in _TOKENS
