"""What people do with an anomaly: look after it, and say what it was."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawatch_lab.anomaly.episodes import Rules
from datawatch_lab.core.anomalies import Anomaly, Feedback, Verdict
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.engine.detection.feedback import apply
from datawatch_lab.engine.detection.preview import DAYS, History, history_of
from datawatch_lab.store.anomalies import Acknowledged, Mark

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.stage import Detection


log = logging.getLogger(__name__)

_NONE = Rules(0.0, 0.0)
_NOT_WATCHED = "The series is not watched; what was said is kept, and changes nothing."


@dataclass(frozen=True)
class Changed:
    """What feedback changed.

    Attributes:
        before, after: rules of the series; zeros where it is not watched.
        days: of history that both are tried on; 0 for none, of a metric that is gone say.
        flagged_before, flagged_after: episodes there.
        said: in words.
    """

    anomaly: Anomaly
    before: Rules
    after: Rules
    days: float
    flagged_before: int
    flagged_after: int
    said: str


def acknowledge(detection: Detection, id_: str, user: str) -> Anomaly:
    """Note who looks after an anomaly.

    Raises:
        NotFoundError: there is none of that id.
    """
    anomaly = detection.get(id_)
    said = Acknowledged(user, detection.engine.clock.now())
    detection.mark(Mark(id=anomaly.id, number=detection.number, said=said))
    done = detection.get(id_)
    detection.tell([done])
    return done


def say(detection: Detection, id_: str, verdict: Verdict, user: str, note: str) -> Changed:
    """Note what an anomaly was; the model of its series follows.

    Raises:
        NotFoundError: there is none of that id.
    """
    anomaly = detection.get(id_)
    said = Feedback(verdict=verdict, by=user, at=detection.engine.clock.now(), note=note)
    with detection.with_detectors() as detectors:
        place = detectors.places.get((anomaly.metric_name, tuple(sorted(anomaly.labels.items()))))
        before = None if place is None else detectors.rules(place)
        apply(detectors, anomaly, said)
        after = None if place is None else detectors.rules(place)
        detection.mark(Mark(id=anomaly.id, number=detection.number, said=said), state=True)
    done = detection.get(id_)
    detection.tell([done])
    if before is None or after is None:
        return Changed(done, _NONE, _NONE, 0.0, 0, 0, _NOT_WATCHED)
    history = _history(detection, done)
    counts = [0 if history is None else len(history.episodes(each)) for each in (before, after)]
    return Changed(
        anomaly=done,
        before=before,
        after=after,
        days=0.0 if history is None else history.days,
        flagged_before=counts[0],
        flagged_after=counts[1],
        said=_words(verdict, before, after, history, counts),
    )


def _history(detection: Detection, anomaly: Anomaly) -> History | None:
    """Of the series; None where there is none to be had, of a metric that is gone say."""
    try:
        return history_of(detection.engine, anomaly.metric_name, anomaly.labels, DAYS)
    except DataWatchError as error:
        log.info("feedback is kept, and not tried on history: %s", error)
        return None


def _words(
    verdict: Verdict, before: Rules, after: Rules, history: History | None, counts: list[int]
) -> str:
    if before == after:
        return {
            "known_event": "Its span stays out of the baseline; nothing else changes.",
            "real": "Nothing changes: that was said already, or the threshold is as low as "
            "feedback makes it.",
            "expected": "Nothing changes: as much was expected here already.",
        }[verdict]
    words = (
        f"Flagged from now on: scores from {after.opens:.2f} (before {before.opens:.2f}) that are "
        f"{after.least:.1f} standard deviations off (before {before.least:.1f})"
    )
    if history is None:
        return f"{words}."
    over = f"over the last {history.days:.3g} days {counts[0]} would have been flagged before"
    return f"{words}; {over}, {counts[1]} now."
