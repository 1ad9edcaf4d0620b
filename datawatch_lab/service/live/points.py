"""What has changed in the answer to a range query: points to put in place, what leaves.

`change` makes an increment, `apply` is what a client does with it, `merge` makes one of two:
``apply(apply(a, x), y) == apply(a, merge(x, y))``, and ``apply(a, change(a, b)) == b``, but for the
data version, which alone is no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer

Points = list[tuple[str, float | None]]
Labels = dict[str, str]


class MetricChange(
    msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}
):
    """The way from one answer of a range query to a later one.

    Attributes:
        aggregation, unit, step: as in the answer of the range query.
        start, end: ``from`` and ``to``: the range now; points before it leave.
        open: start of the bucket that is not over yet, or None.
        version: data version that the values belong to.
        whole: forget what was there before; `series` is all of it.
        gone: labels of series that are no more; they leave before `series` is put in.
        series: points that are new, or whose value is a new one.
    """

    aggregation: str
    unit: str
    step: str | None
    start: str
    end: str
    open: str | None
    version: int
    series: list[SeriesAnswer]
    whole: bool = False
    gone: list[Labels] = []


class MetricsData(msgspec.Struct, frozen=True):
    """The data of a ``metrics_update`` of followed metrics.

    Attributes:
        metrics: those in which something has changed, by name.
    """

    metrics: dict[str, MetricChange]


def whole(answer: QueryAnswer) -> MetricChange:
    """An answer as the increment that stands for itself."""
    return _change(answer, answer.series, whole=True)


def change(old: QueryAnswer, new: QueryAnswer) -> MetricChange | None:
    """What leads from one answer to a later one of the same question; None when nothing does.

    An answer with other buckets is sent whole.
    """
    same = (old.aggregation, old.unit, old.step) == (new.aggregation, new.unit, new.step)
    before = {_key(each.labels): each for each in old.series}
    series = []
    for each in new.series:
        known = before.pop(_key(each.labels), None)
        points = each.points if known is None else changed_points(known.points, each.points)
        if points is None or not same:
            return whole(new)
        if points or known is None:
            series.append(SeriesAnswer(each.labels, points))
    gone = [each.labels for each in before.values()]
    moved = (old.start, old.end, old.open) != (new.start, new.end, new.open)
    if not (series or gone or moved) and same:
        return None
    return _change(new, series, gone=gone) if same else whole(new)


def changed_points(old: Points, new: Points) -> Points | None:
    """Points of a series that are new or differ; None when the buckets are not the same ones.

    >>> changed_points([("a", 1.0), ("b", 2.0)], [("b", 3.0), ("c", 4.0)])
    [('b', 3.0), ('c', 4.0)]
    >>> changed_points([("a", 1.0)], [("c", 1.0)]) is None
    True
    """
    if not old and not new:
        return []
    first = new[0][0] if new else None
    gone = next((place for place, point in enumerate(old) if point[0] == first), None)
    if gone is None:
        return None
    kept = len(old) - gone
    if kept > len(new):
        return None
    if old[gone:] == new[:kept]:
        return new[kept:]
    pairs = list(zip(old[gone:], new, strict=False))
    if any(was[0] != now[0] for was, now in pairs):
        return None
    return [now for was, now in pairs if was != now] + new[kept:]


def merge(first: MetricChange, then: MetricChange) -> MetricChange:
    """Two increments, one after the other, as one."""
    if then.whole:
        return then
    left = {_key(each) for each in then.gone}
    found = {_key(each.labels): each for each in first.series if _key(each.labels) not in left}
    for each in then.series:
        known = found.get(_key(each.labels))
        points = put(known.points, each.points) if known else each.points
        found[_key(each.labels)] = SeriesAnswer(each.labels, points)
    gone = {_key(each): each for each in (*first.gone, *then.gone)}
    return msgspec.structs.replace(
        then, series=list(found.values()), whole=first.whole, gone=list(gone.values())
    )


def merge_all(data: Sequence[MetricsData]) -> MetricsData:
    """Increments of several metrics, in order, as one; at least one is given."""
    metrics = dict(data[0].metrics)
    for later in data[1:]:
        for name, each in later.metrics.items():
            metrics[name] = merge(metrics[name], each) if name in metrics else each
    return MetricsData(metrics)


def apply(held: MetricChange | None, given: MetricChange) -> MetricChange:
    """What a client has of a metric after an increment, as a whole.

    Args:
        held: what it had, as a whole; None before the first.
        given: the increment.
    """
    left = {_key(each) for each in given.gone}
    kept = held.series if held is not None and not given.whole else []
    found = {_key(each.labels): each for each in kept if _key(each.labels) not in left}
    for each in given.series:
        known = found.get(_key(each.labels))
        points = put(known.points, each.points) if known else each.points
        found[_key(each.labels)] = SeriesAnswer(each.labels, points)
    since = datetime.fromisoformat(given.start)
    series = [
        SeriesAnswer(each.labels, [p for p in each.points if datetime.fromisoformat(p[0]) >= since])
        for each in found.values()
    ]
    return msgspec.structs.replace(given, series=series, whole=True, gone=[])


def put(points: Iterable[tuple[str, float | None]], later: Points) -> Points:
    """Points with later ones put in their places, in order of time.

    >>> put([("a", 1.0), ("b", 2.0)], [("b", 3.0), ("c", 4.0)])
    [('a', 1.0), ('b', 3.0), ('c', 4.0)]
    """
    return sorted({**dict(points), **dict(later)}.items())


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _change(
    answer: QueryAnswer,
    series: list[SeriesAnswer],
    *,
    whole: bool = False,
    gone: Sequence[Labels] = (),
) -> MetricChange:
    return MetricChange(
        aggregation=answer.aggregation,
        unit=answer.unit,
        step=answer.step,
        start=answer.start,
        end=answer.end,
        open=answer.open,
        version=answer.version,
        series=series,
        whole=whole,
        gone=list(gone),
    )
