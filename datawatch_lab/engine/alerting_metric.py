"""The metric ``alerts_triggered``: alerts that fired, worked out from their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.errors import not_found
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.quality_scores import Labels, Values, edges_of
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
    for name in (*group_by, *(name for name, _ in filters)):
        if name not in METRIC.labels:
            raise not_found("label", name, METRIC.labels, where=METRIC.name)
    edges = edges_of(METRIC, window)
    starts = np.array([each.timestamp() for each in edges])
    wanted: dict[str, set[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, set()).add(value)
    rows: dict[Labels, np.ndarray] = {} if group_by else {(): np.zeros(len(edges) - 1)}
    for alert in engine.store.alert_history(edges[0], "", _MOST):
        has: Mapping[str, str] = {"rule": alert.rule, "severity": alert.severity}
        place = int(np.searchsorted(starts, alert.fired.timestamp(), side="right")) - 1
        if place >= len(edges) - 1 or any(has[n] not in allowed for n, allowed in wanted.items()):
            continue
        labels = tuple((name, has[name]) for name in group_by)
        rows.setdefault(labels, np.zeros(len(edges) - 1))[place] += 1
    return Values(edges, rows)
