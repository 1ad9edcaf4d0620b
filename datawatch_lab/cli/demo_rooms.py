"""What the demo shop has from the beginning: dashboards, quality rules, alert rules."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace

log = logging.getLogger(__name__)

TEMPLATES = ("ecommerce", "database", "quality")
"""Templates that the shop's dashboards are made of."""

_ALERTS = (
    {
        "name": "Order spike",
        "metric": "orders_created_rate",
        "condition": "> 200% of baseline",
        "lasting": "5m",
        "severity": "warning",
    },
    {
        "name": "Revenue drop",
        "metric": "orders_amount_sum",
        "condition": "< 50% of same_hour_last_week",
        "lasting": "15m",
        "severity": "critical",
    },
)


def furnish(handle: Workspace) -> list[str]:
    """Add dashboards, quality rules and alert rules, each where there is none yet.

    The shop is shown without what cannot be made; the log says why.

    Returns:
        What was added, for people: ``3 dashboards``, ``66 quality rules`` …
    """
    made = []
    for what, add in (
        ("dashboards", _dashboards),
        ("quality rules", _quality),
        ("alert rules", _alerts),
    ):
        try:
            count = add(handle)
        except DataWatchError as error:
            log.warning("the demo shop has no %s: %s", what, error)
            continue
        if count:
            made.append(f"{count} {what}")
    return made


def _dashboards(handle: Workspace) -> int:
    if handle.list_dashboards():
        return 0
    for template in TEMPLATES:
        handle.add_dashboard(template=template)
    return len(TEMPLATES)


def _quality(handle: Workspace) -> int:
    if handle.quality_rules():
        return 0
    found = handle.quality_suggestions()
    for each in found:
        handle.add_quality_rule(**each.definition, origin="suggested")
    return len(found)


def _alerts(handle: Workspace) -> int:
    if handle.alert_rules():
        return 0
    for each in _ALERTS:
        handle.add_alert_rule(**each)
    return len(_ALERTS)
