"""Forecasts of metrics: the history of each series is read, and its models are tried on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.forecasts import DAYS, LONGEST, Pace, Told, pace_of
from datawatch_lab.engine.forecasting.past import Kept
from datawatch_lab.engine.forecasting.thresholds import thresholds_of
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.engine.windows import is_current, span_of
from datawatch_lab.forecast.base import Floats, Series
from datawatch_lab.forecast.choice import LEAST, LOOK, Outcome, forecast
from datawatch_lab.forecast.registry import AUTO, chosen
from datawatch_lab.forecast.seasons import seasons_of
from datawatch_lab.forecast.words import Crossing, crossings, recommend
from datawatch_lab.metrics.finalise import ResultSeries

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

MOST_SERIES = 20
"""Series forecast at a time: the largest ones by their newest values."""

_SHORTEST = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class ForecastRequest:
    """A question about what is coming, in a user's words.

    Attributes:
        metric: its name.
        horizon: a duration from 1m to 90d.
        aggregation: None for the metric's own.
        group_by: labels; each combination of values is forecast by itself.
        filters: (label, value) pairs.
        level: share of values that should lie in the interval, in [0.5, 0.99].
        model: ``auto``, ``thorough`` or the name of one.
        threshold: a value that somebody cares about; None for those of the alert rules.
    """

    metric: str
    horizon: str = "1h"
    aggregation: str | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    level: float = 0.8
    model: str = AUTO
    threshold: float | None = None

    @property
    def scope(self) -> str:
        """What of it a kept forecast is told apart by, beside the metric and the labels."""
        parts = [self.aggregation or "", *(f"{name}={value}" for name, value in self.filters)]
        return "\x1f".join(parts)


@dataclass(frozen=True)
class SeriesForecast:
    """The forecast of a series.

    Attributes:
        labels: of the series.
        times: start of each step ahead, UTC; the first is the bucket that is not over yet.
        past: (start of a bucket, value) of the newest history, as many as the steps at most.
        outcome: None while points are missing.
        missing: points until there can be a forecast.
        crossing: the threshold that is passed first.
        recommendation: in words.
    """

    labels: dict[str, str]
    times: tuple[datetime, ...]
    past: tuple[tuple[datetime, float | None], ...]
    outcome: Outcome | None
    missing: int
    crossing: Crossing | None
    recommendation: str


@dataclass(frozen=True)
class Forecast:
    """The answer: series, largest first.

    Attributes:
        made: end of the history, from where the steps ahead go on.
        pace: step, and what goes with it.
        left_out: series beyond `MOST_SERIES`.
    """

    made: datetime
    pace: Pace
    unit: str
    aggregation: str
    series: tuple[SeriesForecast, ...]
    left_out: int
    version: int


def ask(
    engine: Engine, request: ForecastRequest, *, keep: bool = True, whole: bool = False
) -> Forecast:
    """Forecast a metric.

    Args:
        engine: of the workspace.
        request: what is asked.
        keep: note it, to be compared with what happens, and make it again from time to time.
        whole: refuse to leave out series.

    Raises:
        InputError: the horizon, the level, the model, a label or the aggregation cannot be had, or
            ``whole`` is asked of more than `MOST_SERIES`.
        NotFoundError: there is no such metric.
    """
    horizon = _horizon(request)
    chosen(request.model)
    metric = engine.metric(request.metric)
    pace = pace_of(horizon)
    made, until = _bounds(engine, metric.table, pace, engine.clock)
    found = run(
        engine,
        QueryRequest(
            metric=request.metric,
            start=made - pace.past,
            end=until,
            aggregation=request.aggregation,
            group_by=request.group_by,
            filters=request.filters,
            step=pace.words,
        ),
    )
    if whole and len(found.series) > MOST_SERIES:
        by = ", ".join(request.group_by)
        raise InputError(
            f"{request.metric} by {by} has {len(found.series):,} series, {MOST_SERIES} can be "
            "predicted.",
            hint="Filter them by labels, in several rules if need be, or group by fewer labels.",
        )
    asking = _Asking(
        request=request,
        pace=pace,
        made=made,
        until=until,
        times=_ahead(made, until + horizon, pace, engine.settings.timezone),
        zone=engine.settings.timezone,
        thresholds=thresholds_of(engine, metric, request.threshold),
        unit=found.unit,
    )
    ordered = sorted(found.series, key=_weight, reverse=True)
    series = tuple(asking.series(each) for each in ordered[:MOST_SERIES])
    answer = Forecast(
        made=made,
        pace=pace,
        unit=found.unit,
        aggregation=found.aggregation,
        series=series,
        left_out=max(len(ordered) - MOST_SERIES, 0),
        version=found.version,
    )
    if keep:
        engine.beside(Kept).take(told_of(request, answer), request)
    return answer


def _horizon(request: ForecastRequest) -> timedelta:
    horizon = parse_duration(request.horizon)
    if not _SHORTEST <= horizon <= LONGEST:
        raise InputError(
            f"horizon is {request.horizon}; it goes from 1m to {format_duration(LONGEST)}.",
            hint="Such as 5m, 15m, 1h, 1d or 30d.",
        )
    if not 0.5 <= request.level <= 0.99:
        raise InputError(
            f"level is {request.level:g}; it goes from 0.5 to 0.99.",
            hint="0.8 makes intervals that four values in five lie in.",
        )
    return horizon


def _bounds(engine: Engine, table: str, pace: Pace, clock: Clock) -> tuple[datetime, datetime]:
    """End of the whole buckets that are over, and the moment that the horizon counts from.

    The clock's moment while the table has data of now, else that of its newest event.
    """
    now = clock.now()
    last = span_of(engine, table)[1]
    if last is None:
        return _floor(now, pace, engine.settings.timezone), now
    if is_current(engine, table, now):
        over = now - engine.settings.close_delay
        return _floor(over, pace, engine.settings.timezone), now
    ended = _floor(last + _MOMENT, pace, engine.settings.timezone)
    return ended, max(ended, last + _MOMENT)


def _floor(at: datetime, pace: Pace, zone: str) -> datetime:
    """Start of the bucket that a moment is in; days by the workspace's clock."""
    if pace is DAYS:
        local = at.astimezone(ZoneInfo(zone))
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return day.astimezone(UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (at - epoch) // pace.step * pace.step


def _ahead(made: datetime, until: datetime, pace: Pace, zone: str) -> tuple[datetime, ...]:
    """Starts of the steps from ``made`` up to the horizon, at least one."""
    if pace is not DAYS:
        count = max(-((made - until) // pace.step), 1)
        return tuple(made + pace.step * each for each in range(count))
    local = made.astimezone(ZoneInfo(zone))
    count = max(-((made - until) // pace.step), 1)
    return tuple((local + timedelta(days=each)).astimezone(UTC) for each in range(count))


def _weight(series: ResultSeries) -> float:
    newest = [abs(value) for _, value in series.points[-50:] if value is not None]
    return sum(newest) / len(newest) if newest else -1.0


@dataclass(frozen=True)
class _Asking:
    """What all series of an answer share."""

    request: ForecastRequest
    pace: Pace
    made: datetime
    until: datetime
    times: tuple[datetime, ...]
    zone: str
    thresholds: tuple[float, ...]
    unit: str

    def series(self, found: ResultSeries) -> SeriesForecast:
        """The forecast of one series, or how many points are missing."""
        over = [each for each in found.points if each[0] < self.made]
        values = np.array([np.nan if v is None else v for _, v in over], dtype=np.float64)
        past = tuple(over[-max(len(self.times), LEAST) :])
        labels, known = dict(found.labels), int(np.isfinite(values).sum())
        if known < LEAST:
            words = self._missing(known)
            return SeriesForecast(labels, self.times, past, None, LEAST - known, None, words)
        steps = [at for at, _ in over]
        seen = self._seen()
        seasons = seasons_of([*steps, *seen], len(over), self.pace.step, self.zone)
        series = Series(values, tuple(seasons))
        request = self.request
        outcome = forecast(series, chosen(request.model), len(self.times), request.level)
        now = float(values[np.isfinite(values)][-1])
        passed = crossings(outcome, now, self.thresholds)
        words = recommend(
            request.metric,
            outcome,
            now=now,
            ahead=[each - self.until for each in self.times],
            horizon=parse_duration(request.horizon),
            level=request.level,
            unit=self.unit,
            thresholds=self.thresholds,
        )
        first = passed[0] if passed else None
        return SeriesForecast(labels, self.times, past, outcome, 0, first, words)

    def _seen(self) -> tuple[datetime, ...]:
        """The steps ahead, and as many more as models are compared over."""
        until = self.made + max(LOOK, len(self.times)) * self.pace.step
        return max(self.times, _ahead(self.made, until, self.pace, self.zone), key=len)

    def _missing(self, known: int) -> str:
        missing = LEAST - known
        noun = "point is" if missing == 1 else "points are"
        return (
            f"{missing} more {noun} needed: a forecast in steps of {self.pace.words} needs "
            f"{LEAST}, {known} are there."
        )


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as JSON with sorted names, as kept forecasts have them."""
    return msgspec.json.encode(dict(labels), order="sorted").decode()


def told_of(request: ForecastRequest, answer: Forecast) -> list[Told]:
    """The steps of a forecast that are kept."""
    found = []
    for each in answer.series:
        if each.outcome is None:
            continue
        last = len(each.times)
        leads = sorted({lead for lead in (*answer.pace.leads, last) if lead <= last})
        found += [_told(request, answer, each, lead) for lead in leads]
    return found


def _told(request: ForecastRequest, answer: Forecast, series: SeriesForecast, lead: int) -> Told:
    outcome = series.outcome
    if outcome is None:
        raise ValueError("a series without a forecast has told nothing.")

    def of(line: Floats) -> float:
        return float(line[lead - 1])

    return Told(
        metric=request.metric,
        scope=request.scope,
        labels=labels_text(series.labels),
        step=int(answer.pace.step.total_seconds()),
        made=answer.made,
        at=series.times[lead - 1],
        lead=lead,
        value=of(outcome.values),
        low=of(outcome.low),
        high=of(outcome.high),
        level=request.level,
        model=outcome.model,
    )
