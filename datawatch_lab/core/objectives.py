"""Objectives of a service-level agreement: what should hold, and in which share of the time.

An objective counts *steps* of time in which a condition holds (``p95(events_duration_ms) <= 300ms``
in 99 % of all five minutes), or *events*, all but those with a label (``payments_inserts_total
except status=failed``, 99 %). What the target leaves over is the error budget.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import InputError

NoData = Literal["skip", "good", "bad"]
STEP = timedelta(minutes=5)

_DAY = timedelta(days=1)
_EXCEPT = re.compile(r"(?P<metric>[^\s(]+)\s+except\s+(?P<labels>\S.*)", re.IGNORECASE)
_FIELDS = ("name", "target", "metric", "condition", "bad", "filters", "step", "no_data")
_FORM = (
    "Such as: 'fast: p95(events_duration_ms) <= 300ms, 99%', or "
    "'payments: payments_inserts_total except status=failed, 99.5%'."
)


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """What should hold, and in which share.

    Attributes:
        name: that reports call it.
        target: share that should be good, in (0, 1).
        metric: that the condition is about where it names none; of events, the one that counts.
        condition: in the language of alert rules, comparisons only: what a good step is. '' for
            an objective that counts events.
        bad: of an objective that counts events: label and values of those that are not good.
        filters: value by label; only these series count.
        step: seconds of a step, a divisor of a day.
        no_data: what a step without a value is: not counted (``skip``), good or bad.
    """

    name: str
    target: float
    metric: str = ""
    condition: str = ""
    bad: dict[str, list[str]] = {}
    filters: dict[str, str] = {}
    step: int = int(STEP.total_seconds())
    no_data: NoData = "skip"

    @property
    def counts_events(self) -> bool:
        """Whether it counts events rather than steps of time."""
        return bool(self.bad)

    @property
    def reading(self) -> str:
        """What is good, in words."""
        labels = " ".join(f"{name}={'|'.join(values)}" for name, values in self.bad.items())
        said = f"{self.metric} except {labels}" if self.bad else self.condition
        about = "" if self.bad or not self.metric or self.metric in said else f"{self.metric} "
        where = ", ".join(f"{name}={value}" for name, value in self.filters.items())
        return f"{about}{said}{f' ({where})' if where else ''}"


def read_objective(given: object) -> Objective:
    """An objective from a text or a section.

    >>> read_objective("fast: p95(events_duration_ms) <= 300ms, 99%").target
    0.99
    >>> read_objective("paid: payments_inserts_total except status=failed|refused, 99.5%").bad
    {'status': ['failed', 'refused']}

    Raises:
        InputError: it is none; names the objective, the fault and the form.
    """
    if isinstance(given, Objective):
        return given
    section = _section(given) if isinstance(given, str) else given
    if not isinstance(section, Mapping):
        raise InputError("an objective is a text or holds name, target and condition.", hint=_FORM)
    name = str(section.get("name") or "").strip()
    where = f"objective {name!r}"
    if not name:
        raise InputError("an objective needs a name.", hint=_FORM)
    unknown = [str(each) for each in section if each not in _FIELDS]
    if unknown:
        raise InputError(f"{where} has no {unknown[0]!r}; it may hold {', '.join(_FIELDS)}.")
    return _made(where, name, section)


def _section(text: str) -> dict[str, Any]:
    """The parts of ``NAME: CONDITION, TARGET``."""
    name, colon, rest = text.partition(":")
    said, comma, target = rest.rpartition(",")
    if not (colon and comma and said.strip()):
        raise InputError(f"{text!r} is no objective.", hint=_FORM)
    found: dict[str, Any] = {"name": name, "target": target}
    events = _EXCEPT.fullmatch(said.strip())
    if events is None:
        return found | {"condition": said.strip()}
    labels = dict(part.partition("=")[::2] for part in events["labels"].split())
    return found | {"metric": events["metric"], "bad": labels}


def _made(where: str, name: str, section: Mapping[str, Any]) -> Objective:
    found = Objective(
        name=name,
        target=_share(where, section.get("target")),
        metric=str(section.get("metric") or ""),
        condition=str(section.get("condition") or ""),
        bad=_labels(where, section.get("bad")),
        filters={name: each[0] for name, each in _labels(where, section.get("filters")).items()},
        step=_step(where, section.get("step", STEP)),
        no_data=section.get("no_data") or "skip",
    )
    if found.no_data not in get_args(NoData):
        raise InputError(f"{where}: no_data is one of {', '.join(get_args(NoData))}.")
    if bool(found.condition) == bool(found.bad):
        raise InputError(f"{where} needs a condition, or a metric and what is bad.", hint=_FORM)
    if found.bad and not found.metric:
        raise InputError(f"{where} counts events, so it needs the metric that does.", hint=_FORM)
    return found


def _share(where: str, given: object) -> float:
    """A target as a fraction, from ``99.9%``, ``99.9`` or ``0.999``."""
    try:
        text = str(given).strip()
        number = Decimal(text.removesuffix("%").strip())
        share = float(number / 100 if text.endswith("%") or number > 1 else number)
    except (ValueError, ArithmeticError):
        share = float("nan")
    if not 0 < share < 1:
        raise InputError(
            f"{where}: its target must be more than 0 % and less than 100 %, such as 99.9%.",
            hint="A target of 100 % would leave no error budget, so nothing could be reported.",
        )
    return share


def _labels(where: str, given: object) -> dict[str, list[str]]:
    """Values by label; a text has several with ``|`` between."""
    if given is None or given == "":
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: labels are written as status: failed.")
    found: dict[str, list[str]] = {}
    for name, value in given.items():
        values = value.split("|") if isinstance(value, str) else value
        listed = [str(each) for each in (values if isinstance(values, list | tuple) else [value])]
        if not name or not all(listed) or not listed:
            raise InputError(f"{where}: labels are written as status=failed.")
        found[str(name)] = listed
    return found


def _step(where: str, given: object) -> int:
    span = parse_duration(given if isinstance(given, timedelta | int | float) else str(given))
    seconds = int(span.total_seconds())
    if seconds < 60 or span > _DAY or _DAY % span or span.microseconds:
        raise InputError(f"{where}: its step must divide a day, from 1m to 1d, such as 5m.")
    return seconds
