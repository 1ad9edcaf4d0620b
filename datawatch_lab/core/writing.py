"""Files that a user names for what is made: checked before the work, and written whole or not."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from datawatch_lab.core.errors import InputError


def check_target(out: Path) -> None:
    """Refuse a file that could not be written, before the work whose result it takes.

    Raises:
        InputError: its folder is not there or may not be written to, or it is a folder itself.
    """
    if out.is_dir():
        raise InputError(f"{out} cannot be written: it is a folder.", hint="Name a file in it.")
    if _is_stream(out):
        return
    folder = Path(os.path.realpath(out)).parent
    if not folder.is_dir():
        raise InputError(f"{out} cannot be written: there is no folder {folder}.", hint="Make it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{out} cannot be written: you may not write to {folder}.")


def write_whole(out: Path, body: bytes) -> None:
    """Put a file in its place in one step; what was there stays until then.

    A link stays one, and the file that it leads to is replaced; a pipe or a terminal is written to.

    Raises:
        InputError: the system refuses it; says why.
    """
    place = Path(os.path.realpath(out))
    part = place.with_name(f".{place.name}.part")
    try:
        if _is_stream(out):
            out.write_bytes(body)
            return
        part.write_bytes(body)
        part.replace(place)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"{out} cannot be written: {error.strerror or error}.") from error


def _is_stream(out: Path) -> bool:
    """Whether it is there, and neither a file nor a folder."""
    return out.exists() and not out.is_file()
