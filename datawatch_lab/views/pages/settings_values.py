"""The keys of the configuration with their values, and where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from datawatch_lab.core.config import KEYS, Config, Key
from datawatch_lab.core.durations import format_duration

MASK = "•••"
_LONGEST = 120


@dataclass(frozen=True)
class Row:
    """A key.

    Attributes:
        key: dotted, as in the file.
        value: as it would be written; masked for a secret.
        origin: ``default``, ``file`` (or an option of the command) or ``environment``.
        help: what it means.
    """

    key: str
    value: str
    origin: str
    help: str


def rows(environment: Mapping[str, str], config: Config | None = None) -> list[Row]:
    """Every key, in order of name.

    Args:
        environment: of this process.
        config: that the server was started with; None for the defaults.

    >>> row = next(each for each in rows({}) if each.key == "server.port")
    >>> row.value, row.origin, row.help
    ('3002', 'default', 'port to bind to; 0 for any free one.')
    """
    held = config or Config()
    return [
        _row(each, environment, held)
        for each in sorted(KEYS, key=lambda key: key.name)
        if not each.same_as
    ]


def _row(key: Key, environment: Mapping[str, str], config: Config) -> Row:
    value = _value(key, config)
    said = any(environment.get(name) for name in (key.variable, key.also) if name)
    standard = _value(key, Config())
    origin = "environment" if said else "default" if value == standard else "file"
    shown = _written(key, value)
    return Row(key.name, shown, origin, key.says)


def _value(key: Key, config: Config) -> object:
    owner = config if not key.part else getattr(config, key.part)
    return getattr(owner, key.field)


def _written(key: Key, value: object) -> str:  # noqa: PLR0911 — one case a type
    """A value as it would be written; what may hold a password or an address is counted only."""
    if value in (None, "", (), {}):
        return ""
    if key.is_secret:
        return MASK
    if key.is_channels or key.name in ("sources", "alert_rules", "data_quality_rules"):
        count = len(value) if isinstance(value, tuple | dict) else 1
        return f"{count} configured"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"[:_LONGEST]
    if isinstance(value, msgspec.Struct):
        return "" if value == _value(key, Config()) else "set"
    return key.default if value == _value(key, Config()) else str(value)[:_LONGEST]
