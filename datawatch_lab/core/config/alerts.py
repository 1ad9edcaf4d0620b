"""Alerts as the configuration states them: rules, channels and routing as `core.alerting` has them.

The sections ``alert_rules``, ``alerts.channels`` and ``notification_channels`` are read by
`core.config.rules` and `core.config.channels`; here they become what the engine is started with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from datawatch_lab.core.alerting import (
    AlertRule,
    ChannelSettings,
    Inhibition,
    Labels,
    MuteTiming,
    Routing,
)
from datawatch_lab.core.alerting_forms import read_rule
from datawatch_lab.core.config.channels import Channel
from datawatch_lab.core.config.readers import check_known, decoded, duration
from datawatch_lab.core.config.rules import AlertRuleConfig
from datawatch_lab.core.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPANS = ("group_wait", "group_interval", "repeat_interval", "remind_before", "give_up_after")
_KEYS = (*_SPANS, "group_by", "severities", "mute", "inhibit")


def rules_of(given: Iterable[AlertRuleConfig]) -> tuple[AlertRule, ...]:
    """Rules of the configuration.

    >>> given = AlertRuleConfig(name="a", metric="m", condition="> 5", options={"group_by": "city"})
    >>> rules_of([given])[0].group_by
    ('city',)

    Raises:
        InputError: an option is not known or wrong; names the rule.
    """
    return tuple(_rule(each) for each in given)


def _rule(given: AlertRuleConfig) -> AlertRule:
    options = dict(given.options)
    options.pop("annotations", None)
    labels = options.pop("labels", None)
    if labels:
        options["filters"] = {**dict(labels), **dict(options.get("filters") or {})}
    return read_rule(
        {
            **options,
            "name": given.name,
            "metric": given.metric,
            "condition": given.condition,
            "for": given.lasting,
            "severity": given.severity,
            "channels": given.channels,
            "is_enabled": given.enabled,
        }
    )


def channels_of(given: Iterable[Channel]) -> tuple[ChannelSettings, ...]:
    """Channels of the configuration that are switched on."""
    return tuple(
        ChannelSettings(
            name=each.name,
            kind=each.kind,
            options={k: v for k, v in each.options.items() if k != "allow_private"},
            allow_private=bool(each.options.get("allow_private", False)),
        )
        for each in given
        if each.enabled
    )


def read_routing(given: object) -> Routing:
    """The section ``alerts.routing``, or its JSON text.

    >>> read_routing({"mute": [{"name": "night", "days": "sat sun", "from": "22:00", "to": "6:00"}]}
    ...     ).mute[0].days
    (5, 6)

    Raises:
        ValueError: it is not such a section; names the key, the fault and the options.
    """
    section = decoded(given)
    if not isinstance(section, Mapping):
        raise ValueError("it must hold keys such as group_wait: 30s")  # noqa: TRY004 — read as a bad value
    check_known("routing", section, _KEYS)
    values: dict[str, Any] = {
        name: _span(name, section[name]) for name in _SPANS if section.get(name) is not None
    }
    if section.get("group_by") is not None:
        values["group_by"] = _names("group_by", section["group_by"])
    severities = section.get("severities") or {}
    check_known("severities", severities, ("info", "warning", "critical"))
    values["severities"] = {name: _names(name, severities[name]) for name in severities}
    values["mute"] = tuple(_mute(n, each) for n, each in enumerate(section.get("mute") or (), 1))
    values["inhibit"] = tuple(
        _inhibition(n, each) for n, each in enumerate(section.get("inhibit") or (), 1)
    )
    return Routing(**values)


def _span(name: str, given: object) -> timedelta:
    try:
        return duration(given)
    except (InputError, ValueError) as error:
        raise ValueError(f"{name} is {given!r}; {error}") from None


def _names(where: str, given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ValueError(f"{where} must be a list of names")
    return tuple(listed)


def _pairs(where: str, given: object) -> Labels:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold a value per name")  # noqa: TRY004 — read as a bad value
    return tuple(sorted((str(name), str(value)) for name, value in given.items()))


def _mute(number: int, given: object) -> MuteTiming:
    where = f"mute {number}"
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold from and to")  # noqa: TRY004 — as above
    check_known(where, given, ("name", "days", "from", "to", "matchers"))
    return MuteTiming(
        name=str(given.get("name") or where),
        days=_days(where, given.get("days") or ()),
        start=_minute(where, given.get("from", "00:00")),
        end=_minute(where, given.get("to", "24:00")),
        matchers=_pairs(where, given.get("matchers") or {}),
    )


def _days(where: str, given: object) -> tuple[int, ...]:
    words = given.replace(",", " ").split() if isinstance(given, str) else list(given)  # type: ignore[call-overload]  # a list by now
    for word in words:
        if str(word).lower()[:3] not in DAYS:
            raise ValueError(f"{where}: no day {word!r}; days are {', '.join(DAYS)}")
    return tuple(DAYS.index(str(word).lower()[:3]) for word in words)


def _minute(where: str, given: object) -> int:
    if isinstance(given, int):  # YAML reads 22:00 as a number to the base of 60
        return given
    hour, _, minute = str(given).partition(":")
    if not (hour.isdecimal() and minute.isdecimal()) or int(hour) * 60 + int(minute) > 1_440:
        raise ValueError(f"{where}: {given!r} is no time of day such as 22:00")
    return int(hour) * 60 + int(minute)


def _inhibition(number: int, given: object) -> Inhibition:
    where = f"inhibit {number}"
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold source and target")  # noqa: TRY004 — as above
    check_known(where, given, ("source", "target", "equal"))
    return Inhibition(
        source=_pairs(f"{where}.source", given.get("source")),
        target=_pairs(f"{where}.target", given.get("target")),
        equal=_names(f"{where}.equal", given.get("equal") or []),
    )
