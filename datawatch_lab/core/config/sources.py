"""The section ``sources`` of the configuration: databases that a server watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from datawatch_lab.core.watching import WatchSettings

_PARTS = ("url", "name", "include", "exclude", "snapshot")
_SYSTEM = ("every", "disk", "redis", "name")


def read_sources(given: object) -> tuple[WatchSettings, ...]:
    """Databases to watch, from the section or from its JSON text (as the environment has it).

    References to the environment in addresses stay; they are filled in when the database is
    watched, so no password is kept.

    >>> read_sources([{"url": "postgresql://ada:${PW}@db/shop", "include": "sales.*"}])[0].include
    ('sales.*',)
    >>> read_sources([{"type": "system", "every": "10s", "disk": "/data"}])[0].url
    'system://?every=10s&disk=/data'

    Raises:
        ValueError: it is not such a section; names the entry, the fault and the options, and never
            the address, for it may hold a password.
    """
    section = _decoded(given) if isinstance(given, str) else given
    if isinstance(section, Mapping) or not isinstance(section, Sequence):
        raise ValueError("it must be a list of databases, each with a url")  # noqa: TRY004
    found = tuple(_source(f"entry {number}", each) for number, each in enumerate(section, 1))
    names = [each.name for each in found if each.name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two entries have the name {twice!r}")
    return found


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"it must be JSON: {error}") from None


def _source(where: str, given: object) -> WatchSettings:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold a url")  # noqa: TRY004 — read as a bad value
    if "type" in given:
        return _system(where, given)
    unknown = [str(part) for part in given if part not in _PARTS]
    if unknown:
        raise ValueError(f"{where} has no {unknown[0]!r}; it may hold {', '.join(_PARTS)}")
    url, name, snapshot = given.get("url"), given.get("name", ""), given.get("snapshot", True)
    if not isinstance(url, str) or not url.strip():
        raise ValueError(
            f"{where} needs a url, such as postgresql://app:${{PW}}@db/shop, "
            "mysql://…, kafka://host/topic or redis://host/0?streams=orders"
        )
    if not isinstance(name, str) or not isinstance(snapshot, bool):
        raise ValueError(f"{where}: name is a text, snapshot is true or false")  # noqa: TRY004
    return WatchSettings(
        url=url.strip(),
        name=name.strip(),
        include=_patterns(f"{where}.include", given.get("include") or ()),
        exclude=_patterns(f"{where}.exclude", given.get("exclude") or ()),
        snapshot=snapshot,
    )


def _system(where: str, given: Mapping[str, object]) -> WatchSettings:
    """The machine itself: ``{type: system, every: 10s, disk: /data, redis: redis://…}``."""
    if given["type"] != "system":
        raise ValueError(f"{where}: type may be system; a database is named by its url alone")
    unknown = [str(part) for part in given if part not in ("type", *_SYSTEM)]
    if unknown:
        raise ValueError(f"{where} has no {unknown[0]!r}; it may hold type, {', '.join(_SYSTEM)}")
    told = {name: str(given[name]).strip() for name in _SYSTEM if name in given}
    name = told.pop("name", "")
    # References to the environment and slashes stay as they are, so that they can be read.
    parts = "&".join(f"{part}={quote(value, safe='${}:/@')}" for part, value in told.items())
    return WatchSettings(url=f"system://?{parts}" if parts else "system://", name=name)


def _patterns(where: str, given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Sequence) or not all(isinstance(each, str) for each in listed):
        raise ValueError(f"{where} must be a list of patterns such as public.*")
    return tuple(listed)
