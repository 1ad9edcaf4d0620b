"""The values that conditions need, read for many rules at once.

A *slot* is what one instance of a rule looks at: series of one measure, folded into one value a
window. Sums, counts, averages and extremes of all slots come from one read of states per width and
place in time; quantiles, distinct counts, ages and rows now are asked for one by one. Windows end
on the grain of their width: every minute up to an hour, then every 5 or 15 minutes, then hourly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, Formula, MeasureDef, MeasureKind, MetricDef
from datawatch_lab.engine.alerting.buckets import Buckets
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row, check_size
from datawatch_lab.engine.answering import Wanted, answer
from datawatch_lab.engine.signals import SIGNALS
from datawatch_lab.engine.signals.quality import is_score, score_of_metric
from datawatch_lab.engine.windows import Window
from datawatch_lab.metrics.finalise import is_counted
from datawatch_lab.metrics.formulas import Reference, compile_formula
from datawatch_lab.metrics.query import Plan, plan
from datawatch_lab.metrics.spans import EPOCH

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Made = TypeVar("Made")

_A = Aggregation
_MINUTE = timedelta(minutes=1)
_FOLDED = {_A.COUNT, _A.RATE, _A.SUM, _A.AVG, _A.MIN, _A.MAX}


@dataclass(frozen=True)
class Layout:
    """Which series make the values of an ask.

    Attributes:
        aggregation: that is meant.
        groups: labels and series of each instance.
        folded: whether it is made of sums, counts and extremes.
        counted: whether no rows are 0 rather than nothing.
        since: epoch seconds from when on no rows are 0.
    """

    metric: MetricDef
    aggregation: Aggregation
    groups: tuple[tuple[Labels, tuple[int, ...]], ...]
    folded: bool
    counted: bool
    since: float


@dataclass
class Values:
    """Reads values; keeps which series an ask is made of while these do not change.

    Args:
        engine: of the workspace.
    """

    engine: Engine
    _layouts: dict[Ask, tuple[object, Layout]] = field(default_factory=dict)
    _by_table: dict[int, list[MeasureDef]] = field(default_factory=dict)
    _every: tuple[MeasureDef, ...] = ()
    _shared: dict[Hashable, Any] = field(default_factory=dict)

    def read(self, asks: Iterable[Ask], grid: Grid) -> dict[Ask, dict[Labels, Row]]:
        """Values of each ask, by labels: one per window; NaN is no value.

        Raises:
            InputError: a metric, label or aggregation does not exist; says which do.
        """
        found: dict[Ask, dict[Labels, Row]] = {}
        folded: list[tuple[Ask, Layout]] = []
        known = self._refresh()
        self._shared = {}
        check_size(1, grid)
        for ask in dict.fromkeys(asks):
            if ask.metric in SIGNALS:
                found[ask] = SIGNALS[ask.metric].read(self, ask, grid)
                continue
            metric = known.get(ask.metric) or self.engine.metric(ask.metric)
            if isinstance(metric.definition, Formula):
                found[ask] = self._formula(metric.definition, ask, grid)
                continue
            if is_score(metric):
                found[ask] = score_of_metric(self, metric, ask, grid)
                continue
            layout = self._layout(ask, metric)
            if layout.folded:
                folded.append((ask, layout))
            else:
                found[ask] = self._asked(layout, ask, grid)
        if folded:
            found |= self._folded(folded, grid)
        return found

    def shared(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What several asks of one read need, made once."""
        if key not in self._shared:
            self._shared[key] = make()
        found: Made = self._shared[key]
        return found

    # ------------------------------------------------------------------ which series

    def layout(self, ask: Ask) -> Layout:
        """Which series make the values of an ask.

        Raises:
            InputError: a metric, label or aggregation does not exist; says which do.
        """
        known = self._refresh()
        return self._layout(ask, known.get(ask.metric) or self.engine.metric(ask.metric))

    def _layout(self, ask: Ask, metric: MetricDef) -> Layout:
        mine = self._measures(metric)
        book = self.engine.measures.book
        stamp = tuple((each.id, len(book.of(each.id))) for each in mine), metric
        known = self._layouts.get(ask)
        if known is not None and known[0] == stamp and known[1].since < np.inf:
            return known[1]
        made = self._made(ask, metric, mine)
        self._layouts[ask] = (stamp, made)
        return made

    def _made(self, ask: Ask, metric: MetricDef, mine: Sequence[MeasureDef]) -> Layout:
        tables = [self.engine.table(metric.table)] if metric.table else self.engine.tables()
        asked = plan(
            metric,
            tables,
            mine,
            self.engine.measures.book.of,
            start=EPOCH,
            end=EPOCH + _MINUTE,
            now=EPOCH + _MINUTE,
            step=_MINUTE,
            aggregation=_A(ask.aggregation) if ask.aggregation else None,
            group_by=ask.group_by,
            filters=ask.filters,
        )
        series: dict[int, list[int]] = {}
        for one, group in asked.read.groups.items():
            series.setdefault(group, []).append(one)
        return Layout(
            metric=metric,
            aggregation=asked.aggregation,
            groups=tuple(
                (tuple(sorted(labels.items())), tuple(series.get(place, ())))
                for place, labels in enumerate(asked.groups)
            ),
            folded=asked.aggregation in _FOLDED and asked.base is None,
            counted=is_counted(asked),
            since=self._since(metric, asked),
        )

    def _since(self, metric: MetricDef, asked: Plan) -> float:
        """When the table (or any) had its first event; infinite before."""
        del asked
        if metric.measure is MeasureKind.CUSTOM:
            measure = self.engine.measures.custom.measure(metric.name)
            cover = measure.coverage if measure else None
            if cover is not None and not cover.complete and cover.since is not None:
                return (cover.since - EPOCH).total_seconds()
        if metric.table:
            first = self.engine.table_counts(self.engine.table(metric.table)).first_ts
        else:
            first = self.engine.span()[0]
        return np.inf if first is None else (first - EPOCH).total_seconds()

    def _refresh(self) -> Mapping[str, MetricDef]:
        """Take note of new measures; gives the metrics by name."""
        every = self.engine.measures.all
        if every is not self._every:
            self._by_table, self._every = {}, every
            self._layouts.clear()
            for each in every:
                self._by_table.setdefault(each.table_id, []).append(each)
        return self.engine.metrics()

    def _measures(self, metric: MetricDef) -> list[MeasureDef]:
        """Measures that a metric may read."""
        about = metric.name if metric.measure is MeasureKind.CUSTOM else metric.field
        if metric.table:
            listed = self._by_table.get(self.engine.table(metric.table).id, [])
        else:
            listed = [each for group in self._by_table.values() for each in group]
        return [each for each in listed if (each.kind, each.field) == (metric.measure, about)]

    # ------------------------------------------------------------------ sums and the like

    def _folded(
        self, asks: Sequence[tuple[Ask, Layout]], grid: Grid
    ) -> dict[Ask, dict[Labels, Row]]:
        slots = [(ask, layout, *group) for ask, layout in asks for group in layout.groups]
        places: dict[int, int] = {}
        for *_, series in slots:
            for one in series:
                places.setdefault(one, len(places))
        buckets = Buckets(self.engine, places, grid)
        found: dict[Ask, dict[Labels, Row]] = {ask: {} for ask, _ in asks}
        by_kind: dict[tuple[Aggregation, bool], list[int]] = {}
        for number, (_, layout, _, _) in enumerate(slots):
            by_kind.setdefault((layout.aggregation, layout.counted), []).append(number)
        for (aggregation, counted), numbers in by_kind.items():
            mine = [slots[number] for number in numbers]
            rows = buckets.values(aggregation, [[places[s] for s in each[3]] for each in mine])
            if counted:
                since = np.array([each[1].since for each in mine])
                zero = np.isnan(rows) & (grid.ends[None, :] > since[:, None])
                rows = np.where(zero, 0.0, rows)
            for (ask, _, labels, _), row in zip(mine, rows, strict=True):
                found[ask][labels] = row
        return found

    # ------------------------------------------------------------------ one by one

    def _asked(self, layout: Layout, ask: Ask, grid: Grid) -> dict[Labels, Row]:
        """Quantiles and the like, by the ordinary way of asking; once a phase of the grid."""
        wanted = Wanted(
            now=grid.end, aggregation=layout.aggregation, group_by=ask.group_by, filters=ask.filters
        )
        check_size(len(layout.groups), grid)
        phases = max(1, grid.over // grid.stride)
        rows: dict[Labels, Row] = {
            labels: np.full(grid.count, np.nan) for labels, _ in layout.groups
        }
        for phase in range(min(phases, grid.count)):
            count = len(range(phase, grid.count, phases))
            start = grid.start + phase * grid.stride
            window = Window(start, start + count * grid.over, step=grid.over, origin=start)
            found = answer(self.engine, layout.metric, window, wanted)
            for labels, row in found.rows.items():
                key = tuple(sorted(labels))
                rows.setdefault(key, np.full(grid.count, np.nan))[phase::phases] = row
        if layout.counted:
            later = grid.ends > layout.since
            rows = {k: np.where(np.isnan(row) & later, 0.0, row) for k, row in rows.items()}
        return rows

    def _formula(self, formula: Formula, ask: Ask, grid: Grid) -> dict[Labels, Row]:
        """A formula, from its parts; a part without labels is the same for all."""
        if ask.aggregation:
            raise InputError(f"{formula.name}: a formula has no aggregation of its own.")
        metrics = self.engine.metrics()
        compiled = compile_formula(formula.expression, metrics, self.engine.measures.aggregations)
        of = {
            each: Ask(each.metric, _word(each), ask.filters, ask.group_by)
            for each in compiled.references
        }
        read = self.read(of.values(), grid)
        keys = {labels for part in of.values() for labels in read[part] if labels} or {()}
        nothing = np.full(grid.count, np.nan)
        rows = {}
        for labels in keys:
            values = {
                each: read[part].get(labels, read[part].get((), nothing))
                for each, part in of.items()
            }
            rows[labels] = np.array(np.broadcast_to(compiled.run(values), nothing.shape))
        return rows


def _word(reference: Reference) -> str:
    return reference.aggregation.value if reference.aggregation else ""
