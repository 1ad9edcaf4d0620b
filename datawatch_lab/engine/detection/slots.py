"""Which series are watched for anomalies, and of which stored series each is made.

A *slot* is one of them: a metric, its labels, and how stored states become its value. Counts,
sums, averages, delays, shares of nulls and transitions are watched, for the whole metric and by
each label it has; custom metrics by all of theirs. Rows that lack a label's field are none of its
parts: that a column comes or goes is a matter of the schema, which tells of it. Names that say the
same twice (``orders_created_rate`` beside ``orders_inserts_total``) are watched once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from datawatch_lab.anomaly.beneath import Beneath
from datawatch_lab.anomaly.combined import SHARE_LEAST
from datawatch_lab.core.errors import DataWatchError, InputError, NotFoundError
from datawatch_lab.core.values import Aggregation, Formula, MeasureKind, MetricDef, TableInfo
from datawatch_lab.engine.alerting.grid import Ask
from datawatch_lab.engine.alerting.values import Layout, Values
from datawatch_lab.metrics.book import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from datawatch_lab.engine.engine import Engine

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
"""Metric and labels of a slot: unique in a workspace."""

_A = Aggregation
_VALUES = (_A.SUM, _A.AVG)
_FOLDS = {_A.COUNT: "n", _A.RATE: "n", _A.SUM: "sum", _A.AVG: "avg", _A.MIN: "min", _A.MAX: "max"}
_WHOLE: tuple[str, ...] = ()


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One watched series.

    Attributes:
        table_id: of its table.
        fold: ``n``, ``sum``, ``avg``, ``min`` or ``max``.
        members: stored series that are merged into it.
        counted: no rows are 0, from ``since`` on; else they are no value.
        since: epoch seconds of the first event; infinite before.
        spread: a statistic of values, not of how many came.
        kind: of the measure that the states are of; None for states that are no metric's.
    """

    metric: str
    labels: Labels
    table: str
    table_id: int
    unit: str
    fold: str
    members: tuple[int, ...]
    counted: bool
    since: float
    spread: bool
    kind: MeasureKind | None = None

    @property
    def is_share(self) -> bool:
        """Whether it is a share of rows, which says nothing of a few of them: seen by the hour."""
        return self.unit == "ratio"

    @property
    def is_average(self) -> bool:
        """Whether it is an average of rows, which few of them can make strange."""
        return self.fold == "avg"

    @property
    def least(self) -> float:
        """Standard deviation that it has at least."""
        return SHARE_LEAST if self.is_share else 0.0

    @property
    def key(self) -> Key:
        """Metric and labels."""
        return self.metric, self.labels


def asks_of(metric: MetricDef, seen: set[tuple[object, ...]]) -> Iterator[Ask]:
    """The questions whose answers are the watched series of a metric.

    Args:
        metric: of a table.
        seen: what other names already ask; those of this metric are added.
    """
    group_bys: list[tuple[str, ...]] = []
    match metric.measure:
        case MeasureKind.CHANGES if metric.kind == "counter":
            labels = tuple(each for each in metric.labels if each != "op")
            group_bys = [_WHOLE, *((each,) for each in labels if metric.op == "c")]
        case MeasureKind.VALUE if metric.aggregation in _VALUES:
            group_bys = [_WHOLE, *((each,) for each in metric.labels)]
        case MeasureKind.LAG | MeasureKind.NULLS:
            group_bys = [_WHOLE]
        case MeasureKind.TRANSITION:
            group_bys = [metric.labels]
        case MeasureKind.CUSTOM if metric.aggregation in _FOLDS:
            group_bys = [metric.labels]
    for group_by in group_bys:
        name = metric.name if metric.measure is MeasureKind.CUSTOM else ""
        same = (name, metric.measure, metric.field, metric.op, metric.aggregation, group_by)
        if same not in seen:
            seen.add(same)
            yield Ask(metric.name, "", (), group_by)


class Slots:
    """The watched series by table; made anew when the series of a table change.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._values = Values(engine)
        self._of: dict[int, tuple[object, tuple[Slot, ...]]] = {}
        self._metrics: tuple[object, dict[str, list[MetricDef]]] = (None, {})

    def of(self, table: TableInfo) -> tuple[Slot, ...]:
        """Watched series of a table, those of the whole metrics first."""
        metrics = self._named().get(table.name, [])
        book = self.engine.measures.book
        mine = [each for each in self.engine.measures.all if each.table_id == table.id]
        stamp = tuple((each.id, len(book.of(each.id))) for each in mine), len(metrics)
        known = self._of.get(table.id)
        if known is not None and known[0] == stamp:
            return known[1]
        made = tuple(self._made(table, metrics))
        if all(each.since < np.inf for each in made):
            self._of[table.id] = (stamp, made)
        return made

    def by_key(self) -> dict[Key, Slot]:
        """Watched series of all tables by metric and labels, those that are too young as well."""
        return {each.key: each for table in self.engine.tables() for each in self.of(table)}

    def _named(self) -> dict[str, list[MetricDef]]:
        """Metrics by table."""
        named: Mapping[str, MetricDef] = self.engine.metrics()
        if self._metrics[0] is not named:
            found: dict[str, list[MetricDef]] = {}
            for each in named.values():
                if each.table and not isinstance(each.definition, Formula):
                    found.setdefault(each.table, []).append(each)
            self._metrics = (named, found)
        return self._metrics[1]

    def _made(self, table: TableInfo, metrics: Sequence[MetricDef]) -> Iterator[Slot]:
        seen: set[tuple[object, ...]] = set()
        whole: list[Slot] = []
        parts: list[Slot] = []
        for metric in metrics:
            for ask in asks_of(metric, seen):
                try:
                    layout = self._values.layout(ask)
                except DataWatchError:  # it is about to change: the next look finds it as it is
                    continue
                made = list(_slots(table, metric, layout))
                (parts if ask.group_by else whole).extend(made)
        yield from _without_doubles(whole)
        yield from _without_doubles([each for each in parts if len(each.labels) > 0])


def _slots(table: TableInfo, metric: MetricDef, layout: Layout) -> Iterator[Slot]:
    if not layout.folded:
        return
    fold = _FOLDS[layout.aggregation]
    for labels, members in layout.groups:
        if members and not any(value == MISSING for _, value in labels):
            yield Slot(
                metric=metric.name,
                labels=labels,
                table=table.name,
                table_id=table.id,
                unit=metric.unit,
                fold=fold,
                members=tuple(sorted(members)),
                counted=layout.counted,
                since=layout.since,
                spread=fold in ("avg", "min", "max"),
                kind=metric.measure,
            )


def slot_of(engine: Engine, metric: str, labels: Labels) -> Slot:
    """The series of a metric with these labels, watched or not.

    Raises:
        NotFoundError: there is no such metric or series.
        InputError: the metric is not made of sums, counts, averages or extremes.
    """
    found = engine.metric(metric)
    if not found.table or isinstance(found.definition, Formula):
        raise InputError(f"{metric}: only metrics of a table are looked at for anomalies.")
    layout = Values(engine).layout(Ask(metric, "", labels, ()))
    slots = list(_slots(engine.table(found.table), found, layout))
    if not layout.folded:
        raise InputError(
            f"{metric}: its aggregation {layout.aggregation.value} is not looked at for anomalies.",
            hint="Counts, rates, sums, averages, smallest and largest values are.",
        )
    if not slots:
        raise NotFoundError(f"{metric}: no series with {dict(labels)}.")
    return msgspec.structs.replace(slots[0], labels=labels)


def _without_doubles(slots: Sequence[Slot]) -> Iterator[Slot]:
    """Slots, each made of other states: where only inserts come, all changes are the inserts."""
    seen: set[tuple[object, ...]] = set()
    for each in slots:
        same = (each.fold, each.members, each.labels and each.metric)
        if same not in seen:
            seen.add(same)
            yield each


class Members:
    """Slots as arrays, for merging rows of stored series into them at once.

    Args:
        slots: in the order of the rows of the answer.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = tuple(slots)
        self.places: dict[int, int] = {}
        for slot in self.slots:
            for each in slot.members:
                self.places.setdefault(each, len(self.places))
        sizes = [len(each.members) for each in self.slots]
        flat = [self.places[each] for slot in self.slots for each in slot.members]
        self._flat: NDArray[np.int64] = np.array(flat, dtype=np.int64)
        self._starts: NDArray[np.int64] = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        self._folds = np.array([each.fold for each in self.slots])
        averages = [each for each in self.slots if each.is_average]
        of_averages = [self.places[each] for slot in averages for each in slot.members]
        self._averaged: NDArray[np.int64] = np.array(of_averages, dtype=np.int64)
        sizes = [len(each.members) for each in averages]
        self._averages: NDArray[np.int64] = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        self._counted = np.array([each.counted for each in self.slots], dtype=bool)
        self._since = np.array([each.since for each in self.slots], dtype=np.float64)

    def merged(
        self, states: Mapping[str, NDArray[np.float64]], ends: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Values of the slots, shape (slots, buckets); NaN is no value.

        Args:
            states: ``n``, ``sum``, ``min``, ``max`` by stored series and bucket; n 0 where there
                are no rows, min and max infinite there.
            ends: of the buckets, epoch seconds.
        """
        if not self.slots:
            return np.empty((0, len(ends)))
        n = np.add.reduceat(states["n"][self._flat], self._starts, axis=0)
        total = np.add.reduceat(states["sum"][self._flat], self._starts, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            made: NDArray[np.float64] = np.where(n > 0, total, np.nan)
            is_n, is_avg = self._folds == "n", self._folds == "avg"
            made[is_n] = np.where(n[is_n] > 0, n[is_n], np.nan)
            made[is_avg] = total[is_avg] / n[is_avg]
        for name, fold in (("min", np.minimum), ("max", np.maximum)):
            mine = self._folds == name
            if mine.any():
                found = fold.reduceat(states[name][self._flat], self._starts, axis=0)[mine]
                made[mine] = np.where(np.isfinite(found), found, np.nan)
        empty = np.isnan(made) & self._counted[:, None] & (ends[None, :] > self._since[:, None])
        made[empty] = 0.0
        return made

    def beneath(self, states: Mapping[str, NDArray[np.float64]]) -> Beneath:
        """What the averages among the slots are made of, shape (averages, buckets).

        Args:
            states: as `merged` takes them.
        """
        if not len(self._averaged):
            none = np.empty((0, states["n"].shape[1]))
            return Beneath(none, none, none)
        folds = (("n", np.add), ("sum", np.add), ("min", np.minimum), ("max", np.maximum))
        return Beneath.of(
            *(
                fold.reduceat(states[name][self._averaged], self._averages, axis=0)
                for name, fold in folds
            )
        )
