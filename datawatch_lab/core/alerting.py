"""Alerts as values: rules, the state of each instance, alerts, silences, routing, settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

import msgspec

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
"""Mildest first."""

RuleType = Literal["metric", "freshness", "anomaly", "quality", "schema", "service", "errors"]
RULE_TYPES: tuple[str, ...] = get_args(RuleType)

StateName = Literal["normal", "pending", "firing", "recovering", "no_data", "error"]
STATES: tuple[str, ...] = get_args(StateName)

Status = Literal["open", "acknowledged", "snoozed", "resolved"]
STATUSES: tuple[str, ...] = get_args(Status)

NoDataPolicy = Literal["no_data", "ok", "alert", "keep"]
NO_DATA: tuple[str, ...] = get_args(NoDataPolicy)

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs; () for a rule that is not split."""

NAMESPACE = UUID("7a1f0f0c-1f4e-5c41-9d53-2f6f2d1f8a10")
"""Of all ids that are made here, so that a replay makes the same ones."""

_NONE = timedelta(0)


def id_of(*parts: object) -> str:
    """The id of something, the same for the same parts in every run.

    >>> id_of("rule", "Order Spike") == id_of("rule", "Order Spike")
    True
    """
    return str(uuid5(NAMESPACE, "\x1f".join(map(str, parts))))


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """An alert rule.

    Attributes:
        name: unique.
        condition: in the language of docs/alerts.md, such as ``> 200% of baseline``; '' for that
            of the type, where it has one.
        metric: that the condition is about where it names none.
        type: what it is about; ``freshness`` and the like choose the metric themselves.
        table: of a rule of another type than ``metric``; for some types '' is all tables.
        aggregation: of the metric, in place of its own.
        filters: (label, value) pairs.
        group_by: labels; each combination of values is an instance with a state of its own.
        lasting: how long the condition must hold before it fires (``for``).
        keep_firing_for: how long it must not hold before it is over.
        severity: info, warning or critical.
        channels: names of those that are told; none for those of the severity's route.
        no_data: what it means that there is no value: a state of its own, all is well (``ok``),
            the condition holds (``alert``), or nothing new (``keep``).
        description: for people; goes with every message.
        is_enabled: whether it is evaluated.
    """

    name: str
    condition: str = ""
    metric: str = ""
    type: RuleType = "metric"
    table: str = ""
    aggregation: str = ""
    filters: Labels = ()
    group_by: tuple[str, ...] = ()
    lasting: timedelta = _NONE
    keep_firing_for: timedelta = _NONE
    severity: Severity = "warning"
    channels: tuple[str, ...] = ()
    no_data: NoDataPolicy = "no_data"
    description: str = ""
    is_enabled: bool = True

    def __repr__(self) -> str:
        from datawatch_lab.core.alerting_forms import as_code

        return as_code(self)


class StoredRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as a workspace keeps it.

    Attributes:
        id: stays when the rule is changed.
        configured: it stands in the configuration file, so it is changed there.
    """

    id: str
    rule: AlertRule
    created: datetime
    updated: datetime
    configured: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance of a rule stands; what the state machine goes on from.

    Attributes:
        state: one of `STATES`.
        since: when it came into that state, event time; None before the first evaluation.
        fired: when the alert that is open fired; None while none is.
        holds: since when the condition holds without a break, in ``pending``.
        reason: of ``no_data`` and ``error``, in words.
    """

    state: StateName = "normal"
    since: datetime | None = None
    fired: datetime | None = None
    holds: datetime | None = None
    reason: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of a rule's instance, from firing to the end.

    Attributes:
        id: of rule, labels and the moment it fired.
        started: when the condition began to hold; event time, as ``fired`` and ``resolved``.
        value: that it fired with; None for none.
        last_value: of the newest evaluation.
        low, high: of what was expected when it fired; None for no bound.
        reading: the condition in words.
        status: open, acknowledged, snoozed or resolved.
        by, at: of the last change of status by a user.
        snoozed_until: while it is snoozed.
        note: what the user said.
        resolved_by: '' when its condition ended it.
    """

    id: str
    rule_id: str
    rule: str
    severity: Severity
    labels: Labels
    started: datetime
    fired: datetime
    reading: str
    metric: str = ""
    unit: str = ""
    value: float | None = None
    last_value: float | None = None
    low: float | None = None
    high: float | None = None
    status: Status = "open"
    resolved: datetime | None = None
    by: str = ""
    at: datetime | None = None
    snoozed_until: datetime | None = None
    note: str = ""
    resolved_by: str = ""
    channels: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.resolved is None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that match are not told to anybody meanwhile.

    Attributes:
        matchers: name → value; names are ``rule``, ``severity``, ``metric`` and labels. A value
            may hold ``*``.
        starts, ends: by the clock.
        by: who made it.
        comment: why.
    """

    id: str
    matchers: Labels
    starts: datetime
    ends: datetime
    by: str = ""
    comment: str = ""

    def at(self, now: datetime) -> bool:
        """Whether it holds at a moment."""
        return self.starts <= now < self.ends


class MuteTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in which matching alerts wait, by the wall clock of the workspace.

    Attributes:
        name: for traces.
        days: 0 Monday to 6 Sunday; () for every day.
        start, end: minutes of the day; an end that is not after the start is on the next day.
        matchers: as of a `Silence`; () for every alert.
    """

    name: str
    days: tuple[int, ...] = ()
    start: int = 0
    end: int = 24 * 60
    matchers: Labels = ()


class Inhibition(msgspec.Struct, frozen=True, kw_only=True):
    """While an alert that matches ``source`` is open, those that match ``target`` wait.

    Attributes:
        equal: labels that both must have alike.
    """

    source: Labels
    target: Labels
    equal: tuple[str, ...] = ()


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """What happens between an alert and its channels.

    Attributes:
        group_by: ``rule``, ``severity`` or labels; alerts that agree in them share a message.
        group_wait: from the first alert of a new group to its message.
        group_interval: between messages about changes of a group.
        repeat_interval: until an alert that is open, and that nobody acknowledged, is told again.
        severities: channels by severity, for rules that name none.
        mute: hours in which alerts wait.
        inhibit: alerts that keep others back.
        remind_before: how long before the end of a silence that hides alerts one is reminded.
        give_up_after: a message that cannot be delivered is tried for so long.
    """

    group_by: tuple[str, ...] = ("rule",)
    group_wait: timedelta = timedelta(seconds=10)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    severities: dict[str, tuple[str, ...]] = {}
    mute: tuple[MuteTiming, ...] = ()
    inhibit: tuple[Inhibition, ...] = ()
    remind_before: timedelta = timedelta(minutes=15)
    give_up_after: timedelta = timedelta(hours=24)


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A channel; in no repr, for it holds secrets.

    Attributes:
        kind: slack, pagerduty, email, webhook, teams, discord or apprise.
        options: as in the configuration.
        allow_private: whether it may be an address of this machine or network.
    """

    name: str
    kind: str
    options: dict[str, Any] = {}
    allow_private: bool = False

    def __repr__(self) -> str:
        return f"ChannelSettings(name={self.name!r}, kind={self.kind!r})"


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of alerts.

    Attributes:
        enabled: whether rules are evaluated.
        evaluation_interval: whole minutes.
        baseline_window: how far a baseline looks back.
        history: how long alerts that are over, and what was told of them, are kept.
        routing: see `Routing`.
        channels: where messages go.
        address: of the workspace's pages, for links in messages; '' for none.
    """

    enabled: bool = True
    evaluation_interval: timedelta = timedelta(minutes=1)
    baseline_window: timedelta = timedelta(days=7)
    history: timedelta = timedelta(days=90)
    routing: Routing = Routing()
    channels: tuple[ChannelSettings, ...] = ()
    address: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told to one channel; made in the transaction of what it tells.

    Attributes:
        id: of alert, event and channel.
        event: ``firing``, ``resolved``, ``repeat`` or ``silence_expiring``.
        subject: id of the alert, or of the silence.
        made: by the clock.
        state: ``waiting``, ``told`` (it is in a delivery) or ``dropped``.
        reason: why it waits or was dropped.
        delivery: id of the delivery it is in.
    """

    id: str
    event: Literal["firing", "resolved", "repeat", "silence_expiring"]
    subject: str
    channel: str
    made: datetime
    state: Literal["waiting", "told", "dropped"] = "waiting"
    reason: str = ""
    delivery: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one channel.

    Attributes:
        id: also its idempotency key; the same for the same notices.
        group: that its alerts belong to.
        notices: ids of what it tells.
        created, due: by the clock; ``due`` is that of the next attempt.
        attempts: so far.
        state: ``waiting``, ``sent`` or ``failed``.
        detail: of the last attempt.
        body: what is told, see `alerts.message`.
    """

    id: str
    channel: str
    group: str
    notices: tuple[str, ...]
    created: datetime
    due: datetime
    attempts: int = 0
    state: Literal["waiting", "sent", "failed"] = "waiting"
    detail: str = ""
    body: bytes = b""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a delivery."""

    delivery: str
    number: int
    at: datetime
    ok: bool
    detail: str


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an instance, for traces: a change of state, or of status by a user."""

    rule_id: str
    labels: Labels
    at: datetime
    what: str
    detail: str = ""
    alert: str = ""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
