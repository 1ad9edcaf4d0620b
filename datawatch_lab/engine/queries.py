"""Questions about metrics: names and words in, plan, read, values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef, TableInfo
from datawatch_lab.engine.answering import FORMULA, Answered, Wanted, answer, read
from datawatch_lab.engine.comparing import Comparison, compare
from datawatch_lab.engine.remembering import Question, basis_of, still_holds
from datawatch_lab.engine.windows import GOOD_POINTS, Window, range_of, span_of, window_of
from datawatch_lab.metrics.buckets import MAX_POINTS
from datawatch_lab.metrics.downsample import LEAST_POINTS
from datawatch_lab.metrics.finalise import ResultSeries, finalise
from datawatch_lab.metrics.query import QUANTILES, plan
from datawatch_lab.metrics.spans import ceil_to, floor_to
from datawatch_lab.store.summaries import TableCounts

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_POINTS_A_POINT = 10  # so many buckets are looked at for each point that is wanted
_BYTES_AN_ANSWER, _BYTES_A_POINT = 1_000, 130


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
        points: points of a series at most, such as the pixels of a chart: of more, those that draw
            the same line are kept; see `metrics.downsample`. None for one a bucket.
        backend: name of the metric back end that answers; '' for the workspace itself.
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
    points: int | None = None
    backend: str = ""


@dataclass(frozen=True)
class QueryResult:
    """The answer.

    Attributes:
        aggregation: its name; ``formula`` for a formula.
        start, end: the range, widened to whole steps (or seconds).
        step: width of a bucket as a duration, or None.
        series: labels and points each. The range and the step are those of the buckets, fewer of
            which are in the points when a number of these was asked for.
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
    question = _question(engine, request)
    version, now = engine.version, question.wanted.now
    if request.backend:
        return _answered(engine, question, version)
    known = engine.answers.find(question.key, now)
    if known is not None and still_holds(engine, question, known.basis):
        engine.answers.count(hit=True)
        return replace(known.value, version=version)
    engine.answers.count(hit=False)
    settled = engine.touched.version >= version  # all that belongs to the version is there
    result = _answered(engine, question, version)
    earlier = result.comparison.start if result.comparison else None
    basis = basis_of(engine, question, version, earlier or result.start) if settled else None
    if basis is not None:
        size = _size(result)
        engine.answers.put(question.key, result, basis, question.lifetime, now=now, size=size)
    return result


def _question(engine: Engine, request: QueryRequest) -> Question:
    """The words of a request read."""
    _check_points(request)
    metric = engine.metric(request.metric)
    wanted = Wanted(
        now=engine.clock.now(),
        aggregation=_aggregation(request.aggregation),
        group_by=request.group_by,
        filters=request.filters,
        backend=request.backend,
    )
    start, end = range_of(engine, request.start, request.end, metric.table)
    if request.backend:
        start, end = floor_to(start, _MINUTE), ceil_to(end, _MINUTE)
    window = Window(start, end)
    if request.stepped:
        finest = _finest(engine, metric, wanted, start)
        if request.backend:
            finest = max(finest, _MINUTE)
        most = GOOD_POINTS if request.points is None else request.points * _POINTS_A_POINT
        window = window_of(engine, start, end, request.step, finest, min(most, MAX_POINTS))
    return Question(metric, window, wanted, request.compare, request.points)


def _check_points(request: QueryRequest) -> None:
    """Refuse numbers of points that cannot be had.

    Raises:
        InputError: says which can.
    """
    if request.points is None:
        return
    if not LEAST_POINTS <= request.points <= MAX_POINTS:
        raise InputError(
            f"points is {request.points:,}; it goes from {LEAST_POINTS} to {MAX_POINTS:,}.",
            hint="Give the width of the chart in pixels, or leave it out for every point.",
        )
    if request.compare is not None:
        raise InputError(
            "points and compare cannot be had together: a comparison has a value for each bucket.",
            hint="Take a longer step in place of points.",
        )


def _answered(engine: Engine, question: Question, version: int) -> QueryResult:
    """The answer, made anew."""
    metric, window, wanted = question.metric, question.window, question.wanted
    found = answer(engine, metric, window, wanted)
    result = QueryResult(
        aggregation=found.aggregation,
        start=found.start,
        end=found.end,
        step=window.words,
        series=found.series_of(question.points),
        unit=metric.unit,
        open=_open(found, wanted.now) if window.stepped else None,
        version=version,
    )
    if question.compare is None:
        return result
    zone = ZoneInfo(engine.settings.timezone)
    earlier = compare(
        question.compare,
        window,
        found,
        zone,
        lambda other: answer(engine, metric, other, wanted),
    )
    return replace(result, comparison=earlier)


def _size(result: QueryResult) -> int:
    """Bytes that an answer takes, about."""
    points = sum(len(each.points) for each in result.series)
    if result.comparison is not None:
        points += 3 * sum(len(each.points) for each in result.comparison.series)
    return _BYTES_AN_ANSWER + _BYTES_A_POINT * points


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


@dataclass(frozen=True)
class Counted:
    """What there is of a table.

    Attributes:
        rows: now in it; None where rows are not tracked.
        seen: what it has sent.
    """

    rows: int | None
    seen: TableCounts


def counted(engine: Engine, tables: Iterable[TableInfo]) -> dict[int, Counted]:
    """What there is of each table, by its id."""
    metrics = {
        each.table: each for each in engine.metrics().values() if each.measure is MeasureKind.ROWS
    }
    counts = engine.store.table_counts()
    found: dict[int, Counted] = {}
    for table in tables:
        metric, seen = metrics.get(table.name), counts.get(table.id, TableCounts())
        rows = None if metric is None else _rows_at(engine, table, metric, seen.last_ts)
        found[table.id] = Counted(rows, seen)
    return found


def _rows_at(
    engine: Engine, table: TableInfo, metric: MetricDef, last: datetime | None
) -> int | None:
    """Rows of a table whose newest event is of ``last``."""
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
