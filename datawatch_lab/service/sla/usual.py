"""Objectives for a workspace that has none of its own, from the metrics that it has."""

from __future__ import annotations

from collections.abc import Collection

from datawatch_lab.core.objectives import Objective

MOST_LAGS = 3
"""Tables whose lag is among the usual objectives."""


def usual_objectives(metrics: Collection[str]) -> tuple[Objective, ...]:
    """What is usually promised, as far as there are metrics for it.

    Args:
        metrics: names of all metrics of the workspace.

    >>> [each.name for each in usual_objectives({"events_inserts_total", "orders_lag_seconds"})]
    ['availability', 'orders arrive in time']
    """
    found = [each for each in _KNOWN if (each.metric or _named(each)) in metrics]
    lags = sorted(name for name in metrics if name.endswith("_lag_seconds"))
    return (*found, *(_lag(name) for name in lags[:MOST_LAGS]))


def _named(objective: Objective) -> str:
    """The metric of a condition such as ``p95(NAME) <= …`` or ``NAME >= …``."""
    return objective.condition.split("(")[-1].split()[0].rstrip(")")


def _lag(name: str) -> Objective:
    table = name.removesuffix("_lag_seconds")
    return Objective(name=f"{table} arrive in time", target=0.99, condition=f"p95({name}) <= 1m")


_KNOWN = (
    Objective(
        name="availability",
        target=0.999,
        metric="events_inserts_total",
        bad={"type": ["error"]},
    ),
    Objective(name="latency", target=0.99, condition="p95(events_duration_ms_avg) <= 500ms"),
    Objective(
        name="errors of services", target=0.99, condition="service_metrics_error_rate_avg <= 1%"
    ),
    Objective(
        name="latency of services", target=0.99, condition="p95(service_metrics_latency_avg) <= 500"
    ),
    Objective(name="data quality", target=0.99, condition="dq_score >= 95%"),
)
