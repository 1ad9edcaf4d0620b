"""Rules of data quality as frozen values.

A rule has one meaning and four forms that round-trip: Python (``Rule("orders", "positive",
field="amount")``, also its repr), a mapping as YAML and REST have it (`Rule.of`, `Rule.as_dict`),
and the JSON text that the store keeps.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from datawatch_lab.core.config.rules import DIMENSIONS, SEVERITIES, QualityRuleConfig
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError, TimeError, not_found

Family = Literal["row", "unique", "reference", "monotonic", "aggregate", "clock", "query"]
Scalar = str | int | float | bool

_SPACE = uuid.UUID("6f1d3f0e-54a5-5d0c-9d0c-7a1f6b1f2d11")
_AGES = ("max_age", "event_freshness")
_TYPES = ("integer", "number", "boolean", "text", "timestamp", "date", "uuid", "json")


@dataclass(frozen=True)
class Kind:
    """What there is to know about a kind of rule.

    Attributes:
        dimension: that it belongs to unless the rule says otherwise.
        family: how it is evaluated.
        needs: attributes that it cannot do without.
        words: of what a violation is, such as "null values".
        basic: whether plans without quality include it.
    """

    dimension: str
    family: Family
    needs: tuple[str, ...]
    words: str
    basic: bool = False


KINDS: Mapping[str, Kind] = {
    "not_null": Kind("completeness", "row", ("field",), "null values", basic=True),
    "not_empty": Kind("completeness", "row", ("field",), "empty values", basic=True),
    "positive": Kind("validity", "row", ("field",), "values that are not positive", basic=True),
    "non_negative": Kind("validity", "row", ("field",), "negative values", basic=True),
    "in_range": Kind("validity", "row", ("field",), "values out of range"),
    "in_set": Kind("validity", "row", ("field", "values"), "invalid values"),
    "not_in_set": Kind("validity", "row", ("field", "values"), "forbidden values"),
    "regex": Kind("validity", "row", ("field", "pattern"), "values that do not match"),
    "email_format": Kind("validity", "row", ("field",), "malformed e-mail addresses"),
    "uuid_format": Kind("validity", "row", ("field",), "malformed UUIDs"),
    "url_format": Kind("validity", "row", ("field",), "malformed URLs"),
    "length": Kind("validity", "row", ("field",), "values of the wrong length"),
    "type": Kind("validity", "row", ("field", "type"), "values of another type"),
    "unique": Kind("uniqueness", "unique", (), "repeated values", basic=True),
    "max_age": Kind("freshness", "clock", ("threshold",), "times without fresh data", basic=True),
    "event_freshness": Kind("freshness", "row", ("threshold",), "events that came too late"),
    "volume": Kind("freshness", "clock", (), "windows with an unusual number of rows"),
    "referential_integrity": Kind(
        "consistency", "reference", ("field", "references"), "references to rows that are missing"
    ),
    "comparison": Kind("consistency", "row", ("expression",), "rows that contradict themselves"),
    "mean": Kind("accuracy", "aggregate", ("field",), "windows whose mean is out of range"),
    "quantile": Kind("accuracy", "aggregate", ("field",), "windows whose quantile is out of range"),
    "stddev": Kind("accuracy", "aggregate", ("field",), "windows whose spread is out of range"),
    "distribution_drift": Kind("accuracy", "aggregate", ("field",), "windows that drifted"),
    "monotonic": Kind("consistency", "monotonic", ("field",), "values that went back"),
    "sql": Kind("accuracy", "query", ("sql",), "rows that the query found"),
    "expression": Kind("accuracy", "row", ("expression",), "rows that break the condition"),
}
"""Every kind of rule."""

ROW_FAMILIES: tuple[Family, ...] = ("row", "unique", "reference", "monotonic")
"""Families that say of each row whether it is good."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What must hold of the data of a table.

    Attributes:
        table: workspace name of the table.
        rule: one of `KINDS`.
        field: column that it is about.
        fields: columns of a compound ``unique``.
        dimension: one of `DIMENSIONS`; '' for that of the kind.
        threshold: share of rows that must pass, such as ``99.9%``; an age, such as ``5m``, for
            ``max_age`` and ``event_freshness``. '' for all rows.
        alert_on: ``any_violation``: a single bad row is reported, whatever the threshold.
        description: one sentence of the user.
        name: that it is shown by; '' for one made of its parts.
        weight: in scores, above 0.
        severity: info, warning or critical.
        enabled: whether it is evaluated.
        filter: a condition; rows for which it is not true do not count.
        values: of ``in_set`` and ``not_in_set``; compared as texts, so 1 and "1" are one.
        min, max: bounds, both included; numbers, or times as ISO 8601 text for ``in_range``. With a
            baseline, ``volume`` takes them as a ratio of it.
        pattern: regular expression; it must match the whole value.
        type: integer, number, boolean, text, timestamp, date, uuid or json.
        references: ``table.column`` that a value must be in.
        expression: a condition over the columns of a row, as custom metrics have them.
        sql: one SELECT whose rows are violations.
        quantile: in [0, 1], of ``quantile``; the median by default.
        window: of rules over many rows, such as ``1h``; how often ``sql`` runs.
        baseline: how far back a usual value is looked for, such as ``7d``.
    """

    table: str
    rule: str
    field: str = ""
    fields: tuple[str, ...] = ()
    dimension: str = ""
    threshold: str = ""
    alert_on: str = ""
    description: str = ""
    name: str = ""
    weight: float = 1.0
    severity: str = "warning"
    enabled: bool = True
    filter: str = ""
    values: tuple[Scalar, ...] = ()
    min: float | str | None = None
    max: float | str | None = None
    pattern: str = ""
    type: str = ""
    references: str = ""
    expression: str = ""
    sql: str = ""
    quantile: float | None = None
    window: str = ""
    baseline: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rule:
        """A rule from a mapping as YAML or REST have it, checked.

        >>> Rule.of({"table": "t", "rule": "not_null", "field": "id", "threshold": 0.5}).share
        0.5

        Raises:
            InputError: a key is unknown, missing or wrong; names it and the options.
        """
        values = {str(key): value for key, value in given.items() if value is not None}
        known = [each.name for each in msgspec.structs.fields(cls)]
        for key in values:
            if key not in known:
                raise not_found("key", key, known, where="quality rule")
        if "threshold" in values:
            kind = str(values.get("rule"))
            values["threshold"] = _threshold(kind, values["threshold"])
        for key in ("window", "baseline"):
            if key in values:
                values[key] = str(values[key])
        for key in ("min", "max"):
            if key in values:
                values[key] = _bound(values[key])
        try:
            made = msgspec.convert(values, cls, strict=True)
        except msgspec.ValidationError as error:
            raise InputError(f"quality rule: {error}.") from None
        return checked(made)

    @classmethod
    def of_config(cls, given: QualityRuleConfig) -> Rule:
        """The rule that the configuration states."""
        limit = given.threshold
        said: Any = limit
        if isinstance(limit, timedelta):
            said = format_duration(limit)
        elif limit is not None:
            said = f"{limit:g}%"
        natural = KINDS[given.rule].dimension if given.rule in KINDS else ""
        dimension = "" if given.dimension == natural else given.dimension
        head = {"table": given.table, "rule": given.rule, "threshold": said}
        return cls.of({**head, "dimension": dimension or None, **given.options})

    def as_dict(self) -> dict[str, Any]:
        """The mapping that `of` reads, without what is as by default."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    def __repr__(self) -> str:
        parts = [repr(self.table), repr(self.rule)]
        for name, value in self.as_dict().items():
            if name not in ("table", "rule"):
                parts.append(f"{name}={value!r}")
        return f"Rule({', '.join(parts)})"

    def __post_init__(self) -> None:
        for name in ("values", "fields"):
            given = getattr(self, name)
            if not isinstance(given, tuple):  # a list, as users write it
                msgspec.structs.force_setattr(self, name, tuple(given))

    @property
    def kind(self) -> Kind:
        """What there is to know about its kind."""
        return KINDS[self.rule]

    @property
    def about(self) -> str:
        """The dimension that it counts for."""
        return self.dimension or self.kind.dimension

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names."""
        return self.fields or ((self.field,) if self.field else ())

    @property
    def share(self) -> float:
        """Share of rows that must pass, in [0, 1]."""
        if not self.threshold or self.rule in _AGES:
            return 1.0
        return _share(self.threshold)

    @property
    def age(self) -> timedelta:
        """The age that ``max_age`` and ``event_freshness`` allow."""
        return parse_duration(self.threshold)

    def span(self, default: str = "1h") -> timedelta:
        """The window that it looks at."""
        return parse_duration(self.window or default)

    @property
    def title(self) -> str:
        """What it is shown by.

        >>> Rule("orders", "in_set", field="status", values=("paid",)).title
        'orders.status in_set'
        """
        if self.name:
            return self.name
        where = ".".join(filter(None, (self.table, ",".join(self.columns))))
        return f"{where} {self.rule}"

    @property
    def meaning(self) -> str:
        """Canonical text of what it checks; rules of one meaning count the same rows."""
        plain = {"threshold"} - ({"threshold"} if self.rule in _AGES else set())
        spoken = {"description", "name", "weight", "severity", "enabled", "alert_on", "dimension"}
        parts = {k: v for k, v in self.as_dict().items() if k not in spoken | plain}
        return msgspec.json.encode(parts, order="sorted").decode()

    @property
    def id(self) -> str:
        """The same for the same meaning, in every process."""
        return str(uuid.uuid5(_SPACE, self.meaning))

    def free_id(self, taken: Container[str]) -> str:
        """Its id, or where a rule of another meaning has that, the next one of its own."""
        found, number = self.id, 1
        while found in taken:
            number += 1
            found = str(uuid.uuid5(_SPACE, f"{self.meaning}#{number}"))
        return found


def violation_id(rule: str, place: object) -> str:
    """Id of a violation: the same when the same events are evaluated again."""
    return str(uuid.uuid5(_SPACE, f"{rule}:{place}"))


def checked(rule: Rule) -> Rule:
    """The rule, once it is known that it can be evaluated.

    Raises:
        InputError: something is missing or wrong; names it and the options.
    """
    if rule.rule not in KINDS:
        raise not_found("rule", rule.rule, KINDS, where=rule.table)
    where = f"{rule.table}: {rule.rule}"
    for need in rule.kind.needs:
        if not getattr(rule, need):
            raise InputError(f"{where} needs {need}.")
    if rule.rule == "unique" and not rule.columns:
        raise InputError(f"{where} needs field, or fields for several columns together.")
    _one_of(where, "dimension", rule.about, DIMENSIONS)
    _one_of(where, "severity", rule.severity, SEVERITIES)
    _one_of(where, "alert_on", rule.alert_on, ("", "any_violation"))
    if not 0 < rule.weight < float("inf"):
        raise InputError(f"{where}: weight is {rule.weight:g}; it must be above 0.")
    _details(where, rule)
    _times(where, rule)
    return rule


def _details(where: str, rule: Rule) -> None:
    """Attributes that only some kinds have."""
    if rule.rule == "type":
        _one_of(where, "type", rule.type, _TYPES)
    if rule.rule == "regex":
        _pattern(where, rule.pattern)
    if rule.rule == "referential_integrity" and not all(_parts(rule.references)):
        raise InputError(
            f"{where}: references is {rule.references!r}; it must be table.column, "
            "such as customers.id."
        )
    if rule.quantile is not None and not 0 <= rule.quantile <= 1:
        raise InputError(f"{where}: quantile is {rule.quantile:g}; it goes from 0 to 1.")
    bounded = ("in_range", "length", "mean", "quantile", "stddev", "volume")
    if rule.rule in bounded and rule.min is None and rule.max is None:
        raise InputError(f"{where} needs min, max or both.")
    for name in ("min", "max"):
        bound = getattr(rule, name)
        if isinstance(bound, str) and rule.rule != "in_range":
            raise InputError(f"{where}: {name} is {bound!r}; it must be a number.")


def _times(where: str, rule: Rule) -> None:
    try:
        for text in filter(None, (rule.window, rule.baseline)):
            if parse_duration(text) < timedelta(seconds=60):
                raise InputError(f"{where}: {text} is too short; windows begin at 1m.")
        if rule.rule in _AGES and rule.age <= timedelta(0):
            raise InputError(f"{where}: threshold must be above 0.")
    except TimeError as error:
        raise InputError(f"{where}: {error.message}", hint=error.hint) from None


def _pattern(where: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise InputError(f"{where}: pattern {pattern!r} cannot be read: {error}.") from None


def _one_of(where: str, name: str, given: str, options: Sequence[str]) -> None:
    if given not in options:
        listed = ", ".join(filter(None, options))
        raise InputError(f"{where}: no {name} {given!r}. Options: {listed}.")


def _parts(reference: str) -> tuple[str, str]:
    table, _, column = reference.rpartition(".")
    return table, column


def reference_of(rule: Rule) -> tuple[str, str]:
    """Table and column that a ``referential_integrity`` points to."""
    return _parts(rule.references)


def _threshold(kind: str, given: object) -> str:
    """A threshold as it is kept: ``99.9%`` or an age."""
    if kind in _AGES:
        seconds = isinstance(given, int | float) and not isinstance(given, bool)
        return format_duration(parse_duration(float(given))) if seconds else str(given).strip()  # type: ignore[arg-type]
    return f"{_share(given) * 100:.10g}%"


def _share(given: object) -> float:
    """A share in [0, 1]; texts with % and numbers above 1 are percent.

    >>> _share("99.9%"), _share(0.5), _share(95)
    (0.999, 0.5, 0.95)
    """
    text = str(given).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    share = number / 100 if text.endswith("%") or number > 1 else number
    if isinstance(given, bool) or not 0 <= share <= 1:
        raise InputError(f"threshold is {given!r}; it must be a share such as 99.9% or 0.999.")
    return round(share, 12)


def _bound(given: object) -> float | str:
    """A bound: a number, a percentage as a ratio, or a text that a time is read of."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise InputError(f"a bound is {given!r}; it must be a number or a time.")
    if not isinstance(given, str):
        return given
    text = given.strip()
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return text


def rules_document(rules: Iterable[Rule]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Rules by table and dimension, as the section ``data_quality_rules`` has them."""
    document: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for rule in rules:
        said = rule.as_dict()
        for name in ("table", "dimension"):
            said.pop(name, None)
        document.setdefault(rule.table, {}).setdefault(rule.about, []).append(said)
    return document


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a workspace.

    Attributes:
        id: stable; that of the meaning it had when it was made.
        rule: what it says.
        origin: config, user or suggested.
        created: when.
        since: sequence number after which events are counted; events before were back-filled.
    """

    id: str
    rule: Rule
    origin: str
    created: datetime
    since: int = 0
