"""Rules made ready to be decided: condition read, metrics found, values named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.alerts.conditions import (
    Clause,
    Condition,
    NoData,
    Subject,
    Term,
    mapped,
    resolved,
    terms,
)
from datawatch_lab.alerts.judging import Verdict, judge
from datawatch_lab.alerts.language import parse_condition
from datawatch_lab.alerts.machine import Event, Timing, step, timing_of
from datawatch_lab.alerts.reading import read_condition
from datawatch_lab.core.alerting import AlertRule, Standing, StoredRule
from datawatch_lab.core.errors import DataWatchError, InputError, not_found
from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef
from datawatch_lab.engine.alerting_values import Ask, Labels
from datawatch_lab.engine.alerting_windows import Windows
from datawatch_lab.metrics.formulas import names_in

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_LATER = {
    "anomaly": "anomalies",
    "quality": "quality results",
    "schema": "schema changes",
    "service": "service status",
}


@dataclass(frozen=True)
class Ready:
    """A rule that can be decided.

    Attributes:
        condition: resolved.
        needs: terms and what each is read from.
        tables: names of the tables it rests on; '' is every table.
        unit: of the first metric.
    """

    id: str
    rule: AlertRule
    condition: Condition
    needs: Mapping[Term, Ask]
    tables: frozenset[str]
    timing: Timing
    reading: str
    unit: str
    metrics: tuple[MetricDef, ...] = ()

    def rests_on(self, known: Mapping[str, MetricDef]) -> bool:
        """Whether its metrics are still what they were when it was made ready."""
        return all(known.get(each.name) == each for each in self.metrics)

    def labels(self, windows: Windows) -> list[Labels]:
        """Its instances: one, or those that there are values for."""
        if not self.rule.group_by:
            return [()]
        found: set[Labels] = set()
        for term, ask in self.needs.items():
            found |= windows.labels(ask, term.over)
        return sorted(found)

    def judge(self, windows: Windows, labels: Labels, at: datetime) -> Verdict:
        """Decide one instance at a moment."""
        needs = self.needs
        return judge(self.condition, lambda term: windows.get(needs[term], labels, term, at))


def decide(
    ready: Ready, windows: Windows, labels: Labels, before: Standing, at: datetime
) -> tuple[Verdict, Standing, Event | None]:
    """Judge an instance and take its next step: the one way, live and in back-tests."""
    verdict = ready.judge(windows, labels, at)
    after, event = step(before, verdict.holds, at, ready.timing, reason=verdict.reason)
    return verdict, after, event


def make_ready(engine: Engine, stored: StoredRule) -> Ready:
    """A rule made ready.

    Raises:
        InputError: the condition cannot be read, or it asks for what there is not; points at it.
    """
    rule = stored.rule
    read = parse_condition(rule.condition or _default(rule))
    filled = resolved(read, _metric(engine, rule), rule.aggregation, engine.metric)
    condition = mapped(filled, lambda each: _counting(engine, each))
    asks = {
        term: Ask(term.metric, _own(engine, term), rule.filters, rule.group_by)
        for term in terms(condition)
    }
    names = list(dict.fromkeys(ask.metric for ask in asks.values()))
    return Ready(
        id=stored.id,
        rule=rule,
        condition=condition,
        needs=asks,
        tables=frozenset(_tables(engine, names)),
        timing=timing_of(rule),
        reading=read_condition(condition),
        unit=engine.metric(names[0]).unit,
        metrics=tuple(engine.metric(each) for each in names),
    )


def _counting(engine: Engine, clause: Clause) -> Clause:
    """Whether there is data is told by rows, where a metric counts any."""
    if not isinstance(clause, NoData):
        return clause
    subject = clause.subject
    if Aggregation.COUNT not in engine.measures.aggregations(engine.metric(subject.metric)):
        return clause
    return NoData(Subject(subject.metric, Aggregation.COUNT.value, subject.over))


def _own(engine: Engine, term: Term) -> str:
    return "" if isinstance(engine.metric(term.metric).definition, Formula) else term.aggregation


def _default(rule: AlertRule) -> str:
    if not rule.condition:
        raise InputError(
            f"alert rule {rule.name!r} needs a condition.", hint="Such as > 200% of baseline."
        )
    return rule.condition


def _metric(engine: Engine, rule: AlertRule) -> str:
    """The metric that a rule is about; '' when its condition says it."""
    if rule.type == "metric":
        return rule.metric
    if rule.type in _LATER:
        raise InputError(
            f"alert rule {rule.name!r}: rules on {_LATER[rule.type]} are not part of this release.",
            hint="Rules on metrics and on the freshness of tables are.",
        )
    if not rule.table:
        raise InputError(f"alert rule {rule.name!r} needs a table.", hint="Such as table: orders.")
    table = engine.table(rule.table).name
    ages = sorted(
        name
        for name, each in engine.metrics().items()
        if each.table == table and each.measure is MeasureKind.NEWEST
    )
    if rule.metric:
        if rule.metric not in ages:
            raise not_found("freshness metric", rule.metric, ages, where=rule.name)
        return rule.metric
    if not ages:
        raise InputError(
            f"{table} has no timestamp field, so its freshness is not known.",
            hint=f"Use a rule on {table}_inserts_total with the condition: no data for 10m.",
        )
    created = [name for name in ages if "creat" in name or "insert" in name]
    return (created or ages)[0]


def _tables(engine: Engine, names: Iterable[str]) -> Iterable[str]:
    for name in names:
        metric = engine.metric(name)
        if isinstance(metric.definition, Formula):
            yield from _tables(engine, sorted(names_in(metric.definition)))
        else:
            yield metric.table


def check_group(engine: Engine, ready: Ready, windows: Windows) -> None:
    """Refuse labels and filters that a metric does not have.

    Raises:
        InputError: names those that it has.
    """
    for ask in ready.needs.values():
        if not isinstance(engine.metric(ask.metric).definition, Formula):
            windows.values.layout(ask)


def fault_of(error: DataWatchError) -> str:
    """Why a rule cannot be decided, in one line."""
    return " ".join(error.message.split())
