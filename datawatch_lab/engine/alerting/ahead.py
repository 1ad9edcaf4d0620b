"""Values that conditions predict: the forecast of a metric, so far ahead."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.alerts.judging import Value
from datawatch_lab.core.durations import format_duration
from datawatch_lab.engine.alerting.grid import Ask, Labels

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.engine.forecasting import ForecastRequest

FRESH = timedelta(minutes=15)
"""A moment that is decided later than this after it has no forecast: it would know what came."""

HOLDS = timedelta(minutes=2)
"""How long a forecast is gone by: rules are judged more often than what is ahead changes."""

_KEPT = 200

Ahead = Mapping[Labels, Value]


class Predictions:
    """Forecasts of the last minutes; one per engine, ``engine.beside(Predictions)``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[ForecastRequest, tuple[datetime, Ahead]] = OrderedDict()

    def get(self, request: ForecastRequest) -> Ahead:
        """The value at the end of the horizon, by labels.

        Raises:
            InputError: it cannot be forecast, or there are more series than can be; says why.
        """
        now = self._engine.clock.now()
        with self._lock:
            made, found = self._known.get(request, (None, None))
        if made is None or found is None or not timedelta(0) <= now - made < HOLDS:
            found = self._made(request)
            with self._lock:
                self._known[request] = now, found
                self._known.move_to_end(request)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return found

    def _made(self, request: ForecastRequest) -> Ahead:
        from datawatch_lab.engine.forecasting import ask

        found: dict[Labels, Value] = {}
        for each in ask(self._engine, request, keep=False, whole=True).series:
            if each.outcome is not None:
                line = each.outcome
                found[tuple(sorted(each.labels.items()))] = Value(
                    float(line.values[-1]), float(line.low[-1]), float(line.high[-1])
                )
        return found


def ahead(engine: Engine, ask: Ask, back: timedelta, at: datetime) -> dict[Labels, Value]:
    """The forecast for so long after now, by labels; none for a moment that is long over.

    A forecast is gone by for two minutes.

    Raises:
        InputError: the metric, the labels or the horizon cannot be forecast, or there are more
            series than can be; says why.
    """
    from datawatch_lab.engine.forecasting import ForecastRequest

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
    return dict(engine.beside(Predictions).get(request))
