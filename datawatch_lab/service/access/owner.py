"""The token of a workspace: made once, kept in a file that only its owner can read.

As in Jupyter, the tools and the links that they print carry it, so nobody types it, and another
user of the machine cannot get in.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from datawatch_lab.core.errors import WorkspaceError

_TOKEN_BYTES = 24


def token_path(workspace: Path) -> Path:
    """The file beside the workspace, not beside a link to it, that holds its token."""
    return Path(os.path.realpath(workspace) + ".token")


def read_token(workspace: Path) -> str | None:
    """The token, or None when there is none.

    Raises:
        WorkspaceError: it is there but belongs to another user.
    """
    path = token_path(workspace)
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except PermissionError:
        raise WorkspaceError(
            f"{path} cannot be read: the server of this workspace belongs to another user.",
            hint="Ask its owner for a link.",
        ) from None


def make_token(workspace: Path) -> str:
    """The token, made when there is none; its file has mode 0600."""
    token = read_token(workspace)
    if token:
        return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    path = token_path(workspace)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    path.chmod(0o600)
    return token


def same_token(given: str, wanted: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), wanted.encode())
