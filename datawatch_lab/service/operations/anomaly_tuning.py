"""What a sensitivity would have flagged, and which detector would have seen an incident."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np

from datawatch_lab.core.durations import parse_time
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import detection_of
from datawatch_lab.engine.detection.missed import missed
from datawatch_lab.engine.detection.preview import (
    DAYS,
    MOST_DAYS,
    NAMED,
    History,
    Previewed,
    history_of,
    preview,
)
from datawatch_lab.engine.detection.words import moment
from datawatch_lab.service.access.masking import check_filters, hidden_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.anomalies import AnomalyAnswer, answer_of

_MOST_POINTS = 10_000
_MOST_SETTINGS = 50
_WEEK_DAYS = 7.0

Sensitivity = str | float


class PreviewAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A series, and sensitivities to try on it.

    Attributes:
        metric: its name.
        labels: of the series; none for the whole metric.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1; or
            several of them; none for the three that have names.
        days: of history.
        points: points of the series that are given too, at most; 0 for none.
        algorithms: some of statistical, seasonal and ml; None for those in force.
    """

    metric: str
    labels: dict[str, str] = {}
    sensitivity: Sensitivity | list[Sensitivity] | None = None
    days: float = DAYS
    points: int = 0
    algorithms: list[str] | None = None


class PreviewSetting(msgspec.Struct, frozen=True, kw_only=True):
    """What a sensitivity would have flagged.

    Attributes:
        threshold: of the score.
        false_alarms_per_week: to expect of a quiet series.
        flagged: episodes.
        per_week: of them.
        episodes: newest first.
    """

    sensitivity: Sensitivity
    threshold: float
    false_alarms_per_week: float
    flagged: int
    per_week: float
    episodes: list[AnomalyAnswer]


class PreviewPoint(msgspec.Struct, frozen=True):
    """A bucket: start, value, the band it was expected in, the score."""

    at: str
    value: float | None
    min: float | None
    max: float | None
    score: float


class PreviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been flagged.

    Attributes:
        step: seconds of a bucket.
        days: of history that there are.
        known: buckets with a value; a detector says nothing before it knows 50.
        mature: whether there are enough.
        in_force: score from which the series is flagged now; None when it is not watched.
        models: River's models that look at the series; none where they do not.
        strange: those of them that found its newest bucket strange.
        settings: by sensitivity, as asked.
        points: of the series.
    """

    metric: str
    labels: dict[str, str]
    step: int
    days: float
    known: int
    mature: bool
    in_force: float | None
    models: list[str]
    strange: list[str]
    settings: list[PreviewSetting]
    points: list[PreviewPoint]


@operation("POST", f"{API}/anomalies/preview", audited=False)
def preview_anomalies(engine: Engine, ask: PreviewAsk) -> PreviewAnswer:
    """What each sensitivity would have flagged in a series' history."""
    detection = detection_of(engine)
    check_filters(hidden_labels(engine, ask.metric), ask.labels.items())
    wanted = _several(ask.sensitivity)
    if len(wanted) > _MOST_SETTINGS or not 0 <= ask.points <= _MOST_POINTS:
        raise InputError(
            f"{len(wanted)} sensitivities and {ask.points:,} points asked for; at most "
            f"{_MOST_SETTINGS} and {_MOST_POINTS:,} can be had."
        )
    history = history_of(engine, ask.metric, ask.labels, ask.days, ask.algorithms)
    known = int((~np.isnan(history.x)).sum())
    models, strange = detection.models.verdict(history.slot.key)
    return PreviewAnswer(
        metric=ask.metric,
        labels=ask.labels,
        step=int(history.step.total_seconds()),
        days=history.days,
        known=known,
        mature=bool((~np.isnan(history.scored.raw)).any()),
        in_force=detection.in_force(history.slot.key),
        models=list(models),
        strange=list(strange),
        settings=[_setting(engine, history, each) for each in preview(history, wanted)],
        points=_points(history, ask.points),
    )


def _several(given: Sensitivity | list[Sensitivity] | None) -> list[Sensitivity]:
    if given is None:
        return list(NAMED)
    return given if isinstance(given, list) else [given]


def _setting(engine: Engine, history: History, found: Previewed) -> PreviewSetting:
    flagged = history.anomalies(found.episodes, engine.clock.now())
    return PreviewSetting(
        sensitivity=found.sensitivity,
        threshold=found.rules.opens,
        false_alarms_per_week=found.promised,
        flagged=len(flagged),
        per_week=len(flagged) * _WEEK_DAYS / max(history.days, 1e-9),
        episodes=[answer_of(each, each.labels) for each in flagged[:_MOST_SETTINGS]],
    )


def _points(history: History, most: int) -> list[PreviewPoint]:
    """Points at equal distances; of those between them the one with the largest score."""
    count = len(history.starts)
    if not most or not count:
        return []
    width = -(-count // most)
    low, high = history.band
    found = []
    for first in range(0, count, width):
        place = first + int(np.argmax(history.found.score[first : first + width]))
        found.append(
            PreviewPoint(
                iso(moment(int(history.starts[place]))) or "",
                _known(history.x[place]),
                _known(low[place]),
                _known(high[place]),
                float(history.found.score[place]),
            )
        )
    return found


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


class MissedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A series, and a span that was an incident.

    Attributes:
        metric: its name.
        labels: of the series; none for the whole metric.
        start: of the span, ``from`` in JSON.
        end: of it, ``to`` in JSON.
        days: of history that false alarms are counted in; more where the span is older.
        allowed: false alarms a week that a detector may raise.
    """

    metric: str
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    labels: dict[str, str] = {}
    days: float = DAYS
    allowed: float = 1.0


class CandidateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a detector would have done.

    Attributes:
        detector: its name, and its sensitivity where it has one.
        delay_seconds: from the start of the span until it would have been seen; None for missed.
        false_alarms_per_week: outside the span.
        threshold: of its score, such that it raises no more false alarms than allowed.
    """

    detector: str
    delay_seconds: float | None
    false_alarms_per_week: float
    threshold: float


@operation("POST", f"{API}/anomalies/missed", audited=False)
def missed_anomalies(engine: Engine, ask: MissedAsk) -> list[CandidateAnswer]:
    """How soon each candidate detector would have seen an incident, and its false alarms."""
    detection_of(engine)
    check_filters(hidden_labels(engine, ask.metric), ask.labels.items())
    now, zone = engine.clock.now(), engine.settings.timezone
    start, end = (parse_time(each, now, zone) for each in (ask.start, ask.end))
    back = (now - start) / timedelta(days=1) + 1.0  # the span is in it, however old it is
    days = min(max(ask.days, back), MOST_DAYS)
    history = history_of(engine, ask.metric, ask.labels, days)
    return [
        CandidateAnswer(
            detector=each.name,
            delay_seconds=None if each.delay is None else each.delay.total_seconds(),
            false_alarms_per_week=each.false_alarms,
            threshold=each.threshold,
        )
        for each in missed(history, start, end, allowed=ask.allowed)
    ]
