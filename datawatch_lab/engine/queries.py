"""Questions about metrics: names and words in, plan, read, values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from datawatch_lab.core.durations import format_duration, parse_duration, parse_time
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.storage import MeasureStates
from datawatch_lab.core.values import Aggregation, MeasureKind, TableInfo
from datawatch_lab.metrics.finalise import ResultSeries, finalise
from datawatch_lab.metrics.query import Plan, plan

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_DEFAULT_RANGE = timedelta(hours=1)
_GOOD_POINTS = 240
_SECOND = timedelta(seconds=1)
_STEPS = tuple(
    timedelta(seconds=each)
    for each in (1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)
)


@dataclass(frozen=True)
class QueryRequest:
    """A question in a user's words.

    Attributes:
        metric: name of the metric.
        start, end: absolute or relative times; None for a range that suits the data.
        aggregation: None for the metric's own.
        group_by: labels.
        filters: (label, value) pairs.
        step: a duration, or None for one that suits the range.
        stepped: whether points over time are wanted rather than one value.
    """

    metric: str
    start: str | datetime | None = None
    end: str | datetime | None = None
    aggregation: str | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    step: str | None = None
    stepped: bool = True


@dataclass(frozen=True)
class QueryResult:
    """The answer.

    Attributes:
        start, end: the range, widened to whole steps (or seconds).
        step: width of a bucket as a duration, or None.
        series: labels and points each.
        open: start of the bucket that is not over yet, or None.
        version: data version before the read; newer data may be in it, older is not missing.
    """

    aggregation: Aggregation
    start: datetime
    end: datetime
    step: str | None
    series: tuple[ResultSeries, ...]
    unit: str
    open: datetime | None
    version: int


def run(engine: Engine, request: QueryRequest) -> QueryResult:
    """Answer a question.

    Raises:
        InputError: a name, a time, a label, the step or the aggregation cannot be had.
    """
    metric = engine.metric(request.metric)
    now = engine.clock.now()
    start, end = _range(engine, request, metric.table, now)
    step = _step(engine, request, metric.table, start, end)
    asked = plan(
        metric,
        engine.tables(),
        engine.measures.all,
        engine.measures.book.of,
        start=start,
        end=end,
        now=now,
        step=step,
        aggregation=_aggregation(request.aggregation),
        group_by=request.group_by,
        filters=request.filters,
        seconds_since=_seconds_since(engine, metric.table),
    )
    version = engine.version
    result = finalise(
        asked, *_read(engine, asked), present=_present(engine, asked, metric.table, now)
    )
    return QueryResult(
        aggregation=asked.aggregation,
        start=asked.start,
        end=asked.end,
        step=None if step is None else format_duration(step),
        series=result.series,
        unit=metric.unit,
        open=result.open,
        version=version,
    )


def row_count(engine: Engine, table: TableInfo) -> int | None:
    """Rows now in a table; None for one whose rows are not tracked."""
    metric = next(
        (
            each
            for each in engine.metrics().values()
            if each.table == table.name and each.measure is MeasureKind.ROWS
        ),
        None,
    )
    if metric is None:
        return None
    last = engine.table_counts(table).last_ts
    if last is None:
        return 0
    now = max(engine.clock.now(), last + _SECOND)
    asked = plan(
        metric,
        [table],
        engine.measures.all,
        engine.measures.book.of,
        start=last - _SECOND,
        end=now,
        now=now,
        seconds_since=engine.seconds_since(last),
    )
    series = finalise(asked, *_read(engine, asked)).series
    value = series[0].value if series else None
    return None if value is None else round(value)


def _read(engine: Engine, asked: Plan) -> tuple[MeasureStates, MeasureStates | None]:
    states = engine.store.read_measures(asked.read)
    return states, None if asked.base is None else engine.store.read_measures(asked.base)


def _present(
    engine: Engine, asked: Plan, table: str, now: datetime
) -> tuple[datetime, datetime] | None:
    """First and last moment that there is data for; up to now while the data is of today."""
    span = engine.store.measure_span(asked.presence) if asked.presence else None
    if span is None:
        return None
    return span[0], now if _is_current(engine, table, now) else span[1]


def _is_current(engine: Engine, table: str, now: datetime) -> bool:
    last = _span(engine, table)[1]
    return last is not None and now - last < _DEFAULT_RANGE


def _span(engine: Engine, table: str) -> tuple[datetime | None, datetime | None]:
    if not table:
        return engine.span()
    counts = engine.table_counts(engine.table(table))
    return counts.first_ts, counts.last_ts


def _range(
    engine: Engine, request: QueryRequest, table: str, now: datetime
) -> tuple[datetime, datetime]:
    zone = engine.settings.timezone
    end = None if request.end is None else parse_time(request.end, now, zone)
    if request.start is not None:
        return parse_time(request.start, now, zone), end or now
    first, last = _span(engine, table)
    if last is None or first is None or _is_current(engine, table, now):
        return (end or now) - _DEFAULT_RANGE, end or now
    newest = last + timedelta(microseconds=1)
    return min(first, (end or newest) - _SECOND), end or newest


def _seconds_since(engine: Engine, table: str) -> datetime | None:
    """From when on the 1s level is there."""
    return engine.seconds_since(_span(engine, table)[1])


def _step(
    engine: Engine, request: QueryRequest, table: str, start: datetime, end: datetime
) -> timedelta | None:
    if not request.stepped:
        return None
    if request.step is not None:
        step = parse_duration(request.step)
        if step < _SECOND or step % _SECOND:
            raise InputError(
                f"step {request.step!r} is not a whole number of seconds.",
                hint="The finest step is 1s.",
            )
        return step
    since = _seconds_since(engine, table)
    least = timedelta(minutes=1) if since is not None and start < since else _SECOND
    fitting = (each for each in _STEPS if each >= least and (end - start) / each <= _GOOD_POINTS)
    return next(fitting, _STEPS[-1])


def _aggregation(name: str | None) -> Aggregation | None:
    if name is None:
        return None
    try:
        return Aggregation(name.lower())
    except ValueError:
        options = ", ".join(each.value for each in Aggregation)
        raise InputError(f"no aggregation {name!r}. Aggregations: {options}.") from None
