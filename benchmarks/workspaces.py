"""Large workspaces, made by the product's own ingest and kept for the rest of the invocation."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.events import Maker
from benchmarks.model import Context, UnmeasurableError

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings

_PART = 250_000
_ROOM = 1.3


def build(
    context: Context, name: str, maker: Maker, count: int, settings: Settings | None = None
) -> Path:
    """Ingest so many events of a maker, part by part, so that no large file of them is needed.

    The parts are one source: each goes on where the one before ended.
    """
    from datawatch_lab.service.handle import open_workspace
    from datawatch_lab.service.intake import file_source, ingest_source

    path = context.cache / f"{name}.duckdb"
    if path.exists():
        return path
    need_room(context, count * 700)
    part = context.folder / "part.ndjson"
    lines = maker.lines(count)
    with open_workspace(path, settings=settings) as lab:
        while chunk := list(islice(lines, _PART)):
            part.write_bytes(b"".join(chunk))
            ingest_source(lab, file_source(str(part), name=name))
        applied = lab.ledger().applied
    part.unlink()
    if applied != count:
        path.unlink()
        raise UnmeasurableError(f"{applied:,} of {count:,} events applied while building {name}")
    return path


def need_room(context: Context, size: float) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        UnmeasurableError: less than ``size`` bytes, and some, are free.
    """
    free = shutil.disk_usage(context.cache).free
    if free < size * _ROOM:
        raise UnmeasurableError(
            f"{context.cache} has {free / 1e9:.0f} GB free; {size * _ROOM / 1e9:.0f} GB are needed"
        )
