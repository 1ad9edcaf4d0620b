"""An alert rule as plain values, as YAML and JSON have them, and as Python that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from datawatch_lab.core.alerting import NO_DATA, RULE_TYPES, SEVERITIES, AlertRule
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError, not_found

_NONE = timedelta(0)
_DURATIONS = ("lasting", "keep_firing_for")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "type": RULE_TYPES,
    "severity": SEVERITIES,
    "no_data": NO_DATA,
}
_FILE_NAMES = {"for": "lasting", "enabled": "is_enabled"}


def read_rule(given: Mapping[str, Any]) -> AlertRule:
    """A rule from plain values, as YAML, JSON or keyword arguments have them.

    >>> read_rule({"name": "Spike", "metric": "m", "condition": "> 5", "for": "5m"}).lasting
    datetime.timedelta(seconds=300)

    Raises:
        InputError: a key is not known or a value is wrong; names it and the options.
    """
    name = str(given.get("name") or "").strip()
    where = f"alert rule {name!r}" if name else "an alert rule"
    if not name:
        raise InputError(f"{where} needs a name.", hint="Such as name: Order Spike.")
    known = msgspec.structs.fields(AlertRule)
    values: dict[str, Any] = {}
    for key, value in given.items():
        field = _FILE_NAMES.get(str(key), str(key))
        if field not in {each.name for each in known}:
            options = ["for" if each.name == "lasting" else each.name for each in known]
            raise not_found("key", str(key), options, where=where)
        if value is not None:
            values[field] = _field(where, field, value)
    return AlertRule(**{**values, "name": name})


def _field(where: str, field: str, value: Any) -> object:
    if field in _DURATIONS:
        span = parse_duration(value)
        if span < _NONE:
            raise InputError(f"{where}: {field} must not be negative.")
        return span
    if field in _CHOICES:
        if str(value).lower() not in _CHOICES[field]:
            raise not_found(field, str(value), _CHOICES[field], where=where)
        return str(value).lower()
    if field == "filters":
        pairs = value.items() if isinstance(value, Mapping) else value
        return tuple(sorted((str(name), str(wanted)) for name, wanted in pairs))
    if field in ("group_by", "channels"):
        return (value,) if isinstance(value, str) else tuple(str(each) for each in value)
    if field == "is_enabled":
        if not isinstance(value, bool):
            raise InputError(f"{where}: is_enabled is true or false.")
        return value
    return str(value).strip()


def write_rule(rule: AlertRule) -> dict[str, Any]:
    """A rule as plain values that `read_rule` reads back; what is as by default is left out.

    >>> write_rule(read_rule({"name": "a", "metric": "m", "condition": "> 5", "for": "5m"}))
    {'name': 'a', 'condition': '> 5', 'metric': 'm', 'for': '5m'}
    """
    found: dict[str, Any] = {}
    for each in msgspec.structs.fields(AlertRule):
        value = getattr(rule, each.name)
        if not each.required and value == each.default:
            continue
        if isinstance(value, timedelta):
            value = format_duration(value)
        elif each.name == "filters":
            value = dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        found["for" if each.name == "lasting" else each.name] = value
    return found


def as_code(rule: AlertRule) -> str:
    """The rule as Python that makes it again.

    >>> as_code(AlertRule(name="a", condition="> 5", metric="m"))
    "AlertRule(name='a', condition='> 5', metric='m')"
    """
    parts = []
    for each in msgspec.structs.fields(AlertRule):
        value = getattr(rule, each.name)
        if each.required or value != each.default:
            parts.append(f"{each.name}={_as_code(value)}")
    return f"AlertRule({', '.join(parts)})"


def _as_code(value: object) -> str:
    if not isinstance(value, timedelta):
        return repr(value)
    return f"timedelta(days={value.days}, seconds={value.seconds})".replace("days=0, ", "")
