"""What the demo shop has from the beginning: dashboards, rules, alerts, a report."""

from __future__ import annotations

import logging
import threading
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.core.reports import ReportSchedule
    from datawatch_lab.service.handle import Workspace

log = logging.getLogger(__name__)

TEMPLATES = ("ecommerce", "database", "quality")
"""Templates that the shop's dashboards are made of."""

ALERTS: tuple[dict[str, Any], ...] = (
    {
        "name": "Order Spike",
        "metric": "orders_created_rate",
        "condition": "> 200% of baseline",
        "lasting": "5m",
        "severity": "warning",
        "channels": ["slack", "email"],
    },
    {
        "name": "Revenue Drop",
        "metric": "orders_amount_sum",
        "condition": "< 50% of same_hour_last_week",
        "lasting": "15m",
        "severity": "critical",
        "channels": ["pagerduty", "slack"],
    },
    {
        "name": "Data Quality Issue",
        "metric": "dq_score_payments",
        "condition": "< 90%",
        "lasting": "10m",
        "severity": "warning",
        "channels": ["slack"],
    },
)
"""Their channels are those of a shop in production; here nobody is told, and a trace says so."""

PAYMENTS: dict[str, Any] = {
    "table": "payments",
    "rule": "in_set",
    "field": "status",
    "values": ["captured", "refunded"],
    "threshold": "90%",
    "weight": 20.0,
    "description": "A payment goes through; one in 25 fails on an ordinary day.",
}
"""As heavy as the rules that the data suggests for payments together: so the score of the table
says it when a provider declines every second payment."""

_NOTEBOOK = "07_weekly_report.ipynb"


class Furnishing(threading.Thread):
    """Adds dashboards, rules, alerts and a report in a thread, each where there is none yet.

    Suggested rules look at the whole history first, so they come last, one after another. The shop
    is shown without what cannot be made; the log says why.

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
            ("rule on payments", self._payments),
            ("alert rules", self._alerts),
            ("report", self._report),
            ("suggested quality rules", self._suggested),
        ):
            try:
                if not self._stopped.is_set():
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

    def _payments(self) -> None:
        if not self.handle.quality_rules():
            self.handle.add_quality_rule(**PAYMENTS)

    def _alerts(self) -> None:
        if not self.handle.alert_rules():
            for each in ALERTS:
                self.handle.add_alert_rule(**each)

    def _suggested(self) -> None:
        if any(each.origin == "suggested" for each in self.handle.quality_rules()):
            return
        for each in self.handle.quality_suggestions():
            if self._stopped.is_set():
                return
            self.handle.add_quality_rule(**{**each.definition, "origin": "suggested"})

    def _report(self) -> None:
        from datawatch_lab.service.callers import LocalCaller
        from datawatch_lab.service.reporting import schedule_reports

        caller = self.handle.caller
        if isinstance(caller, LocalCaller) and not self.handle.reports():
            schedule_reports(caller.engine, weekly(caller.engine.path))


def weekly(workspace: Path) -> tuple[ReportSchedule, ...]:
    """The weekly report of the shop, filed beside its workspace; none without its notebook."""
    from datawatch_lab.core.reports import ReportSchedule

    places = (Path.cwd() / "notebooks", Path(str(files("datawatch_lab.jupyter") / "notebooks")))
    notebook = next((each / _NOTEBOOK for each in places if (each / _NOTEBOOK).is_file()), None)
    if notebook is None:
        return ()
    folder = workspace.resolve().with_name(f"{workspace.stem}-reports")
    week = ReportSchedule(
        name="week", notebook=str(notebook), every="monday 08:00", out=str(folder), keep=8
    )
    return (week,)
