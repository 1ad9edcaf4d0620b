"""Finding a followed file again that was rotated away while nobody read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.forms import Form
from datawatch_lab.ingest.sources.place import Place
from datawatch_lab.ingest.sources.streams import ByteStream

_BEHIND = re.compile(r"[.-]\d[\w.:-]*")  # what rotation puts behind a name
_MOST = 20  # siblings that are looked at, the newest ones


def is_about(path: str, form: Form, resume: Mapping[str, object]) -> bool:
    """Whether a file is the one that a position is of, and reaches that far.

    Args:
        path: of the file, compressed or not.
        form: how it is written.
        resume: a position of `Place`.
    """
    if not resume.get("head"):
        return False  # a position at the very start is of no file
    try:
        stream = ByteStream(path)
    except SourceError:
        return False
    try:
        place = Place(stream, form)
        return place.go_to(resume, finished_counts=True) and not place.began_anew
    finally:
        stream.close()


def rotated(path: str, make: Callable[[], Form], resume: Mapping[str, object]) -> Sequence[str]:
    """Siblings that were not read to their end, in the order in which they were written.

    The first is the file that a position is of, the others were written after it. Siblings are
    files with the name of the file and a number or a date behind it: ``app.log.1``,
    ``app.log-20260301``, ``app.log.1.gz``. None where none of them is the file of the position.

    Args:
        path: where another file is now.
        make: gives a form, as for `is_about`.
        resume: as for `is_about`.
    """
    newer: list[str] = []
    for each in _siblings(Path(path)):
        if is_about(each, make(), resume):
            return [each, *reversed(newer)]
        newer.append(each)
    return []


def _siblings(path: Path) -> list[str]:
    """The newest first, by when they were last written to."""
    try:
        found = [
            (each.stat().st_mtime_ns, str(each))
            for each in path.parent.iterdir()
            if each.name.startswith(path.name)
            and _BEHIND.fullmatch(each.name.removeprefix(path.name))
            and each.is_file()
        ]
    except OSError:
        return []
    return [name for _, name in sorted(found, reverse=True)[:_MOST]]
