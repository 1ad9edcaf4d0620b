"""Sources by what a user names them: the engine's place to wire ingest's sources."""

from __future__ import annotations

from typing import Any

from datawatch_lab.core.sources import Source


def open_file(path: str, **how: Any) -> Source:
    """A file (or ``-`` for standard input) as a source; see `ingest.sources.file.FileSource`."""
    from datawatch_lab.ingest.sources.file import FileSource

    return FileSource(path, **how)
