"""Metrics that signals are read from and that nobody has defined: made when a rule needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, CustomMetric, TableInfo

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

WORDS = "Made for alert rules."


def make(
    engine: Engine, table: TableInfo, name: str, *, condition: str = "", by: tuple[str, ...] = ()
) -> None:
    """Count inserted rows under a name; made anew when the condition or the labels have changed.

    Args:
        engine: of the workspace.
        table: whose rows are counted.
        name: of the metric; one of a user's own by that name is left as it is.
        condition: of the rows; '' for all.
        by: columns that become labels; those that the table has not are left out.

    Raises:
        InputError: the metric cannot be made; says why.
    """
    custom = engine.measures.custom
    metric = CustomMetric(
        name=name,
        table=table.name,
        aggregation=Aggregation.COUNT,
        filter=condition,
        group_by=tuple(each for each in by if table.column(each) is not None),
        description=WORDS,
    )
    old = custom.measure(name)
    if old is not None and old.custom is not None:
        same = (old.custom.filter, old.custom.group_by) == (metric.filter, metric.group_by)
        if same or old.custom.description != WORDS:
            return
    try:
        custom.define(engine, metric, backfill=True, replace=old is not None)
    except InputError:
        if name not in custom.names:  # otherwise somebody was first
            raise
