"""Anomalies: those that were found, and what people say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from datawatch_lab.core.anomalies import SEVERITIES, TYPES, Anomaly, Incident, Verdict
from datawatch_lab.core.durations import parse_duration, parse_time
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import Listing, detection_of
from datawatch_lab.engine.detection.actions import Changed, acknowledge, say
from datawatch_lab.engine.detection.explain import Explanation, explain
from datawatch_lab.service.access.masking import MASK, hidden_labels, masked_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.telemetry.outlook import service_anomalies
from datawatch_lab.service.telemetry.shapes import ServiceAnomaly

_MOST = 10_000
_ANOMALIES = f"{API}/anomalies"


class ExpectedAnswer(msgspec.Struct, frozen=True):
    """The band that a value was expected in."""

    min: float
    max: float


class ContributorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the metric that moved (``label``), or a metric that moved with it (``metric``).

    Attributes:
        name: of the label, or of the metric.
        value: of the label; '' for a metric.
        share: of the deviation that it explains; for a metric, how alike both moved, in [-1, 1].
        actual: its value in the strangest bucket.
        expected: what it was before.
    """

    kind: str
    name: str
    value: str
    share: float
    actual: float | None
    expected: float | None


class FeedbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of an anomaly: real, expected or known_event."""

    verdict: str
    by: str
    at: str
    note: str


class IncidentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies that belong together: one event, seen in many series.

    Attributes:
        anomalies: how many they are, of those that were asked for.
        metrics: that moved; that of the strongest first.
        tables: of these metrics.
        started_at: start of the first.
        ended_at: end of the last; None while one goes on.
        active: whether one goes on.
        acknowledged: somebody looks after each of them.
        more: what there is beside the strongest, in words; '' for nothing.
    """

    anomalies: int
    metrics: list[str]
    tables: list[str]
    started_at: str
    ended_at: str | None
    active: bool
    acknowledged: bool
    more: str


class AnomalyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One episode: consecutive buckets of one series that were strange.

    Attributes:
        table: of the metric; '' for metrics of the workspace.
        labels: of the series; empty for the whole metric.
        type: spike, drop, trend, seasonal, missing or outlier.
        severity: low, medium, high or critical.
        value: in the strangest bucket.
        expected: in that bucket.
        deviation: in standard deviations, signed.
        score: how strange, in [0, 1].
        step: seconds of a bucket.
        detected_at: when it was found.
        started_at: start of the first bucket.
        peak_at: start of the strangest bucket.
        ended_at: end of the last bucket; None while it goes on.
        active: whether it goes on.
        buckets: how many were strange.
        description: one sentence.
        algorithms: that found it strange.
        contributors: largest first.
        revised: late data changed one of its buckets.
        withdrawn: late data showed that nothing was strange after all.
        past: found in history, while a detector was trained.
        acknowledged_by: '' while nobody has.
        acknowledged_at: when.
        feedback: what somebody said of it.
        incident: id of the incident that it belongs to.
        group: of the incident that it leads, where incidents were asked for.
    """

    id: str
    metric_name: str
    table: str
    labels: dict[str, str]
    type: str
    severity: str
    value: float
    expected: ExpectedAnswer
    deviation: float
    score: float
    unit: str
    step: int
    detected_at: str
    started_at: str
    peak_at: str
    ended_at: str | None
    active: bool
    buckets: int
    description: str
    algorithms: list[str]
    contributors: list[ContributorAnswer]
    revised: bool
    withdrawn: bool
    past: bool
    acknowledged_by: str
    acknowledged_at: str | None
    feedback: FeedbackAnswer | None
    incident: str = ""
    group: IncidentAnswer | None = None


def answer_of(found: Anomaly, labels: dict[str, str], incident: str = "") -> AnomalyAnswer:
    """An anomaly as it is answered, with labels as they may be shown."""
    said = found.feedback
    return AnomalyAnswer(
        id=found.id,
        metric_name=found.metric_name,
        table=found.table,
        labels=labels,
        type=found.type,
        severity=found.severity,
        value=found.value,
        expected=ExpectedAnswer(found.expected.min, found.expected.max),
        deviation=found.deviation,
        score=found.score,
        unit=found.unit,
        step=found.step,
        detected_at=iso(found.detected_at) or "",
        started_at=iso(found.started_at) or "",
        peak_at=iso(found.peak_at) or "",
        ended_at=iso(found.ended_at),
        active=found.active,
        buckets=found.buckets,
        description=found.description,
        algorithms=list(found.algorithms),
        contributors=[ContributorAnswer(**msgspec.structs.asdict(c)) for c in found.contributors],
        revised=found.revised,
        withdrawn=found.withdrawn,
        past=found.past,
        acknowledged_by=found.acknowledged_by,
        acknowledged_at=iso(found.acknowledged_at),
        feedback=FeedbackAnswer(
            verdict=said.verdict, by=said.by, at=iso(said.at) or "", note=said.note
        )
        if said
        else None,
        incident=incident,
    )


def _shown(engine: Engine, found: Iterable[Anomaly]) -> list[AnomalyAnswer]:
    """Anomalies as they may be shown to who asks."""
    hidden: dict[str, frozenset[str]] = {}
    incidents = detection_of(engine).incidents.names()
    answers = []
    for each in found:
        name = each.metric_name
        if name not in hidden:
            hidden[name] = _hidden(engine, name)
        answers.append(_masked(each, hidden[name], incidents.get(each.id, "")))
    return answers


def _incidents(engine: Engine, found: list[Incident]) -> list[AnomalyAnswer]:
    """Incidents, each as the anomaly that leads it."""
    leads = _shown(engine, [each.lead for each in found])
    return [
        msgspec.structs.replace(lead, group=_group(each))
        for lead, each in zip(leads, found, strict=True)
    ]


def _group(each: Incident) -> IncidentAnswer:
    return IncidentAnswer(
        anomalies=each.anomalies,
        metrics=list(each.metrics),
        tables=list(each.tables),
        started_at=iso(each.started_at) or "",
        ended_at=iso(each.ended_at),
        active=each.active,
        acknowledged=each.acknowledged,
        more=each.more,
    )


def _hidden(engine: Engine, metric: str) -> frozenset[str]:
    """Labels that are hidden; all of them for a metric that is not there any more."""
    try:
        return hidden_labels(engine, metric)
    except NotFoundError:
        return frozenset() if current_who().sees_sensitive else frozenset(("*",))


def _masked(found: Anomaly, hidden: frozenset[str], incident: str) -> AnomalyAnswer:
    masked = _without_hidden(found, hidden)
    return answer_of(masked, masked.labels, incident)


def _without_hidden(found: Anomaly, hidden: frozenset[str]) -> Anomaly:
    if not hidden:
        return found
    names = hidden if "*" not in hidden else frozenset(found.labels)
    parts = tuple(
        msgspec.structs.replace(each, value=MASK)
        if each.kind == "label" and (each.name in hidden or "*" in hidden)
        else each
        for each in found.contributors
    )
    text = found.description
    for name in names:
        value = found.labels.get(name)
        if value:
            text = text.replace(f"{name}={value}", f"{name}={MASK}")
    return msgspec.structs.replace(
        found, contributors=parts, description=text, labels=masked_labels(found.labels, names)
    )


class AnomaliesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which anomalies.

    Attributes:
        start: those that were there since, ``from`` in JSON; a time, or a duration back such as
            -1d. Without one, from the first.
        end: those that began before, ``to`` in JSON.
        metric: of one metric.
        table: of the metrics of a table.
        service: whose label ``service`` is this one.
        severity: this one or a worse one.
        type: spike, drop, trend, seasonal, missing or outlier.
        active: only those that go on.
        withdrawn: also those that late data showed to be none.
        incident: of this incident only.
        group: ``incident`` for one row an incident: its strongest anomaly, with ``group`` saying
            what belongs to it; '' for a row an anomaly.
        wait: first look at all that is closed by now, for so long at most.
        limit: the newest.
    """

    start: str = msgspec.field(default="", name="from")
    end: str = msgspec.field(default="", name="to")
    metric: str = ""
    table: str = ""
    service: str = ""
    severity: str = ""
    type: str = ""
    active: bool = False
    withdrawn: bool = False
    incident: str = ""
    group: str = ""
    wait: str = "0s"
    limit: int = 100


@operation("GET", _ANOMALIES)
def anomalies(engine: Engine, ask: AnomaliesAsk) -> list[AnomalyAnswer]:
    """Anomalies, newest first; with ``group=incident`` a row an incident."""
    wanted, detection = listing_of(engine, ask), detection_of(engine)
    if ask.group:
        return _incidents(engine, detection.find_incidents(wanted))
    return _shown(engine, detection.find(wanted))


def listing_of(engine: Engine, ask: AnomaliesAsk) -> Listing:
    """Which anomalies are asked for; waits first, as long as is asked.

    Raises:
        InputError: a word is none of those that there are.
    """
    _check(ask)
    detection = detection_of(engine)
    if (patience := parse_duration(ask.wait).total_seconds()) > 0:
        detection.settle(patience)
    now, zone = engine.clock.now(), engine.settings.timezone
    return Listing(
        since=parse_time(ask.start, now, zone) if ask.start else None,
        until=parse_time(ask.end, now, zone) if ask.end else None,
        metric=ask.metric,
        table=ask.table,
        labels=(("service", ask.service),) if ask.service else (),
        severity=ask.severity,
        type=ask.type,
        active=ask.active,
        withdrawn=ask.withdrawn,
        incident=ask.incident,
        limit=ask.limit,
    )


def _check(ask: AnomaliesAsk) -> None:
    if not 1 <= ask.limit <= _MOST:
        raise InputError(f"limit is {ask.limit}; it goes from 1 to {_MOST:,}.")
    for name, given, known in (
        ("severity", ask.severity, SEVERITIES),
        ("type", ask.type, TYPES),
        ("group", ask.group, ("incident",)),
    ):
        if given and given not in known:
            raise InputError(f"{name} is {given!r}; it is one of {', '.join(known)}.")


class AnomalyAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly."""

    id: str


class NearChange(msgspec.Struct, frozen=True, kw_only=True):
    """A schema change not long before, or in the course of it."""

    at: str
    table: str
    what: str


class SeriesPoint(msgspec.Struct, frozen=True):
    """A bucket around the anomaly, and the band where it is known."""

    at: str
    value: float | None
    min: float | None
    max: float | None
    strange: bool


class AnomalyDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly, and what explains it.

    Attributes:
        together: metrics that moved with it, most alike first.
        schema_change: the nearest; None for none within a day before.
        rows: sample rows of its strangest bucket, sensitive values masked.
        points: the series around it.
        why: sentences.
    """

    anomaly: AnomalyAnswer
    together: list[ContributorAnswer]
    schema_change: NearChange | None
    rows: list[dict[str, str | None]]
    points: list[SeriesPoint]
    why: list[str]


@operation("GET", f"{_ANOMALIES}/{{id}}")
def anomaly(engine: Engine, ask: AnomalyAsk) -> AnomalyDetail:
    """One anomaly with what explains it: parts, metrics that moved too, schema changes, rows."""
    one = detection_of(engine).get(ask.id)
    told = _without_hidden(one, _hidden(engine, one.metric_name))
    masked = not current_who().sees_sensitive
    return _detail(engine, one, explain(engine, one, masked=masked, told=told))


def _detail(engine: Engine, one: Anomaly, why: Explanation) -> AnomalyDetail:
    change = why.schema_change
    return AnomalyDetail(
        anomaly=_shown(engine, [one])[0],
        together=[ContributorAnswer(**msgspec.structs.asdict(each)) for each in why.together],
        schema_change=NearChange(at=iso(change[0]) or "", table=change[1], what=change[2])
        if change
        else None,
        rows=why.rows,
        points=[
            SeriesPoint(iso(p.at) or "", p.value, p.low, p.high, p.strange) for p in why.points
        ],
        why=why.sentences,
    )


class AcknowledgeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly that somebody looks after.

    Attributes:
        user: who, where nobody is signed in.
    """

    id: str
    user: str = ""


def _user(given: str) -> str:
    who = current_who()
    return given if given and who.via in ("local", "owner", "open") else who.name


def _before(engine: Engine, ask: AcknowledgeAsk | FeedbackAsk) -> AnomalyAnswer:
    return _shown(engine, [detection_of(engine).get(ask.id)])[0]


@operation("POST", f"{_ANOMALIES}/{{id}}/acknowledge", role="editor", before=_before)
def acknowledge_anomaly(engine: Engine, ask: AcknowledgeAsk) -> AnomalyAnswer:
    """Note that somebody looks after an anomaly."""
    done = acknowledge(detection_of(engine), ask.id, _user(ask.user))
    return _shown(engine, [done])[0]


class FeedbackAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of an anomaly.

    Attributes:
        verdict: real, expected (this is normal here) or known_event (its cause is known).
        note: why.
        user: who, where nobody is signed in.
    """

    id: str
    verdict: Literal["real", "expected", "known_event"]
    note: str = ""
    user: str = ""


class FeedbackEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What feedback changed.

    Attributes:
        threshold_before, threshold_after: score from which on the series is flagged.
        deviation_before, deviation_after: what must be reached to be flagged, in standard
            deviations; 0 for nothing beside the score.
        days: of history that it is tried on.
        flagged_before, flagged_after: episodes that would be flagged there.
        said: in words.
    """

    anomaly: AnomalyAnswer
    threshold_before: float
    threshold_after: float
    deviation_before: float
    deviation_after: float
    days: float
    flagged_before: int
    flagged_after: int
    said: str


@operation("POST", f"{_ANOMALIES}/{{id}}/feedback", role="editor", before=_before)
def anomaly_feedback(engine: Engine, ask: FeedbackAsk) -> FeedbackEffect:
    """Say whether an anomaly is real, expected or a known event; the detector follows."""
    verdict: Verdict = ask.verdict
    return _effect(engine, say(detection_of(engine), ask.id, verdict, _user(ask.user), ask.note))


def _effect(engine: Engine, changed: Changed) -> FeedbackEffect:
    return FeedbackEffect(
        anomaly=_shown(engine, [changed.anomaly])[0],
        threshold_before=changed.before.opens,
        threshold_after=changed.after.opens,
        deviation_before=changed.before.least,
        deviation_after=changed.after.least,
        days=changed.days,
        flagged_before=changed.flagged_before,
        flagged_after=changed.flagged_after,
        said=changed.said,
    )


class ServiceAnomaliesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Whose anomalies.

    Attributes:
        service_id: of one service; without one, of all.
        limit: the newest.
    """

    service_id: str = ""
    limit: int = 100


@operation("GET", "/api/v1/analytics/anomalies")
def analytics_anomalies(engine: Engine, ask: ServiceAnomaliesAsk) -> list[ServiceAnomaly]:
    """Anomalies of services, newest first."""
    masked = not current_who().sees_sensitive
    return service_anomalies(engine, ask.service_id, ask.limit, masked=masked)
