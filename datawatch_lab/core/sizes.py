"""Sizes in bytes: ``20GB``, ``512MiB``, ``1000000``."""

from __future__ import annotations

import re

from datawatch_lab.core.errors import ConfigError

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


def parse_size(text: str | int) -> int:
    """Read a size; a bare number is bytes.

    Raises:
        ConfigError: it is none; the message shows the form.

    >>> parse_size("20GB"), parse_size("1.5 KiB"), parse_size(7)
    (20000000000, 1536, 7)
    """
    found = _SIZE.fullmatch(str(text).strip().lower())
    if isinstance(text, bool) or not found or found[2] not in _UNITS:
        raise ConfigError(
            f"{text!r} is not a size.",
            hint="Write a number and a unit, such as 500MB, 20GB, 4GiB.",
        )
    return int(float(found[1]) * _UNITS[found[2]])


def format_size(size: int) -> str:
    """The shortest exact form with a decimal unit.

    >>> format_size(20_000_000_000), format_size(1536)
    ('20GB', '1536')
    """
    for unit in ("TB", "GB", "MB", "KB"):
        if size and not size % _UNITS[unit.lower()]:
            return f"{size // _UNITS[unit.lower()]}{unit}"
    return str(size)
