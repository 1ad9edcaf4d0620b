"""The sections ``alerts.channels`` and ``notification_channels``: where alerts are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from datawatch_lab.core.config.readers import (
    check_known,
    decoded,
    port,
    switch,
    text,
    texts,
)

FIELDS: Mapping[str, tuple[str, ...]] = {
    "slack": ("webhook_url", "channel"),
    "pagerduty": ("service_key",),
    "email": ("recipients", "smtp_host", "smtp_port", "from", "username", "password"),
    "webhook": ("url", "headers", "secret"),
    "teams": ("webhook_url",),
    "discord": ("webhook_url",),
    "apprise": ("url",),
}
"""What each kind of channel may hold, beside ``type``, ``enabled``, ``title`` and ``text``."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "slack": ("webhook_url",),
    "pagerduty": ("service_key",),
    "email": ("recipients", "smtp_host"),
    "webhook": ("url",),
    "teams": ("webhook_url",),
    "discord": ("webhook_url",),
    "apprise": ("url",),
}


class Channel(msgspec.Struct, frozen=True):
    """A channel; in no repr, for it holds secrets.

    Attributes:
        name: that rules send to.
        kind: one of `FIELDS`.
        enabled: whether anything is sent.
        options: by name, those of its kind that are given.
    """

    name: str
    kind: str
    enabled: bool = True
    options: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Channel({self.name!r}, {self.kind!r}, enabled={self.enabled})"


Raw = dict[str, dict[str, object]]
"""Channels by name, before they are merged: one may be given in two places."""


def read_channels(given: object) -> Raw:
    """Channels by name, from a section, a list of entries with ``type``, or their JSON text.

    >>> read_channels({"slack": {"webhook_url": "https://hooks.slack.com/x"}})
    {'slack': {'type': 'slack', 'webhook_url': 'https://hooks.slack.com/x'}}

    Raises:
        ValueError: it is not such a section; names the channel, the fault and the options, and
            never a value.
    """
    section = decoded(given)
    if isinstance(section, list):
        return _listed(section)
    if not isinstance(section, Mapping):
        raise ValueError("it must hold a section per channel")  # noqa: TRY004 — read as a bad value
    return {str(name): _raw(str(name), entry) for name, entry in section.items()}


def _listed(entries: list[Any]) -> Raw:
    found: Raw = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise ValueError(f"entry {number} must hold a type")  # noqa: TRY004 — as above
        rest = {str(key): value for key, value in entry.items() if key != "name"}
        name = str(entry.get("name") or entry.get("type") or "")
        if not name or name in found:
            raise ValueError(f"entry {number} needs a name of its own")
        found[name] = _raw(name, rest)
    return found


def _raw(name: str, entry: object) -> dict[str, object]:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{name} must hold keys such as {_example(name)}")  # noqa: TRY004
    kind = str(entry.get("type") or name).strip().lower()
    if kind not in FIELDS:
        raise ValueError(
            f"{name} needs a type, one of {', '.join(FIELDS)}"
            if "type" not in entry
            else f"{name}.type must be one of {', '.join(FIELDS)}"
        )
    check_known(name, entry, ("type", "enabled", "title", "text", *FIELDS[kind]))
    values = {str(key): value for key, value in entry.items() if value is not None}
    return {
        "type": kind,
        **{key: _value(name, key, values[key]) for key in values if key != "type"},
    }


def _example(name: str) -> str:
    return ", ".join(FIELDS.get(name, ("type",)))


def _value(name: str, key: str, given: object) -> object:
    where = f"{name}.{key}"
    try:
        if key == "enabled":
            return switch(given)
        if key == "smtp_port":
            return port(given)
        if key == "recipients":
            return _recipients(given)
        if key == "headers":
            return _headers(given)
        return _template(given) if key in ("title", "text") else text(given)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _recipients(given: object) -> tuple[str, ...]:
    found = texts(given, "addresses")
    if not found or not all("@" in each for each in found):
        raise ValueError("it must be a list of addresses such as [ops@example.org]")
    return found


def _template(given: object) -> str:
    from jinja2 import Environment, TemplateSyntaxError

    found = text(given)
    try:
        Environment(autoescape=True).parse(found)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} is no Jinja template: {error.message}") from None
    return found


def _headers(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise ValueError("it must hold a text per header")  # noqa: TRY004 — read as a bad value
    found = {str(name): str(value) for name, value in given.items()}
    if any("\n" in each or "\r" in each for pair in found.items() for each in pair):
        raise ValueError("a header has no line breaks")
    return found


def merged(sections: Iterable[Raw]) -> tuple[Channel, ...]:
    """One list of channels; what a later section says of a channel wins.

    Raises:
        ValueError: a channel lacks what it needs, or has two types.
    """
    together: Raw = {}
    for section in sections:
        for name, entry in section.items():
            before = together.setdefault(name, {})
            if before.get("type", entry["type"]) != entry["type"]:
                raise ValueError(f"{name} is {before['type']} in one section and {entry['type']}")
            before |= entry
    return tuple(_channel(name, dict(entry)) for name, entry in together.items())


def _channel(name: str, entry: dict[str, object]) -> Channel:
    kind, enabled = str(entry.pop("type")), bool(entry.pop("enabled", True))
    missing = [each for each in _NEEDED[kind] if each not in entry]
    if missing and enabled:
        raise ValueError(f"{name} needs {missing[0]}; a {kind} channel holds {_example(kind)}")
    return Channel(name, kind, enabled, entry)
