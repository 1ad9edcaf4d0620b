"""Service-level reports: objectives over a month, their error budgets, what used them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from datawatch_lab.core.durations import format_duration, parse_time
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.objectives import Objective, read_objective
from datawatch_lab.core.plans import plan_named
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.objectives import Measured, Objectives, measure, metrics_of, newest
from datawatch_lab.service.access.masking import check_filters, hidden_labels, label_mask
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.anomalies import AnomaliesAsk, anomalies
from datawatch_lab.service.sla.figures import LONGEST, Figures, figures, worst
from datawatch_lab.service.sla.month import Month, month_of, plain
from datawatch_lab.service.sla.usual import usual_objectives

MOST_OBJECTIVES = 50
MOST_INCIDENTS = 20
_READ = 10_000
"""Alerts, and anomalies, that are looked at: the newest of a month."""


class DayAnswer(msgspec.Struct, frozen=True):
    """A day of an objective.

    Attributes:
        at: its start.
        good: share that was good, in [0, 1]; None without any.
        left: share of the month's budget that was left at its end; negative when overdrawn.
    """

    at: str
    good: float | None
    left: float


class SpellAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Bad steps that belong together.

    Attributes:
        start, end: of the first and the last of them.
        bad: steps or events.
        share: of the month's budget.
        incidents: alerts and anomalies of the same tables at that time, in words.
    """

    start: str
    end: str
    bad: float
    share: float
    incidents: list[str]


class ObjectiveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An objective over a month.

    Attributes:
        reading: what is good, in words.
        metrics: names of those that it rests on.
        counts: ``events``, or ``steps`` of time.
        step: width of a step.
        target: share that should be good, in (0, 1).
        measured: share that was good so far; None without any.
        total, bad: events or steps so far.
        budget: how many may be bad in the whole month.
        used: share of the budget that is used up; above 1 it is overdrawn.
        rates: burn rate over 1h, 6h and 3d: 1 uses the budget up exactly over the month; None where
            nothing counts.
        projected: share of the budget at the end of the month, at the pace of the last three days.
        state: on track, at risk, missed, kept (the month is over) or no data.
        days: those that have begun.
        spells: the five that used most of the budget.
    """

    name: str
    reading: str
    metrics: list[str]
    counts: str
    step: str
    target: float
    measured: float | None
    total: float
    bad: float
    budget: float
    used: float
    rates: dict[str, float | None]
    projected: float
    state: str
    days: list[DayAnswer]
    spells: list[SpellAnswer]


class IncidentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An alert or an anomaly of the month.

    Attributes:
        kind: ``alert`` or ``anomaly``.
        ended: None while it goes on.
        what: the rule, or the metric with its labels.
        costs: share of the budget that was used meanwhile, in this month, by objective of the same
            tables.
    """

    kind: str
    id: str
    at: str
    ended: str | None
    severity: str
    what: str
    metric: str
    costs: dict[str, float]


class SlaAnswer(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """A service-level report.

    Attributes:
        month: such as 2026-03.
        start, end: ``from`` and ``to``: the month by the clock of the workspace.
        until: up to when it is measured.
        state: that of the worst objective.
        suggested: the objectives are the usual ones, for none were given or configured.
        incidents: what cost most first, then what is most severe; 20 at most.
        left_out: incidents beyond those, of the newest 10,000 alerts and 10,000 anomalies.
    """

    month: str
    start: str
    end: str
    until: str
    timezone: str
    state: str
    suggested: bool
    objectives: list[ObjectiveAnswer]
    incidents: list[IncidentAnswer]
    left_out: int


class SlaAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which month.

    Attributes:
        month: ``2026-03``, ``this`` (the month of the newest data) or ``last``.
    """

    month: str = ""


class MeasureSlaAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which objectives, and which month.

    Attributes:
        objectives: texts such as ``fast: p95(events_duration_ms) <= 300ms, 99%``, or sections with
            name, target, condition (or metric and bad), filters, step, no_data.
        month: ``2026-03``, ``this`` or ``last``.
    """

    objectives: list[str | dict[str, Any]]
    month: str = ""


@operation("GET", f"{API}/sla")
def sla(engine: Engine, ask: SlaAsk) -> SlaAnswer:
    """The objectives of the configuration over a month; without any, the usual ones."""
    chosen = engine.beside(Objectives).configured
    return _report(
        engine, chosen or usual_objectives(engine.metrics()), ask.month, suggested=not chosen
    )


@operation("POST", f"{API}/sla", audited=False)
def measure_sla(engine: Engine, ask: MeasureSlaAsk) -> SlaAnswer:
    """Any objectives over a month: error budgets, burn rates, what used them up."""
    if len(ask.objectives) > MOST_OBJECTIVES:
        raise InputError(f"at most {MOST_OBJECTIVES} objectives can be measured at a time.")
    return _report(
        engine, [read_objective(each) for each in ask.objectives], ask.month, suggested=False
    )


@dataclass(frozen=True)
class _Judged:
    """An objective and what was found of it."""

    objective: Objective
    found: Measured
    figures: Figures

    def cost(self, start: datetime, end: datetime) -> float:
        """Share of the budget that was used between two moments."""
        times = self.found.times
        first = int(times.searchsorted(plain(start - self.found.step), side="right"))
        last = int(times.searchsorted(plain(end), side="left"))
        budget = self.figures.budget
        return float(self.found.bad[first:last].sum()) / budget if budget else 0.0


def _report(
    engine: Engine, objectives: Sequence[Objective], month: str, *, suggested: bool
) -> SlaAnswer:
    names = frozenset[str]()
    for each in objectives:
        mine = metrics_of(engine, each)
        _check_labels(engine, mine, each)
        names |= mine
    known = newest(engine, names)
    when = month_of(month, known, engine.settings.timezone)
    until = max(min(known, when.end), when.start)
    judged = [_judge(engine, each, when, until) for each in objectives]
    if suggested:  # promised by nobody, so what cannot be told is not worth a line
        judged = [each for each in judged if each.figures.total] or judged
    incidents = _incidents(engine, when, until, judged)
    return SlaAnswer(
        month=when.name,
        start=iso(when.start) or "",
        end=iso(when.end) or "",
        until=iso(until) or "",
        timezone=engine.settings.timezone,
        state=worst([each.figures.state for each in judged]),
        suggested=suggested,
        objectives=[_answer(each, incidents) for each in judged],
        incidents=incidents[:MOST_INCIDENTS],
        left_out=max(len(incidents) - MOST_INCIDENTS, 0),
    )


def _check_labels(engine: Engine, metrics: frozenset[str], objective: Objective) -> None:
    used = [(name, "") for name in (*objective.filters, *objective.bad)]
    for name in metrics if used else ():
        check_filters(hidden_labels(engine, name), used)


def _judge(engine: Engine, objective: Objective, month: Month, until: datetime) -> _Judged:
    found = measure(engine, objective, month.start - LONGEST, until)
    return _Judged(objective, found, figures(found, objective.target, month, until))


def _incidents(
    engine: Engine, month: Month, until: datetime, judged: Sequence[_Judged]
) -> list[IncidentAnswer]:
    """Alerts and anomalies of the month: what cost most first, then what is most severe."""
    found = [*_alerts(engine, month), *_anomalies(engine, month)]
    costed = [_costed(engine, each, month.start, until, judged) for each in found]
    order = ("critical", "high", "medium", "warning", "low", "info")
    return sorted(
        costed,
        key=lambda each: (
            -round(sum(each.costs.values()), 3),
            order.index(each.severity) if each.severity in order else len(order),
            each.at,
        ),
    )


def _anomalies(engine: Engine, month: Month) -> list[IncidentAnswer]:
    """Anomalies that were there in the month; none where the plan has none."""
    if "anomalies" not in plan_named(engine.settings.plan).features:
        return []
    ask = AnomaliesAsk(start=iso(month.start) or "", end=iso(month.end) or "", limit=_READ)
    return [
        IncidentAnswer(
            kind="anomaly",
            id=each.id,
            at=each.started_at,
            ended=each.ended_at,
            severity=each.severity,
            what=_with_labels(each.metric_name, each.labels),
            metric=each.metric_name,
            costs={},
        )
        for each in anomalies.function(engine, ask)
    ]


def _alerts(engine: Engine, month: Month) -> list[IncidentAnswer]:
    """Alerts that were there in the month, also those that fired before it."""
    live = {each.id: each for each in engine.beside(Alerting).active()}
    stored = engine.store.alerts.within(month.start, month.end, _READ)
    masked = label_mask(engine)
    return [
        IncidentAnswer(
            kind="alert",
            id=each.id,
            at=iso(each.started) or "",
            ended=iso(each.resolved),
            severity=each.severity,
            what=_with_labels(each.rule, masked(each.metric, dict(each.labels))),
            metric=each.metric,
            costs={},
        )
        for each in (live.get(known.id, known) for known in stored)
    ]


def _with_labels(name: str, labels: dict[str, str]) -> str:
    said = ", ".join(f"{label}={value}" for label, value in labels.items())
    return f"{name} ({said})" if said else name


def _costed(
    engine: Engine,
    incident: IncidentAnswer,
    start: datetime,
    until: datetime,
    judged: Sequence[_Judged],
) -> IncidentAnswer:
    table = _table(engine, incident.metric)
    at, end = max(_moment(incident.at, until), start), _moment(incident.ended, until)
    costs = {
        each.objective.name: cost
        for each in judged
        if table in each.found.tables and (cost := each.cost(at, end)) > 0
    }
    return msgspec.structs.replace(incident, costs=costs)


def _table(engine: Engine, metric: str) -> str | None:
    try:
        return engine.metric(metric).table if metric else None
    except NotFoundError:
        return None


def _moment(text: str | None, other: datetime) -> datetime:
    return parse_time(text, other) if text else other


def _answer(judged: _Judged, incidents: Sequence[IncidentAnswer]) -> ObjectiveAnswer:
    objective, found = judged.objective, judged.figures
    mine = [each for each in incidents if objective.name in each.costs]
    return ObjectiveAnswer(
        name=objective.name,
        reading=objective.reading,
        metrics=sorted(judged.found.metrics),
        counts="events" if objective.counts_events else "steps",
        step=format_duration(judged.found.step),
        target=objective.target,
        measured=found.measured,
        total=found.total,
        bad=found.bad,
        budget=found.budget,
        used=found.used,
        rates=found.rates,
        projected=found.projected,
        state=found.state,
        days=[DayAnswer(iso(at) or "", good, left) for at, good, left in found.days],
        spells=[
            SpellAnswer(
                start=iso(each.start) or "",
                end=iso(each.end) or "",
                bad=each.bad,
                share=each.share,
                incidents=_beside(mine, each.start, each.end),
            )
            for each in found.spells
        ],
    )


def _beside(incidents: Sequence[IncidentAnswer], start: datetime, end: datetime) -> list[str]:
    """Incidents that overlap with a stretch of time, in words, at most three."""
    return [
        f"{each.kind}: {each.what}"
        for each in incidents
        if _moment(each.at, end) < end and _moment(each.ended, end) >= start
    ][:3]
