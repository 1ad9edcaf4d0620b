"""The metric ``alerts_triggered``: alerts that fired, worked out from their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.own_metrics.base import Counts, Slicing, Values, edges_of
from datawatch_lab.engine.windows import Window

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

METRIC = MetricDef(
    name="alerts_triggered",
    table="",
    field="",
    kind="counter",
    unit="1",
    labels=("rule", "severity"),
    auto=True,
    description="Alerts that fired.",
    measure=MeasureKind.ALERTS,
    aggregation=Aggregation.SUM,
)
"""There is one once there is an alert rule."""

_MOST = 100_000


def values(
    engine: Engine,
    window: Window,
    group_by: Sequence[str],
    filters: Sequence[tuple[str, str]],
) -> Values:
    """Alerts that fired in each bucket, by labels.

    Raises:
        InputError: the step is shorter than a minute.
        NotFoundError: a label does not exist.
    """
    counts = Counts(edges_of(METRIC, window), Slicing(METRIC, group_by, filters))
    for alert in engine.store.alerts.history(counts.edges[0], "", _MOST):
        counts.add_once({"rule": alert.rule, "severity": alert.severity}, alert.fired)
    return counts.values()
