"""What can be followed: each topic reads an answer and says what has changed since the last one.

A topic of a later stage is one more entry of `TOPICS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from datawatch_lab.core.errors import not_found
from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.service.live.asking import Asking
from datawatch_lab.service.live.points import MetricsData, change, merge_all, whole
from datawatch_lab.service.operation import Nothing
from datawatch_lab.service.operations import (
    alerts_open,
    anomalies,
    quality,
    schema,
    telemetry,
    telemetry_analytics,
)
from datawatch_lab.service.operations import metrics as operations
from datawatch_lab.service.quality import ScoreAnswer, ViolationItem
from datawatch_lab.service.telemetry.shapes import Analytics, Dashboard

_NEWEST = 100


@dataclass(frozen=True)
class Question:
    """What is followed.

    Attributes:
        topic: of `TOPICS`.
        metrics: names, of the topic ``metrics`` only.
        how: further fields of `RangeAsk`, as pairs.
    """

    topic: str
    metrics: tuple[str, ...] = ()
    how: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Change:
    """A message to be: its type, and its data as a value."""

    type: str
    data: Any


class QualityNow(msgspec.Struct, frozen=True):
    """The topic ``quality``: the board, and the newest violations, newest first."""

    score: ScoreAnswer
    violations: list[ViolationItem]


class AnomaliesNow(msgspec.Struct, frozen=True):
    """The topic ``anomaly``: the newest anomalies, newest first."""

    anomalies: list[anomalies.AnomalyAnswer]


class AlertsNow(msgspec.Struct, frozen=True):
    """The topic ``alert``: alerts in numbers, those that are open, and the newest, newest first."""

    summary: alerts_open.AlertSummary
    active: list[alerts_open.AlertAnswer]
    history: list[alerts_open.AlertAnswer]


class Topic(Protocol):
    """One kind of thing that can be followed."""

    @property
    def first(self) -> str:
        """Type of the message that has the whole."""
        ...

    def read(self, asking: Asking, question: Question) -> Any:
        """The answer now.

        Raises:
            DataWatchError: it cannot be had.
        """
        ...

    def whole(self, answer: Any) -> Any:
        """Data of the message that has the whole."""
        ...

    def changes(self, old: Any, new: Any) -> list[Change]:
        """Messages that lead from one answer to the next; at least one, so that silence is news."""
        ...

    def merge(self, changes: Sequence[Change]) -> Change:
        """Consecutive messages as one, for who reads too slowly."""
        ...


@dataclass(frozen=True)
class Document:
    """A topic whose every message is the whole answer; what happened meanwhile comes before it.

    Attributes:
        first, update: types of the first and of all further messages.
        ask: gives the answer.
        recent: newest happenings of an answer, newest first; each is sent once as an ``event``.
        alike: a happening without what may move while it is the same.
    """

    first: str
    update: str
    ask: Callable[[Asking], Any]
    recent: Callable[[Any], Sequence[Any]] = lambda _: ()
    alike: Callable[[Any], Any] = lambda each: each

    def read(self, asking: Asking, question: Question) -> Any:
        """The answer now."""
        del question
        return self.ask(asking)

    def whole(self, answer: Any) -> Any:
        """The answer as it is."""
        return answer

    def changes(self, old: Any, new: Any) -> list[Change]:
        """What happened, oldest first, then the whole."""
        known = Counter(msgspec.json.encode(self.alike(each)) for each in self.recent(old))
        fresh = []
        for each in reversed(self.recent(new)):
            text = msgspec.json.encode(self.alike(each))
            if known[text]:
                known[text] -= 1
            else:
                fresh.append(each)
        return [*(Change("event", each) for each in fresh), Change(self.update, new)]

    def merge(self, changes: Sequence[Change]) -> Change:
        """The last whole; it lists the newest happenings itself."""
        return next(each for each in reversed(changes) if each.type == self.update)


class Metrics:
    """The topic of followed metrics: points over time."""

    first = "metrics_update"

    def read(self, asking: Asking, question: Question) -> dict[str, QueryAnswer]:
        """The answers of the range query, by name of metric."""
        how: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value for name, value in question.how
        }
        return {
            name: asking.call(operations.range_query, operations.RangeAsk(name=name, **how))
            for name in question.metrics
        }

    def whole(self, answer: Mapping[str, QueryAnswer]) -> MetricsData:
        """Every metric with all its points."""
        return MetricsData({name: whole(each) for name, each in answer.items()})

    def changes(
        self, old: Mapping[str, QueryAnswer], new: Mapping[str, QueryAnswer]
    ) -> list[Change]:
        """One message with what has changed; without metrics when nothing has."""
        found = {name: change(old[name], each) for name, each in new.items()}
        changed = {name: each for name, each in found.items() if each is not None}
        return [Change("metrics_update", MetricsData(changed))]

    def merge(self, changes: Sequence[Change]) -> Change:
        """What has changed over all of them."""
        return Change("metrics_update", merge_all([each.data for each in changes]))


def topic_named(name: str, topics: Mapping[str, Topic]) -> Topic:
    """A topic by name.

    Raises:
        NotFoundError: there is none; names the nearest.
    """
    if name not in topics:
        raise not_found("topic", name, topics)
    return topics[name]


def _dashboard(asking: Asking) -> Dashboard:
    return asking.call(telemetry.service_dashboard, Nothing())


def _analytics(asking: Asking) -> Analytics:
    return asking.call(telemetry_analytics.analytics_dashboard, telemetry_analytics.AnalyticsAsk())


def _recent(dashboard: Dashboard) -> Sequence[Mapping[str, Any]]:
    return dashboard.realtime_stats.recent_events


def _quality(asking: Asking) -> QualityNow:
    score = asking.call(quality.quality_score, quality.ScoreAsk())
    found = asking.call(quality.quality_violations, quality.ViolationsAsk(limit=20))
    return QualityNow(score, found.violations)


def _violations(now: QualityNow) -> Sequence[ViolationItem]:
    return now.violations


def _anomalies(asking: Asking) -> AnomaliesNow:
    ask = anomalies.AnomaliesAsk(limit=_NEWEST, withdrawn=True)
    return AnomaliesNow(asking.call(anomalies.anomalies, ask))


def _turn(each: anomalies.AnomalyAnswer) -> tuple[object, ...]:
    """What of an anomaly is a turn in its life."""
    said = each.acknowledged_at, each.feedback
    return each.id, each.active, each.revised, each.withdrawn, each.severity, *said


def _alerts(asking: Asking) -> AlertsNow:
    return AlertsNow(
        asking.call(alerts_open.alert_summary, Nothing()),
        asking.call(alerts_open.active_alerts, Nothing()),
        asking.call(alerts_open.alert_history, alerts_open.HistoryAsk(limit=_NEWEST)),
    )


def _step(each: alerts_open.AlertAnswer) -> tuple[object, ...]:
    """What of an alert is a step of its own."""
    return each.id, each.status, each.at, each.snoozed_until, each.note


def _schema(asking: Asking) -> schema.SchemaChangesAnswer:
    return asking.call(schema.schema_changes, schema.SchemaChangesAsk(limit=20))


def _schema_changes(answer: schema.SchemaChangesAnswer) -> Sequence[schema.SchemaChangeItem]:
    return answer.changes


TOPICS: dict[str, Topic] = {
    "alert": Document("snapshot", "alert_update", _alerts, lambda now: now.history, _step),
    "anomaly": Document("snapshot", "anomaly_update", _anomalies, lambda now: now.anomalies, _turn),
    "analytics": Document("metrics_update", "metrics_update", _analytics),
    "dashboard": Document("snapshot", "dashboard_update", _dashboard, _recent),
    "metrics": Metrics(),
    "quality": Document("snapshot", "quality_update", _quality, _violations),
    "schema": Document("snapshot", "schema_update", _schema, _schema_changes),
}
"""What can be followed, by name."""
