"""What the demo shop has from the beginning: dashboards, quality rules, alert rules."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace

log = logging.getLogger(__name__)

TEMPLATES = ("ecommerce", "database", "quality")
"""Templates that the shop's dashboards are made of."""

_ALERTS = (
    ("Order spike", "orders_created_rate", "> 200% of baseline", "5m", "warning"),
    ("Revenue drop", "orders_amount_sum", "< 50% of same_hour_last_week", "15m", "critical"),
)
"""Name, metric, condition, how long it must last, severity."""


class Furnishing(threading.Thread):
    """Adds dashboards, alert rules and quality rules in a thread, each where there is none yet.

    Quality rules look at the whole history first, so they come one after another. The shop is shown
    without what cannot be made; the log says why.

    Args:
        handle: the shop's workspace.
    """

    def __init__(self, handle: Workspace) -> None:
        super().__init__(name="datawatch-demo-rooms", daemon=True)
        self.handle = handle
        self._stopped = threading.Event()

    def run(self) -> None:
        """Add what there is none of."""
        for what, add in (
            ("dashboards", self._dashboards),
            ("alert rules", self._alerts),
            ("quality rules", self._quality),
        ):
            try:
                add()
            except DataWatchError as error:
                if not self._stopped.is_set():
                    log.warning("the demo shop has no %s: %s", what, error)

    def end(self) -> None:
        """Add no more, and wait for what is being added."""
        self._stopped.set()
        if self.is_alive():
            self.join()

    def _dashboards(self) -> None:
        if not self.handle.list_dashboards():
            for template in TEMPLATES:
                self.handle.add_dashboard(template=template)

    def _alerts(self) -> None:
        if not self.handle.alert_rules():
            for name, metric, condition, lasting, severity in _ALERTS:
                self.handle.add_alert_rule(
                    name, metric=metric, condition=condition, lasting=lasting, severity=severity
                )

    def _quality(self) -> None:
        if self.handle.quality_rules():
            return
        for each in self.handle.quality_suggestions():
            if self._stopped.is_set():
                return
            self.handle.add_quality_rule(**{**each.definition, "origin": "suggested"})
