"""What is told: a message as a value, kept with its delivery, and its words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from datawatch_lab.core.alerting import Alert

log = logging.getLogger(__name__)

Kind = Literal["firing", "resolved", "repeat", "silence_expiring", "test"]

MAX_ALERTS = 20
"""Alerts that a message lists; of more it says how many."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a message tells it, as it was when the message was made."""

    event: Kind
    alert: Alert

    @property
    def labels(self) -> str:
        """Labels as ``name=value`` pairs."""
        return ", ".join(f"{name}={value}" for name, value in self.alert.labels)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one channel.

    Attributes:
        key: idempotency key; a message that is sent again has the same.
        alerts: at most `MAX_ALERTS`; ``more`` says how many there are beside them.
        note: what else is to be said, as of a silence that ends.
        points: (epoch seconds, value) of the first alert's metric, for a chart; None for no value.
        low, high: of its expected band.
        link: to the page of alerts; '' for none.
        still_open: whether the channel knows of alerts of the group that go on beside these.
    """

    key: str
    kind: Kind
    made: datetime
    alerts: tuple[Told, ...] = ()
    more: int = 0
    note: str = ""
    points: tuple[tuple[float, float | None], ...] = ()
    low: float | None = None
    high: float | None = None
    link: str = ""
    group: str = ""
    still_open: bool = False

    @property
    def severity(self) -> str:
        """The gravest severity of those that are not over; ``info`` for none."""
        order = ("info", "warning", "critical")
        found = [order.index(each.alert.severity) for each in self.alerts if each.alert.is_open]
        return order[max(found, default=0)]

    @property
    def is_over(self) -> bool:
        """Whether everything in it is over."""
        return bool(self.alerts) and all(not each.alert.is_open for each in self.alerts)


_TITLE = """\
{%- if message.kind == "silence_expiring" -%}Silence ends soon
{%- elif message.kind == "test" -%}Test alert from DataWatch
{%- elif message.alerts|length == 1 and not message.more -%}
[{{ word(message.alerts[0]) }}] {{ message.alerts[0].alert.rule -}}
{%- if message.alerts[0].labels %} ({{ message.alerts[0].labels }}){% endif -%}
{%- else -%}
{{ "[RESOLVED]" if message.is_over else "[FIRING]" }} {{ message.alerts|length + message.more }} \
alerts{% if message.group %}: {{ message.group }}{% endif -%}
{%- endif -%}"""

_TEXT = """\
{%- if message.note %}{{ message.note }}
{% endif -%}
{%- for each in message.alerts -%}
{{ word(each) }} {{ each.alert.severity }}: {{ each.alert.rule -}}
{% if each.labels %} ({{ each.labels }}){% endif %}
{{ each.alert.reading }}
{% if each.alert.last_value is not none -%}
Value: {{ number(each.alert.last_value, each.alert.unit) }}{{ expected(each.alert) }}
{% endif -%}
Since: {{ clock(each.alert.started) }}\
{% if each.alert.resolved %}, over: {{ clock(each.alert.resolved) }}{% endif %}
{% if each.alert.description %}{{ each.alert.description }}
{% endif %}
{% endfor -%}
{% if message.more %}… and {{ message.more }} more.
{% endif -%}
{% if message.link %}{{ message.link }}{% endif -%}"""


def title(message: Message, template: str = "") -> str:
    """One line; from the user's template when there is one that can be rendered."""
    return " ".join(_by(template, _TITLE, message).split())[:250]


def text(message: Message, template: str = "") -> str:
    """The message in plain words; from the user's template as `title` is."""
    return _by(template, _TEXT, message).strip()[:8_000]


def _by(template: str, default: str, message: Message) -> str:
    """A message by the user's template; by the default when that fails: an alert is not lost."""
    if template:
        try:
            return _render(template, message)
        except Exception as error:  # noqa: BLE001 — a template may fail in any way
            log.warning("a template of a channel fails, its default is told: %r", error)
    return _render(default, message)


def _render(template: str, message: Message) -> str:
    made: str = _compiled(template).render(
        message=message, word=_word, number=number, expected=expected, clock=_clock
    )
    return made


@lru_cache(maxsize=64)
def _compiled(template: str) -> Any:
    """A template in a sandbox: it reaches the message, and nothing else."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(autoescape=False).from_string(template)


def _word(told: Told) -> str:
    if told.event == "test":
        return "TEST"
    return "FIRING" if told.alert.is_open else "RESOLVED"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def number(value: float | None, unit: str = "") -> str:
    """A number for people.

    >>> number(1234.5678, "EUR"), number(0.25, "ratio"), number(None)
    ('1,235 EUR', '25 %', '–')
    """
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    shown = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return f"{shown} {unit}" if unit not in ("", "1") else shown


def expected(alert: Alert) -> str:
    """What was expected, in words; '' when nothing is known.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> expected(Alert(id="", rule_id="", rule="", severity="info", labels=(), started=at,
    ...     fired=at, reading="", low=5))
    ' (expected: at least 5)'
    """
    low, high, unit = alert.low, alert.high, alert.unit
    if low is None and high is None:
        return ""
    if low is None:
        return f" (expected: at most {number(high, unit)})"
    if high is None:
        return f" (expected: at least {number(low, unit)})"
    return f" (expected: {number(low, unit)} to {number(high, unit)})"


def listed(told: Sequence[Told]) -> tuple[tuple[Told, ...], int]:
    """Those that a message lists, and how many more there are: the open ones first, by severity."""
    order = {"critical": 0, "warning": 1, "info": 2}
    ranked = sorted(
        told,
        key=lambda each: (
            not each.alert.is_open,
            order[each.alert.severity],
            each.alert.rule,
        ),
    )
    return tuple(ranked[:MAX_ALERTS]), max(0, len(ranked) - MAX_ALERTS)
