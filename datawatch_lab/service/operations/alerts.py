"""Alert rules: list, add, look at, change, drop, back-test."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from datawatch_lab.core.alerting import AlertRule, StoredRule
from datawatch_lab.core.alerting_forms import as_code, read_rule, write_rule
from datawatch_lab.core.durations import format_duration, parse_time
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.alerting.past import backtest
from datawatch_lab.service.access.masking import check_filters, label_mask
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class RuleBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert rule, as docs/alerts.md says.

    Attributes:
        name: unique.
        condition: such as ``> 200% of baseline``; of some types there is one by default.
        metric: that the condition is about where it names none.
        type: metric, freshness, quality, schema, service, errors or anomaly.
        table: of the types freshness, quality, schema and anomaly.
        aggregation: in place of the metric's own.
        filters: value by label.
        group_by: labels; each combination of values has a state of its own.
        lasting: how long it must hold before it fires, ``for`` in JSON.
        keep_firing_for: how long it must not hold before it is over.
        severity: info, warning or critical.
        channels: names of those that are told.
        no_data: no_data, ok, alert or keep.
        description: goes with every message.
        is_enabled: whether it is evaluated.
    """

    name: str
    condition: str = ""
    metric: str = ""
    type: str = "metric"
    table: str = ""
    aggregation: str = ""
    filters: dict[str, str] = {}
    group_by: list[str] = []
    lasting: str = msgspec.field(default="0s", name="for")
    keep_firing_for: str = "0s"
    severity: str = "warning"
    channels: list[str] = []
    no_data: str = "no_data"
    description: str = ""
    is_enabled: bool = True


class RuleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An alert rule and how it stands.

    Attributes:
        rule: as it was given; what is as by default is left out.
        state: the gravest of its instances: normal, pending, firing, recovering, no_data or error.
        reason: of the states no_data and error.
        reading: the condition in words.
        instances: how many there are.
        configured: it stands in the configuration file.
        code: Python that makes the rule.
    """

    id: str
    name: str
    rule: dict[str, Any]
    state: str
    reason: str
    reading: str
    severity: str
    is_enabled: bool
    instances: int
    configured: bool
    created: str | None
    updated: str | None
    code: str


def _answer(alerting: Alerting, stored: StoredRule) -> RuleAnswer:
    state, reason = alerting.state_of(stored)
    rule = stored.rule
    return RuleAnswer(
        id=stored.id,
        name=rule.name,
        rule=write_rule(rule),
        state=state,
        reason=reason,
        reading=alerting.reading_of(stored),
        severity=rule.severity,
        is_enabled=rule.is_enabled,
        instances=len(alerting.standings(stored.id)),
        configured=stored.configured,
        created=iso(stored.created),
        updated=iso(stored.updated),
        code=as_code(rule),
    )


def _rule(ask: RuleBody, **changes: str) -> AlertRule:
    given = {**msgspec.structs.asdict(ask), **changes}
    given.pop("id", None)
    return read_rule(given)


@operation("GET", f"{API}/alerts")
def alert_rules(engine: Engine, ask: Nothing) -> list[RuleAnswer]:
    """The alert rules, in order of name, and how each stands."""
    del ask
    alerting = engine.beside(Alerting)
    return [_answer(alerting, each) for each in alerting.rules()]


@operation("POST", f"{API}/alerts", role="editor", status=201)
def add_alert_rule(engine: Engine, ask: RuleBody) -> RuleAnswer:
    """Add an alert rule; its condition and metric are checked first."""
    alerting = engine.beside(Alerting)
    return _answer(alerting, alerting.put(_rule(ask)))


class RuleAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule, by id or name."""

    id: str


@operation("GET", f"{API}/alerts/rules/{{id}}")
def alert_rule(engine: Engine, ask: RuleAsk) -> RuleAnswer:
    """One alert rule, by id or name."""
    alerting = engine.beside(Alerting)
    return _answer(alerting, alerting.rule(ask.id))


class RuleChange(RuleBody, frozen=True, kw_only=True):
    """An alert rule in place of the one of that id."""

    id: str


@operation("PUT", f"{API}/alerts/rules/{{id}}", role="editor")
def change_alert_rule(engine: Engine, ask: RuleChange) -> RuleAnswer:
    """Change an alert rule; what is not said is as by default."""
    alerting = engine.beside(Alerting)
    return _answer(alerting, alerting.put(_rule(ask), ask.id))


@operation("DELETE", f"{API}/alerts/rules/{{id}}", role="editor")
def drop_alert_rule(engine: Engine, ask: RuleAsk) -> RuleAnswer:
    """Drop an alert rule; its open alerts end, the history stays."""
    alerting = engine.beside(Alerting)
    answer = _answer(alerting, alerting.rule(ask.id))
    alerting.drop(ask.id)
    return answer


class BacktestAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, saved or not, and a range of the past.

    Attributes:
        id: of a saved rule, or its name; none when ``rule`` is given.
        rule: as for adding one.
        start, end: absolute or relative times, ``from`` and ``to`` in JSON.
    """

    id: str = ""
    rule: dict[str, Any] | None = None
    start: str = msgspec.field(default="-7d", name="from")
    end: str = msgspec.field(default="now", name="to")


class EpisodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One time that the rule would have fired; ``ended`` is null when it went on at the end."""

    labels: dict[str, str]
    started: str | None
    fired: str | None
    ended: str | None
    value: float | None
    low: float | None
    high: float | None


class StateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A state that an instance came into."""

    at: str | None
    labels: dict[str, str]
    state: str
    value: float | None
    reason: str


class BacktestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule would have done.

    Attributes:
        minutes_firing: of all instances together.
        pages: messages that a channel of the rule would have had about alerts that fired.
        evaluations, unknown: how many there were, and those without a value.
    """

    start: str | None = msgspec.field(name="from")
    end: str | None = msgspec.field(name="to")
    interval: str
    reading: str
    episodes: list[EpisodeAnswer]
    states: list[StateAnswer]
    minutes_firing: float
    pages: int
    evaluations: int
    unknown: int


@operation("POST", f"{API}/alerts/backtest", audited=False)
def backtest_alert(engine: Engine, ask: BacktestAsk) -> BacktestAnswer:
    """Run a rule over a range of the past, as it would have run live; nothing is stored or told."""
    alerting = engine.beside(Alerting)
    if bool(ask.id) is (ask.rule is not None):
        raise InputError("give either the id of a rule, or a rule.")
    rule = alerting.rule(ask.id).rule if ask.rule is None else read_rule({"name": "?"} | ask.rule)
    shown = partial(label_mask(engine), rule.metric)
    if ask.rule is not None:
        check_filters((name for name, _ in rule.filters if shown({name: ""})[name]), rule.filters)
    now, zone = engine.clock.now(), engine.settings.timezone
    found = backtest(
        alerting, rule, parse_time(ask.start, now, zone), parse_time(ask.end, now, zone)
    )
    return BacktestAnswer(
        start=iso(found.start),
        end=iso(found.end),
        interval=format_duration(found.interval),
        reading=found.reading,
        episodes=[
            EpisodeAnswer(
                labels=shown(dict(each.labels)),
                started=iso(each.started),
                fired=iso(each.fired),
                ended=iso(each.ended),
                value=each.value,
                low=each.low,
                high=each.high,
            )
            for each in found.episodes
        ],
        states=[
            StateAnswer(
                at=iso(each.at),
                labels=shown(dict(each.labels)),
                state=each.state,
                value=each.value,
                reason=each.reason,
            )
            for each in found.states
        ],
        minutes_firing=found.minutes_firing,
        pages=found.pages,
        evaluations=found.evaluations,
        unknown=found.unknown,
    )
