"""What a step of evaluation changes: states, alerts that begin and end, notices to be told."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Literal

import msgspec

from datawatch_lab.alerts.judging import Verdict
from datawatch_lab.alerts.machine import step
from datawatch_lab.core.alerting import Alert, Happening, Labels, Notice, Standing, id_of
from datawatch_lab.engine.alerting.rules import Ready
from datawatch_lab.store.alerting import AlertChange

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.book import Book


class Changes:
    """Gathers one change, to be stored in one transaction.

    Args:
        alerting: whose channels are told.
        now: by the clock.
    """

    def __init__(self, alerting: Book, now: datetime) -> None:
        self._alerting = alerting
        self._now = now
        self.stored = AlertChange()

    def fault(
        self, ready: Ready, labels: Labels, before: Standing, at: datetime, fault: str
    ) -> None:
        """A rule cannot be evaluated."""
        after, _ = step(before, None, at, ready.timing, fault=fault)
        if after is not before:
            self.moved(ready, labels, before, after, at, Verdict(None, reason=fault))

    def moved(
        self,
        ready: Ready,
        labels: Labels,
        before: Standing,
        after: Standing,
        at: datetime,
        verdict: Verdict,
    ) -> None:
        """An instance has another state."""
        self.stored.standings[ready.id, labels] = after
        if after.state != before.state:
            value = f"value {verdict.value:.6g}" if isfinite(verdict.value) else ""
            self._happened(
                ready.id,
                labels,
                at,
                f"{before.state} → {after.state}",
                after.reason or value,
                "" if after.fired is None else _alert_id(ready.id, labels, after.fired),
            )

    def fire(
        self, ready: Ready, labels: Labels, after: Standing, verdict: Verdict, words: str = ""
    ) -> None:
        """An alert begins; ``words`` are further evidence."""
        fired = after.fired or self._now
        rule = ready.rule
        alert = Alert(
            id=_alert_id(ready.id, labels, fired),
            rule_id=ready.id,
            rule=rule.name,
            severity=rule.severity,
            labels=labels,
            started=after.holds or fired,
            fired=fired,
            reading=ready.reading,
            metric=next(iter(ready.needs.values())).metric,
            unit=ready.unit,
            value=finite(verdict.value),
            last_value=finite(verdict.value),
            low=finite(verdict.low),
            high=finite(verdict.high),
            channels=self._alerting.telling.channels_of(rule),
            description=" ".join(filter(None, (rule.description, words))),
        )
        self.stored.alerts.append(alert)
        self._tell(alert, "firing")

    def end(self, alert: Alert, at: datetime, *, by: str = "") -> None:
        """An alert is over: by its condition, or for the reason given."""
        ended = msgspec.structs.replace(
            alert, status="resolved", resolved=at, resolved_by=by, snoozed_until=None
        )
        self.stored.alerts.append(ended)
        self._happened(alert.rule_id, alert.labels, at, "resolved", by, alert.id)
        self._tell(ended, "resolved")

    def status(self, alert: Alert, what: str, detail: str) -> None:
        """A user changed an alert."""
        self.stored.alerts.append(alert)
        self._happened(alert.rule_id, alert.labels, self._now, what, detail, alert.id)

    def _tell(self, alert: Alert, event: Literal["firing", "resolved"]) -> None:
        self.stored.notices += [
            Notice(
                id=id_of("notice", alert.id, event, channel),
                event=event,
                subject=alert.id,
                channel=channel,
                made=self._now,
            )
            for channel in alert.channels
        ]

    def _happened(
        self, rule: str, labels: Labels, at: datetime, what: str, detail: str, alert: str
    ) -> None:
        self.stored.happenings.append(
            Happening(rule_id=rule, labels=labels, at=at, what=what, detail=detail, alert=alert)
        )


def _alert_id(rule: str, labels: Labels, fired: datetime) -> str:
    return id_of("alert", rule, labels, fired.isoformat())


def finite(value: float) -> float | None:
    """The value; None for NaN."""
    return value if isfinite(value) else None
