"""The configuration of a server: one table of keys, read from a YAML file and the environment.

What stands later in this list wins: the default, the file, the environment, the command line.
The keys are in `core.config.keys`, the reading of a file in `core.config.file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from datawatch_lab.core.config.channels import Channel, merged
from datawatch_lab.core.config.file import from_file
from datawatch_lab.core.config.keys import KEYS, Config, Key, value_of
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.core.settings import Settings

__all__ = ["KEYS", "Config", "Key", "changed_settings", "load_config"]

_SWITCHED = {
    "cache.enabled": ("cache_live", "cache_aggregates", "cache_dashboards"),
    "metrics.enabled": ("auto_discover",),
    "schema.enabled": ("track_schema",),
}
"""Settings of the engine that the switch of a section says too."""


def load_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """The configuration from a file (or none) and the environment.

    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong; names it and the options.
    """
    file = from_file(path, environment) if path is not None else {}
    said = dict(_from_environment(environment))
    given = file | said
    parts: dict[str, dict[str, Any]] = {}
    for source in (file, said):
        for key in (each for each in KEYS if each in source and not each.is_channels):
            parts.setdefault(key.part, {})[key.field] = source[key]
    top = parts.pop("", {})
    for part, values in parts.items():
        kind = type(getattr(Config(), part))
        top[part] = kind(**values)
    config = Config(**top, channels=_channels(given, path))
    return msgspec.structs.replace(config, settings=_switched(config))


def changed_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the engine that the environment says by itself, by name; none without a variable.

    Raises:
        ConfigError: a value is wrong; names the variable and the options.
    """
    keys = [key for key, _ in _from_environment(environment)]
    said = {key.field for key in keys if key.is_setting}
    said |= {name for key in keys for name in _SWITCHED.get(key.name, ())}
    settings = load_config(None, environment).settings
    return {name: getattr(settings, name) for name in sorted(said)}


def _switched(config: Config) -> Settings:
    """The settings, as far as sections that are switched off leave them."""
    return msgspec.structs.replace(config.settings, **_off(config))


def _off(config: Config) -> dict[str, Any]:
    """The settings of sections that are switched off, by name."""
    switches = {
        "cache.enabled": (config.cache_enabled, timedelta(0)),
        "metrics.enabled": (config.metrics.enabled, False),
        "schema.enabled": (config.schema.enabled, False),
    }
    return {
        name: nothing
        for key, (is_on, nothing) in switches.items()
        if not is_on
        for name in _SWITCHED[key]
    }


def _channels(given: Mapping[Key, Any], path: Path | None) -> tuple[Channel, ...]:
    """The channels of both sections, by name."""
    keys = [key for key in KEYS if key.is_channels and key in given]
    try:
        return merged(given[key] for key in keys)
    except ValueError as error:
        where = f"{path}: " if path is not None else ""
        raise ConfigError(f"{where}{' and '.join(key.name for key in keys)}: {error}.") from None


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Key, object]]:
    for key in KEYS:
        for variable in filter(None, (key.variable, key.also)):
            if text := environment.get(variable):
                yield key, value_of(key, text, f"environment variable {variable}")
                break
