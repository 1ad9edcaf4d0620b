"""The sections ``data_quality_rules`` and ``alert_rules``: rules as a file states them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from datawatch_lab.core.config.readers import (
    check_known,
    decoded,
    duration,
    one_of,
    percent,
    switch,
    text,
    texts,
)

DIMENSIONS = ("completeness", "validity", "freshness", "consistency", "uniqueness", "accuracy")
SEVERITIES = ("info", "warning", "critical")

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "not_null": ("field",),
    "not_empty": ("field",),
    "positive": ("field",),
    "non_negative": ("field",),
    "in_range": ("field",),
    "in_set": ("field", "values"),
    "not_in_set": ("field", "values"),
    "regex": ("field", "pattern"),
    "email_format": ("field",),
    "uuid_format": ("field",),
    "url_format": ("field",),
    "length": ("field",),
    "type": ("field", "type"),
    "unique": (),
    "max_age": ("threshold",),
    "event_freshness": ("threshold",),
    "volume": (),
    "referential_integrity": ("field", "references"),
    "comparison": ("expression",),
    "mean": ("field",),
    "quantile": ("field",),
    "stddev": ("field",),
    "distribution_drift": ("field",),
    "monotonic": ("field",),
    "sql": ("sql",),
    "expression": ("expression",),
}
"""Kinds of rules, and what each cannot do without."""

_OPTIONS = (
    "rule",
    "name",
    "description",
    "enabled",
    "field",
    "fields",
    "threshold",
    "alert_on",
    "severity",
    "filter",
    "window",
    "weight",
    "values",
    "min",
    "max",
    "pattern",
    "type",
    "references",
    "expression",
    "sql",
    "quantile",
    "baseline",
)
_ALERT_OPTIONS = (
    "name",
    "metric",
    "condition",
    "for",
    "keep_firing_for",
    "severity",
    "channels",
    "description",
    "enabled",
    "group_by",
    "filters",
    "labels",
    "annotations",
    "no_data",
    "aggregation",
    "type",
    "table",
)


class QualityRuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A quality rule as the file states it.

    Attributes:
        table: that it is about.
        dimension: one of `DIMENSIONS`.
        rule: its kind.
        threshold: share of rows that must pass, in percent, or an age for rules of freshness; None
            when none is given.
        options: the other keys.
    """

    table: str
    dimension: str
    rule: str
    threshold: float | timedelta | None = None
    options: dict[str, Any] = {}


class AlertRuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An alert rule as the file states it.

    Attributes:
        name: unique.
        metric: that is looked at; '' where the type of the rule says it.
        condition: such as ``> 200% of baseline``; '' for that of the type.
        lasting: for how long it must hold (``for``).
        severity: info, warning or critical.
        channels: names of those that are told.
        enabled: whether it is evaluated.
        options: the other keys.
    """

    name: str
    metric: str = ""
    condition: str = ""
    lasting: timedelta = timedelta(0)
    severity: str = "warning"
    channels: tuple[str, ...] = ()
    enabled: bool = True
    options: dict[str, Any] = {}


def read_quality_rules(given: object) -> tuple[QualityRuleConfig, ...]:
    """Quality rules, by table and dimension in the section or its JSON text.

    >>> rule = {"field": "email", "rule": "not_empty", "threshold": "95%"}
    >>> read_quality_rules({"orders": {"completeness": [rule]}})[0].threshold
    95.0

    Raises:
        ValueError: it is not such a section; names the rule, the fault and the options.
    """
    section = decoded(given)
    if not isinstance(section, Mapping):
        raise ValueError("it must hold a section per table")  # noqa: TRY004 — read as a bad value
    found = []
    for table, dimensions in section.items():
        if not isinstance(dimensions, Mapping):
            raise ValueError(f"{table} must hold some of {', '.join(DIMENSIONS)}")  # noqa: TRY004
        check_known(str(table), dimensions, DIMENSIONS)
        for dimension, rules in dimensions.items():
            where = f"{table}.{dimension}"
            if not isinstance(rules, list):
                raise ValueError(f"{where} must be a list of rules")  # noqa: TRY004 — as above
            found += [
                _quality_rule(f"{where}, rule {number}", str(table), str(dimension), rule)
                for number, rule in enumerate(rules, 1)
            ]
    return tuple(found)


def _quality_rule(where: str, table: str, dimension: str, given: object) -> QualityRuleConfig:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold a rule")  # noqa: TRY004 — read as a bad value
    check_known(where, given, _OPTIONS)
    kind = str(given.get("rule"))
    if kind not in _NEEDS:
        check_known(f"{where}: rule", [kind], _NEEDS)
    for need in _NEEDS[kind]:
        if given.get(need) is None and not (need == "field" and given.get("fields")):
            raise ValueError(f"{where}: {kind} needs {need}")
    read = duration if kind in ("max_age", "event_freshness") else percent
    threshold = given.get("threshold")
    try:
        limit: Any = None if threshold is None else read(threshold)
    except ValueError as error:
        raise ValueError(f"{where}: threshold is {threshold!r}; {error}") from None
    options = {str(k): v for k, v in given.items() if k not in ("rule", "threshold")}
    return QualityRuleConfig(
        table=table, dimension=dimension, rule=kind, threshold=limit, options=options
    )


def read_alert_rules(given: object) -> tuple[AlertRuleConfig, ...]:
    """Alert rules, from the list of the section or its JSON text.

    Raises:
        ValueError: it is not such a list; names the rule, the fault and the options.
    """
    section = decoded(given)
    if not isinstance(section, list):
        raise ValueError("it must be a list of rules")  # noqa: TRY004 — read as a bad value
    found = tuple(_alert_rule(f"rule {number}", each) for number, each in enumerate(section, 1))
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two rules have the name {twice!r}")
    return found


def _alert_rule(where: str, given: object) -> AlertRuleConfig:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold name, metric and condition")  # noqa: TRY004 — as above
    where = f"{where} ({given['name']})" if isinstance(given.get("name"), str) else where
    check_known(where, given, _ALERT_OPTIONS)
    readers: dict[str, Any] = {
        "name": text,
        "metric": text,
        "condition": text,
        "for": duration,
        "severity": one_of(*SEVERITIES),
        "channels": texts,
        "enabled": switch,
    }
    values: dict[str, Any] = {}
    needed = (
        ("name", "metric", "condition") if given.get("type", "metric") == "metric" else ("name",)
    )
    for key, read in readers.items():
        if given.get(key) is None:
            if key in needed:
                raise ValueError(f"{where} needs {key}")
            continue
        try:
            values["lasting" if key == "for" else key] = read(given[key])
        except ValueError as error:
            raise ValueError(f"{where}: {key} is {given[key]!r}; {error}") from None
    options = {str(key): value for key, value in given.items() if key not in readers}
    return AlertRuleConfig(**values, options=options)
