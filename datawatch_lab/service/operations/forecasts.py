"""Forecasts of metrics, and how past ones did."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.forecasts import Told
from datawatch_lab.engine import Engine
from datawatch_lab.engine.forecasting import asking as forecasting
from datawatch_lab.engine.forecasting import past as forecasting_past
from datawatch_lab.service.access.masking import check_filters, hidden_labels, masked_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.metrics import read_filters

_MOST_PAST = 5_000


class ForecastPoint(msgspec.Struct, frozen=True):
    """A step ahead: start of the bucket, the value, and the ends of its interval."""

    at: str
    value: float
    low: float
    high: float


class PastForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast that was given, beside what happened.

    Attributes:
        made: when, as the end of the history that it was made from.
        at: start of the bucket that it is about.
        lead: steps ahead that this was.
        actual: what came; None for nothing.
    """

    made: str
    at: str
    lead: int
    value: float
    low: float
    high: float
    model: str
    actual: float | None


class AccuracyAnswer(msgspec.Struct, frozen=True):
    """How past forecasts did.

    Attributes:
        count: forecasts whose time is over, of those that were looked at.
        mae: mean size of what they were off by.
        bias: mean of forecast minus actual.
        inside: share of actual values in their interval, in [0, 1].
    """

    count: int
    mae: float
    bias: float
    inside: float


class TestedModel(msgspec.Struct, frozen=True):
    """A model on the history of the series.

    Attributes:
        mae: mean size of its errors over the horizon; None for none.
        mase: that by the error of the seasonal naive forecast; below 1 is better. None where that
            was never wrong.
    """

    model: str
    mae: float | None
    mase: float | None


class CrossingAnswer(msgspec.Struct, frozen=True):
    """A threshold that is passed.

    Attributes:
        threshold: the value.
        at: start of the bucket that is the first beyond it.
        likely: the forecast itself passes it; else only its interval reaches it.
        direction: ``up`` or ``down``.
    """

    threshold: float
    at: str
    likely: bool
    direction: str


class ForecastSeries(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast of a series.

    Attributes:
        labels: of the series.
        state: ``ready``, or ``warming`` while points are missing.
        missing: points until there can be a forecast.
        recommendation: in words.
        model: whose word it is; '' while warming.
        confidence: in [0, 1]; None while warming.
        points: the steps ahead.
        history: the newest [start of a bucket, value] before them.
        crossing: the threshold that is passed first; None for none.
        tested: models on the series' own past, best first.
        accuracy: of `past`; None when it was not asked for, or nothing came yet.
        past: past forecasts, oldest first.
    """

    labels: dict[str, str]
    state: str
    missing: int
    recommendation: str
    model: str = ""
    confidence: float | None = None
    points: list[ForecastPoint] = []
    history: list[tuple[str, float | None]] = []
    crossing: CrossingAnswer | None = None
    tested: list[TestedModel] = []
    accuracy: AccuracyAnswer | None = None
    past: list[PastForecast] = []


class ForecastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Forecasts of a metric.

    Attributes:
        horizon: as it was asked for.
        step: width of a bucket.
        level: share of values that should lie in the interval.
        made: end of the history; the first step begins there, before now, since the bucket that is
            not over yet is a step ahead too.
        series: largest first.
        left_out: series beyond the 20 largest.
        version: data version that the forecast belongs to.
    """

    metric: str
    aggregation: str
    unit: str
    horizon: str
    step: str
    level: float
    made: str
    series: list[ForecastSeries]
    left_out: int
    version: int


class ForecastAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What to forecast.

    Attributes:
        metric: its name.
        horizon: a duration from 1m to 90d; up to 1h in minutes, up to 7d in hours, beyond in days.
        by: a label, or several with commas; one series per combination of values.
        filters: ``label=value``, as for queries.
        aggregation: without one, what the metric's name says.
        level: share of values that should lie in the interval, from 0.5 to 0.99.
        model: ``auto``, ``thorough``, or one of linear, seasonal_naive, holt_winters, profile,
            snarimax, mstl, arima.
        threshold: a value that somebody cares about; without one, those of the alert rules.
        past: also so many of the past forecasts of each series, beside what happened.
    """

    metric: str
    horizon: str = "1h"
    by: str | None = None
    filters: str | list[str] | None = None
    aggregation: str | None = None
    level: float = 0.8
    model: str = "auto"
    threshold: float | None = None
    past: int = 0


@operation("GET", f"{API}/forecasts")
def forecast(engine: Engine, ask: ForecastAsk) -> ForecastAnswer:
    """What a metric will be: values, intervals, confidence, and what that means in words."""
    if not 0 <= ask.past <= _MOST_PAST:
        raise InputError(f"past is {ask.past:,}; it goes from 0 to {_MOST_PAST:,}.")
    hidden = hidden_labels(engine, ask.metric)
    filters = read_filters(ask.filters)
    check_filters(hidden, filters)
    request = forecasting.ForecastRequest(
        metric=ask.metric,
        horizon=ask.horizon,
        aggregation=ask.aggregation,
        group_by=tuple(filter(None, (ask.by or "").split(","))),
        filters=filters,
        level=ask.level,
        model=ask.model,
        threshold=ask.threshold,
    )
    found = forecasting.ask(engine, request)
    told = {each.labels: each for each in forecasting.told_of(request, found)} if ask.past else {}
    series = []
    for each in found.series:
        like = told.get(forecasting.labels_text(each.labels))
        past = _past(engine, request, found, like, ask.past)
        series.append(_series(each, masked_labels(each.labels, hidden), past))
    return ForecastAnswer(
        metric=ask.metric,
        aggregation=found.aggregation,
        unit=found.unit,
        horizon=ask.horizon,
        step=found.pace.words,
        level=ask.level,
        made=iso(found.made) or "",
        series=series,
        left_out=found.left_out,
        version=found.version,
    )


def _past(
    engine: Engine,
    request: forecasting.ForecastRequest,
    found: forecasting.Forecast,
    like: Told | None,
    most: int,
) -> list[forecasting_past.Compared]:
    if like is None:
        return []
    return forecasting_past.compared(engine, request, like, found.made, most)


def _series(
    found: forecasting.SeriesForecast,
    labels: dict[str, str],
    past: Sequence[forecasting_past.Compared],
) -> ForecastSeries:
    history = [(iso(at) or "", value) for at, value in found.past]
    outcome = found.outcome
    if outcome is None:
        return ForecastSeries(
            labels=labels,
            state="warming",
            missing=found.missing,
            recommendation=found.recommendation,
            history=history,
        )
    lines = (outcome.values.tolist(), outcome.low.tolist(), outcome.high.tolist())
    did = forecasting_past.accuracy_of(past)
    return ForecastSeries(
        labels=labels,
        state="ready",
        missing=0,
        recommendation=found.recommendation,
        model=outcome.model,
        confidence=outcome.confidence,
        points=[
            ForecastPoint(iso(at) or "", *three)
            for at, *three in zip(found.times, *lines, strict=True)
        ],
        history=history,
        crossing=_crossing(found),
        tested=[
            TestedModel(each.model, _known(each.mae), _known(each.mase)) for each in outcome.tested
        ],
        accuracy=AccuracyAnswer(did.count, did.mae, did.bias, did.inside) if did else None,
        past=[_beside(each) for each in past],
    )


def _crossing(found: forecasting.SeriesForecast) -> CrossingAnswer | None:
    passed = found.crossing
    if passed is None:
        return None
    at = iso(found.times[passed.step]) or ""
    return CrossingAnswer(passed.threshold, at, passed.likely, "up" if passed.rises else "down")


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _beside(pair: forecasting_past.Compared) -> PastForecast:
    told = pair.told
    return PastForecast(
        made=iso(told.made) or "",
        at=iso(told.at) or "",
        lead=told.lead,
        value=told.value,
        low=told.low,
        high=told.high,
        model=told.model,
        actual=pair.actual,
    )
