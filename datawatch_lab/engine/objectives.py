"""Objectives measured: how much there was in each step of time, and how much of it was bad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.alerts.conditions import And, Comparison, Condition, Not, clauses, resolved
from datawatch_lab.alerts.conditions import Or as Either
from datawatch_lab.alerts.language import parse_condition
from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.objectives import Objective
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.engine.windows import is_current, span_of

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Steps = NDArray[np.datetime64]
Filters = tuple[tuple[str, str], ...]

_COMPARE: dict[str, Callable[[Floats, float], Flags]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


@dataclass(frozen=True)
class Measured:
    """An objective over a range, step by step.

    Attributes:
        times: starts of the steps, UTC, ascending.
        total: what counts in each step: 1 or 0 of steps, the number of events of events.
        bad: how much of it was not good, at most ``total``.
        step: width of a step.
        metrics: names of those that it rests on.
        tables: of these metrics; '' for those of the workspace.
    """

    times: Steps
    total: Floats
    bad: Floats
    step: timedelta
    metrics: frozenset[str]
    tables: frozenset[str]

    @property
    def values(self) -> int:
        """Steps in which anything counts."""
        return int(np.count_nonzero(self.total))


class Objectives:
    """Objectives of the configuration; one per engine, ``engine.beside(Objectives)``.

    Attributes:
        configured: in the order of the configuration; empty for none.
    """

    def __init__(self, engine: Engine) -> None:
        self.configured: tuple[Objective, ...] = engine.settings.objectives


def metrics_of(engine: Engine, objective: Objective) -> frozenset[str]:
    """Names of the metrics that an objective rests on.

    Raises:
        InputError: its condition cannot be read, or is more than comparisons.
        NotFoundError: a metric does not exist.
    """
    if objective.counts_events:
        return frozenset({engine.metric(objective.metric).name})
    return frozenset(each.subject.metric for each in _comparisons(engine, objective)[1])


def newest(engine: Engine, names: frozenset[str]) -> datetime:
    """The moment up to which metrics can be judged: now, or the newest event of old data."""
    tables = {engine.metric(name).table for name in names}
    now = engine.clock.now()
    over = now - engine.settings.close_delay
    if any(is_current(engine, table, now) for table in tables):
        return over
    ends = [last for table in tables if (last := span_of(engine, table)[1]) is not None]
    return min(max(ends, default=over), over)


def measure(engine: Engine, objective: Objective, start: datetime, end: datetime) -> Measured:
    """An objective over the whole steps of a range that have data before or in them.

    Args:
        engine: of the workspace.
        objective: what should hold.
        start: first moment, UTC; what lies before the first event of its tables is left out.
        end: first moment that is not part of it, UTC.

    Raises:
        InputError: its condition, a label or an aggregation cannot be had.
        NotFoundError: a metric does not exist.
    """
    names = metrics_of(engine, objective)
    tables = frozenset(engine.metric(name).table for name in names)
    firsts = [first for each in tables if (first := span_of(engine, each)[0]) is not None]
    step = timedelta(seconds=objective.step)
    begin = max(start, min(firsts, default=end))
    if end - begin < step:
        none = np.empty(0, dtype=np.float64)
        return Measured(np.empty(0, dtype="datetime64[us]"), none, none, step, names, tables)
    ask = _Ask(engine, begin, end, format_duration(step), tuple(objective.filters.items()))
    times, total, bad = _events(ask, objective) if objective.bad else _steps(ask, objective)
    whole = (times >= _plain(begin)) & (times + np.timedelta64(step) <= _plain(end))
    return Measured(times[whole], total[whole], bad[whole], step, names, tables)


@dataclass(frozen=True)
class _Ask:
    """What all questions of an objective share."""

    engine: Engine
    start: datetime
    end: datetime
    step: str
    filters: Filters

    def line(self, metric: str, aggregation: str = "", more: Filters = ()) -> tuple[Steps, Floats]:
        """A metric over the steps; NaN where it has no value."""
        result = run(
            self.engine,
            QueryRequest(
                metric=metric,
                start=self.start,
                end=self.end,
                aggregation=aggregation or None,
                filters=(*self.filters, *more),
                step=self.step,
            ),
        )
        points = result.series[0].points if result.series else ()
        times = np.array([_plain(at) for at, _ in points], dtype="datetime64[us]")
        values = [np.nan if value is None else value for _, value in points]
        return times, np.array(values, dtype=np.float64)


def _events(ask: _Ask, objective: Objective) -> tuple[Steps, Floats, Floats]:
    times, counted = ask.line(objective.metric, "sum")
    total = np.nan_to_num(counted)
    bad = np.zeros_like(total)
    for name, values in objective.bad.items():
        for value in values:
            at, found = ask.line(objective.metric, "sum", ((name, value),))
            bad += np.nan_to_num(_on(times, at, found))
    return times, total, np.minimum(bad, total)


def _steps(ask: _Ask, objective: Objective) -> tuple[Steps, Floats, Floats]:
    condition, parts = _comparisons(ask.engine, objective)
    asked = {each: ask.line(each.subject.metric, each.subject.aggregation) for each in parts}
    times = max((at for at, _ in asked.values()), key=len)
    lines = {each: _on(times, at, values) for each, (at, values) in asked.items()}
    known = np.logical_and.reduce([np.isfinite(values) for values in lines.values()])
    good = _holds(condition, lines) & known
    counted = known | (objective.no_data != "skip")
    if objective.no_data == "good":
        good |= ~known
    return times, counted.astype(np.float64), (counted & ~good).astype(np.float64)


def _holds(condition: Condition, lines: dict[Comparison, Floats]) -> Flags:
    held: Flags
    match condition:
        case Comparison():
            held = _COMPARE[condition.op](lines[condition], condition.number)
        case Not():
            held = ~_holds(condition.part, lines)
        case And():
            held = np.logical_and.reduce([_holds(each, lines) for each in condition.parts])
        case Either():
            held = np.logical_or.reduce([_holds(each, lines) for each in condition.parts])
        case _:
            raise InputError("an objective is made of comparisons with numbers.")
    return held


def _comparisons(engine: Engine, objective: Objective) -> tuple[Condition, Sequence[Comparison]]:
    """The condition of an objective with all names filled in, and its clauses, each once."""
    read = parse_condition(objective.condition)
    for clause in clauses(read):
        if not isinstance(clause, Comparison):
            raise InputError(
                f"objective {objective.name!r}: {objective.condition!r} is more than comparisons "
                "with numbers.",
                hint="Such as: p95(events_duration_ms) <= 300ms, or dq_score >= 95%.",
            )
        if clause.subject.over:
            raise InputError(
                f"objective {objective.name!r}: a value is taken over the step of the objective.",
                hint="Give the objective a step, such as step: 1h, and leave 'over' out.",
            )
    made = resolved(read, objective.metric, "", engine.metric)
    found = [each for each in clauses(made) if isinstance(each, Comparison)]
    return made, list(dict.fromkeys(found))


def _on(times: Steps, at: Steps, values: Floats) -> Floats:
    """Values at steps of their own, put on other steps; NaN where there is none."""
    found = np.full(len(times), np.nan)
    if len(at) and len(times):
        places = np.searchsorted(times, at)
        fits = places < len(times)
        fits[fits] = times[places[fits]] == at[fits]
        found[places[fits]] = values[fits]
    return found


def _plain(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
