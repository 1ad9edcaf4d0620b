"""Configuration: one table of keys, read from a file and the environment."""

from datawatch_lab.core.config.configuration import (
    KEYS,
    Config,
    Key,
    changed_settings,
    load_config,
)

__all__ = ["KEYS", "Config", "Key", "changed_settings", "load_config"]
