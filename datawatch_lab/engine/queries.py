"""Questions about metrics: names and words in, plan, read, values out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef, TableInfo
from datawatch_lab.engine.answering import FORMULA, Answered, Wanted, answer, read
from datawatch_lab.engine.comparing import Comparison, compare
from datawatch_lab.engine.windows import Window, range_of, span_of, window_of
from datawatch_lab.metrics.finalise import ResultSeries, finalise
from datawatch_lab.metrics.query import QUANTILES, plan

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class QueryRequest:
    """A question in a user's words.

    Attributes:
        metric: name of the metric.
        start, end: absolute or relative times; None for a range that suits the data.
        aggregation: None for the metric's own.
        group_by: labels.
        filters: (label, value) pairs.
        step: a duration (whole days go by the workspace's clock; also ``1w``, ``1mo``), or None for
            one that suits the range.
        stepped: whether points over time are wanted rather than one value.
        compare: ``previous_period``, ``same_hour_yesterday`` or ``same_hour_last_week``.
    """

    metric: str
    start: str | datetime | None = None
    end: str | datetime | None = None
    aggregation: str | None = None
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    step: str | None = None
    stepped: bool = True
    compare: str | None = None


@dataclass(frozen=True)
class QueryResult:
    """The answer.

    Attributes:
        aggregation: its name; ``formula`` for a formula.
        start, end: the range, widened to whole steps (or seconds).
        step: width of a bucket as a duration, or None.
        series: labels and points each.
        open: start of the bucket that is not over yet, or None.
        version: data version before the read; newer data may be in it, older is not missing.
        comparison: with an earlier time, when it was asked for.
    """

    aggregation: str
    start: datetime
    end: datetime
    step: str | None
    series: tuple[ResultSeries, ...]
    unit: str
    open: datetime | None
    version: int
    comparison: Comparison | None = None


def run(engine: Engine, request: QueryRequest) -> QueryResult:
    """Answer a question.

    Raises:
        InputError: a name, a time, a label, the step or the aggregation cannot be had.
    """
    engine.measures.custom.resume(engine)  # a back-fill that a restart cut off
    metric = engine.metric(request.metric)
    wanted = Wanted(
        now=engine.clock.now(),
        aggregation=_aggregation(request.aggregation),
        group_by=request.group_by,
        filters=request.filters,
    )
    start, end = range_of(engine, request.start, request.end, metric.table)
    window = Window(start, end)
    if request.stepped:
        finest = _finest(engine, metric, wanted, start)
        window = window_of(engine, start, end, request.step, finest)
    version = engine.version
    found = answer(engine, metric, window, wanted)
    result = QueryResult(
        aggregation=found.aggregation,
        start=found.start,
        end=found.end,
        step=window.words,
        series=found.series,
        unit=metric.unit,
        open=_open(found, wanted.now) if window.stepped else None,
        version=version,
    )
    if request.compare is None:
        return result
    zone = ZoneInfo(engine.settings.timezone)
    earlier = compare(
        request.compare,
        window,
        found,
        zone,
        lambda other: answer(engine, metric, other, wanted),
    )
    return replace(result, comparison=earlier)


def _finest(engine: Engine, metric: MetricDef, wanted: Wanted, start: datetime) -> timedelta:
    """The narrowest step that a metric can be had in from a moment on."""
    chosen = wanted.aggregation or metric.aggregation
    sketch = (
        chosen in QUANTILES
        or chosen is Aggregation.DISTINCT
        or metric.measure is MeasureKind.FORMULA
    )
    return engine.kept(span_of(engine, metric.table)[1]).finest(start, sketch=sketch)


def _open(found: Answered, now: datetime) -> datetime | None:
    """Start of the bucket that is not over at the moment of asking."""
    if not found.start <= now < found.end:
        return None
    return max(at for at in found.times if at <= now)


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
        kept=engine.kept(last),
    )
    series = finalise(asked, *read(engine, asked)).series
    value = series[0].value if series else None
    return None if value is None else round(value)


def _aggregation(name: str | None) -> Aggregation | None:
    if name is None or name == FORMULA:
        return None
    try:
        return Aggregation(name.lower())
    except ValueError:
        options = ", ".join(each.value for each in Aggregation)
        raise InputError(f"no aggregation {name!r}. Aggregations: {options}.") from None
