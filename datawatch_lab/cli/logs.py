"""Logging of a server on standard error: one line an entry, never with a token."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping

from datawatch_lab.core.errors import ConfigError

_TOKEN = re.compile(r"(token(?:_\d+)?=|Bearer )[^\s&;\"']+", re.IGNORECASE)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_CHATTY = ("bokeh", "panel", "tornado", "asyncio", "httpx", "httpcore")


class OneLine(logging.Formatter):
    """Time, level, logger, message; secrets are blotted out, line breaks of messages escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the trace of an error below it."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 — logging's name
        """The line alone."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def redact(text: str) -> str:
    """Text without tokens.

    >>> redact("GET /datawatch?token=abc&range=1h")
    'GET /datawatch?token=…&range=1h'
    """
    return _TOKEN.sub(r"\1…", text)


def level_of(environment: Mapping[str, str], default: str) -> str:
    """The level that ``LOG_LEVEL`` asks for.

    Raises:
        ConfigError: there is no such level.
    """
    name = (
        environment.get("DATAWATCH_LOG_LEVEL") or environment.get("LOG_LEVEL") or default
    ).upper()
    if name not in _LEVELS:
        raise ConfigError(f"LOG_LEVEL is {name!r}.", hint=f"Levels: {', '.join(_LEVELS)}.")
    return name


def start_logging(default: str = "INFO") -> None:
    """Log to standard error; libraries only what matters, unless the level is DEBUG."""
    level = level_of(os.environ, default)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
