"""What docstrings say about the fields of a class, so that it is written in one place."""

from __future__ import annotations

import inspect
import re

_LISTED = re.compile(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", re.MULTILINE)


def attributes_of(kind: type) -> dict[str, str]:
    """What the ``Attributes:`` of a class and its bases say, by field; {} without any.

    >>> class Point:
    ...     '''A place.
    ...
    ...     Attributes:
    ...         x, y: metres from
    ...             the corner.
    ...     '''
    >>> attributes_of(Point)["y"]
    'metres from the corner.'
    """
    said: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        listed = _LISTED.search(inspect.cleandoc(each.__doc__ or ""))
        for names, text in _ENTRY.findall(listed[1] if listed else ""):
            plain = re.sub(r"\s+", " ", text).replace("``", "`")
            said |= dict.fromkeys(re.split(r",\s*", names), plain)
    return said
