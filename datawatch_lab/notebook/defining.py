"""Metrics of one's own in a notebook: define, wait until they are filled from the log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from datawatch_lab.notebook.asking import By
from datawatch_lab.notebook.held import Held
from datawatch_lab.notebook.metric import Metric
from datawatch_lab.notebook.progress import face
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.metrics import MetricDetail

_PAUSE_SECONDS, _LONGEST_SECONDS = 0.05, 0.5


def define(
    workspace: Workspace, name: str, what: Mapping[str, Any], *, replace: bool
) -> MetricDetail:
    """Define a metric and wait for its past; how far it is is shown where somebody watches.

    Args:
        workspace: that takes it.
        name: of the metric.
        what: its parts; see `service.operations.custom.MetricBody`.
        replace: define it anew where it exists.
    """
    exists = replace and any(each.name == name for each in workspace.metrics())
    made = (workspace.change_metric if exists else workspace.define_metric)(name, **what)
    shown, pause = None, _PAUSE_SECONDS
    while made.backfill is not None and made.backfill.wanted and not made.backfill.complete:
        shown = shown or face()
        if shown is not None:
            share = made.backfill.share
            shown.show(share, f"{name}: filled from the log, {share:.0%}")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_SECONDS)
        made = workspace.metric(name)
    if shown is not None:
        shown.end()
    return made


class Defining(Held):
    """The part of a `Lab` that defines metrics of one's own."""

    def define_metric(  # noqa: PLR0913 — the parts of a definition, by name
        self,
        name: str,
        *,
        table: str = "",
        expression: str = "",
        filter: str = "",  # noqa: A002 — its name everywhere
        aggregation: str = "count",
        on: str = "inserts",
        by: By = (),
        formula: str = "",
        unit: str = "",
        description: str = "",
        backfill: bool = True,
        replace: bool = False,
    ) -> Metric:
        """Define a metric over the changes of a table, or a formula over metrics.

        It comes back once it is filled from the log; interrupted, the filling goes on.

        Args:
            name: letters, digits and _.
            table: whose changes count.
            expression: over the columns of a row, such as ``amount * quantity``; '' counts rows.
            filter: a condition, such as ``status = 'paid' and amount > 10``.
            aggregation: count, sum, avg, min, max, p50, p90, p95, p99, rate, distinct or last.
            on: the changes that count: inserts, updates, deletes or changes.
            by: columns whose values become labels.
            formula: in place of all these, such as ``orders_amount_sum / orders_inserts_total``.
            unit: of its values, such as EUR, s, 1/min.
            description: one sentence.
            backfill: fill it from the log; else it counts from now on.
            replace: define it anew where it exists.

        Raises:
            InputError: something in it is wrong; points at it.
            NotFoundError: it names a table, column or metric that does not exist.
        """
        what = {
            "table": table,
            "expression": expression,
            "filter": filter,
            "aggregation": aggregation,
            "on": on,
            "group_by": [by] if isinstance(by, str) else list(by),
            "formula": formula,
            "unit": unit,
            "description": description,
            "backfill": backfill,
        }
        made = define(self.workspace, name, what, replace=replace)
        self.forget()
        return Metric(self.workspace, made)

    def drop_metric(self, name: str) -> None:
        """Drop a metric of one's own and what it counted; automatic ones are not dropped."""
        self.workspace.drop_metric(name)
        self.forget()
