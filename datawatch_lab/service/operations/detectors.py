"""Detectors: what they watch, how far they have learnt, and how single series are looked at."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.anomalies import DetectorSetting
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import Detection, detection_of
from datawatch_lab.engine.detection.choosing import (
    choose,
    chosen,
    episodes_per_week,
    one,
    take_back,
    threshold,
    watched_name,
)
from datawatch_lab.service.access.masking import check_filters, hidden_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation

_PATH = f"{API}/detectors"


class DetectorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a series is looked at, where somebody chose it.

    Attributes:
        labels: of the series; empty for a whole metric and those of its parts without a setting.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1.
        algorithms: that have a say; None for those of the workspace.
        threshold: of the score, that the sensitivity means.
        false_alarms_per_week: to expect of a quiet series.
        in_force: score from which it is flagged now, feedback counted; None while not watched.
        by: who chose it.
        at: when.
        asked: name that it was just saved by, where the series is watched by another, ``metric``:
            names that say the same are watched once.
    """

    id: str
    metric: str
    labels: dict[str, str]
    sensitivity: str | float
    algorithms: list[str] | None
    threshold: float
    false_alarms_per_week: float
    in_force: float | None
    by: str
    at: str
    asked: str = ""


class LearningAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Series that are trained on their history now.

    Attributes:
        series: how many.
        share: of their history that is done, in [0, 1].
    """

    series: int
    share: float


class ModelsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """River's models of the series that are looked at more closely.

    Attributes:
        wanted: series that they should look at.
        ready: series that they look at.
        steps: buckets that they were given since the engine was opened.
        skipped: buckets that they were not given, since their budget was spent.
        share: of a core, that they may take.
        failed: series whose model failed since then; the log has the reasons.
    """

    wanted: int
    ready: int
    steps: int
    skipped: int
    share: float
    failed: int = 0


class DetectorsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at for anomalies, and how.

    Attributes:
        enabled: whether anything is.
        sensitivity: of series that nobody chose another for.
        algorithms: that have a say on those.
        watched: series.
        learning: None while nothing is being learnt.
        models: River's, of the series that are looked at more closely.
        problem: why nothing could be looked at lately; '' when it could.
        chosen: settings of single series, oldest first.
    """

    enabled: bool
    sensitivity: str | float
    algorithms: list[str]
    watched: int
    learning: LearningAnswer | None
    models: ModelsAnswer
    problem: str
    chosen: list[DetectorAnswer]


class DetectorsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted.

    Attributes:
        metric: only what was chosen for this one, by any of its names; '' for all.
    """

    metric: str = ""


@operation("GET", _PATH)
def detectors(engine: Engine, ask: DetectorsAsk) -> DetectorsAnswer:
    """What is looked at for anomalies, how far that is learnt, what was chosen for series."""
    detection = detection_of(engine)
    learning = detection.learning
    name = watched_name(engine, ask.metric) if ask.metric else ""
    return DetectorsAnswer(
        enabled=detection.enabled,
        sensitivity=detection.settings.sensitivity,
        algorithms=list(detection.settings.algorithms),
        watched=detection.watched,
        learning=None
        if learning is None
        else LearningAnswer(series=learning.series, share=learning.share),
        models=_models(detection),
        problem=detection.problem,
        chosen=[
            _answer(detection, each)
            for each in chosen(detection)
            if name in ("", each.metric) and _is_shown(engine, each)
        ],
    )


def _models(detection: Detection) -> ModelsAnswer:
    found = detection.models.counts
    return ModelsAnswer(
        wanted=found.wanted,
        ready=found.ready,
        steps=found.steps,
        skipped=found.skipped,
        share=found.share,
        failed=found.failed,
    )


def _is_shown(engine: Engine, setting: DetectorSetting) -> bool:
    """Whether who asks may see the labels."""
    if current_who().sees_sensitive or not setting.labels:
        return True
    known = engine.metrics()
    return setting.metric in known and not hidden_labels(engine, setting.metric) & set(
        setting.labels
    )


def _answer(detection: Detection, setting: DetectorSetting) -> DetectorAnswer:
    return DetectorAnswer(
        id=setting.id,
        metric=setting.metric,
        labels=setting.labels,
        sensitivity=setting.sensitivity,
        algorithms=None if setting.algorithms is None else list(setting.algorithms),
        threshold=threshold(setting.sensitivity),
        false_alarms_per_week=episodes_per_week(
            setting.sensitivity, detection.step_of(setting.key)
        ),
        in_force=detection.in_force(setting.key),
        by=setting.by,
        at=iso(setting.at) or "",
    )


class DetectorBody(msgspec.Struct, frozen=True, kw_only=True):
    """How a series is to be looked at from now on.

    Attributes:
        metric: its name.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1.
        labels: of the series; none for the whole metric, and for its parts without a setting.
        algorithms: statistical, seasonal, ml; without them those of the workspace.
    """

    metric: str
    sensitivity: str | float
    labels: dict[str, str] = {}
    algorithms: list[str] | None = None


@operation("POST", _PATH, role="editor")
def save_detector(engine: Engine, ask: DetectorBody) -> DetectorAnswer:
    """Look at a series with this sensitivity from the next bucket on; replaces what was chosen.

    It is kept under the name by which the series is watched; the answer says both.
    """
    detection = detection_of(engine)
    check_filters(hidden_labels(engine, ask.metric), ask.labels.items())
    setting = DetectorSetting(
        metric=ask.metric,
        labels=ask.labels,
        sensitivity=ask.sensitivity,
        algorithms=None if ask.algorithms is None else tuple(ask.algorithms),
        by=current_who().name,
        at=engine.clock.now(),
    )
    answer = _answer(detection, choose(detection, setting))
    return (
        answer if answer.metric == ask.metric else msgspec.structs.replace(answer, asked=ask.metric)
    )


class DetectorAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, by its id."""

    id: str


def _before(engine: Engine, ask: DetectorAsk) -> DetectorAnswer:
    """The setting before it goes."""
    detection = detection_of(engine)
    return _answer(detection, one(detection, ask.id))


@operation("DELETE", _PATH, role="editor", before=_before)
def reset_detector(engine: Engine, ask: DetectorAsk) -> DetectorAnswer:
    """Look at a series as its metric, or the workspace, says again; gives what was chosen."""
    detection = detection_of(engine)
    found = one(detection, ask.id)
    answer = _answer(detection, found)
    take_back(detection, ask.id)
    return answer
