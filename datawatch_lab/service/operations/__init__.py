"""All operations, in one tuple: to add one, write its function and name it here."""

from __future__ import annotations

from typing import Any

from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations import (
    audit,
    columns,
    custom,
    intake,
    late,
    metrics,
    shares,
    sources,
    sql,
    telemetry,
    telemetry_analytics,
    trust,
    users,
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
    telemetry.track_events,
    telemetry.list_events,
    telemetry.record_measurements,
    telemetry.list_measurements,
    telemetry.post_heartbeat,
    telemetry.service_dashboard,
    telemetry.list_services,
    telemetry.service_metrics,
    telemetry.server_vitals,
    telemetry_analytics.analytics_events,
    telemetry_analytics.analytics_metrics,
    telemetry_analytics.analytics_behavior,
    telemetry_analytics.analytics_performance,
    telemetry_analytics.analytics_business,
    telemetry_analytics.analytics_tasks,
    telemetry_analytics.aggregations,
    telemetry_analytics.analytics_dashboard,
    telemetry_analytics.user_behavior,
    telemetry_analytics.task_overview,
    telemetry_analytics.query_metrics,
    trust.ledger,
    trust.quarantine,
    trust.replay,
    users.me,
    users.change_password,
    users.list_users,
    users.add_user,
    users.change_user,
    users.remove_user,
    users.list_tokens,
    users.make_token,
    users.revoke_token,
    shares.list_shares,
    shares.make_share,
    shares.revoke_share,
    audit.audit,
)
"""Every operation of this release."""


def named(name: str) -> Operation[Any, Any]:
    """The operation of that name; a KeyError for none, since names are ours."""
    return {each.name: each for each in OPERATIONS}[name]
