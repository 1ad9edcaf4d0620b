"""The metric ``anomalies_active``: anomalies that were going on, worked out from their spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.errors import not_found
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef
from datawatch_lab.engine.quality_scores import Labels, Values, edges_of
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
    for name in (*group_by, *(name for name, _ in filters)):
        if name not in METRIC.labels:
            raise not_found("label", name, METRIC.labels, where=METRIC.name)
    edges = edges_of(METRIC, window)
    starts = np.array([each.timestamp() for each in edges])
    wanted: dict[str, set[str]] = {}
    for name, value in filters:
        wanted.setdefault(name, set()).add(value)
    rows: dict[Labels, np.ndarray] = {} if group_by else {(): np.zeros(len(edges) - 1)}
    stored = engine.store.anomalies(AnomalyFilter(since=edges[0], until=edges[-1], limit=_MOST))
    for each in stored:
        has: Mapping[str, str] = {
            "metric": each.metric_name,
            "severity": each.severity,
            "table": each.table,
            "type": each.type,
        }
        if each.withdrawn or any(has[n] not in allowed for n, allowed in wanted.items()):
            continue
        labels = tuple((name, has[name]) for name in group_by)
        first = max(int(np.searchsorted(starts, each.started_at.timestamp(), side="right")) - 1, 0)
        last = len(starts) - 1
        if each.ended_at is not None:
            last = int(np.searchsorted(starts, each.ended_at.timestamp(), side="left"))
        rows.setdefault(labels, np.zeros(len(edges) - 1))[first:last] += 1
    return Values(edges, rows)
