"""All operations, in one tuple: to add one, write its function and name it here."""

from __future__ import annotations

from typing import Any

from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations import (
    columns,
    custom,
    intake,
    late,
    metrics,
    sources,
    sql,
    trust,
    workspace,
)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    workspace.health,
    workspace.status,
    workspace.tables,
    columns.correct_column,
    metrics.list_metrics,
    metrics.get_metric,
    metrics.query,
    metrics.range_query,
    custom.define_metric,
    custom.change_metric,
    custom.drop_metric,
    late.corrections,
    late.watermarks,
    late.retention,
    sql.sql,
    sources.watch,
    sources.sources,
    sources.unwatch,
    sources.diagnose,
    sources.diagnose_address,
    intake.post_event,
    intake.post_events,
    intake.submit_batch,
    intake.source_offset,
    trust.ledger,
    trust.quarantine,
    trust.replay,
)
"""Every operation of this release."""


def named(name: str) -> Operation[Any, Any]:
    """The operation of that name; a KeyError for none, since names are ours."""
    return {each.name: each for each in OPERATIONS}[name]
