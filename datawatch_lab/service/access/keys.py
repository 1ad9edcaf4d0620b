"""The key that cookies and links are signed with: random, of one workspace, in its access file."""

from __future__ import annotations

import secrets

from datawatch_lab.service.access.file import AccessFile

_NAME = "signing"
_BYTES = 32


def signing_key(file: AccessFile) -> bytes:
    """The key; made when there is none."""
    found = file.rows("SELECT value FROM secrets WHERE name = ?", _NAME)
    if not found:
        file.write(
            "INSERT OR IGNORE INTO secrets VALUES (?, ?)", _NAME, secrets.token_bytes(_BYTES)
        )
        found = file.rows("SELECT value FROM secrets WHERE name = ?", _NAME)
    return bytes(found[0][0])
