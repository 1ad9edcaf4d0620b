"""Anomalies as values: what is found strange, when, how much, and what people say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

AnomalyType = Literal["spike", "drop", "trend", "seasonal", "missing", "outlier"]
AnomalySeverity = Literal["low", "medium", "high", "critical"]
Verdict = Literal["real", "expected", "known_event"]
Algorithm = Literal["statistical", "seasonal", "ml", "drift", "missing"]

TYPES: tuple[str, ...] = get_args(AnomalyType)
SEVERITIES: tuple[AnomalySeverity, ...] = get_args(AnomalySeverity)
"""In ascending order."""
VERDICTS: tuple[str, ...] = get_args(Verdict)

ALGORITHMS: tuple[str, ...] = ("statistical", "seasonal", "ml")
"""Those that can be switched on and off; missing data and drift belong to the first."""

LOW_SIGMA, MEDIUM_SIGMA, HIGH_SIGMA = 2.0, 3.0, 5.0
CRITICAL_ERROR_RATE = 0.05


def severity_of(deviation: float, error_rate: float | None = None) -> AnomalySeverity:
    """How bad a deviation is.

    Args:
        deviation: from what was expected, in standard deviations, of either sign.
        error_rate: share of what failed, in [0, 1], where it is known.

    >>> severity_of(-2.5), severity_of(3.0), severity_of(7.0), severity_of(7.0, 0.2)
    ('low', 'medium', 'high', 'critical')
    """
    size = abs(deviation)
    if size < MEDIUM_SIGMA:
        return "low"
    if size < HIGH_SIGMA:
        return "medium"
    return "critical" if (error_rate or 0.0) > CRITICAL_ERROR_RATE else "high"


class Expected(msgspec.Struct, frozen=True):
    """The band that a value was expected in, ``min`` ≤ ``max``."""

    min: float
    max: float


class Contributor(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a metric that moved, or another metric that moved with it.

    Attributes:
        kind: ``label`` for a part, ``metric`` for another metric.
        name: of the label, or of the metric.
        value: of the label; '' for a metric.
        share: of the deviation that it explains; for a metric, how alike the two moved, in [-1, 1].
        actual: its own value in the strangest bucket.
        expected: what it was before.
    """

    kind: Literal["label", "metric"]
    name: str
    value: str = ""
    share: float = 0.0
    actual: float | None = None
    expected: float | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of an anomaly.

    Attributes:
        verdict: ``real``: it was right. ``expected``: this is normal here; the baseline learns it,
            and what is no stranger is not flagged again. ``known_event``: its cause is known (a
            sale, a migration); the baseline leaves it out, as before.
        at: when, UTC.
    """

    verdict: Verdict
    by: str
    at: datetime
    note: str = ""


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """One episode: consecutive buckets of one series that were strange.

    Attributes:
        id: the same for the same series and start, whenever it is found.
        table: workspace name; '' for metrics of the workspace.
        labels: of the series; empty for the whole metric.
        step: seconds of a bucket.
        value: in the strangest bucket, the one at ``peak_at``; finite, what is larger is clipped.
        expected: in that bucket.
        deviation: of the value from the middle of the band, in standard deviations; signed.
        score: in [0, 1]; how strange the strangest bucket is.
        detected_at: when it was found, by the clock.
        started_at: start of its first bucket, UTC.
        ended_at: end of its last bucket; None while it goes on.
        buckets: how many of them were strange.
        description: one sentence.
        algorithms: that found it strange.
        contributors: parts that moved most, largest first.
        revised: late data changed one of its buckets.
        withdrawn: late data showed that nothing was strange after all.
        past: found in history, while a detector was trained.
        acknowledged_by: '' while nobody has.
        opened_at: start of its first bucket as it was found first, where late data changed it.
    """

    id: str
    metric_name: str
    table: str
    labels: dict[str, str]
    type: AnomalyType
    severity: AnomalySeverity
    value: float
    expected: Expected
    deviation: float
    score: float
    step: int
    detected_at: datetime
    started_at: datetime
    peak_at: datetime
    ended_at: datetime | None
    buckets: int
    description: str
    algorithms: tuple[str, ...]
    unit: str = ""
    contributors: tuple[Contributor, ...] = ()
    revised: bool = False
    withdrawn: bool = False
    past: bool = False
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    feedback: Feedback | None = None
    opened_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None and not self.withdrawn

    @property
    def until(self) -> datetime:
        """End of the last bucket that is known to be strange, or of the strangest one."""
        return self.ended_at or self.peak_at + timedelta(seconds=self.step)


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies that belong together: one event in the data, seen in many series.

    Attributes:
        id: of its oldest anomaly, however it is found.
        lead: the gravest and strongest of them, a whole metric before its parts.
        anomalies: how many they are.
        metrics: that moved, that of the lead first, then by name.
        tables: of these metrics, by name.
        started_at: start of the first, UTC.
        ended_at: end of the last; None while one goes on.
        acknowledged: somebody looks after each of them.
    """

    id: str
    lead: Anomaly
    anomalies: int
    metrics: tuple[str, ...]
    tables: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    acknowledged: bool = False

    @property
    def active(self) -> bool:
        """Whether one of them goes on."""
        return self.ended_at is None

    @property
    def more(self) -> str:
        """What there is beside the lead, in words; '' for nothing.

        Series of the lead's own metric are counted as anomalies, others as metrics.
        """
        others = len(self.metrics) - 1
        if others:
            return f"and {others} more metric{'s' if others > 1 else ''}"
        rest = self.anomalies - 1
        return f"and {rest} more anomal{'ies' if rest > 1 else 'y'} of it" if rest else ""


def incident_of(id_: str, members: Sequence[Anomaly]) -> Incident:
    """The incident that some anomalies, at least one, make.

    Args:
        id_: its id.
        members: in any order.
    """
    lead = min(members, key=_strength)
    others = sorted({each.metric_name for each in members} - {lead.metric_name})
    going = any(each.active for each in members)
    return Incident(
        id=id_,
        lead=lead,
        anomalies=len(members),
        metrics=(lead.metric_name, *others),
        tables=tuple(sorted({each.table for each in members if each.table})),
        started_at=min(each.started_at for each in members),
        ended_at=None if going else max(each.until for each in members),
        acknowledged=all(each.acknowledged_by for each in members),
    )


def _strength(each: Anomaly) -> tuple[object, ...]:
    """Least for the one that leads."""
    return (
        each.withdrawn,
        -SEVERITIES.index(each.severity),
        bool(each.labels),
        -abs(each.deviation),
        each.started_at,
        each.id,
    )


def anomaly_id(
    metric: str, labels: tuple[tuple[str, str], ...], step: int, start: datetime
) -> UUID:
    """The same for the same series and first bucket, so that a replay makes no second one."""
    words = [metric, str(step), start.isoformat(), *(f"{k}={v}" for k, v in labels)]
    return uuid5(NAMESPACE_OID, "\x1f".join(words))


class DetectorSetting(msgspec.Struct, frozen=True, kw_only=True):
    """How one series is looked at, where somebody chose it.

    Attributes:
        labels: of the series; empty for a whole metric, and for those of its parts that have no
            setting of their own.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1.
        algorithms: those of `ALGORITHMS` that have a say; None for those of the workspace.
        by: who chose it.
        at: when, UTC.
    """

    metric: str
    labels: dict[str, str] = {}
    sensitivity: str | float
    algorithms: tuple[str, ...] | None = None
    by: str = ""
    at: datetime

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Metric and labels."""
        return self.metric, tuple(sorted(self.labels.items()))

    @property
    def id(self) -> str:
        """The same for the same series."""
        words = [self.metric, *(f"{name}={value}" for name, value in self.key[1])]
        return str(uuid5(NAMESPACE_OID, "\x1f".join(["detector", *words])))


class AnomalySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How anomalies are looked for.

    Attributes:
        enabled: whether they are.
        algorithms: those of `ALGORITHMS` that have a say.
        sensitivity: of series that nobody chose another for: low, medium, high, a number from 0 to
            1, or standard deviations above 1.
        baseline_window: how much of the past a new detector is trained on.
    """

    enabled: bool = True
    algorithms: tuple[str, ...] = ALGORITHMS
    sensitivity: str | float = "medium"
    baseline_window: timedelta = timedelta(days=7)
