"""The metric ``anomalies_active``: anomalies that were going on, worked out from their spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.own_metrics.base import Counts, Slicing, Values, edges_of
from datawatch_lab.engine.windows import Window
from datawatch_lab.store.anomalies import AnomalyFilter

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

METRIC = MetricDef(
    name="anomalies_active",
    table="",
    field="",
    kind="gauge",
    unit="1",
    labels=("metric", "severity", "table", "type"),
    auto=True,
    description="Anomalies that went on at some time of the bucket.",
    measure=MeasureKind.ANOMALIES,
    aggregation=Aggregation.MAX,
)
"""There is one once a table is looked at."""

_MOST = 100_000


def values(
    engine: Engine,
    window: Window,
    group_by: Sequence[str],
    filters: Sequence[tuple[str, str]],
) -> Values:
    """Anomalies that went on in each bucket, by labels.

    Raises:
        InputError: the step is shorter than a minute.
        NotFoundError: a label does not exist.
    """
    counts = Counts(edges_of(METRIC, window), Slicing(METRIC, group_by, filters))
    first, *_, last = counts.edges
    for each in engine.store.anomalies.found(AnomalyFilter(since=first, until=last, limit=_MOST)):
        if not each.withdrawn:
            has = {
                "metric": each.metric_name,
                "severity": each.severity,
                "table": each.table,
                "type": each.type,
            }
            counts.add(has, each.started_at, each.ended_at)
    return counts.values()
