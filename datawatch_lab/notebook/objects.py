"""`open` and `connect`: a workspace in a notebook, as a `Lab`."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from datawatch_lab.core.addresses import without_password
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.notebook.lab import Lab
from datawatch_lab.notebook.progress import shell
from datawatch_lab.service import handle

__all__ = ["Lab", "connect", "open"]


def open(  # noqa: A001 — the public name
    path: str | os.PathLike[str] | None = None,
    *,
    settings: Settings | None = None,
    create: bool = True,
) -> Lab:
    """Open a workspace file, or reach the engine that owns it.

    In a notebook that has the file open already, it gives that `Lab` again.

    Args:
        path: the file; by default ``DATAWATCH_WORKSPACE``, else ``./datawatch.duckdb``.
        settings: for an engine of this process.
        create: make the file when there is none.

    Raises:
        WorkspaceLockedError: another process owns the file and cannot be reached.
        WorkspaceError: the file cannot be used; says why and what to do.
    """
    place = handle.default_path() if path is None else Path(path)
    known = _open_here(place)
    if known is not None:
        return known
    workspace = handle.open_workspace(place, settings=settings, what="a notebook", create=create)
    # A workspace that nobody holds any more, and one still open at exit, releases its file.
    weakref.finalize(workspace, workspace.caller.close)
    return Lab(workspace)


def _open_here(place: Path) -> Lab | None:
    """The lab that has this file in the notebook's names: a cell that opens may run again."""
    running = shell()
    wanted = os.path.realpath(place)
    for each in [] if running is None else list(running.user_ns.values()):
        if isinstance(each, Lab) and not each.closed and os.path.realpath(each.place) == wanted:
            return each
    return None


def connect(url: str, token: str | None = None) -> Lab:
    """Reach a server by its address, such as ``http://127.0.0.1:3002``.

    Args:
        url: of the server's root; a ``?token=…`` in it, as in printed links, is used.
        token: that its owner gave out.
    """
    from urllib.parse import parse_qs, urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(
            f"{without_password(url)!r} is not the address of a server.",
            hint="It looks like http://127.0.0.1:3002; for a file use datawatch_lab.open(path), "
            "for a database lab = datawatch_lab.open(); lab.connect(url).",
        )
    given = parse_qs(parts.query).get("token", [None])[0]
    return Lab(handle.connect(f"{parts.scheme}://{parts.netloc}", token or given))
