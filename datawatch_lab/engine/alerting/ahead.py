"""Values that conditions predict: the forecast of a metric, so far ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.alerts.judging import Value
from datawatch_lab.core.durations import format_duration
from datawatch_lab.engine.alerting.grid import Ask, Labels

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

FRESH = timedelta(minutes=15)
"""A moment that is decided later than this after it has no forecast: it would know what came."""


def ahead(engine: Engine, ask: Ask, back: timedelta, at: datetime) -> dict[Labels, Value]:
    """The forecast for so long after now, by labels; none for a moment that is long over.

    Raises:
        InputError: the metric, the labels or the horizon cannot be forecast; says why.
    """
    from datawatch_lab.engine.forecasting import ForecastRequest
    from datawatch_lab.engine.forecasting import ask as forecast

    if engine.clock.now() - at > FRESH:
        return {}
    request = ForecastRequest(
        metric=ask.metric,
        horizon=format_duration(back),
        aggregation=ask.aggregation or None,
        group_by=ask.group_by,
        filters=ask.filters,
        threshold=0.0,  # the rule itself compares
    )
    found: dict[Labels, Value] = {}
    for each in forecast(engine, request, keep=False).series:
        if each.outcome is not None:
            line = each.outcome
            found[tuple(sorted(each.labels.items()))] = Value(
                float(line.values[-1]), float(line.low[-1]), float(line.high[-1])
            )
    return found
