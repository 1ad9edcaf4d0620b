"""Logging of a server on standard error: one line an entry, as text or JSON, never with a token."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import ConfigError

if TYPE_CHECKING:
    from datawatch_lab.core.config import Config

_TOKEN = re.compile(r"((?:token(?:_\d+)?|share)=|Bearer )[^\s&;\"']+", re.IGNORECASE)
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


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the parts of a request, the trace.

    Args:
        environment: named in each entry.
    """

    def __init__(self, environment: str) -> None:
        super().__init__()
        self.environment = environment

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "environment": self.environment,
            **{
                name: redact(value) if isinstance(value, str) else value
                for name, value in getattr(record, "fields", {}).items()
            },
        }
        if record.exc_info:
            entry["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def redact(text: str) -> str:
    """Text without tokens.

    >>> redact("GET /datawatch?token=abc&range=1h")
    'GET /datawatch?token=…&range=1h'
    >>> redact("GET /d/shop?share=abc")
    'GET /d/shop?share=…'
    """
    return _TOKEN.sub(r"\1…", text)


def level_of(environment: Mapping[str, str], default: str) -> str:
    """The level that ``LOG_LEVEL`` asks for.

    Raises:
        ConfigError: there is no such level.
    """
    name = (
        environment.get("DATAWATCH_SERVER_LOG_LEVEL") or environment.get("LOG_LEVEL") or default
    ).upper()
    if name not in _LEVELS:
        raise ConfigError(f"LOG_LEVEL is {name!r}.", hint=f"Levels: {', '.join(_LEVELS)}.")
    return name


def start_logging(default: str = "INFO", config: Config | None = None) -> None:
    """Log to standard error; libraries only what matters, unless the level is DEBUG.

    Args:
        default: the level that holds when neither configuration nor environment names one.
        config: says level, form and environment; without one the variables of the process do.
    """
    from datawatch_lab.core.config.keys import Config

    level = level_of(os.environ, default) if config is None else config.log_level.upper()
    told = config or Config(log_format=os.environ.get("LOG_FORMAT", "text").lower())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(told.environment) if told.log_format == "json" else OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
