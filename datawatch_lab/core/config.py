"""The configuration of a server: one table of keys, read from a YAML file and the environment.

What stands later in this list wins: the default, the file, the environment, the command line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.core.config_sources import read_sources
from datawatch_lab.core.config_tables import read_tables
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import ConfigError, TimeError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.sizes import format_size, parse_size
from datawatch_lab.core.watching import WatchSettings

DEFAULT_PORT = 3002
DEFAULT_HOST = "127.0.0.1"

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_RATE = re.compile(r"[1-9]\d*/(?:[1-9]\d* ?)?(?:second|minute|hour|day)s?")
_SECRET_FIELDS = ("sources", "webhook_secret")
"""Their values are not quoted in errors."""

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is told.

    Attributes:
        host: to bind to.
        port: to bind to; 0 for any free one.
        auth: whether callers must show the token.
        names: that the server is asked by, beside those of its machine.
        rate_limit: requests of one user or token, such as ``6000/minute``; '' for no limit.
        login_limit: attempts to sign in from one address.
        webhook_secret: that deliveries of events are signed with; None for none.
        webhook_window: how far the time of a delivery may be from now.
        workspace: path of the workspace file; None for the default.
        settings: of the workspace's engine.
        sources: databases to watch.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    auth: bool = True
    names: tuple[str, ...] = ()
    rate_limit: str = "6000/minute"
    login_limit: str = "10/minute"
    webhook_secret: str | None = None
    webhook_window: timedelta = timedelta(minutes=5)
    workspace: str | None = None
    settings: Settings = Settings()
    sources: tuple[WatchSettings, ...] = ()


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        name: dotted, as in the file.
        read: makes its value from what the file or the environment says; a ValueError refuses it.
        field: of `Config`, or of `Settings` where ``is_setting``.
        is_setting: whether it is a field of `Settings`.
        also: a further variable of the environment that sets it.
    """

    name: str
    read: Callable[[object], object]
    field: str
    is_setting: bool = False
    also: str | None = None

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it.

        >>> Key("server.port", str, "port").variable
        'DATAWATCH_SERVER_PORT'
        """
        return "DATAWATCH_" + self.name.replace(".", "_").upper()

    @property
    def default(self) -> str:
        """What holds without it, as it would be written."""
        value = getattr(Settings() if self.is_setting else Config(), self.field)
        if self.read is _size:
            return format_size(int(value))
        return format_duration(value) if isinstance(value, timedelta) else str(value).lower()


def _text(given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        raise ValueError("it must be a text")
    return given.strip()


def _port(given: object) -> int:
    number = _count(given, least=0)
    if number > 65_535:
        raise ValueError("ports go from 0 to 65535")
    return number


def _count(given: object, *, least: int = 1) -> int:
    text = str(given).strip()
    if isinstance(given, bool) or not text.isdecimal() or int(text) < least:
        raise ValueError(f"it must be a whole number of at least {least}")
    return int(text)


def _switch(given: object) -> bool:
    text = str(given).strip().lower()
    if text not in _YES | _NO:
        raise ValueError("it must be true or false")
    return text in _YES


def _duration(given: object) -> timedelta:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("it must be a duration such as 30s, 5m, 24h, 7d")  # noqa: TRY004
    span = parse_duration(given)
    if span < timedelta(0):
        raise ValueError("it must not be negative")
    return span


def _size(given: object) -> int:
    if not isinstance(given, str | int):
        raise ValueError("it must be a size such as 500MB or 20GB")  # noqa: TRY004
    size = parse_size(given)
    if not size:
        raise ValueError("it must be more than nothing")
    return size


def _kept(given: object) -> timedelta:
    span = _duration(given)
    if not timedelta(0) < span < timedelta(days=365 * 1_000):
        raise ValueError("it must be more than nothing, and at most 1000y")
    return span


def _folder(given: object) -> str:
    if given in ("", False):
        return ""
    return str(Path(_text(given)).expanduser())


def _names(given: object) -> tuple[str, ...]:
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise ValueError("it must be a list of names, such as [watch.example.org]")
    found = tuple(each.strip().lower() for each in names if each.strip())
    if any("*" in each for each in found):
        raise ValueError("a wildcard would let any page in")
    return found


def _rate(given: object) -> str:
    text = str(given).strip() if given not in (None, False) else ""
    if text and not _RATE.fullmatch(text):
        raise ValueError("it must be of the form 600/minute, or empty for no limit")
    return text


def _plan(given: object) -> str:
    from datawatch_lab.core.plans import plan_named

    return plan_named(_text(given).lower()).name


def _zone(given: object) -> str:
    name = _text(given)
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # by the way in which the name is wrong
        raise ValueError("it must be an IANA time zone such as Europe/Berlin") from None
    return name


_READERS: Mapping[str, Callable[[object], object]] = {
    "timezone": _zone,
    "raw_bytes": _size,
    "cache_bytes": _size,
    "archive": _folder,
    "plan": _plan,
}
CACHE_KEYS = {name: f"cache_{name}" for name in ("live", "aggregates", "dashboards", "bytes")}
"""Keys of ``cache`` and the settings that they are."""

RETENTION_LEVELS = {
    "raw": "raw_kept",
    "raw_size": "raw_bytes",
    "1s": "seconds_kept",
    "1m": "minutes_kept",
    "5m": "five_minutes_kept",
    "1h": "hours_kept",
    "1d": "days_kept",
    "sketches": "sketches_kept",
}
"""Keys of ``metrics.retention_levels`` and the settings that they are."""


def _reader(name: str, default: object) -> Callable[[object], object]:
    if name in _READERS:
        return _READERS[name]
    if name.endswith("_kept"):
        return _kept
    if isinstance(default, timedelta):
        return _duration
    if isinstance(default, dict):
        return read_tables
    return _count if isinstance(default, int) else _text


KEYS: tuple[Key, ...] = (
    Key("server.host", _text, "host"),
    Key("server.port", _port, "port", also="PORT"),
    Key("server.auth", _switch, "auth"),
    Key("server.names", _names, "names"),
    Key("server.rate_limit", _rate, "rate_limit"),
    Key("server.login_limit", _rate, "login_limit"),
    Key("server.webhook_secret", _text, "webhook_secret"),
    Key("server.webhook_window", _duration, "webhook_window"),
    Key("storage.embedded.path", _text, "workspace", also="DATAWATCH_WORKSPACE"),
    Key("sources", read_sources, "sources"),
    *(
        Key(
            each.name,
            _reader(each.name, getattr(Settings(), each.name)),
            each.name,
            is_setting=True,
        )
        for each in msgspec.structs.fields(Settings)
    ),
    *(
        Key(f"cache.{name}", _reader(field, timedelta()), field, is_setting=True)
        for name, field in CACHE_KEYS.items()
    ),
    Key("metrics.archive", _folder, "archive", is_setting=True),
    Key("metrics.retention", _kept, "minutes_kept", is_setting=True),
    *(
        Key(f"metrics.retention_levels.{name}", _reader(field, timedelta()), field, is_setting=True)
        for name, field in RETENTION_LEVELS.items()
    ),
)
"""Every key of this release. Of keys that mean the same, the later one wins."""


def load_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """The configuration from a file (or none) and the environment.

    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong; names it and the options.
    """
    top: dict[str, object] = {}
    settings: dict[str, object] = {}
    file = _from_file(path, environment) if path is not None else ()
    for given in (dict(file), dict(_from_environment(environment))):
        for key in filter(given.__contains__, KEYS):
            (settings if key.is_setting else top)[key.field] = given[key]
    return Config(**top, settings=Settings(**settings))  # type: ignore[arg-type]  # read by _KEYS


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Key, object]]:
    for key in KEYS:
        for variable in filter(None, (key.variable, key.also)):
            if text := environment.get(variable):
                yield key, _value(key, text, f"environment variable {variable}")
                break


def _from_file(path: Path, environment: Mapping[str, str]) -> Iterator[tuple[Key, object]]:
    document = _yaml(path)
    if set(document) == {"datawatch"} and isinstance(document["datawatch"], dict):
        document = document["datawatch"]
    by_name = {key.name: key for key in KEYS}
    for name, given in _leaves(document, "", path):
        value = _expand(given, environment, path, name) if isinstance(given, str) else given
        if value is not None:
            yield by_name[name], _value(by_name[name], value, f"{path}: {name}")


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold keys and values, such as `server: {{port: 3002}}`.")
    return document


def _leaves(document: Mapping[Any, Any], above: str, path: Path) -> Iterator[tuple[str, object]]:
    """Dotted names and values, each name known."""
    names = [key.name for key in KEYS]
    for part, value in document.items():
        name = f"{above}{part}"
        if name in names:
            yield name, value
        elif any(known.startswith(f"{name}.") for known in names):
            if value is not None and not isinstance(value, Mapping):
                raise ConfigError(f"{path}: {name} is a section; it must hold keys.")
            yield from _leaves(value or {}, f"{name}.", path)
        else:
            raise _unknown(name, names, path)


def _unknown(name: str, names: list[str], path: Path) -> ConfigError:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]!r}?" if near else "."
    return ConfigError(f"{path}: no key {name!r}{guess}", hint=f"Keys: {', '.join(names)}.")


def _expand(text: str, environment: Mapping[str, str], path: Path, name: str) -> str:
    """``${NAME}`` and ``${NAME:-default}`` in a value of the file."""

    def value_of(found: re.Match[str]) -> str:
        value = environment.get(found[1]) or found[2]
        if value is None:
            raise ConfigError(
                f"{path}: {name} asks for the environment variable {found[1]}, which is not set.",
                hint=f"Set it, or give a default: ${{{found[1]}:-default}}.",
            )
        return value

    return _VARIABLE.sub(value_of, text)


def _value(key: Key, given: object, where: str) -> object:
    try:
        return key.read(given)
    except TimeError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from None
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from None
    except ValueError as error:
        shown = "" if key.field in _SECRET_FIELDS else f" is {given!r};"  # it may hold a password
        raise ConfigError(f"{where}{shown or ':'} {error}.") from None
