"""Anomalies as signals: episodes that were going on in a window, and how grave the worst was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.anomalies import SEVERITIES, Anomaly, Incident
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row
from datawatch_lab.engine.signals.base import Signal, described, is_wanted, labels_of
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.values import Values
    from datawatch_lab.engine.detection import Detection
    from datawatch_lab.engine.engine import Engine

_LABELS = ("incident", "metric", "severity", "table", "type")
"""With `by incident` a rule opens one alert an incident, however many metrics move in it."""
_SHOWN = 3


def _detection(engine: Engine) -> Detection:
    from datawatch_lab.engine.detection import Detection

    return engine.beside(Detection)


def _ready(engine: Engine) -> None:
    if not _detection(engine).enabled:
        raise InputError(
            "nothing looks for anomalies in this workspace, so no rule can be about them.",
            hint="Set anomaly.enabled: true, or write a rule on the metric: outside band.",
        )


def _settle(engine: Engine) -> None:
    _detection(engine).settle()


def _episodes(
    engine: Engine, ask: Ask, start: datetime, end: datetime
) -> Iterator[tuple[Anomaly, Mapping[str, Sequence[str]]]]:
    """Episodes that count, with their labels: neither withdrawn nor of a detector's training."""
    detection = _detection(engine)
    incidents = detection.incidents.names()
    for each in detection.between(start, end):
        if each.withdrawn or each.past:
            continue
        has = {
            "incident": (incidents.get(each.id, ""),),
            "metric": (each.metric_name,),
            "table": (each.table,),
            "type": (each.type,),
            "severity": (each.severity,),
            **{name: (value,) for name, value in each.labels.items()},
        }
        if is_wanted(ask, has):
            yield each, has


def _active(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    return _folded(values, ask, grid, lambda row, here, _: row + here)


def _severity(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    def worst(row: Row, here: Row, each: Anomaly) -> Row:
        return np.maximum(row, here * (SEVERITIES.index(each.severity) + 1))

    return _folded(values, ask, grid, worst)


def _folded(
    values: Values, ask: Ask, grid: Grid, fold: Callable[[Row, Row, Anomaly], Row]
) -> dict[Labels, Row]:
    """Episodes laid over the windows that they overlap."""
    rows: dict[Labels, Row] = {} if ask.group_by else {(): np.zeros(grid.count)}
    ends = grid.ends
    starts = ends - grid.over.total_seconds()
    for each, has in _episodes(values.engine, ask, grid.start, grid.end):
        began = (each.started_at - EPOCH).total_seconds()
        over = np.inf if each.active else (each.until - EPOCH).total_seconds()
        here = ((began < ends) & (over > starts)).astype(np.float64)
        labels = labels_of(ask, has)
        rows[labels] = fold(rows.get(labels, np.zeros(grid.count)), here, each)
    return rows


def _words(engine: Engine, ask: Ask, labels: Labels, start: datetime, end: datetime) -> str:
    narrowed = Ask(ask.metric, "", (*ask.filters, *labels), ask.group_by)
    found = [each for each, _ in _episodes(engine, narrowed, start, end)]
    incidents = _detection(engine).incidents.grouped(found)
    incidents.sort(key=lambda each: -abs(each.lead.deviation))
    more = len(incidents) - _SHOWN
    said = [_sentence(each) for each in incidents[:_SHOWN]]
    return " ".join([*said, *([f"And {more} more."] if more > 0 else [])])


def _sentence(incident: Incident) -> str:
    more = incident.more
    said = incident.lead.description
    return f"{said} {more[0].upper()}{more[1:]}." if more else said


SIGNALS = (
    Signal(
        described("anomaly.active", "1", _LABELS, "Anomalies that go on.", Aggregation.MAX),
        _active,
        settle=_settle,
        ready=_ready,
        words=_words,
        absent=0.0,
    ),
    Signal(
        described(
            "anomaly.severity",
            "",
            _LABELS,
            "The gravest: 1 low, 2 medium, 3 high, 4 critical; 0 for none.",
            Aggregation.MAX,
        ),
        _severity,
        settle=_settle,
        ready=_ready,
        words=_words,
        absent=0.0,
    ),
)
