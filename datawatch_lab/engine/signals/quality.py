"""Quality as signals: scores, violations, and rules that fail, from what the rules counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.quality import StoredRule
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row
from datawatch_lab.engine.signals.base import Signal, described, is_wanted, labels_of, placed
from datawatch_lab.quality.scores import Count, state_of

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.values import Values
    from datawatch_lab.engine.engine import Engine

_LABELS = ("dimension", "rule", "table")
_PATIENCE_SECONDS = 5.0
_SHOWN = 3


@dataclass(frozen=True)
class _Counted:
    """What a rule counted in each window."""

    stored: StoredRule
    rows: Row
    failed: Row


def score(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    """Score in percent; NaN where no row was looked at."""
    return {labels: _score(mine, grid) for labels, mine in _grouped(values, ask, grid).items()}


def score_of_metric(values: Values, metric: MetricDef, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    """The metrics ``dq_score`` and ``dq_score_T``, whose labels are among those of the signal."""
    mine = (("table", metric.table),) if metric.table else ()
    return score(values, Ask(ask.metric, "", (*ask.filters, *mine), ask.group_by), grid)


def is_score(metric: MetricDef) -> bool:
    """Whether a metric is a score of quality."""
    return metric.measure is MeasureKind.QUALITY


def _violations(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    grouped = _grouped(values, ask, grid)
    return {labels: _sum((each.failed for each in mine), grid) for labels, mine in grouped.items()}


def _failing(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    grouped = _grouped(values, ask, grid)
    return {labels: _sum(map(_fails, mine), grid) for labels, mine in grouped.items()}


def _sum(rows: Iterable[Row], grid: Grid) -> Row:
    listed = list(rows)
    return np.sum(listed, axis=0) if listed else np.full(grid.count, np.nan)


def _fails(each: _Counted) -> Row:
    """1 where fewer rows pass than the rule wants, as `quality.scores.state_of` has it."""
    rule, rows, failed = each.stored.rule, each.rows, each.failed
    few = rows - failed < rule.share * rows - 1e-9
    any_ = (failed > 0) if rule.alert_on == "any_violation" else np.zeros(len(rows), dtype=bool)
    return ((rows > 0) & (few | any_)).astype(np.float64)


def _score(mine: Sequence[_Counted], grid: Grid) -> Row:
    """Mean over tables of the mean over their rules by weight."""
    tables: dict[str, list[_Counted]] = {}
    for each in mine:
        tables.setdefault(each.stored.rule.table, []).append(each)
    total, known = np.zeros(grid.count), np.zeros(grid.count)
    for listed in tables.values():
        weights, points = np.zeros(grid.count), np.zeros(grid.count)
        for each in listed:
            seen = each.rows > 0
            share = 1.0 - each.failed / np.where(seen, each.rows, 1.0)
            points += np.where(seen, each.stored.rule.weight * 100.0 * share, 0.0)
            weights += np.where(seen, each.stored.rule.weight, 0.0)
        here = weights > 0
        total += np.where(here, points / np.where(here, weights, 1.0), 0.0)
        known += here
    return np.where(known > 0, total / np.where(known > 0, known, 1.0), np.nan)


def _grouped(values: Values, ask: Ask, grid: Grid) -> dict[Labels, list[_Counted]]:
    """What rules counted, by the labels that are asked for."""
    found: dict[Labels, list[_Counted]] = {} if ask.group_by else {(): []}
    for each, has in _rules(values.engine, ask):
        found.setdefault(labels_of(ask, has), []).append(_counted(values, each, grid))
    return found


def _rules(engine: Engine, ask: Ask) -> Iterator[tuple[StoredRule, Mapping[str, Sequence[str]]]]:
    """The rules that an ask is about, with their labels."""
    for each in engine.quality.rules:
        rule = each.rule
        has = {
            "table": (rule.table,),
            "dimension": (rule.about,),
            "rule": (rule.title, each.id, rule.rule),
        }
        if rule.enabled and is_wanted(ask, has):
            yield each, has


def _counted(values: Values, stored: StoredRule, grid: Grid) -> _Counted:
    whole = values.shared(("quality", grid), lambda: _read(values.engine, grid))
    nothing = np.zeros(grid.count)
    rows, failed = whole.get(stored.id, (nothing, nothing))
    return _Counted(stored, rows, failed)


def _read(engine: Engine, grid: Grid) -> dict[str, tuple[Row, Row]]:
    """Rows and failed rows of every rule in each window."""
    end = grid.start + (grid.count + grid.over // grid.stride - 1) * grid.stride
    found = engine.quality.store.counts(grid.start, end, grid.stride)
    return {
        str(rule): (placed(part, grid, "bucket", "rows"), placed(part, grid, "bucket", "failed"))
        for (rule,), part in found.group_by("rule")
    }


def _tables(engine: Engine, ask: Ask) -> Iterable[str]:
    """The table that is asked for; any, where it is all of them."""
    known = {each.name for each in engine.tables()}
    return [value for name, value in ask.filters if name == "table" and value in known] or ("",)


def settle(engine: Engine) -> None:
    """Evaluate what is stored by now; a long back-log is left to its own thread."""
    engine.quality.evaluate(_PATIENCE_SECONDS)


def _words(engine: Engine, ask: Ask, labels: Labels, start: datetime, end: datetime) -> str:
    """The rules that fail, worst first."""
    narrowed = Ask(ask.metric, "", (*ask.filters, *labels), ask.group_by)
    counts = {
        rule: Count(rows, failed)
        for rule, _, rows, failed in engine.quality.store.counts(start, end, None).iter_rows()
    }
    failing = [
        (count.failed / count.rows, each.rule, count)
        for each, _ in _rules(engine, narrowed)
        if (count := counts.get(each.id, Count())).failed
        and state_of(each.rule, count) == "failing"
    ]
    failing.sort(key=lambda each: -each[0])
    said = [
        f"{rule.title}: {count.failed:,} of {count.rows:,} rows"
        for _, rule, count in failing[:_SHOWN]
    ]
    more = len(failing) - _SHOWN
    return "; ".join([*said, *([f"and {more} more"] if more > 0 else [])])


_SUM = Aggregation.SUM

SIGNALS = (
    Signal(
        described("quality.score", "%", _LABELS, "Rows that keep to the rules, by weight."),
        score,
        _tables,
        settle,
        words=_words,
    ),
    Signal(
        described("quality.violations", "1", _LABELS, "Rows that break a rule.", _SUM),
        _violations,
        _tables,
        settle,
        words=_words,
    ),
    Signal(
        described("quality.failing", "1", _LABELS, "Rules that fewer rows keep to.", _SUM),
        _failing,
        _tables,
        settle,
        words=_words,
    ),
)
