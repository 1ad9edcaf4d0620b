"""Rules made ready to be decided: condition read, metrics found, values named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
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
from datawatch_lab.alerts.machine import Event, Timing, rewound, step, timing_of
from datawatch_lab.alerts.reading import read_condition
from datawatch_lab.core.alerting import AlertRule, Standing, StoredRule
from datawatch_lab.core.errors import DataWatchError, InputError, not_found
from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef
from datawatch_lab.engine.alerting.grid import Ask, Labels
from datawatch_lab.engine.alerting.windows import Windows
from datawatch_lab.engine.own_metrics.alerts import METRIC
from datawatch_lab.engine.signals import DEFAULTS, SIGNALS, Signal
from datawatch_lab.engine.signals.quality import is_score, settle
from datawatch_lab.metrics.formulas import names_in

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


@dataclass(frozen=True)
class Ready:
    """A rule that can be decided.

    Attributes:
        condition: resolved.
        needs: terms and what each is read from.
        tables: names of the tables it rests on; '' is every table.
        unit: of the first metric.
        metrics: that it is about.
        signals: that it is about, beside metrics.
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
    signals: tuple[Signal, ...] = ()

    def rests_on(self, known: Mapping[str, MetricDef]) -> bool:
        """Whether its metrics are still what they were when it was made ready."""
        return not self.signals and all(known.get(each.name) == each for each in self.metrics)

    def labels(self, windows: Windows) -> list[Labels]:
        """Its instances: one, or those that there are values for."""
        if not self.rule.group_by:
            return [()]
        found: set[Labels] = set()
        for term, ask in self.needs.items():
            found |= windows.labels(ask, term.over)
        return sorted(found)

    def settle(self) -> Iterable[Callable[[Engine], None]]:
        """What brings up to date all that it is about."""
        found = [each.settle for each in self.signals]
        return [*found, *([settle] if any(map(is_score, self.metrics)) else [])]

    def words(self, engine: Engine, labels: Labels, at: datetime) -> str:
        """Evidence of its signals for people, as of a moment; '' for none."""
        said = {
            SIGNALS[ask.metric].words(engine, ask, labels, at - term.over, at): None
            for term, ask in self.needs.items()
            if ask.metric in SIGNALS
        }
        return " ".join(filter(None, said))

    def judge(self, windows: Windows, labels: Labels, at: datetime) -> Verdict:
        """Decide one instance at a moment."""
        needs = self.needs
        return judge(self.condition, lambda term: windows.get(needs[term], labels, term, at))


def decide(
    ready: Ready, windows: Windows, labels: Labels, before: Standing, at: datetime
) -> tuple[Verdict, Standing, Event | None]:
    """Judge an instance and take its next step: the one way, live and in back-tests."""
    verdict = ready.judge(windows, labels, at)
    known = rewound(before, at)
    after, event = step(known, verdict.holds, at, ready.timing, reason=verdict.reason)
    return verdict, after, event


def make_ready(engine: Engine, stored: StoredRule) -> Ready:
    """A rule made ready.

    Raises:
        InputError: the condition cannot be read, or it asks for what there is not; points at it.
    """
    rule = stored.rule
    read = parse_condition(rule.condition or _default(rule))
    filled = resolved(read, _metric(engine, rule), rule.aggregation, partial(spoken, engine, rule))
    condition = mapped(filled, partial(_counting, engine))
    asks = {term: _ask(engine, rule, term) for term in terms(condition)}
    names = list(dict.fromkeys(ask.metric for ask in asks.values()))
    signals = tuple(SIGNALS[each] for each in names if each in SIGNALS)
    for each in signals:
        each.ready(engine)
    metrics = tuple(engine.metric(each) for each in names if each not in SIGNALS)
    return Ready(
        id=stored.id,
        rule=rule,
        condition=condition,
        needs=asks,
        tables=frozenset(_tables(engine, asks.values())),
        timing=timing_of(rule),
        reading=f"{read_condition(condition)}{_narrowed(asks.values())}",
        unit=signals[0].metric.unit if names[0] in SIGNALS else metrics[0].unit,
        metrics=metrics,
        signals=signals,
    )


def spoken(engine: Engine, rule: AlertRule, name: str) -> MetricDef:
    """The signal or metric that a rule calls by a name: ``violations`` in a rule on quality.

    Raises:
        NotFoundError: there is neither; names the nearest.
    """
    signal = SIGNALS.get(name) or SIGNALS.get(f"{rule.type}.{name}")
    if signal is not None:
        return signal.metric
    known = engine.metrics()
    if name == METRIC.name:
        raise InputError("a rule cannot be about alerts themselves.", hint="Inhibit or group them.")
    if name not in known and rule.type in DEFAULTS:
        own = [each.partition(".")[2] for each in SIGNALS if each.startswith(f"{rule.type}.")]
        raise not_found("signal", name, own, where=f"rules of type {rule.type}")
    return engine.metric(name)


def _ask(engine: Engine, rule: AlertRule, term: Term) -> Ask:
    if term.metric not in SIGNALS:
        return Ask(term.metric, _own(engine, term), rule.filters, rule.group_by)
    signal = SIGNALS[term.metric]
    if term.when == "ahead":
        raise InputError(f"{term.metric} is not forecast; metrics are.")
    about = (("table", rule.table),) if rule.table and "table" in signal.metric.labels else ()
    return Ask(term.metric, "", (*about, *rule.filters), rule.group_by)


def _narrowed(asks: Iterable[Ask]) -> str:
    """What signals are narrowed to, in words."""
    pairs = dict.fromkeys(pair for ask in asks if ask.metric in SIGNALS for pair in ask.filters)
    return f" ({', '.join(f'{name} {value}' for name, value in pairs)})" if pairs else ""


def _counting(engine: Engine, clause: Clause) -> Clause:
    """Whether there is data is told by rows, where a metric counts any.

    Raises:
        InputError: a signal is asked for another aggregation than its own.
    """
    subject = clause.subject
    if subject.metric in SIGNALS:
        own = SIGNALS[subject.metric].metric.aggregation
        if subject.aggregation != own:
            raise InputError(
                f"{subject.metric} has no {subject.aggregation}.", hint="Leave it out."
            )
        return replace(clause, subject=replace(subject, aggregation=""))
    if not isinstance(clause, NoData):
        return clause
    if Aggregation.COUNT not in engine.measures.aggregations(engine.metric(subject.metric)):
        return clause
    return NoData(Subject(subject.metric, Aggregation.COUNT.value, subject.over))


def _own(engine: Engine, term: Term) -> str:
    return "" if isinstance(engine.metric(term.metric).definition, Formula) else term.aggregation


def _default(rule: AlertRule) -> str:
    if not rule.condition and rule.type in DEFAULTS and not rule.metric:
        return DEFAULTS[rule.type][1]
    if not rule.condition:
        raise InputError(
            f"alert rule {rule.name!r} needs a condition.", hint="Such as > 200% of baseline."
        )
    return rule.condition


def _metric(engine: Engine, rule: AlertRule) -> str:
    """The metric that a rule is about; '' when its condition says it."""
    if rule.type == "metric":
        return rule.metric
    if rule.type in DEFAULTS:
        return rule.metric or DEFAULTS[rule.type][0]
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


def _tables(engine: Engine, asks: Iterable[Ask]) -> Iterable[str]:
    for ask in asks:
        if ask.metric in SIGNALS:
            yield from SIGNALS[ask.metric].tables(engine, ask)
            continue
        metric = engine.metric(ask.metric)
        if isinstance(metric.definition, Formula):
            yield from _tables(engine, [Ask(each) for each in sorted(names_in(metric.definition))])
        else:
            yield metric.table


def check_group(engine: Engine, ready: Ready, windows: Windows) -> None:
    """Refuse labels and filters that a metric does not have.

    Raises:
        InputError: names those that it has.
    """
    for ask in ready.needs.values():
        metric = spoken(engine, ready.rule, ask.metric)
        if ask.metric in SIGNALS or is_score(metric):
            for name in (*(each for each, _ in ask.filters), *ask.group_by):
                if name not in metric.labels:
                    raise not_found("label", name, metric.labels, where=metric.name)
        elif not isinstance(engine.metric(ask.metric).definition, Formula):
            windows.values.layout(ask)


def fault_of(error: DataWatchError) -> str:
    """Why a rule cannot be decided, in one line."""
    return " ".join(error.message.split())
