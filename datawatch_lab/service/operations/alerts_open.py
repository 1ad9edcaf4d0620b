"""Alerts that fired: those that are open, the history, and what people do with them."""

from __future__ import annotations

from collections import Counter
from functools import partial

import msgspec

from datawatch_lab.core.alerting import SEVERITIES, STATUSES, Alert
from datawatch_lab.core.durations import parse_duration, parse_time, shifted
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting, actions
from datawatch_lab.service.access.masking import Masked, label_mask
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation
from datawatch_lab.service.operations.alerts import RuleAsk

_MOST = 10_000


class AlertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An alert: one time that a rule fired.

    Attributes:
        started: when its condition began to hold.
        low, high: of what was expected when it fired.
        status: open, acknowledged, snoozed or resolved.
        by, at, note: of what somebody last did with it.
        resolved_by: who or what ended it; '' for its condition.
    """

    id: str
    rule_id: str
    rule: str
    severity: str
    labels: dict[str, str]
    metric: str
    condition: str
    value: float | None
    last_value: float | None
    low: float | None
    high: float | None
    unit: str
    status: str
    started: str | None
    fired: str | None
    resolved: str | None
    by: str
    at: str | None
    note: str
    snoozed_until: str | None
    resolved_by: str
    channels: list[str]
    description: str


def _answer(alert: Alert, masked: Masked) -> AlertAnswer:
    return AlertAnswer(
        id=alert.id,
        rule_id=alert.rule_id,
        rule=alert.rule,
        severity=alert.severity,
        labels=masked(alert.metric, dict(alert.labels)),
        metric=alert.metric,
        condition=alert.reading,
        value=alert.value,
        last_value=alert.last_value,
        low=alert.low,
        high=alert.high,
        unit=alert.unit,
        status=alert.status,
        started=iso(alert.started),
        fired=iso(alert.fired),
        resolved=iso(alert.resolved),
        by=alert.by,
        at=iso(alert.at),
        note=alert.note,
        snoozed_until=iso(alert.snoozed_until),
        resolved_by=alert.resolved_by,
        channels=list(alert.channels),
        description=alert.description,
    )


@operation("GET", f"{API}/alerts/active")
def active_alerts(engine: Engine, ask: Nothing) -> list[AlertAnswer]:
    """Alerts that are not over, newest first."""
    del ask
    masked = label_mask(engine)
    return [_answer(each, masked) for each in engine.beside(Alerting).active()]


class HistoryAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts.

    Attributes:
        start: fired since, ``from`` in JSON; none for all.
        rule: id or name of one rule.
        limit: at most so many.
    """

    start: str = msgspec.field(default="", name="from")
    rule: str = ""
    limit: int = 100


@operation("GET", f"{API}/alerts/history")
def alert_history(engine: Engine, ask: HistoryAsk) -> list[AlertAnswer]:
    """Alerts that fired, over or not, newest first."""
    alerting = engine.beside(Alerting)
    if not 1 <= ask.limit <= _MOST:
        raise InputError(f"limit is {ask.limit}; it goes from 1 to {_MOST:,}.")
    now, zone = engine.clock.now(), engine.settings.timezone
    since = parse_time(ask.start, now, zone) if ask.start else None
    rule = alerting.rule(ask.rule).id if ask.rule else ""
    live = {each.id: each for each in alerting.active()}
    stored = engine.store.alerts.history(since, rule, ask.limit)
    masked = label_mask(engine)
    return [_answer(live.get(each.id, each), masked) for each in stored]


class AlertSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts in numbers.

    Attributes:
        open: alerts that are not over, by severity and by status.
        fired_24h: alerts that fired within the last day.
        rules: by state.
        waiting: messages that wait for a channel.
        problem: why rules could not be evaluated; '' when they are.
    """

    open: int
    by_severity: dict[str, int]
    by_status: dict[str, int]
    fired_24h: int
    rules: dict[str, int]
    silences: int
    waiting: int
    problem: str


@operation("GET", f"{API}/alerts/summary")
def alert_summary(engine: Engine, ask: Nothing) -> AlertSummary:
    """Alerts in numbers."""
    del ask
    alerting = engine.beside(Alerting)
    active = alerting.active()
    severities = Counter(each.severity for each in active)
    statuses = Counter(each.status for each in active)
    since = engine.clock.now() - parse_duration("24h")
    return AlertSummary(
        open=len(active),
        by_severity={name: severities[name] for name in SEVERITIES},  # type: ignore[index]  # of these
        by_status={name: statuses[name] for name in STATUSES[:-1]},  # type: ignore[index]  # as above
        fired_24h=len(engine.store.alerts.history(since, "", _MOST)),
        rules=dict(Counter(alerting.state_of(each)[0] for each in alerting.rules())),
        silences=len(alerting.telling.silences()),
        waiting=len(alerting.telling.waiting()),
        problem=alerting.problem,
    )


class ActAsk(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, and what to note.

    Attributes:
        user: who does it, where nobody is signed in.
        note: why.
    """

    id: str
    user: str = ""
    note: str = ""


def _user(given: str) -> str:
    """Who does it: who is signed in; the name that is given counts for the owner only."""
    who = current_who()
    return given if given and who.via in ("local", "owner", "open") else who.name


def _before(engine: Engine, ask: ActAsk) -> AlertAnswer:
    """The alert before a change."""
    return _answer(engine.beside(Alerting).alert(ask.id), label_mask(engine))


@operation("POST", f"{API}/alerts/{{id}}/acknowledge", role="editor", before=_before)
def acknowledge_alert(engine: Engine, ask: ActAsk) -> AlertAnswer:
    """Look after an alert: it is not told again until it is over."""
    done = actions.acknowledge(engine.beside(Alerting), ask.id, _user(ask.user), ask.note)
    return _answer(done, label_mask(engine))


@operation("POST", f"{API}/alerts/{{id}}/resolve", role="editor", before=_before)
def resolve_alert(engine: Engine, ask: ActAsk) -> AlertAnswer:
    """End an alert by hand; while its condition holds, a new one may fire."""
    done = actions.resolve(engine.beside(Alerting), ask.id, _user(ask.user), ask.note)
    return _answer(done, label_mask(engine))


class SnoozeAsk(ActAsk, frozen=True, kw_only=True):
    """An alert, and how long it is kept back.

    Attributes:
        lasting: ``for`` in JSON.
    """

    lasting: str = msgspec.field(default="1h", name="for")


@operation("POST", f"{API}/alerts/{{id}}/snooze", role="editor", before=_before)
def snooze_alert(engine: Engine, ask: SnoozeAsk) -> AlertAnswer:
    """Keep an alert back for a while; if it is open then, it is told again."""
    until = shifted(engine.clock.now(), parse_duration(ask.lasting))
    alerting, user = engine.beside(Alerting), _user(ask.user)
    done = actions.snooze(alerting, ask.id, user, until, ask.note)
    return _answer(done, label_mask(engine))


class TraceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a trace."""

    at: str | None
    what: str
    detail: str


@operation("GET", f"{API}/alerts/{{id}}/trace")
def alert_trace(engine: Engine, ask: RuleAsk) -> list[TraceLine]:
    """Why an alert was told or not, step by step; with the id or name of a rule, its states."""
    alerting = engine.beside(Alerting)
    known = {each.id for each in alerting.rules()} | {each.rule.name for each in alerting.rules()}
    which = {"rule": ask.id} if ask.id in known else {"alert": ask.id}
    metric = "" if ask.id in known else alerting.alert(ask.id).metric
    found = actions.trace(alerting, **which, shown=partial(label_mask(engine), metric))
    return [TraceLine(at=iso(each.at), what=each.what, detail=each.detail) for each in found]
